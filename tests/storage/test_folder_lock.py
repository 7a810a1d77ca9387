"""One orchestrator per data folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from basis.rules.errors import Misconfigured
from basis.storage.folder_lock import hold_folder
from tests.support.orchestrators import orchestrator


def test_hold_folder__held_already__refuses_the_second(tmp_path: Path) -> None:
    with (
        hold_folder(tmp_path),
        pytest.raises(Misconfigured, match="another orchestrator"),
        hold_folder(tmp_path),
    ):
        pytest.fail("two hold one folder")


def test_hold_folder__given_back__can_be_held_again(tmp_path: Path) -> None:
    with hold_folder(tmp_path):
        pass
    with hold_folder(tmp_path):
        assert (tmp_path / "orchestrator.lock").is_file()


async def test_orchestrator__second_on_one_folder__does_not_start(tmp_path: Path) -> None:
    async with orchestrator(tmp_path):
        with pytest.raises(Misconfigured, match="stop it first"):
            async with orchestrator(tmp_path):
                pytest.fail("two orchestrators run on one folder")
