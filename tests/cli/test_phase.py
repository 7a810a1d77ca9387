"""`basis phase`: from opening to vesting, with every wrong input, at times that a test chooses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from basis.storage.database import for_writing, open_database
from tests.cli.conftest import Command
from tests.support.books import ALICE, BOB
from tests.support.phase_books import CAROL, fill_points

OPEN = (
    *("phase", "open", "s1", "--from", "2026-10-01", "--to", "2026-11-02", "--appeal-days", "1"),
    *("--pool", "llm=LLAMA:1000", "--pool", "image=WAIFU:100.5", "--vesting", "0+2x1"),
)
"""A phase whose time is over, of which nothing else is fixed by the clock."""


@pytest.fixture(autouse=True)
def points(tmp_path: Path) -> None:
    """Points of three owners in `data` of the working folder, where commands look by default."""
    engine = open_database(tmp_path / "data", create=True)
    fill_points(engine, created_at="2026-11-01T12:00:00.000Z")
    engine.dispose()


def set_back(folder: Path, days: int) -> None:
    """Moves what is on record of the phase into the past, as if so many days had gone by."""
    engine = open_database(folder / "data", create=False)
    columns = {
        "phases": ("opened_at", "closed_at"),
        "phase_exclusions": ("excluded_at", "filed_at", "decided_at"),
    }
    with for_writing(engine).begin() as connection:
        for table, names in columns.items():
            for name in names:
                moved = f"strftime('%Y-%m-%dT%H:%M:%fZ', {name}, '-{days} days')"
                change = f"UPDATE {table} SET {name} = {moved} WHERE {name} != ''"  # noqa: S608 - fixed names
                connection.execute(text(change))
    engine.dispose()


def read_published(folder: Path, name: str) -> Any:
    """A published document."""
    return json.loads((folder / "data" / "published" / "phases" / name).read_bytes())


def closed(basis: Command) -> None:
    """The phase, opened and closed."""
    assert basis(*OPEN, "--yes").code == 0
    assert basis("phase", "close", "s1").code == 0


def final(basis: Command, folder: Path) -> None:
    """The phase, final."""
    closed(basis)
    set_back(folder, 2)
    assert basis("phase", "final", "s1", "--yes").code == 0


def test_phase__whole_life__ends_with_everything_at_its_owners(
    basis: Command, tmp_path: Path
) -> None:
    opened = basis(*OPEN, "--yes", "--json").json
    draft = basis("phase", "close", "s1", "--json").json
    set_back(tmp_path, 2)
    shared = basis("phase", "final", "s1", "--yes", "--json").json
    released = basis("phase", "vest", "--json").json
    signer = basis("publisher", "show").out.strip()

    assert (opened["status"], draft["status"], shared["status"]) == ("open", "closed", "final")
    assert opened["terms"]["vesting"]["dueAt"] == [
        "2026-11-02T00:00:00.000Z",
        "2026-11-03T00:00:00.000Z",
    ]
    assert {row["wallet"]: row["amountRaw"] for row in shared["wallets"]} == {
        ALICE: str(750 * 10**18 + 335 * 10**17),
        BOB: str(250 * 10**18),
        CAROL: str(67 * 10**18),
    }
    assert sum(int(row["amountRaw"]) for row in released) == 1_100 * 10**18 + 5 * 10**17
    assert basis("phase", "vest", "--json").json == []
    assert read_published(tmp_path, "s1.json") == shared
    assert read_published(tmp_path, "s1.draft.json")["status"] == "closed"
    verified = basis(
        "phase", "verify", "data/published/phases/s1.json", "--signer", signer, "--json"
    ).json
    assert verified == {
        "equal": True,
        "phase": "s1",
        "status": "final",
        "signer": signer,
        "lines": 4,
        "difference": None,
    }


def test_phase__exclusion_and_appeal__are_published_at_each_step(
    basis: Command, tmp_path: Path
) -> None:
    closed(basis)
    why = ("--reason", "sybil", "--evidence", "one machine")

    assert basis("phase", "exclude", "s1", BOB, *why).code == 0
    excluded = read_published(tmp_path, "s1.draft.json")
    assert basis("phase", "appeal", "s1", BOB.lower(), "--text", "two").code == 0
    set_back(tmp_path, 2)
    undecided = basis("phase", "final", "s1")
    assert basis("phase", "resolve", "s1", BOB, "--accept", "--reason", "seen").code == 0
    restored = read_published(tmp_path, "s1.draft.json")

    assert excluded["exclusions"][0]["evidence"] == "one machine"
    assert [row["wallet"] for row in excluded["wallets"]] == [ALICE, CAROL]
    assert (undecided.code, undecided.out) == (5, "")
    assert "undecided" in undecided.err
    assert restored["exclusions"][0]["appeal"]["decision"] == "accepted"
    assert [row["wallet"] for row in restored["wallets"]] == sorted([ALICE, BOB, CAROL])
    assert basis("phase", "verify", "data/published/phases/s1.draft.json").code == 0
    assert basis("phase", "final", "s1", "--yes").code == 0


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (("--pool", "llm"), "NAME=POINTS:AMOUNT"),
        (("--pool", "llm=LLAMA"), "NAME=POINTS:AMOUNT"),
        (("--pool", "llm=DOGE:1"), "DOGE"),
        (("--pool", "llm=BASIS:1"), "LLAMA and WAIFU"),
        (("--pool", "x=LLAMA:-1"), "-1"),
        (("--pool", "x=LLAMA:1e6"), "1e6"),
        (("--pool", "x=LLAMA:0"), "0 base units"),
        (("--pool", "x=LLAMA:1.0000000000000000001"), "18 decimals"),
        (("--pool", "x=LLAMA:" + "9" * 40), "base units"),
        (("--pool", "x=LLAMA:" + "9" * 400), "--pool"),
        (("--pool", "x=LLAMA:1,5"), "1,5"),
        (("--pool", "llm=LLAMA:2"), "two pools"),
        (("--from", "2026-09-31"), "--from"),
        (("--from", "yesterday"), "--from"),
        (("--to", "2026-09-01"), "before it starts"),
        (("--appeal-days", "0"), "appeal-days"),
        (("--appeal-days", "-3"), "appeal-days"),
        (("--vesting", "soon"), "--vesting"),
        (("--vesting", "0+0x0"), "parts"),
        (("--vesting-from", "2026-10-01"), "before the phase ends"),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, tuple) else "",
)
def test_phase_open__wrong_input__exits_with_3_and_opens_nothing(
    basis: Command, change: tuple[str, ...], named: str
) -> None:
    outcome = basis(*OPEN, *change, "--yes")

    assert (outcome.code, outcome.out) == (3, "")
    assert named in outcome.err
    assert basis("phase", "show", "--json").json == []


@pytest.mark.parametrize("phase_id", ["", "Season", "a/b", "../x", "dust", "vested", "x" * 33])
def test_phase_open__id_that_is_none__exits_with_3(basis: Command, phase_id: str) -> None:
    outcome = basis(*OPEN[:2], phase_id, *OPEN[3:])

    assert outcome.code == 3
    assert "lower-case" in outcome.err


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("close", "s9"), 4),
        (("final", "s9"), 4),
        (("publish", "s9"), 4),
        (("show", "s9"), 4),
        (("suspects", "s9"), 4),
        (("exclude", "s9", BOB, "--reason", "sybil", "--evidence", "x"), 4),
        (("appeal", "s1", BOB, "--text", "x"), 4),
        (("resolve", "s1", BOB, "--deny", "--reason", "x"), 4),
        (("exclude", "s1", "0x12", "--reason", "sybil", "--evidence", "x"), 3),
        (("exclude", "s1", "0x" + "0" * 40, "--reason", "sybil", "--evidence", "x"), 3),
        (("exclude", "s1", BOB, "--reason", "rude", "--evidence", "x"), 3),
        (("exclude", "s1", BOB, "--reason", "sybil", "--evidence", " "), 3),
        (("exclude", "s1", BOB, "--reason", "sybil"), 2),
        (("resolve", "s1", BOB, "--reason", "x"), 2),
        (("final", "s1"), 5),
        (("publish", "s1"), 5),
        (("show", "--wallet", BOB), 3),
        (("show", "s1", "--wallet", "bob"), 3),
        (("vest", "--until", "2999-01-01"), 3),
        (("vest", "--until", "soon"), 3),
        (("verify", "nowhere.json"), 4),
        (("verify", "data"), 3),
        (("verify", "nowhere.json", "--signer", "me"), 3),
    ],
    ids=lambda value: " ".join(value)[:60] if isinstance(value, tuple) else str(value),
)
def test_phase__open_one_and_a_wrong_command__exits_with_its_code_and_changes_nothing(
    basis: Command, words: tuple[str, ...], code: int
) -> None:
    assert basis(*OPEN, "--yes").code == 0
    before = basis("phase", "show", "s1", "--json").json

    outcome = basis("phase", *words)

    assert (outcome.code, outcome.out) == (code, "")
    assert "Traceback" not in outcome.err
    assert basis("phase", "show", "s1", "--json").json == before


@pytest.mark.parametrize("words", [("final", "s1"), ("close", "s1")], ids=" ".join)
def test_phase__step_that_is_too_early_or_done__exits_with_5(
    basis: Command, words: tuple[str, ...]
) -> None:
    closed(basis)

    outcome = basis("phase", *words)

    assert (outcome.code, outcome.out) == (5, "")


def test_phase_publish__files_lost__writes_the_same_bytes(basis: Command, tmp_path: Path) -> None:
    final(basis, tmp_path)
    folder = tmp_path / "data" / "published" / "phases"
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    for path in folder.glob("s1.json*"):
        path.unlink()

    outcome = basis("phase", "publish", "s1")

    assert outcome.code == 0
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert sorted(before) == [
        "s1.draft.json",
        "s1.draft.json.sig.json",
        "s1.json",
        "s1.json.sig.json",
    ]


def test_phase_final__key_that_cannot_be_used__exits_with_6_and_stays_closed(
    basis: Command, tmp_path: Path
) -> None:
    closed(basis)
    set_back(tmp_path, 2)
    (tmp_path / "data" / "publisher.key").chmod(0o644)

    outcome = basis("phase", "final", "s1")

    assert (outcome.code, outcome.out) == (6, "")
    assert basis("phase", "show", "s1", "--json").json["status"] == "closed"


def test_phase_show__in_words__names_pools_lines_and_exclusions(basis: Command) -> None:
    closed(basis)
    basis("phase", "exclude", "s1", BOB, "--reason", "operator", "--evidence", "x")

    listed = basis("phase", "show").out
    shown = basis("phase", "show", "s1").out
    of_bob = basis("phase", "show", "s1", "--wallet", BOB).out

    assert "s1" in listed
    assert "1000 BASIS by LLAMA" in listed
    assert "0 days of cliff, then 2 parts, 1 days apart" in shown
    assert f"{BOB}  excluded: operator" in shown
    assert "excluded from 250 BASIS" in shown
    assert "3 LLAMA" in shown
    assert CAROL not in of_bob
    only = basis("phase", "show", "s1", "--wallet", BOB, "--json").json
    assert {row["wallet"] for row in only["lines"]} == {BOB}
    assert len(only["pools"]) == 2


def test_phase_suspects__honest_owners__names_nobody(basis: Command) -> None:
    assert basis(*OPEN, "--yes").code == 0

    outcome = basis("phase", "suspects", "s1")

    assert (outcome.code, outcome.out) == (0, "")
    assert "No wallet" in outcome.err
    assert basis("phase", "suspects", "s1", "--json").json == []
