"""Which runtime to use, and making it. Only the chosen one's file is imported."""

from __future__ import annotations

from collections.abc import Sequence

import aiohttp

from basis.wire.registration import RuntimeName
from basis.worker.exits import ExitCode, WorkerStop
from basis.worker.models import ServedModel
from basis.worker.runtimes.base import Runtime
from basis.worker.runtimes.llamacpp_server import is_installed
from basis.worker.settings import AUTO, WorkerSettings

CHOICES = (
    AUTO,
    RuntimeName.LLAMACPP.value,
    RuntimeName.OLLAMA.value,
    RuntimeName.VLLM.value,
    RuntimeName.OPENAI.value,
    RuntimeName.ECHO.value,
)
"""What `--runtime` takes; browsers and image runtimes are other programs."""

_NOTHING_FOUND = (
    "no runtime was found: install the embedded one (pip install 'basis[llamacpp]'), start Ollama "
    "and map its models (--models basis-default=TAG), or name a server with --runtime openai "
    "--runtime-url http://..."
)


async def detect_runtime(settings: WorkerSettings) -> RuntimeName:
    """The runtime that the settings name; for `auto`, Ollama if it has the models, else llama.cpp.

    Raises:
        WorkerStop: `auto` found nothing, or the name is none of `CHOICES`.
    """
    if settings.runtime != AUTO:
        if settings.runtime not in CHOICES:
            raise WorkerStop(
                ExitCode.USAGE, f"--runtime {settings.runtime!r} is none of {', '.join(CHOICES)}"
            )
        return RuntimeName(settings.runtime)
    if settings.models and await _ollama_has_all(settings):
        return RuntimeName.OLLAMA
    if is_installed():
        return RuntimeName.LLAMACPP
    raise WorkerStop(ExitCode.NO_RUNTIME, _NOTHING_FOUND)


def make_runtime(
    name: RuntimeName, served: Sequence[ServedModel], settings: WorkerSettings
) -> Runtime:
    """The runtime of this name, not yet started."""
    match name:
        case RuntimeName.LLAMACPP:
            from basis.worker.runtimes.llamacpp import LlamaCppRuntime

            return LlamaCppRuntime(served, slots=settings.slots, state_folder=settings.state_folder)
        case RuntimeName.OLLAMA:
            from basis.worker.runtimes.ollama import OllamaRuntime

            return OllamaRuntime(served, url=settings.runtime_url)
        case RuntimeName.OPENAI | RuntimeName.VLLM:
            from basis.worker.runtimes.openai import OpenAIRuntime

            return OpenAIRuntime(
                served, url=settings.runtime_url, api_key=settings.runtime_key, name=name
            )
        case RuntimeName.ECHO:
            from basis.worker.runtimes.echo import EchoRuntime

            return EchoRuntime(served)
        case RuntimeName.WEBGPU | RuntimeName.DIFFUSERS | RuntimeName.COMFYUI:
            raise WorkerStop(ExitCode.USAGE, f"this program does not drive {name.value}")


async def _ollama_has_all(settings: WorkerSettings) -> bool:
    from basis.worker.runtimes.ollama import DEFAULT_URL
    from basis.worker.runtimes.ollama_models import load_tags

    async with aiohttp.ClientSession() as session:
        tags = await load_tags(session, settings.runtime_url or DEFAULT_URL)
    return tags is not None and all(
        tags.find(choice.local or choice.model) is not None for choice in settings.models
    )
