"""What the handlers share: the orchestrator's parts, and the tasks that outlive a request."""

from __future__ import annotations

import asyncio
import random
import secrets
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import structlog
from aiohttp import web
from sqlalchemy import Engine

from basis.accounting.boosts import BoostBook
from basis.config import Settings
from basis.dispatch.allowance import Allowance
from basis.dispatch.dispatcher import Dispatcher
from basis.dispatch.link import LinkServer
from basis.dispatch.offers import OfferBook
from basis.dispatch.presence import PresenceBook
from basis.dispatch.roster import Roster
from basis.gateway.damaged_jobs import DamagedJobs
from basis.gateway.keys import KeyRing
from basis.gateway.metrics import GatewayMetrics
from basis.gateway.price_list import PriceList
from basis.gateway.public_reads import PublicReads
from basis.gateway.quote_tokens import QuoteSigner
from basis.gateway.rate_limits import RateBook
from basis.gateway.stripe_signature import StripeSecret
from basis.gateway.unpaid_requests import UnpaidRequests
from basis.metering.meter import MeterShelf
from basis.rules.catalog import Catalog
from basis.rules.errors import BasisError
from basis.rules.job import JobId
from basis.storage.writer import GroupCommitWriter

_log = structlog.get_logger(__name__)
_Result = TypeVar("_Result")


class BackgroundTasks:
    """Tasks that must end even if the request that started them is gone."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    def start(self, work: Coroutine[Any, Any, _Result]) -> asyncio.Task[_Result]:
        """Runs `work`; its failure is logged if nobody else hears of it."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._on_done)
        return task

    async def to_its_end(self, work: Coroutine[Any, Any, _Result]) -> _Result:
        """What `work` returns or raises. It goes on even if whoever asked for it has left."""

        async def run() -> tuple[_Result | None, BasisError | None]:
            try:
                return await work, None
            except BasisError as error:
                return None, error  # whoever asked hears of it: nothing has failed that is ours

        result, refusal = await asyncio.shield(self.start(run()))
        if refusal is not None:
            raise refusal
        return cast("_Result", result)

    async def wait(self, *, timeout_s: float) -> None:
        """Until all of them are done, at most `timeout_s`."""
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=timeout_s)

    def _on_done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            error = task.exception()
            _log.error("background_task_failed", error=type(error).__name__, exc_info=error)


class JobIds:
    """Job ids that never repeat. They name and open nothing, so they need not be secret: one draw
    of real randomness seeds them all, where one per job would cost a system call."""

    def __init__(self) -> None:
        self._random = random.Random(secrets.randbits(256))

    def next(self) -> JobId:
        """A fresh id of 96 random bits."""
        return JobId(f"job_{self._random.getrandbits(96):024x}")


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayContext:
    """One orchestrator's parts. Handlers find it in the application under `CONTEXT`."""

    settings: Settings
    catalog: Catalog
    engine: Engine
    writer: GroupCommitWriter
    roster: Roster
    presence: PresenceBook
    dispatcher: Dispatcher
    offers: OfferBook
    link: LinkServer
    meters: MeterShelf
    keys: KeyRing
    prices: PriceList
    boosts: BoostBook
    rates: RateBook
    unpaid_requests: UnpaidRequests
    registrations: Allowance
    public_reads: PublicReads
    metrics: GatewayMetrics
    damaged_jobs: DamagedJobs
    quotes: QuoteSigner
    stripe_secret: StripeSecret | None
    """None where no payments by card are taken."""
    background: BackgroundTasks
    job_ids: JobIds
    stopping: asyncio.Event
    """Set once the orchestrator takes no new jobs."""


CONTEXT: web.AppKey[GatewayContext] = web.AppKey("basis_context", GatewayContext)
