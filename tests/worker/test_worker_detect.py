"""`--runtime auto`: Ollama where it has the models, else llama.cpp."""

from __future__ import annotations

from pathlib import Path

import pytest

from basis.wire.registration import RuntimeName
from basis.worker.exits import ExitCode, WorkerStop
from basis.worker.runtimes.detect import CHOICES, detect_runtime, make_runtime
from basis.worker.runtimes.ollama_double import OllamaDouble
from basis.worker.settings import AUTO, ModelChoice, WorkerSettings

NOWHERE = "http://127.0.0.1:9"


def settings(runtime: str = AUTO, url: str = NOWHERE, *models: ModelChoice) -> WorkerSettings:
    return WorkerSettings(
        orchestrator="http://o",
        worker_id="w",
        runtime=runtime,
        runtime_url=url,
        models=models,
    )


async def test_auto__ollama_has_every_model__is_ollama(tiny_gguf: Path) -> None:
    double = OllamaDouble({"tiny": tiny_gguf})
    url = await double.start()
    has_all = settings(AUTO, url, ModelChoice(model="basis-tiny", local="tiny"))
    lacks_one = settings(
        AUTO, url, ModelChoice(model="basis-tiny", local="tiny"), ModelChoice(model="basis-large")
    )
    assert await detect_runtime(has_all) is RuntimeName.OLLAMA
    assert await detect_runtime(lacks_one) is RuntimeName.LLAMACPP
    await double.stop()


async def test_auto__no_ollama__is_the_embedded_runtime() -> None:
    chosen = settings(AUTO, NOWHERE, ModelChoice(model="basis-tiny"))
    assert await detect_runtime(chosen) is RuntimeName.LLAMACPP


async def test_named__any_choice__is_taken_and_made() -> None:
    for name in CHOICES[1:]:
        detected = await detect_runtime(settings(name))
        assert detected.value == name
        assert make_runtime(detected, [], settings(name)).name is detected


async def test_named__no_such_runtime__is_wrong_usage() -> None:
    with pytest.raises(WorkerStop, match="none of auto") as raised:
        await detect_runtime(settings("abacus"))
    assert raised.value.exit_code is ExitCode.USAGE
