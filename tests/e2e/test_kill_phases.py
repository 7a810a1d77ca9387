"""kill -9 before each durable step of a phase's commands: all of the step's change, or nothing."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from basis.accounting.phase_checking import read_published, verify_phase_file
from basis.accounting.phase_files import publish_phase
from basis.accounting.phases import close_phase, finish_phase, open_phase
from basis.accounting.recompute import recompute
from basis.accounting.vesting import release_vesting
from basis.rules.canonical import sha256_hex
from basis.rules.phase_steps import PhaseStatus
from basis.rules.phases import PhasePool
from basis.rules.vesting import parse_vesting
from basis.storage.database import for_writing, open_database
from basis.storage.ledger_store import count_entries
from basis.storage.phase_store import StoredPhase, load_phase
from basis.storage.publisher_key import load_publisher_key
from tests.support.books import fill_books
from tests.support.killed_command import run_killed
from tests.support.phase_books import make_terms

END = "2026-11-22T00:00:00.000Z"
CLOSED = "2026-11-22T00:00:01.000Z"
OPENED = "2026-11-21T00:00:00.000Z"
"""All in the past, so that the commands, which ask the clock, may do the next step."""
VESTED = "2026-11-23T00:00:01.000Z"
MOST_STEPS = 40

pytestmark = pytest.mark.timeout(300)
"""A dozen processes each, on a machine that may be busy."""


def make_books(folder: Path, *, is_closed: bool = False, is_final: bool = False) -> None:
    """Books of every kind of job, and a phase over them as far as it is asked for."""
    engine = open_database(folder, create=True)
    terms = make_terms(
        starts_at="2026-11-01T00:00:00.000Z",
        ends_at=END,
        appeal_days=1,
        pools=(PhasePool(name="llm", points_asset="LLAMA", amount_raw=10**21),),
        vesting=parse_vesting("0+2x1", starts_at=END),
    )
    with for_writing(engine).begin() as connection:
        fill_books(connection)
        open_phase(connection, terms, now=OPENED)
    if is_closed or is_final:
        close_phase(engine, "s1", now=CLOSED)
    if is_final:
        finish(folder)
    engine.dispose()


def finish(folder: Path) -> None:
    """Shares the phase out as soon as it can be appealed no more."""
    engine = open_database(folder, create=False)
    finish_phase(engine, "s1", now=VESTED)
    engine.dispose()


def release(folder: Path) -> None:
    """Releases all that is due."""
    engine = open_database(folder, create=False)
    release_vesting(engine, until=VESTED, now=VESTED)
    engine.dispose()


def read_phase(folder: Path) -> tuple[StoredPhase, int]:
    """The phase and the number of entries; the books must agree with themselves."""
    engine = open_database(folder, create=False)
    with engine.connect() as connection:
        verdict = recompute(connection)
        assert verdict.is_equal, verdict.difference
        found = load_phase(connection, "s1"), count_entries(connection)[0]
    engine.dispose()
    return found


def kill_at_each_step(
    tmp_path: Path, base: Path, *words: str
) -> Iterator[tuple[Path, StoredPhase, int]]:
    """Folders in which the command was killed before its 1st, 2nd, 3rd... step."""
    for step in range(1, MOST_STEPS):
        folder = tmp_path / f"killed-{step}"
        shutil.copytree(base, folder)
        if run_killed(folder, step, *words):
            assert step > 3, "the command has hardly any steps: is it killed at all?"
            return
        yield folder, *read_phase(folder)
    raise AssertionError(f"the command has more than {MOST_STEPS} steps")


def expect_published(folder: Path, stored: StoredPhase) -> bytes:
    """The file of the phase, written again: whole, signed, and right."""
    published = publish_phase(folder, stored, load_publisher_key(folder))
    data, signature = read_published(published.path)
    assert verify_phase_file(data, signature, signer=published.signer).difference is None
    return data


def test_kill__before_each_step_of_closing__leaves_it_open_or_closed_with_all_points(
    tmp_path: Path,
) -> None:
    base = tmp_path / "base"
    make_books(base)
    states: list[PhaseStatus] = []

    for folder, stored, _entries in kill_at_each_step(tmp_path, base, "phase", "close", "s1"):
        phase = stored.phase
        states.append(phase.status)
        assert (len(phase.points), phase.counted is None) in {(0, True), (2, False)}
        engine = open_database(folder, create=False)
        if phase.status is PhaseStatus.OPEN:
            stored = close_phase(engine, "s1", now=CLOSED)
        engine.dispose()
        assert b'"status":"closed"' in expect_published(folder, stored)

    assert set(states) == {PhaseStatus.OPEN, PhaseStatus.CLOSED}


def test_kill__before_each_step_of_sharing_out__leaves_it_closed_or_final_with_its_entry(
    tmp_path: Path,
) -> None:
    base = tmp_path / "base"
    make_books(base, is_closed=True)
    _stored, entries_before = read_phase(base)
    states: list[PhaseStatus] = []

    for folder, stored, entries in kill_at_each_step(
        tmp_path, base, "phase", "final", "s1", "--yes"
    ):
        is_final = stored.phase.status is PhaseStatus.FINAL
        states.append(stored.phase.status)
        assert entries == entries_before + is_final
        if not is_final:
            finish(folder)
            stored, entries = read_phase(folder)
            assert entries == entries_before + 1
        assert sha256_hex(expect_published(folder, stored)) == stored.file_hash

    assert set(states) == {PhaseStatus.CLOSED, PhaseStatus.FINAL}


def test_kill__before_each_step_of_vesting__releases_each_part_once(tmp_path: Path) -> None:
    base = tmp_path / "base"
    make_books(base, is_final=True)
    _stored, entries_before = read_phase(base)
    due = ("phase", "vest", "--until", "2026-11-23")

    for folder, stored, entries in kill_at_each_step(tmp_path, base, *due):
        assert entries == entries_before + len(stored.released)
        release(folder)
        again, entries = read_phase(folder)
        assert (again.released, entries) == ((1, 2), entries_before + 2)
