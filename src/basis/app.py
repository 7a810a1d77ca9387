"""Wiring: the only module that knows every part of the orchestrator."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass

import structlog
from aiohttp import web
from sqlalchemy import Engine

from basis.accounting.boosts import BoostBook
from basis.accounting.recovery import close_lost_jobs
from basis.catalog_file import load_catalog
from basis.config import Settings
from basis.dispatch.allowance import Allowance
from basis.dispatch.dispatcher import Dispatcher
from basis.dispatch.lease import now_us
from basis.dispatch.link import LinkServer
from basis.dispatch.offers import OfferBook
from basis.dispatch.presence import PresenceBook
from basis.dispatch.roster import Roster
from basis.gateway.connections import listen
from basis.gateway.context import BackgroundTasks, GatewayContext, JobIds
from basis.gateway.damaged_jobs import DamagedJobs
from basis.gateway.keys import KeyRing
from basis.gateway.metrics import GatewayMetrics
from basis.gateway.price_list import PriceList
from basis.gateway.public_reads import PublicReads
from basis.gateway.quote_tokens import QuoteSigner
from basis.gateway.rate_limits import RateBook
from basis.gateway.routes import make_application
from basis.gateway.stripe_signature import load_stripe_secret
from basis.gateway.unpaid_requests import UnpaidRequests
from basis.gateway.upkeep import (
    flush_presence,
    keep_holds,
    keep_presence,
    keep_prices,
    keep_roster,
)
from basis.metering.meter import MeterShelf
from basis.rules.errors import DamagedRecord, Misconfigured, StorageUnavailable
from basis.rules.job import FailureReason
from basis.storage.database import begin_write, open_database
from basis.storage.epoch_store import load_epoch_book
from basis.storage.folder_lock import hold_folder
from basis.storage.offer_store import load_open_offers
from basis.storage.secrets import load_hasher, require_pepper
from basis.storage.worker_store import load_presence, load_worked, load_workers
from basis.storage.writer import GroupCommitWriter
from basis.wire.frames import Notice

_log = structlog.get_logger(__name__)
_SHUTDOWN_EXTRA_S = 5
_RESTART_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningOrchestrator:
    """An orchestrator that listens. `url` is where, with the port it really has."""

    url: str
    context: GatewayContext


@asynccontextmanager
async def run_orchestrator(settings: Settings) -> AsyncGenerator[RunningOrchestrator]:
    """A listening orchestrator over the data folder; drained and closed on the way out.

    Raises:
        Misconfigured: the folder, a catalog or the address cannot be used.
        StorageUnavailable: another process keeps the store locked.
    """
    with hold_folder(settings.data_folder):
        async with _run(settings) as running:
            yield running


@asynccontextmanager
async def _run(settings: Settings) -> AsyncGenerator[RunningOrchestrator]:
    engine = open_database(settings.data_folder, create=True)
    writer = GroupCommitWriter(engine)
    context = _build_context(settings, engine, writer)
    _recover(engine, context.damaged_jobs)
    writer.start()
    watched: dict[str, Callable[[], Coroutine[object, object, None]]] = {
        "deadlines": context.dispatcher.watch_deadlines,
        "sessions": context.link.watch_sessions,
        "presence": lambda: keep_presence(context),
        "roster": lambda: keep_roster(context),
        "prices": lambda: keep_prices(context),
        "holds": lambda: keep_holds(context),
        "offers": context.offers.watch,
    }
    watchers = [asyncio.create_task(_supervise(*watcher)) for watcher in watched.items()]
    runner = web.AppRunner(
        make_application(context),
        handler_cancellation=True,
        shutdown_timeout=_SHUTDOWN_EXTRA_S,
    )
    listener: asyncio.Server | None = None
    try:
        listener = await _listen(runner, settings)
        url = _url_of(listener)
        _log.info("orchestrator_up", url=url, catalog=context.catalog.version)
        yield RunningOrchestrator(url=url, context=context)
    finally:
        try:
            await _stop(context, listener, runner, watchers)
        finally:
            context.public_reads.close()
            writer.stop()
            engine.dispose()
            _log.info("orchestrator_down")


def _build_context(settings: Settings, engine: Engine, writer: GroupCommitWriter) -> GatewayContext:
    catalog = load_catalog(settings.data_folder)
    require_pepper(settings.data_folder, engine)
    hasher = load_hasher(settings.data_folder)
    first_hour = int(time.time()) // 3_600 - 25
    with engine.connect() as connection:
        records = load_workers(connection)
        worked = load_worked(connection)
        epochs = load_epoch_book(connection)
        offers = load_open_offers(connection)
        masks = load_presence(connection, since_hour=first_hour)
    roster = Roster(
        records,
        catalog=catalog,
        hasher=hasher,
        writer=writer,
        settings=settings.workers,
        worked=worked,
    )
    presence = PresenceBook(masks)
    boosts = BoostBook(engine, writer)
    dispatcher = Dispatcher(settings.jobs, observer=boosts)
    context = GatewayContext(
        settings=settings,
        catalog=catalog,
        engine=engine,
        writer=writer,
        roster=roster,
        presence=presence,
        dispatcher=dispatcher,
        offers=OfferBook(
            offers,
            roster=roster,
            writer=writer,
            on_change=dispatcher.set_capacity,
        ),
        link=LinkServer(
            roster=roster,
            presence=presence,
            dispatcher=dispatcher,
            catalog=catalog,
            settings=settings.workers,
        ),
        meters=MeterShelf(catalog),
        keys=KeyRing(engine, hasher, max_jobs_per_key=settings.server.max_jobs_per_key),
        prices=PriceList(epochs),
        boosts=boosts,
        rates=RateBook(now_us),
        unpaid_requests=UnpaidRequests(dispatcher.scheduler.has_full_queue),
        registrations=Allowance(
            settings.workers.registrations_per_hour,
            period_s=3_600,
            what="registrations in an hour from one address",
        ),
        public_reads=PublicReads(engine, per_minute=settings.server.public_reads_per_minute),
        metrics=GatewayMetrics(),
        damaged_jobs=DamagedJobs(),
        quotes=QuoteSigner(hasher, catalog=catalog.version),
        stripe_secret=load_stripe_secret(
            settings.billing.stripe_secret_file, is_live=settings.billing.stripe_livemode
        ),
        background=BackgroundTasks(),
        job_ids=JobIds(),
        stopping=asyncio.Event(),
    )
    for name, problem in context.meters.load_all().items():
        _log.error("model_not_metered", model=name, problem=problem)
    context.metrics.watch(_LiveFigures(context))
    return context


def _recover(engine: Engine, damaged_jobs: DamagedJobs) -> None:
    damaged: list[DamagedRecord] = []
    with begin_write(engine) as connection:
        lost = close_lost_jobs(connection, on_damaged=damaged.append)
    damaged_jobs.note(damaged)
    if lost:
        _log.warning("lost_jobs_closed", jobs=lost)


async def _listen(runner: web.AppRunner, settings: Settings) -> asyncio.Server:
    await runner.setup()
    try:
        return await listen(runner, settings.server)
    except OSError as error:
        raise Misconfigured(
            f"cannot listen on {settings.server.host}:{settings.server.port}: {error.strerror}; "
            f"is another orchestrator running? Choose another port with --port"
        ) from error


def _url_of(listener: asyncio.Server) -> str:
    address = listener.sockets[0].getsockname()
    host = f"[{address[0]}]" if ":" in str(address[0]) else address[0]
    return f"http://{host}:{address[1]}"


async def _supervise(name: str, work: Callable[[], Coroutine[object, object, None]]) -> None:
    """Runs `work`, which should never end, and begins it again when a bug of ours ends it."""
    while True:
        try:
            await work()
        except Exception as error:  # noqa: BLE001 - the outermost loop: logged, then begun again
            _log.error("watcher_crashed", watcher=name, exc_info=error)
        await asyncio.sleep(_RESTART_S)


async def _stop(
    context: GatewayContext,
    listener: asyncio.Server | None,
    runner: web.AppRunner,
    watchers: list[asyncio.Task[None]],
) -> None:
    """No new jobs or links; running jobs get the grace period; then the links, then the rest."""
    context.stopping.set()
    dispatcher = context.dispatcher
    dispatcher.is_closing = True
    for session in dispatcher.sessions.values():
        session.send(
            Notice(level="info", code="restarting", text="the orchestrator is shutting down")
        )
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(context.settings.server.shutdown_grace_s):
            while any(  # noqa: ASYNC110 - counts have no event
                session.in_flight for session in dispatcher.sessions.values()
            ):
                await asyncio.sleep(0.05)
    for session in list(dispatcher.sessions.values()):
        session.close(reason=FailureReason.ORCHESTRATOR_STOPPED, detail="shutting down")
    if listener is not None:
        listener.close()
    await runner.cleanup()
    await context.background.wait(timeout_s=_SHUTDOWN_EXTRA_S)
    await flush_presence(context)
    with contextlib.suppress(StorageUnavailable):
        await context.offers.record_ends()
    for watcher in watchers:
        watcher.cancel()
    await asyncio.gather(*watchers, return_exceptions=True)


class _LiveFigures:
    """What the metrics read on demand."""

    def __init__(self, context: GatewayContext) -> None:
        self._context = context

    def workers_by_state(self) -> dict[str, int]:
        sessions = self._context.dispatcher.sessions.values()
        draining = sum(session.is_draining for session in sessions)
        online = len(sessions) - draining
        registered = len(self._context.roster)
        return {
            "online": online,
            "draining": draining,
            "offline": registered - online - draining,
        }

    def jobs_in_flight(self) -> int:
        return sum(session.in_flight for session in self._context.dispatcher.sessions.values())

    def damaged_jobs(self) -> int:
        return self._context.damaged_jobs.count

    def jobs_queued(self) -> dict[str, int]:
        scheduler = self._context.dispatcher.scheduler
        return {
            model.name: scheduler.queue_length(model.name) for model in self._context.catalog.models
        }


def run_blocking(work: Coroutine[object, object, None]) -> None:
    """Runs `work` on uvloop until it ends."""
    import uvloop

    uvloop.run(work)
