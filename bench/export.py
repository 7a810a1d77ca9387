"""How fast is a period exported, and what does it hold in memory?

`python -m bench.export`: fills a data folder with receipts by the real rules, then writes the files
of a period from it, in processes of their own. Prints receipts a second with the spread of the
runs, by the wall clock and by the processor's, and the largest process.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from hashlib import sha256
from pathlib import Path

from tests.support.books import ALICE, make_facts, record, register

from basis.accounting.export_content import write_content
from basis.accounting.export_cut import find_cut
from basis.storage.database import for_writing, open_database
from basis.storage.publisher_key import PublisherKey

_KEY = PublisherKey(sha256(b"bench").digest())
_GROUP = 1_000
_UNTIL = "2026-12-01"
"""The first day after the period, which holds every receipt of the books."""


def main() -> None:
    """Fills, exports, prints; with --folder it is one run."""
    parser = argparse.ArgumentParser(prog="python -m bench.export", description=__doc__)
    parser.add_argument("--receipts", type=int, default=200_000, help="receipts of the period")
    parser.add_argument("--runs", type=int, default=3, help="how often it is exported")
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.folder is not None:
        print(json.dumps(_run(options.folder)))
        return
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    with tempfile.TemporaryDirectory(prefix="basis-bench-") as name:
        folder = Path(name)
        began = time.perf_counter()
        _fill(folder, options.receipts)
        print(f"filled {options.receipts} receipts in {time.perf_counter() - began:.0f} s")
        runs = [_start(folder) for _run_number in range(options.runs)]
    by_wall = [run["receipts"] / run["wall_s"] for run in runs]
    by_cpu = [run["receipts"] / run["cpu_s"] for run in runs]
    print(
        f"export {statistics.median(by_wall):>10,.0f} receipts/s "
        f"({min(by_wall):,.0f} to {max(by_wall):,.0f}); "
        f"{statistics.median(by_cpu):,.0f} per second of the processor "
        f"({min(by_cpu):,.0f} to {max(by_cpu):,.0f}); "
        f"{runs[0]['bytes'] / runs[0]['receipts']:,.0f} bytes a receipt; "
        f"largest process {max(run['mib'] for run in runs):,.0f} MiB"
    )


def _fill(folder: Path, receipts: int) -> None:
    engine = open_database(folder, create=True)
    with for_writing(engine).begin() as connection:
        register(connection, "alice-1", ALICE)
    for first in range(1, receipts + 1, _GROUP):
        last = min(first + _GROUP - 1, receipts)
        with for_writing(engine).begin() as connection:
            record(connection, *(make_facts(number) for number in range(first, last + 1)))
    engine.dispose()


def _start(folder: Path) -> dict[str, float]:
    """One run in a process of its own."""
    words = ("-m", "bench.export", "--folder", str(folder))
    done = subprocess.run([sys.executable, *words], check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def _run(folder: Path) -> dict[str, float]:
    """Seconds by both clocks, receipts and bytes that were written, and the process in MiB."""
    engine = open_database(folder, create=False)
    with tempfile.TemporaryDirectory(prefix="basis-bench-") as name, engine.connect() as connection:
        began, began_cpu = time.perf_counter(), time.process_time()
        cut = find_cut(connection, previous=None, until=_UNTIL)
        content = write_content(
            connection, Path(name), cut=cut, previous=None, sign=_KEY.sign_file_hash
        )
        wall_s, cpu_s = time.perf_counter() - began, time.process_time() - began_cpu
    engine.dispose()
    return {
        "receipts": cut.receipts.to - cut.receipts.after,
        "bytes": sum(file.bytes for file in content.files),
        "wall_s": wall_s,
        "cpu_s": cpu_s,
        "mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1_024,
    }


if __name__ == "__main__":
    main()
