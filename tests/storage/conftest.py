"""A fresh, migrated store for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from basis.storage.database import for_writing, open_database
from tests.support.orchestrators import prepare_folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data folder with a store and a pepper in it."""
    prepare_folder(tmp_path / "data")
    return tmp_path / "data"


@pytest.fixture
def engine(folder: Path) -> Iterator[Engine]:
    """The folder's store; its transactions may write."""
    engine = open_database(folder, create=False)
    yield for_writing(engine)
    engine.dispose()
