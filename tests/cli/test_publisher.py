"""`basis publisher`: shows an address, makes one key, and shows none."""

from __future__ import annotations

from pathlib import Path

from basis.storage.publisher_key import PUBLISHER_KEY_FILE
from tests.cli.conftest import Command
from tests.support.books import Books


def test_publisher_show__no_key_yet__exits_with_4_and_makes_none(
    basis: Command, books: Books, tmp_path: Path
) -> None:
    outcome = basis("publisher", "show")

    assert (outcome.code, outcome.out) == (4, "")
    assert "basis publisher new" in outcome.err
    assert not (tmp_path / "data" / PUBLISHER_KEY_FILE).exists()


def test_publisher_new__first__shows_the_address_and_no_secret(
    basis: Command, books: Books, tmp_path: Path
) -> None:
    made = basis("publisher", "new")
    shown = basis("publisher", "show")
    secret = (tmp_path / "data" / PUBLISHER_KEY_FILE).read_text(encoding="ascii")

    assert made.code == shown.code == 0
    assert made.out == shown.out
    assert made.out.strip().startswith("0x")
    assert basis("publisher", "show", "--json").json == {"address": made.out.strip()}
    assert secret not in made.out + made.err + shown.out + shown.err


def test_publisher_new__second__exits_with_5_and_keeps_the_first(
    basis: Command, books: Books
) -> None:
    first = basis("publisher", "new", "--json").json

    outcome = basis("publisher", "new")

    assert (outcome.code, outcome.out) == (5, "")
    assert basis("publisher", "show", "--json").json == first


def test_publisher_show__key_open_to_others__exits_with_6(
    basis: Command, books: Books, tmp_path: Path
) -> None:
    basis("publisher", "new")
    (tmp_path / "data" / PUBLISHER_KEY_FILE).chmod(0o644)

    outcome = basis("publisher", "show")

    assert (outcome.code, outcome.out) == (6, "")
    assert "chmod 600" in outcome.err
