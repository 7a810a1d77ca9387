"""What the worker's tests share: the shipped model, the orchestrator double, a folder."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from orchestrator_double import OrchestratorDouble, open_orchestrator
from running_worker import Running, Start

from basis.worker.models import ServedModel
from basis.worker.settings import WorkerSettings
from basis.worker.shipped import find_shipped_model

TEXT = ("chat", "completion")


@pytest.fixture
def tiny_gguf() -> Path:
    """The shipped tiny model's file."""
    path = find_shipped_model("basis-tiny")
    assert path is not None
    return path


@pytest.fixture
async def orchestrator() -> AsyncIterator[OrchestratorDouble]:
    """A running orchestrator double."""
    async with open_orchestrator() as double:
        yield double


def serve_tiny(local: str = "") -> list[ServedModel]:
    """The tiny model for texts and for embeddings, under one local name."""
    return [
        ServedModel(model="basis-tiny", local=local, kinds=TEXT, context_tokens=1_024),
        ServedModel(
            model="basis-tiny-embed", local=local, kinds=("embedding",), context_tokens=1_024
        ),
    ]


@pytest.fixture
async def start(orchestrator: OrchestratorDouble, tmp_path: Path) -> AsyncIterator[Start]:
    """Starts echo workers, whose settings a test may change; what still runs is ended after it."""
    workers: list[Running] = []

    def start_one(**changes: object) -> Running:
        chosen = {
            "orchestrator": orchestrator.url,
            "worker_id": "host-test",
            "runtime": "echo",
            "slots": 2,
            "state_folder": tmp_path,
            "backoff_first_s": 0.01,
            "backoff_most_s": 0.05,
        } | changes
        worker = Running(WorkerSettings(**chosen))  # type: ignore[arg-type] - a test's own words
        workers.append(worker)
        return worker

    yield start_one
    for worker in workers:
        worker.task.cancel()
    await asyncio.gather(*(worker.task for worker in workers), return_exceptions=True)
