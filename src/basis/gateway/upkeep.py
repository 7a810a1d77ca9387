"""What the orchestrator does now and then: each of these runs for as long as it does."""

from __future__ import annotations

import asyncio
import contextlib
import time

import structlog
from sqlalchemy import Connection, Engine

from basis.accounting.recovery import close_expired_jobs
from basis.dispatch.lease import now_us
from basis.gateway.acceptance import longest_life_s
from basis.gateway.context import GatewayContext
from basis.gateway.hold_clock import HoldClock
from basis.rules.epochs import EpochBook
from basis.rules.errors import DamagedRecord, StorageUnavailable
from basis.storage.clock import days_ago_iso
from basis.storage.epoch_store import load_epoch_book
from basis.storage.worker_store import forget_presence, store_presence

_log = structlog.get_logger(__name__)
_PRESENCE_FLUSH_S = 30
_ROSTER_SWEEP_S = 600
_PRICES_READ_S = 5
"""An epoch is activated a minute ahead at least, so every orchestrator knows it in time."""
_HOLDS_SWEEP_S = 60
_PRESENCE_KEPT_HOURS = 48
"""Uptime looks back 24 hours."""


async def keep_presence(context: GatewayContext) -> None:
    """Writes down every half minute who was online."""
    while True:
        await asyncio.sleep(_PRESENCE_FLUSH_S)
        await flush_presence(context)


async def flush_presence(context: GatewayContext) -> None:
    """Writes the minutes seen since the last time; what could not be written is tried again."""
    changes = context.presence.take_changes(minute=int(time.time()) // 60)
    if not changes:
        return
    try:
        await context.writer.write(lambda connection: store_presence(connection, changes))
    except StorageUnavailable:
        context.presence.put_back(changes)
        _log.warning("presence_not_written", masks=len(changes))


async def keep_roster(context: GatewayContext) -> None:
    """Forgets registrations that nobody ever used, and when workers were online days ago."""
    while True:
        with contextlib.suppress(StorageUnavailable):
            old_hour = int(time.time()) // 3_600 - _PRESENCE_KEPT_HOURS
            await context.writer.write(
                lambda connection, old_hour=old_hour: forget_presence(
                    connection, before_hour=old_hour
                )
            )
            limit = days_ago_iso(context.settings.workers.forget_unlinked_days)
            if forgotten := await context.roster.forget_unlinked(unchanged_since=limit):
                _log.info("workers_forgotten", workers=forgotten)
        await asyncio.sleep(_ROSTER_SWEEP_S)


async def keep_prices(context: GatewayContext) -> None:
    """Hears of epochs that a command has activated; always for a time that is yet to come."""
    while True:
        await asyncio.sleep(_PRICES_READ_S)
        context.prices.replace(await asyncio.to_thread(_load_epochs, context.engine))


def _load_epochs(engine: Engine) -> EpochBook:
    with engine.connect() as connection:
        return load_epoch_book(connection)


async def keep_holds(context: GatewayContext) -> None:
    """Releases holds that no job will ever capture."""
    clock = HoldClock(window_us=(longest_life_s(context) + _HOLDS_SWEEP_S) * 1_000_000)
    clock.look(wall_us=time.time_ns() // 1_000, monotonic_us=now_us())
    while True:
        await asyncio.sleep(_HOLDS_SWEEP_S)
        now = clock.look(wall_us=time.time_ns() // 1_000, monotonic_us=now_us())
        with contextlib.suppress(StorageUnavailable):
            if expired := await expire_holds(context, now=now):
                _log.error("holds_expired", jobs=expired)


async def expire_holds(context: GatewayContext, *, now: str) -> int:
    """How many jobs were closed whose hold expired before `now`; damaged ones are named and stay.

    Raises:
        StorageUnavailable: nothing was closed.
    """
    damaged: list[DamagedRecord] = []

    def close(connection: Connection) -> int:
        damaged.clear()  # a write may be tried again
        return close_expired_jobs(connection, now=now, on_damaged=damaged.append)

    expired = await context.writer.write(close)
    context.damaged_jobs.note(damaged)
    return expired
