"""`basis phase open` and `final` without --yes: shown as they would be, and nothing is done."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Command
from tests.cli.test_phase import (
    OPEN,
    closed,
    points,  # noqa: F401 - the books of these tests too
    set_back,
)
from tests.support.books import ALICE


def test_phase_open__without_yes__shows_it_and_opens_nothing(basis: Command) -> None:
    shown = basis(*OPEN)

    assert shown.code == 0
    assert shown.out.startswith("phase s1  open\n")
    assert "Nothing is booked" in shown.err
    assert basis("phase", "show", "--json").json == []
    assert basis("ledger", "statement", "emission/phases", "--json").json == []
    assert basis(*OPEN, "--yes").out == shown.out
    assert "It was booked before" in basis(*OPEN).err


def test_phase_final__without_yes__shows_what_it_will_be_and_shares_nothing_out(
    basis: Command, tmp_path: Path
) -> None:
    closed(basis)
    set_back(tmp_path, 2)
    entries = basis("ledger", "rebuild", "--json").json["entries"]

    shown = basis("phase", "final", "s1", "--json")
    in_words = basis("phase", "final", "s1")

    assert "Nothing is booked" in shown.err
    assert ALICE in in_words.out
    assert basis("phase", "show", "s1", "--json").json["status"] == "closed"
    assert basis("ledger", "rebuild", "--json").json["entries"] == entries
    assert not (tmp_path / "data" / "published" / "phases" / "s1.json").exists()
    address = basis("publisher", "show").out.strip()
    assert f"It would be signed by {address}." in shown.err
    done = basis("phase", "final", "s1", "--yes", "--json")
    assert {**done.json, "finalAt": ""} == {**shown.json, "finalAt": ""}
    assert done.err.count("Nothing is booked") == 0
