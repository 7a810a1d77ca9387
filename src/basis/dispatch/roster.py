"""Registered workers: who may connect, where each one's rewards go, what it may serve."""

from __future__ import annotations

import bisect
from collections.abc import Iterable
from dataclasses import replace

from basis.config import WorkerSettings
from basis.rules.catalog import Catalog
from basis.rules.errors import (
    Conflict,
    InvalidInput,
    NotFound,
    RosterFull,
    StorageUnavailable,
    Unauthenticated,
)
from basis.rules.names import parse_worker_id
from basis.rules.wallet import parse_wallet
from basis.storage.clock import now_iso
from basis.storage.secrets import SecretHasher, new_worker_token
from basis.storage.worker_store import (
    WorkerRecord,
    delete_unworked,
    store_new_worker,
    store_worker_change,
)
from basis.storage.writer import GroupCommitWriter
from basis.wire.registration import RegisterRequest, RegisterResponse, RuntimeName

_LONGEST_MODEL_NAME = 64
_FORGOTTEN_AT_ONCE = 1_000
"""Bounds how long the store is held."""
_RETRY_AFTER_FULL_S = 3_600


class Roster:
    """All registered workers in memory; each change is durable before it is answered."""

    def __init__(
        self,
        records: list[WorkerRecord],
        *,
        catalog: Catalog,
        hasher: SecretHasher,
        writer: GroupCommitWriter,
        settings: WorkerSettings,
        worked: Iterable[str] = (),
    ) -> None:
        """`worked` are the ids that may never be forgotten, whatever their records say."""
        self._records = {record.id: record for record in records}
        self._ids = sorted(self._records)
        self._worked = set(worked)
        self._being_registered = 0
        self._earned_raw = {record.id: record.earned_raw for record in records}
        self._catalog = catalog
        self._hasher = hasher
        self._writer = writer
        self._settings = settings

    def __len__(self) -> int:
        """How many workers are registered."""
        return len(self._records)

    def page(self, *, after: str, limit: int) -> list[WorkerRecord]:
        """Up to `limit` workers whose ids come after `after`, by id."""
        start = bisect.bisect_right(self._ids, after)
        return [self._records[worker_id] for worker_id in self._ids[start : start + limit]]

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

    def on_linked(self, worker_id: str) -> None:
        """The worker is connected, so that it is never forgotten."""
        self._worked.add(worker_id)

    async def forget_unlinked(self, *, unchanged_since: str) -> int:
        """Forgets workers that never connected, and were registered or changed before a time.

        At most `_FORGOTTEN_AT_ONCE`; how many it were. What earned anything or was ever given a
        job has connected, so no money is lost.

        Raises:
            StorageUnavailable: nobody is forgotten.
        """
        stale = [
            record
            for record in self._records.values()
            if record.updated_at < unchanged_since and record.id not in self._worked
        ][:_FORGOTTEN_AT_ONCE]
        ids = [record.id for record in stale]
        if not ids:
            return 0
        # Out of memory first: none of them may connect while it is being deleted.
        for worker_id in ids:
            self._remove(worker_id)
        try:
            await self._writer.write(
                lambda connection: delete_unworked(connection, ids, unchanged_since=unchanged_since)
            )
        except StorageUnavailable:
            for record in stale:
                if record.id not in self._records:
                    self._put(record)
            raise
        return len(ids)

    async def register(self, request: RegisterRequest, *, token: str | None) -> RegisterResponse:
        """Registers a new worker, or changes one whose token is given; a repeat changes nothing.

        Raises:
            InvalidInput: an unusable id, wallet or model list.
            Conflict: the id is taken, and no token was given to change it.
            Unauthenticated: a wrong token was given.
            RosterFull: as many workers are registered as may be.
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
        self._put(changed)
        return _response(changed, created=False, message="changed")

    async def _register_new(self, wanted: WorkerRecord) -> RegisterResponse:
        if len(self._records) + self._being_registered >= self._settings.max_registered:
            raise RosterFull(
                f"{len(self._records)} workers are registered, and no more may be: try again later",
                retry_after_s=_RETRY_AFTER_FULL_S,
            )
        token = new_worker_token()
        record = replace(wanted, token_hash=self._hasher.hash(token))
        self._being_registered += 1
        try:
            is_new = await self._writer.write(
                lambda connection: store_new_worker(connection, record)
            )
        finally:
            self._being_registered -= 1
        if not is_new:
            raise Conflict(f"the worker_id {record.id!r} was taken a moment ago: choose another")
        self._put(record)
        return _response(
            record,
            created=True,
            worker_token=token,
            message="keep the token: it is shown only now, and connecting needs it",
        )

    def _put(self, record: WorkerRecord) -> None:
        if record.id not in self._records:
            bisect.insort(self._ids, record.id)
        self._records[record.id] = record

    def _remove(self, worker_id: str) -> None:
        del self._records[worker_id]
        del self._ids[bisect.bisect_left(self._ids, worker_id)]

    def _validated(self, request: RegisterRequest) -> WorkerRecord:
        worker_id = parse_worker_id(request.worker_id)
        wallet = parse_wallet(request.worker_wallet)
        if not 1 <= len(request.models) <= self._settings.max_models:
            raise InvalidInput(
                f"models lists {len(request.models)}: expected 1 to {self._settings.max_models}",
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
            id=worker_id,
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
