"""What does one job cost the gateway, and how much latency does it add?

`python -m bench.gateway`: an orchestrator in a process of its own (real HTTP, authentication,
metering, receipts and ledger on durable SQLite) with a worker inside that process that answers at
once over a real WebSocket link; customers in another process. CPU is that of the orchestrator's
process less what the in-process worker used, so it is the gateway's alone, storage thread included.

For scale, in the same run: a bare aiohttp server that forwards the same bytes over the same kind of
WebSocket and does nothing else. Ratios hold when the machine's speed drifts; absolute times do not.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import aiohttp
import uvloop

from bench.bare_gateway import run_bare_gateway
from bench.instant_worker import InstantWorker

_STREAM_TOKENS = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Of one run. CPU in microseconds per job of the server's process."""

    server: str
    kind: str
    jobs_per_s: float
    cpu_us: float
    loop_us: float
    """Of cpu_us, what the event loop's thread took."""
    storage_us: float
    """Of cpu_us, what the thread that writes to the store took."""
    latency_p50_ms: float
    latency_p95_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """CPU seconds of the server's process, the in-process worker's left out."""

    all_s: float
    loop_s: float
    storage_s: float

    def since(self, earlier: Usage) -> Usage:
        """What was used after `earlier`."""
        return Usage(
            all_s=self.all_s - earlier.all_s,
            loop_s=self.loop_s - earlier.loop_s,
            storage_s=self.storage_s - earlier.storage_s,
        )


def main() -> None:
    """Runs both servers in turn, and prints the medians and their ratio."""
    parser = argparse.ArgumentParser(description="What one job costs the gateway.")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=2_000, help="jobs of one round")
    parser.add_argument("--at-once", type=int, default=32)
    parser.add_argument("--profile", action="store_true", help="where the gateway's CPU goes")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    figures: list[Figures] = []
    for _round in range(options.rounds):
        for kind in ("plain", "stream"):
            for server in ("bare", "basis"):
                print(f"{server} {kind} ...", file=sys.stderr)
                figures.append(_measure(server, kind, options))
    if options.json:
        print(json.dumps([asdict(figure) for figure in figures], indent=2))
    else:
        _print_table(figures, options)
    if options.profile:
        for kind in ("plain", "stream"):
            print(f"\n{kind}: where the event loop's Python goes, measured with a profiler on")
            sys.stdout.flush()
            _measure("basis-profiled", kind, options)


def _measure(server: str, kind: str, options: argparse.Namespace) -> Figures:
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    process = multiprocessing.get_context("spawn").Process(
        target=_serve, args=(server, kind, theirs), daemon=True
    )
    process.start()
    url, key = ours.recv()
    warm_up, jobs = options.jobs // 10, options.jobs
    uvloop.run(_load(url, key, kind, jobs=warm_up, at_once=options.at_once))
    sequential = uvloop.run(_load(url, key, kind, jobs=max(50, jobs // 10), at_once=1))
    ours.send("mark")
    ours.recv()
    began = time.perf_counter()
    uvloop.run(_load(url, key, kind, jobs=jobs, at_once=options.at_once))
    wall_s = time.perf_counter() - began
    ours.send("stop")
    used: Usage = ours.recv()
    process.join()
    return Figures(
        server=server,
        kind=kind,
        jobs_per_s=jobs / wall_s,
        cpu_us=used.all_s / jobs * 1e6,
        loop_us=used.loop_s / jobs * 1e6,
        storage_us=used.storage_s / jobs * 1e6,
        latency_p50_ms=statistics.median(sequential) * 1_000,
        latency_p95_ms=statistics.quantiles(sequential, n=20)[-1] * 1_000,
    )


def _serve(server: str, kind: str, pipe: Connection) -> None:
    tokens = _STREAM_TOKENS if kind == "stream" else 1
    run = run_bare_gateway if server == "bare" else _run_basis
    if server == "basis-profiled":
        from bench.profile import print_shares, profiled

        print_shares(profiled(lambda: uvloop.run(_attend(run, tokens, pipe))))
    else:
        uvloop.run(_attend(run, tokens, pipe))


async def _attend(
    run: Callable[
        [int, asyncio.Event, asyncio.Future[tuple[str, str, Callable[[], float]]]], Awaitable[None]
    ],
    tokens: int,
    pipe: Connection,
) -> None:
    stop = asyncio.Event()
    ready: asyncio.Future[tuple[str, str, Callable[[], float]]]
    ready = asyncio.get_running_loop().create_future()
    serving = asyncio.ensure_future(run(tokens, stop, ready))
    url, key, worker_cpu_s = await ready
    pipe.send((url, key))
    await asyncio.to_thread(pipe.recv)
    marked = _read_usage(worker_cpu_s)
    pipe.send("marked")
    await asyncio.to_thread(pipe.recv)
    pipe.send(_read_usage(worker_cpu_s).since(marked))
    stop.set()
    await serving


async def _run_basis(
    tokens: int,
    stop: asyncio.Event,
    ready: asyncio.Future[tuple[str, str, Callable[[], float]]],
) -> None:
    # Imported here: the parent process needs none of it.
    import logging

    import structlog
    from tests.support.orchestrators import make_key, quick_settings

    from basis.app import run_orchestrator

    log = Path(tempfile.mkdtemp(prefix="basis-bench-")) / "log"
    structlog.configure(
        processors=[structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(file=log.open("w")),
        cache_logger_on_first_use=True,
    )
    folder = log.parent
    key = make_key(folder)
    settings = quick_settings(folder, max_jobs_per_key=10_000)
    async with run_orchestrator(settings) as running:
        worker = InstantWorker(running.url, tokens=tokens)
        await worker.__aenter__()
        await worker.connected()
        ready.set_result((running.url, key, worker.cpu_s))
        await stop.wait()
    await worker.__aexit__(None, None, None)


async def _load(url: str, key: str, kind: str, *, jobs: int, at_once: int) -> list[float]:
    """Sends `jobs` requests, `at_once` at a time; the latency of each in seconds."""
    body = json.dumps(
        {
            "model": "basis-tiny",
            "messages": [{"role": "user", "content": "What is 12 + 30?"}],
            "max_tokens": 64,
            "stream": kind == "stream",
        }
    ).encode()
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    latencies: list[float] = []
    left = iter(range(jobs))
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, headers=headers) as http:

        async def customer() -> None:
            for _job in left:
                began = time.perf_counter()
                async with http.post(f"{url}/v1/chat/completions", data=body) as answer:
                    data = await answer.read()
                    if answer.status != 200 or (kind == "stream" and b"[DONE]" not in data):
                        raise RuntimeError(f"{answer.status}: {data[:300]!r}")
                latencies.append(time.perf_counter() - began)

        await asyncio.gather(*(customer() for _ in range(at_once)))
    return latencies


def _read_usage(worker_cpu_s: Callable[[], float]) -> Usage:
    """Called in the event loop's thread."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    storage_s = sum(
        time.clock_gettime(time.pthread_getcpuclockid(thread.ident))
        for thread in threading.enumerate()
        if thread.name == "basis-writer" and thread.ident is not None
    )
    return Usage(
        all_s=usage.ru_utime + usage.ru_stime - worker_cpu_s(),
        loop_s=time.thread_time(),
        storage_s=storage_s,
    )


def _print_table(figures: list[Figures], options: argparse.Namespace) -> None:
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    ).stdout.strip()
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, "
        f"commit {commit}; {options.rounds} rounds of {options.jobs} jobs, "
        f"{options.at_once} at once; median (min-max)"
    )
    head = f"{'jobs/s':>20}{'CPU us/job':>22}{'loop':>8}{'store':>8}{'p50 ms':>20}{'p95 ms':>20}"
    print(f"{'':<14}{head}")
    medians: dict[tuple[str, str], float] = {}
    for kind in ("plain", "stream"):
        for server in ("bare", "basis"):
            rows = [f for f in figures if (f.server, f.kind) == (server, kind)]
            medians[server, kind] = statistics.median(row.cpu_us for row in rows)
            cells = [
                _spread([row.jobs_per_s for row in rows], 0),
                _spread([row.cpu_us for row in rows], 0),
                f"{statistics.median(row.loop_us for row in rows):.0f}",
                f"{statistics.median(row.storage_us for row in rows):.0f}",
                _spread([row.latency_p50_ms for row in rows], 2),
                _spread([row.latency_p95_ms for row in rows], 2),
            ]
            widths = (20, 22, 8, 8, 20, 20)
            line = "".join(f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=True))
            print(f"{server + ' ' + kind:<14}{line}")
    for kind in ("plain", "stream"):
        ratio = medians["basis", kind] / medians["bare", kind]
        print(f"{kind}: the gateway's CPU is {ratio:.1f} times that of the bare forwarder")


def _spread(values: list[float], digits: int) -> str:
    low, high = min(values), max(values)
    return f"{statistics.median(values):.{digits}f} ({low:.{digits}f}-{high:.{digits}f})"


if __name__ == "__main__":
    main()
