"""Published periods to audit."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from basis.accounting.export import export_period
from basis.accounting.periods import parse_period
from basis.storage.database import open_database
from tests.audit.forging import KEY
from tests.audit.rewarded_network import publish_network
from tests.support.books import make_data_folder

DAY = "2026-11-21"
LATER = "2027-01-01T00:00:00.000Z"


@pytest.fixture(scope="module")
def honest_export(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A period with every kind of record in it, which nobody has touched."""
    folder = tmp_path_factory.mktemp("honest")
    engine, _books = make_data_folder(folder)
    published = export_period(
        engine,
        parse_period(DAY),
        out=folder / "out",
        sign=KEY.sign_file_hash,
        version="test",
        now=LATER,
    )
    engine.dispose()
    return published.folder


@pytest.fixture
def period(honest_export: Path, tmp_path: Path) -> Path:
    """A copy of that period, for a test to forge."""
    copy = tmp_path / honest_export.name
    shutil.copytree(honest_export, copy)
    return copy


@pytest.fixture(scope="package")
def honest_network(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three periods of a network with boosts and phases, which nobody has touched."""
    return publish_network(tmp_path_factory.mktemp("network"))


@pytest.fixture
def network(honest_network: list[Path], tmp_path: Path) -> list[Path]:
    """A copy of those periods, for a test to forge."""
    copies = [tmp_path / folder.name for folder in honest_network]
    for folder, copy in zip(honest_network, copies, strict=True):
        shutil.copytree(folder, copy)
    return copies


@pytest.fixture
def publish(tmp_path: Path) -> Callable[..., Path]:
    """Publishes a period of the books in `tmp_path` beside them."""

    def publish_period(name: str, *, now: str = LATER) -> Path:
        engine = open_database(tmp_path / "data", create=False)
        try:
            return export_period(
                engine,
                parse_period(name),
                out=tmp_path / "out",
                sign=KEY.sign_file_hash,
                version="test",
                now=now,
            ).folder
        finally:
            engine.dispose()

    return publish_period


@pytest.fixture
def publisher() -> str:
    """The address of whoever publishes in these tests."""
    return KEY.address
