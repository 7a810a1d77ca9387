"""How fast is an audit, and what does it hold in memory?

`python -m bench.audit`: makes an export of many receipts by the real rules, then audits it in
processes of their own: by DuckDB, by the rules, and the whole command. Prints receipts a second
with the spread of the runs, by the wall clock and by the processor's (on a busy machine only the
latter says something), and the largest process.
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
from collections.abc import Sequence
from pathlib import Path

from basis.audit.audit import AuditOptions, Watcher, audit
from basis.audit.folder import open_export
from basis.audit.parquet import check_parquet
from basis.audit.reference import check_by_reference
from basis.audit.sql import check_by_sql
from basis.rules.export_files import ALL_FILES

ENGINES = ("sql", "rules", "command")


def main() -> None:
    """Makes, audits, prints; with --engine it is one run."""
    parser = argparse.ArgumentParser(prog="python -m bench.audit", description=__doc__)
    parser.add_argument("--receipts", type=int, default=1_000_000, help="receipts of the export")
    parser.add_argument("--runs", type=int, default=3, help="runs of each engine")
    parser.add_argument("--jobs", type=int, default=2, help="processes and threads")
    parser.add_argument("--folder", type=Path, help="an export to audit instead of making one")
    parser.add_argument("--only", choices=ENGINES, help="measure only this one")
    parser.add_argument("--engine", choices=ENGINES, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.engine is not None:
        print(json.dumps(_run(options.engine, options.folder, options.jobs)))
        return
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    with tempfile.TemporaryDirectory(prefix="basis-bench-") as name:
        folder = options.folder
        if folder is None:
            from bench.synthetic_export import make_export

            folder = Path(name) / "export"
            began = time.perf_counter()
            make_export(folder, receipts=options.receipts)
            print(f"made {options.receipts} receipts in {time.perf_counter() - began:.0f} s")
        for engine in ENGINES if options.only is None else [options.only]:
            runs = [_start(engine, folder, options.jobs) for _run_number in range(options.runs)]
            _report(engine, runs, options.jobs)


def _start(engine: str, folder: Path, jobs: int) -> dict[str, float]:
    """One run in a process of its own."""
    words = ("-m", "bench.audit", "--engine", engine, "--folder", str(folder), "--jobs", str(jobs))
    done = subprocess.run([sys.executable, *words], check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def _run(engine: str, folder: Path, jobs: int) -> dict[str, float]:
    """Seconds by both clocks, the receipts, and the largest process in MiB."""
    receipts = 0
    export = open_export(folder, signer=None, on_bytes=lambda _count: None)
    wide = {file.name: check_parquet(export, file) for file in ALL_FILES}
    began, began_cpu = time.perf_counter(), _cpu_s()
    if engine == "sql":
        receipts = check_by_sql(
            [(export, wide)], threads=jobs, memory_mib=4_096, on_steps=lambda _count: None
        )
    elif engine == "rules":
        found = check_by_reference([export], jobs=jobs, on_receipts=lambda _count: None)
        receipts = found.receipts
    else:
        verdict = audit([folder], AuditOptions(jobs=jobs), Watcher())
        if not verdict.is_equal:
            raise RuntimeError("; ".join(verdict.differences))
        receipts = verdict.receipts
    kib = max(
        resource.getrusage(who).ru_maxrss
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    return {
        "receipts": receipts,
        "wall_s": time.perf_counter() - began,
        "cpu_s": _cpu_s() - began_cpu,
        "mib": kib // 1_024,
    }


def _cpu_s() -> float:
    """Seconds of the processor that this process and those that it waited for have taken."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def _report(engine: str, runs: Sequence[dict[str, float]], jobs: int) -> None:
    by_wall = [run["receipts"] / run["wall_s"] for run in runs]
    by_cpu = [run["receipts"] / run["cpu_s"] for run in runs]
    print(
        f"{engine:8} {statistics.median(by_wall):>12,.0f} receipts/s on {jobs} cores "
        f"({min(by_wall):,.0f} to {max(by_wall):,.0f}); "
        f"{statistics.median(by_cpu):,.0f} per second of the processor "
        f"({min(by_cpu):,.0f} to {max(by_cpu):,.0f}); "
        f"largest process {max(run['mib'] for run in runs):,.0f} MiB"
    )


if __name__ == "__main__":
    main()
