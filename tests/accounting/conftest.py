"""Stores to account in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from basis.storage.database import for_writing, open_database
from tests.support.orchestrators import prepare_folder


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """An empty store; its transactions may write."""
    prepare_folder(tmp_path / "data")
    engine = open_database(tmp_path / "data", create=False)
    yield for_writing(engine)
    engine.dispose()
