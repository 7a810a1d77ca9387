"""kill -9 while a period is exported: all of it is in its place, or nothing is."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from basis.accounting.recompute import recompute
from basis.storage.database import for_writing, open_database
from basis.storage.export_store import load_exports
from tests.support.basis_process import BasisProcess, run_basis
from tests.support.books import ALICE, close, make_facts, record, register

DAY = "2026-11-21"
JOBS = 1_500
_GLANCE_S = 0.001
"""Between two looks at what is written, seconds."""

pytestmark = pytest.mark.timeout(300)
"""Some 15 s of CPU, in half a dozen processes that wait for a busy machine."""

STAGES: dict[str, Callable[[Path], bool]] = {
    "the draft is made": Path.exists,
    "receipts are written": lambda draft: has_bytes(draft / "receipts.parquet", 5_000),
    "batches are written": lambda draft: has_bytes(draft / "batches.parquet", 1),
    "the manifest is written": lambda draft: has_bytes(draft / "manifest.json", 1),
    "the signature is written": lambda draft: has_bytes(draft / "manifest.sig.json", 1),
}


def has_bytes(path: Path, size: int) -> bool:
    """Whether the file is there and has at least so many bytes."""
    return path.exists() and path.stat().st_size >= size


def read_period(out: Path) -> dict[str, bytes]:
    """Every file of the period."""
    return {path.name: path.read_bytes() for path in (out / DAY).iterdir()}


def export(folder: Path, out: str) -> None:
    """Exports without a disturbance."""
    run_basis("export", "--period", DAY, "--data", "data", "--out", out, folder=folder)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with books in `data`."""
    engine = open_database(tmp_path / "data", create=True)
    with for_writing(engine).begin() as connection:
        register(connection, "alice-1", ALICE)
        record(connection, *(make_facts(number) for number in range(1, JOBS + 1)))
        close(connection)
    engine.dispose()
    return tmp_path


def test_kill__while_a_period_is_exported__leaves_all_of_it_or_nothing(folder: Path) -> None:
    found: set[bool] = set()
    for stage, is_reached in STAGES.items():
        out = folder / "out"
        draft = out / f".{DAY}.draft"
        words = ("export", "--period", DAY, "--data", "data", "--out", "out")
        with BasisProcess(*words, folder=folder) as victim:
            while not is_reached(draft) and not (out / DAY).exists():
                with contextlib.suppress(subprocess.TimeoutExpired):
                    victim.wait(timeout_s=_GLANCE_S)
                    break
            victim.kill()
        is_there = (out / DAY).exists()
        found.add(is_there)
        engine = open_database(folder / "data", create=False)
        with engine.connect() as connection:
            records = load_exports(connection)
            assert recompute(connection).is_equal, stage
        engine.dispose()
        assert len(records) <= 1, stage
        if is_there:
            assert records, f"put in place before it was recorded, at the stage: {stage}"
            break

    export(folder, "out")
    export(folder, "again")
    assert read_period(folder / "out") == read_period(folder / "again")
    assert [path.name for path in (folder / "out").iterdir()] == [DAY]
    assert False in found, "the kills come too late"
