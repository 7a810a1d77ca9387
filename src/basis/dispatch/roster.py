"""Registered workers: who may connect, where each one's rewards go, what it may serve."""

from __future__ import annotations

import re
from dataclasses import replace

from basis.rules.catalog import Catalog
from basis.rules.errors import Conflict, InvalidInput, NotFound, Unauthenticated
from basis.rules.wallet import parse_wallet
from basis.storage.clock import now_iso
from basis.storage.secrets import SecretHasher, new_worker_token
from basis.storage.worker_store import (
    WorkerRecord,
    store_new_worker,
    store_worker_change,
)
from basis.storage.writer import GroupCommitWriter
from basis.wire.registration import RegisterRequest, RegisterResponse, RuntimeName

_WORKER_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_LONGEST_MODEL_NAME = 64


class Roster:
    """All registered workers in memory; each change is durable before it is answered."""

    def __init__(
        self,
        records: list[WorkerRecord],
        *,
        catalog: Catalog,
        hasher: SecretHasher,
        writer: GroupCommitWriter,
        max_models: int,
    ) -> None:
        self._records = {record.id: record for record in records}
        self._earned_raw = {record.id: record.earned_raw for record in records}
        self._catalog = catalog
        self._hasher = hasher
        self._writer = writer
        self._max_models = max_models

    def records(self) -> list[WorkerRecord]:
        """Every registered worker, by id."""
        return [self._records[worker_id] for worker_id in sorted(self._records)]

    def get(self, worker_id: str) -> WorkerRecord:
        """The worker of this id.

        Raises:
            NotFound: it is not registered.
        """
        record = self._records.get(worker_id)
        if record is None:
            raise NotFound(
                f"the worker {worker_id[:64]!r} is not registered: POST /api/workers/register first"
            )
        return record

    def authenticate(self, worker_id: str, token: str) -> WorkerRecord:
        """The worker that holds this token.

        Raises:
            NotFound: it is not registered.
            Unauthenticated: the token is not its own.
        """
        record = self.get(worker_id)
        if not self._hasher.matches(token, record.token_hash):
            raise Unauthenticated(
                f"the token is not that of worker {worker_id!r}; it was shown once, at "
                f"registration: use it, or register under another worker_id"
            )
        return record

    def earned_raw(self, worker_id: str) -> int:
        """What the worker's receipts have earned so far."""
        return self._earned_raw.get(worker_id, 0)

    def add_earned(self, worker_id: str, reward_raw: int) -> int:
        """The new total, after a receipt that paid `reward_raw` became durable."""
        total = self._earned_raw.get(worker_id, 0) + reward_raw
        self._earned_raw[worker_id] = total
        return total

    async def register(self, request: RegisterRequest, *, token: str | None) -> RegisterResponse:
        """Registers a new worker, or changes one whose token is given; a repeat changes nothing.

        Raises:
            InvalidInput: an unusable id, wallet or model list.
            Conflict: the id is taken, and no token was given to change it.
            Unauthenticated: a wrong token was given.
        """
        wanted = self._validated(request)
        known = self._records.get(wanted.id)
        if known is None:
            return await self._register_new(wanted)
        if token is not None:
            self.authenticate(wanted.id, token)
        same = (known.wallet, known.runtime, set(known.models)) == (
            wanted.wallet,
            wanted.runtime,
            set(wanted.models),
        )
        if same:
            return _response(known, created=False, message="already registered")
        if token is None:
            raise Conflict(
                f"the worker_id {wanted.id!r} is taken: to change its wallet, runtime or models "
                f"send its token as Authorization: Bearer, or choose another id"
            )
        changed = replace(
            known,
            wallet=wanted.wallet,
            runtime=wanted.runtime,
            models=wanted.models,
            updated_at=now_iso(),
        )
        await self._writer.write(lambda connection: store_worker_change(connection, changed))
        self._records[changed.id] = changed
        return _response(changed, created=False, message="changed")

    async def _register_new(self, wanted: WorkerRecord) -> RegisterResponse:
        token = new_worker_token()
        record = replace(wanted, token_hash=self._hasher.hash(token))
        if not await self._writer.write(lambda connection: store_new_worker(connection, record)):
            raise Conflict(f"the worker_id {record.id!r} was taken a moment ago: choose another")
        self._records[record.id] = record
        return _response(
            record,
            created=True,
            worker_token=token,
            message="keep the token: it is shown only now, and connecting needs it",
        )

    def _validated(self, request: RegisterRequest) -> WorkerRecord:
        if not _WORKER_ID.fullmatch(request.worker_id):
            raise InvalidInput(
                f"worker_id is {request.worker_id[:80]!r}: expected 1 to 64 letters, digits, "
                f"'.', '_' or '-', beginning with a letter or digit",
                param="worker_id",
            )
        wallet = parse_wallet(request.worker_wallet)
        if not 1 <= len(request.models) <= self._max_models:
            raise InvalidInput(
                f"models lists {len(request.models)}: expected 1 to {self._max_models}",
                param="models",
            )
        for name in request.models:
            if not self._catalog.has(name):
                raise InvalidInput(
                    f"the model {name[:_LONGEST_MODEL_NAME]!r} is not in this network's catalog: "
                    f"see GET /api/catalog",
                    param="models",
                )
        now = now_iso()
        return WorkerRecord(
            id=request.worker_id,
            wallet=wallet,
            runtime=request.runtime.value,
            models=tuple(dict.fromkeys(request.models)),
            token_hash="",
            earned_raw=0,
            created_at=now,
            updated_at=now,
        )


def _response(
    record: WorkerRecord, *, created: bool, message: str, worker_token: str | None = None
) -> RegisterResponse:
    return RegisterResponse(
        worker_id=record.id,
        worker_wallet=record.wallet,
        runtime=RuntimeName(record.runtime),
        models=list(record.models),
        created=created,
        worker_token=worker_token,
        message=message,
    )
