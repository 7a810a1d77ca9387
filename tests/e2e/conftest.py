"""One whole network per module: `basis up` and `basis worker run` on the shipped model."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import openai
import pytest

from tests.support.basis_process import (
    BasisProcess,
    create_key,
    start_orchestrator,
    start_worker,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """Where it is, and a key for it."""

    url: str
    key: str
    folder: Path
    orchestrator: BasisProcess
    worker: BasisProcess

    @property
    def client(self) -> openai.OpenAI:
        """The official client, which shows each failure instead of trying again."""
        return openai.OpenAI(base_url=f"{self.url}/v1", api_key=self.key, max_retries=0, timeout=60)


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    """A network that answers with real inference."""
    folder = tmp_path_factory.mktemp("network")
    orchestrator, url = start_orchestrator(folder)
    with orchestrator, start_worker(folder, url) as worker:
        worker.wait_for("connected")
        yield Network(
            url=url,
            key=create_key(folder),
            folder=folder,
            orchestrator=orchestrator,
            worker=worker,
        )


def find_program(name: str, *, folder: Path | None = None) -> str:
    """The path of a program that the test needs: without it, skips at home and fails in CI."""
    path = shutil.which(name, path=str(folder) if folder else None)
    if path is not None:
        return path
    if os.environ.get("CI"):
        pytest.fail(f"{name} is not here, and in CI nothing is skipped")
    pytest.skip(f"{name} is not installed")
