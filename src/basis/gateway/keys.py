"""API keys at the door: who asks, and how many of its requests run at once."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

from aiohttp import web
from sqlalchemy import Engine

from basis.gateway.bodies import bearer_token
from basis.rules.errors import Forbidden, LimitExceeded, Unauthenticated
from basis.rules.job import UserId
from basis.storage.clock import now_iso
from basis.storage.key_store import NO_LIMITS, KeyLimits, KeyRecord, load_key
from basis.storage.secrets import API_KEY_PREFIX, SecretHasher

_FRESH_S = 5.0
"""How long a key is believed without a look into the store: a revoked one stops within this."""
_KEYS_KEPT = 10_000
_LONGEST_KEY = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """Who is asking."""

    key_id: str
    user_id: UserId
    user_wallet: str
    parent_id: str | None = None
    limits: KeyLimits = NO_LIMITS
    parent_limits: KeyLimits | None = None

    def require_model(self, name: str) -> None:
        """Refuses a model that the key, or the one that it is a sub-key of, is not for.

        Raises:
            Forbidden: it is not.
        """
        for limits in self._all_limits():
            if limits.models and name not in limits.models:
                raise Forbidden(
                    f"this key is for {', '.join(limits.models)}, not for {name!r}: ask whoever "
                    f"gave it to you for another one"
                )

    def may_use(self, name: str) -> bool:
        """Whether the key, and the one that it is a sub-key of, are for the model."""
        return all(not limits.models or name in limits.models for limits in self._all_limits())

    def _all_limits(self) -> list[KeyLimits]:
        return [one for one in (self.limits, self.parent_limits) if one is not None]


class KeyRing:
    """Looks keys up, and remembers the answer for a few seconds."""

    def __init__(self, engine: Engine, hasher: SecretHasher, *, max_jobs_per_key: int) -> None:
        self._engine = engine
        self._hasher = hasher
        self._max_jobs_per_key = max_jobs_per_key
        self._seen: OrderedDict[str, tuple[float, Customer]] = OrderedDict()
        self._running: dict[str, int] = {}

    async def authenticate(self, request: web.Request) -> Customer:
        """The customer whose key stands in the Authorization header.

        Raises:
            Unauthenticated: no key, or one that is unknown or revoked.
        """
        key = bearer_token(request)
        if key is None:
            raise Unauthenticated(
                "You didn't provide an API key: send it as `Authorization: Bearer sk-basis-...`."
            )
        if not key.startswith(API_KEY_PREFIX) or len(key) > _LONGEST_KEY or not key.isascii():
            raise Unauthenticated("Incorrect API key provided: keys begin with sk-basis-.")
        secret_hash = self._hasher.hash(key)
        known = self._seen.get(secret_hash)
        if known is not None and time.monotonic() - known[0] < _FRESH_S:
            return _unexpired(known[1])
        return _unexpired(await self._look_up(secret_hash))

    @contextmanager
    def job_slot(self, customer: Customer) -> Generator[None]:
        """Counts one running request of the customer's key.

        Raises:
            LimitExceeded: as many as allowed run already.
        """
        running = self._running.get(customer.key_id, 0)
        if running >= self._max_jobs_per_key:
            raise LimitExceeded(
                f"{running} requests of this key are running: the limit is "
                f"{self._max_jobs_per_key}",
                retry_after_s=1,
            )
        self._running[customer.key_id] = running + 1
        try:
            yield
        finally:
            left = self._running[customer.key_id] - 1
            if left:
                self._running[customer.key_id] = left
            else:
                del self._running[customer.key_id]

    async def _look_up(self, secret_hash: str) -> Customer:
        record = await asyncio.to_thread(self._load, secret_hash)
        if record is None or record.revoked_at is not None:
            self._seen.pop(secret_hash, None)
            what = "is unknown" if record is None else "has been revoked"
            raise Unauthenticated(f"Incorrect API key provided: it {what}.")
        customer = Customer(
            key_id=record.id,
            user_id=UserId(record.user_id),
            user_wallet=record.user_wallet,
            parent_id=record.parent_id,
            limits=record.limits,
            parent_limits=record.parent_limits,
        )
        self._seen[secret_hash] = (time.monotonic(), customer)
        self._seen.move_to_end(secret_hash)
        if len(self._seen) > _KEYS_KEPT:
            self._seen.popitem(last=False)
        return customer

    def _load(self, secret_hash: str) -> KeyRecord | None:
        with self._engine.connect() as connection:
            return load_key(connection, secret_hash)


def _unexpired(customer: Customer) -> Customer:
    now = now_iso()
    for limits in (customer.limits, customer.parent_limits):
        if limits is not None and limits.expires_at is not None and limits.expires_at <= now:
            raise Unauthenticated(f"This API key expired at {limits.expires_at}.")
    return customer
