"""One connection from its welcome to its end: jobs become leases, and the heartbeat goes on."""

from __future__ import annotations

import asyncio
import contextlib
import enum
import functools
from typing import assert_never

from basis.wire.frames import (
    Ack,
    Cancel,
    Drain,
    Failed,
    Job,
    Notice,
    Ping,
    Pong,
    Receipt,
    Refused,
    Standing,
    Status,
    ToWorker,
    Welcome,
    WorkerPong,
)
from basis.worker.board import Board
from basis.worker.exits import ExitCode, WorkerStop
from basis.worker.foreign_words import shorten
from basis.worker.lease import Lease
from basis.worker.link import Link, LinkLost, silence_limit_s
from basis.worker.plan import decide_on_job
from basis.worker.runtimes.base import Runtime
from basis.worker.state import (
    LeaseEnd,
    LeaseOutcome,
    Phase,
    advance_lease_end,
    advance_lease_start,
    advance_phase,
    advance_receipt,
    advance_standing,
    advance_welcome,
)
from basis.worker.stop import Stop


class SessionEnd(enum.Enum):
    """Why a connection is over, other than by being lost."""

    OWNER_STOPPED = "owner_stopped"
    ORCHESTRATOR_DRAINED = "orchestrator_drained"


class Session:
    """The leases of one link. All of them are dead once the link is."""

    def __init__(
        self, *, link: Link, welcome: Welcome, runtime: Runtime, board: Board, stop: Stop
    ) -> None:
        self._link = link
        self._welcome = welcome
        self._runtime = runtime
        self._board = board
        self._stop = stop
        self._offered = frozenset(verdict.model for verdict in welcome.models)
        self._slots = asyncio.Semaphore(board.state.slots)
        self._leases: dict[str, tuple[Lease, asyncio.Task[LeaseEnd]]] = {}
        self._no_leases = asyncio.Event()
        self._no_leases.set()
        self._drained_by_orchestrator = asyncio.Event()

    async def serve(self) -> SessionEnd:
        """Serves until the link ends or one side has drained; no lease outlives it.

        Raises:
            LinkLost: the link broke.
            WorkerStop: another process took this worker's place.
        """
        self._board.state = advance_welcome(self._board.state, self._welcome)
        beating = asyncio.create_task(self._beat())
        draining = asyncio.create_task(self._drain())
        reading = asyncio.create_task(self._read())
        try:
            await asyncio.wait({draining, reading}, return_when=asyncio.FIRST_COMPLETED)
            return reading.result() if reading.done() else draining.result()
        finally:
            await self._end_all(beating, draining, reading)

    async def _read(self) -> SessionEnd:
        limit_s = silence_limit_s(self._welcome.heartbeat_s)
        while True:
            await self._on_frame(await self._link.receive(timeout_s=limit_s))

    async def _beat(self) -> None:
        with contextlib.suppress(LinkLost):  # the reader hears of it and says so
            while True:
                await self._send_status()
                await asyncio.sleep(self._welcome.heartbeat_s)

    async def _drain(self) -> SessionEnd:
        """Waits until a side wants to stop and the last lease has ended."""
        by_orchestrator = asyncio.ensure_future(self._drained_by_orchestrator.wait())
        by_owner = asyncio.ensure_future(self._stop.wait())
        try:
            await asyncio.wait({by_orchestrator, by_owner}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            by_orchestrator.cancel()
            by_owner.cancel()
        self._board.state = advance_phase(self._board.state, Phase.DRAINING)
        self._board.note("draining", running_jobs=len(self._leases))
        with contextlib.suppress(LinkLost):
            await self._send_status()
        await self._no_leases.wait()
        return SessionEnd.OWNER_STOPPED if self._stop.is_asked else SessionEnd.ORCHESTRATOR_DRAINED

    async def _send_status(self) -> None:
        busy = min(len(self._leases), self._board.state.slots)
        await self._link.send(Status(busy_slots=busy, draining=self._stop.is_asked))

    async def _on_frame(self, frame: ToWorker) -> None:
        match frame:
            case Job():
                await self._on_job(frame)
            case Ack() | Cancel():
                await self._on_lease_frame(frame)
            case Standing():
                self._board.state = advance_standing(self._board.state, frame)
            case Receipt():
                self._on_receipt(frame)
            case Notice():
                self._on_notice(frame)
            case Drain():
                self._drained_by_orchestrator.set()
            case Ping():
                await self._link.send(WorkerPong(nonce=frame.nonce))
            case Pong():
                pass
            case Welcome() | Refused():
                raise LinkLost("a second welcome or refusal on one connection")
            case _:
                assert_never(frame)

    async def _on_lease_frame(self, frame: Ack | Cancel) -> None:
        running = self._leases.get(frame.lease_id)
        if running is None:  # the lease ended while the frame was on its way
            return
        lease, task = running
        if isinstance(frame, Ack):
            lease.on_ack(frame.seq)
        else:
            task.cancel()
            # One turn to end the task, one for what follows from its end: a burst of jobs that are
            # cancelled at once must not look like too many jobs.
            await asyncio.sleep(0)
            await asyncio.sleep(0)

    async def _on_job(self, job: Job) -> None:
        draining = self._stop.is_asked or self._drained_by_orchestrator.is_set()
        refusal = decide_on_job(
            job, state=self._board.state, offered=self._offered, draining=draining
        )
        if refusal is not None:
            await self._link.send(
                Failed(lease_id=job.lease_id, reason=refusal.reason, detail=refusal.detail)
            )
            self._board.warn("job_refused", job_id=shorten(job.job_id), reason=refusal.reason.value)
            return
        if job.lease_id in self._leases:
            raise LinkLost(f"the lease {shorten(job.lease_id)} was given twice")
        lease = Lease(
            job,
            runtime=self._runtime,
            slots=self._slots,
            send=self._link.send,
            window_frames=self._welcome.window_frames,
        )
        self._no_leases.clear()
        self._board.state = advance_lease_start(self._board.state)
        task = asyncio.create_task(lease.run())
        task.add_done_callback(functools.partial(self._on_lease_done, lease))
        self._leases[job.lease_id] = (lease, task)

    def _on_lease_done(self, lease: Lease, task: asyncio.Task[LeaseEnd]) -> None:
        # A callback, for a task that is cancelled before its first step runs no line of its own:
        # a `cancel` that comes right behind its `job` must free the slot all the same.
        end = lease.never_run() if task.cancelled() else task.result()
        del self._leases[lease.job.lease_id]
        if not self._leases:
            self._no_leases.set()
        self._board.state = advance_lease_end(self._board.state, end)
        _note_end(self._board, end)

    def _on_receipt(self, receipt: Receipt) -> None:
        self._board.state = advance_receipt(self._board.state, receipt)
        self._board.note(
            "receipt",
            job_id=shorten(receipt.job_id),
            status=shorten(receipt.status),
            reward_raw=shorten(receipt.reward_raw),
            quality_bps=receipt.quality_bps,
            uptime_bps=receipt.uptime_bps,
            latency_bps=receipt.latency_bps,
            receipt_hash=shorten(receipt.receipt_hash),
        )

    def _on_notice(self, notice: Notice) -> None:
        if notice.code == "duplicate":
            raise WorkerStop(
                ExitCode.TOKEN_REFUSED,
                f"another process connected as {self._board.state.worker_id!r} and took over; "
                "give each process its own --worker-id",
            )
        fields = {"code": shorten(notice.code), "text": shorten(notice.text)}
        if notice.level == "info":
            self._board.note("notice", **fields)
        else:
            self._board.warn("notice", **fields)

    async def _end_all(self, *tasks: asyncio.Task[object]) -> None:
        leases = [task for _, task in self._leases.values()]
        for task in (*tasks, *leases):
            task.cancel()
        await asyncio.gather(*tasks, *leases, return_exceptions=True)
        await self._link.close()


def _note_end(board: Board, end: LeaseEnd) -> None:
    fields = {
        "job_id": shorten(end.job_id),
        "model": shorten(end.model),
        "outcome": end.outcome.value,
        "elapsed_ms": round(end.elapsed_s * 1000),
        "frames": end.frames,
        "prompt_tokens": end.prompt_tokens,
        "output_tokens": end.output_tokens,
    }
    if end.outcome is LeaseOutcome.FAILED:
        board.warn("job", **fields, reason=end.reason, detail=end.detail)
    else:
        board.note("job", **fields)
