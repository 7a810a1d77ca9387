"""Runs the command's entry point in this process, in a folder of its own."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import structlog

from basis.cli.main import run
from basis.storage.database import begin_write, open_database
from tests.support.books import ALICE, BOB, Books, make_data_folder, register
from tests.support.orchestrators import prepare_folder


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Its standard output, which must be JSON and nothing else."""
        assert self.code == 0, self.err
        return json.loads(self.out)


Command = Callable[..., Outcome]


@pytest.fixture
def forgetful_log(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Lets a command set the log up for itself alone: a cached logger would outlive its test."""
    before, configure = structlog.get_config(), structlog.configure

    def configure_for_now(**options: Any) -> None:
        configure(**{**options, "cache_logger_on_first_use": False})

    monkeypatch.setattr(structlog, "configure", configure_for_now)
    yield
    configure(**before)


@pytest.fixture
def basis(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    forgetful_log: None,
) -> Command:
    """Types `basis ...` in an empty folder and without settings in the environment."""
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith("BASIS_"):
            monkeypatch.delenv(name)

    def type_command(*arguments: str) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["basis", *arguments])
        capsys.readouterr()
        code = 0
        try:
            run()
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else 1
        printed = capsys.readouterr()
        return Outcome(code=code, out=printed.out, err=printed.err)

    return type_command


@pytest.fixture
def books(tmp_path: Path) -> Books:
    """Full books in `data` of the working folder, where commands look by default."""
    engine, books = make_data_folder(tmp_path / "data")
    engine.dispose()
    return books


@pytest.fixture
def workers(tmp_path: Path) -> Path:
    """A store in `data` of the working folder, with a worker of Alice's and two of Bob's."""
    prepare_folder(tmp_path / "data")
    engine = open_database(tmp_path / "data", create=False)
    with begin_write(engine) as connection:
        for worker_id, wallet in [("alice-1", ALICE), ("bob-1", BOB), ("bob-2", BOB)]:
            register(connection, worker_id, wallet)
    engine.dispose()
    return tmp_path / "data"
