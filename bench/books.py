"""How long does closing a batch make a job's receipt wait, and what does a recompute take?

`python -m bench.books`: fills a data folder with receipts, then runs `basis batch close` on it
while this process goes on writing receipts one after the other, as an orchestrator does, and keeps
the longest that one of them took. Then `basis recompute` over all of it: seconds, and the most
memory that its process held. Both commands run in processes of their own.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import subprocess
import sys
import tempfile
import time
from itertools import count
from pathlib import Path

from sqlalchemy import Engine
from tests.support.books import ALICE, make_facts, make_finished, record, register

from basis.storage.database import for_writing, open_database
from basis.storage.job_store import JobWrite
from basis.storage.writer import GroupCommitWriter

_BASIS = Path(sys.executable).with_name("basis")
_GROUP = 1_000
_WARM_UP = 50


def main() -> None:
    """Fills, closes, recomputes, prints."""
    parser = argparse.ArgumentParser(prog="python -m bench.books", description=__doc__)
    parser.add_argument("--receipts", type=int, default=50_000, help="receipts to begin with")
    options = parser.parse_args()
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    with tempfile.TemporaryDirectory(prefix="basis-bench-") as name:
        folder = Path(name)
        engine = open_database(folder, create=True)
        _fill(engine, options.receipts)
        asyncio.run(_close(engine, folder, first_number=options.receipts + 1))
        engine.dispose()
        _recompute(folder)


def _fill(engine: Engine, receipts: int) -> None:
    with for_writing(engine).begin() as connection:
        register(connection, "alice-1", ALICE)
    for first in range(1, receipts + 1, _GROUP):
        last = min(first + _GROUP - 1, receipts)
        with for_writing(engine).begin() as connection:
            record(connection, *(make_facts(number) for number in range(first, last + 1)))


async def _close(engine: Engine, folder: Path, *, first_number: int) -> None:
    writer = GroupCommitWriter(engine)
    writer.start()
    numbers = count(first_number)
    quiet_s = [await _write_one(writer, next(numbers)) for _receipt in range(_WARM_UP)]
    began = time.perf_counter()
    closing = await asyncio.create_subprocess_exec(
        *(str(_BASIS), "batch", "close", "--data", str(folder)), stdout=subprocess.DEVNULL
    )
    busy_s: list[float] = []
    while closing.returncode is None:
        busy_s.append(await _write_one(writer, next(numbers)))
    closing_s = time.perf_counter() - began
    writer.stop()
    if closing.returncode:
        raise RuntimeError(f"basis batch close ended with {closing.returncode}")
    print(
        f"batch close: {closing_s:.2f} s in all; {len(busy_s)} receipts were written meanwhile, "
        f"the slowest in {max(busy_s) * 1_000:.0f} ms ({max(quiet_s) * 1_000:.0f} ms before)"
    )


async def _write_one(writer: GroupCommitWriter, number: int) -> float:
    """Seconds from handing a receipt over until it is durable."""
    write = JobWrite(finished=make_finished(number))
    began = time.perf_counter()
    await writer.write_grouped(write)
    return time.perf_counter() - began


def _recompute(folder: Path) -> None:
    began = time.perf_counter()
    process = subprocess.Popen([str(_BASIS), "recompute", "--data", str(folder)])
    _pid, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    taken_s = time.perf_counter() - began
    print(f"recompute: {taken_s:.1f} s, {usage.ru_maxrss // 1_024} MiB at most")


if __name__ == "__main__":
    main()
