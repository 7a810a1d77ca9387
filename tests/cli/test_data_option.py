"""`--data` with what can be no folder: one line that quotes its beginning, and exit code 6."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Command

NO_FOLDERS = ["~nobody-of-this-name/x", "x" * 300, "deep/" * 2_000]
COMMANDS = [
    ("key", "create"),
    ("key", "list"),
    ("account", "list"),
    ("pricing", "show"),
    ("receipt", "list"),
    ("batch", "close"),
    ("model", "list"),
    ("recompute",),
    ("up",),
]


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("folder", NO_FOLDERS, ids=["nobody's home", "long name", "long path"])
def test_data__can_be_no_folder__exits_with_6_and_one_short_line(
    basis: Command, tmp_path: Path, folder: str, words: tuple[str, ...]
) -> None:
    outcome = basis(*words, "--data", folder)

    assert (outcome.code, outcome.out) == (6, "")
    assert folder[:60] in outcome.err
    assert "expected the path of a folder" in outcome.err
    assert "Traceback" not in outcome.err
    assert len(outcome.err) < 300
    assert not list(tmp_path.iterdir())
