"""The worker's life: prepare, connect, serve, back off, connect again, until asked to stop."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import aiohttp

from basis import __version__
from basis.rules.wallet import Wallet
from basis.wire.frames import PROTOCOL_VERSION, Hello
from basis.wire.registration import RuntimeName
from basis.worker.backoff import Backoff
from basis.worker.board import Board
from basis.worker.exits import ExitCode, WorkerStop
from basis.worker.foreign_words import shorten
from basis.worker.hardware import describe_hardware, load_hardware
from basis.worker.link import LinkLost, LinkRefused, open_link
from basis.worker.models import ServedModel
from basis.worker.orchestrator import Orchestrator
from basis.worker.plan import AfterRefusal, decide_after_refusal
from basis.worker.prepare import load_facts, load_served, register
from basis.worker.runtimes.base import Runtime
from basis.worker.runtimes.detect import detect_runtime, make_runtime
from basis.worker.session import Session, SessionEnd
from basis.worker.settings import WorkerSettings, is_exposed
from basis.worker.state import Phase, WorkerState, advance_phase
from basis.worker.stop import Drained, Stop


def first_state(settings: WorkerSettings) -> WorkerState:
    """The state of a worker that has done nothing yet."""
    return WorkerState(
        worker_id=settings.worker_id,
        orchestrator=settings.orchestrator,
        slots=settings.slots,
        detail="looking for the runtime",
    )


async def run_worker(settings: WorkerSettings, *, wallet: Wallet, board: Board, stop: Stop) -> None:
    """Runs until `stop` is asked and the last job has ended.

    Raises:
        WorkerStop: only the owner can help.
    """
    if is_exposed(settings.orchestrator):
        board.warn("unencrypted", orchestrator=settings.orchestrator, fix="use https")
    async with aiohttp.ClientSession(trust_env=True) as session:
        worker = _Worker(settings, wallet=wallet, board=board, stop=stop, session=session)
        try:
            await worker.run()
        except Drained:
            board.note("stopped_before_start")
        finally:
            await worker.close()
            board.state = advance_phase(board.state, Phase.STOPPED)


class _Worker:
    """What one run of the program holds."""

    def __init__(
        self,
        settings: WorkerSettings,
        *,
        wallet: Wallet,
        board: Board,
        stop: Stop,
        session: aiohttp.ClientSession,
    ) -> None:
        self._settings = settings
        self._wallet = wallet
        self._board = board
        self._stop = stop
        self._orchestrator = Orchestrator(session, settings.orchestrator)
        self._backoff = Backoff(settings, board=board, stop=stop)
        self._runtime: Runtime | None = None
        self._registered_anew = False
        self._was_welcomed = False

    async def run(self) -> None:
        name = await self._stop.race(detect_runtime(self._settings))
        self._board.state = replace(self._board.state, runtime=name.value)
        served = await self._stop.race(
            load_served(
                self._settings, name=name, orchestrator=self._orchestrator, backoff=self._backoff
            )
        )
        self._runtime = make_runtime(name, served, self._settings)
        self._board.state = advance_phase(self._board.state, Phase.STARTING, "loading the models")
        await self._stop.race(self._runtime.start())
        await self._stop.race(load_facts(self._runtime, served))
        self._board.note("runtime", name=name.value, models=[model.model for model in served])
        token = await self._stop.race(self._register(name, served))
        while not self._stop.is_asked:
            token = await self._connect(name, served, self._runtime, token)

    async def close(self) -> None:
        """Frees the runtime."""
        if self._runtime is not None:
            await self._runtime.stop()

    async def _register(self, name: RuntimeName, served: tuple[ServedModel, ...]) -> str:
        return await register(
            self._settings,
            wallet=self._wallet,
            name=name,
            served=served,
            orchestrator=self._orchestrator,
            backoff=self._backoff,
        )

    async def _connect(
        self, name: RuntimeName, served: tuple[ServedModel, ...], runtime: Runtime, token: str
    ) -> str:
        """One connection and the wait after it; the token is new if the worker registered anew."""
        self._board.state = advance_phase(
            self._board.state, Phase.CONNECTING, "connecting to the orchestrator"
        )
        try:
            hello = await self._stop.race(self._hello(name, served, runtime, token))
            await self._serve(hello, runtime)
        except LinkRefused as refusal:
            after = decide_after_refusal(refusal.refused, registered_anew=self._registered_anew)
            if after is AfterRefusal.REGISTER:
                self._registered_anew = True
                return await self._stop.race(self._register(name, served))
            await self._backoff.wait(str(refusal))
        except LinkLost as error:
            await self._backoff.wait(f"the link is lost: {error}", least_s=error.retry_after_s)
        except WorkerStop as error:
            if error.exit_code is not ExitCode.NO_RUNTIME:
                raise
            await self._backoff.wait(error.message)  # it ran a moment ago: it may come back
        return token

    async def _hello(
        self, name: RuntimeName, served: tuple[ServedModel, ...], runtime: Runtime, token: str
    ) -> Hello:
        facts = await load_facts(runtime, served)
        hardware = await asyncio.to_thread(load_hardware)
        self._board.state = replace(self._board.state, hardware=describe_hardware(hardware))
        return Hello(
            protocol=PROTOCOL_VERSION,
            worker_id=self._settings.worker_id,
            token=token,
            software=f"basis/{__version__}",
            runtime=name.value,
            runtime_version=facts.version,
            models=list(facts.offers),
            slots=self._settings.slots,
            hardware=hardware,
        )

    async def _serve(self, hello: Hello, runtime: Runtime) -> None:
        # A session of its own for each link: closing it also drops a connection that hangs.
        async with aiohttp.ClientSession(trust_env=True) as session:
            link, welcome = await self._stop.race(
                open_link(
                    session,
                    self._settings.orchestrator,
                    hello,
                    welcomed_before=self._was_welcomed,
                )
            )
            self._was_welcomed = True
            self._backoff.reset()
            self._registered_anew = False
            self._board.note("connected", session_id=shorten(welcome.session_id))
            for verdict in welcome.models:
                if not verdict.routable:
                    self._board.warn(
                        "no_jobs", model=shorten(verdict.model), reason=shorten(verdict.reason)
                    )
            end = await Session(
                link=link, welcome=welcome, runtime=runtime, board=self._board, stop=self._stop
            ).serve()
        if end is SessionEnd.ORCHESTRATOR_DRAINED:
            await self._backoff.wait("the orchestrator is stopping")
