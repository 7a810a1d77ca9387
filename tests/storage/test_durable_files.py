"""Files that are there whole or not at all."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from basis.storage.durable_files import PUBLIC, create_once, replace_whole


def test_create_once__no_such_file__is_whole_and_private(tmp_path: Path) -> None:
    assert create_once(tmp_path / "new", b"first")

    assert (tmp_path / "new").read_bytes() == b"first"
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["new"]


def test_create_once__there_already__keeps_it(tmp_path: Path) -> None:
    create_once(tmp_path / "new", b"first")

    assert not create_once(tmp_path / "new", b"second")

    assert (tmp_path / "new").read_bytes() == b"first"
    assert [path.name for path in tmp_path.iterdir()] == ["new"]


def test_replace_whole__there_or_not__leaves_the_newest_alone(tmp_path: Path) -> None:
    for data in (b"a long first version", b"second"):
        replace_whole(tmp_path / "page", data, mode=PUBLIC)

        assert (tmp_path / "page").read_bytes() == data
    assert [path.name for path in tmp_path.iterdir()] == ["page"]


def test_replace_whole__over_a_folder__fails_and_leaves_no_draft(tmp_path: Path) -> None:
    (tmp_path / "page").mkdir()

    with pytest.raises(OSError, match="page"):
        replace_whole(tmp_path / "page", b"data")

    assert [path.name for path in tmp_path.iterdir()] == ["page"]
