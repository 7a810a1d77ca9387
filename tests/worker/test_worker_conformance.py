"""Every runtime, held to the shipped suite; and the suite itself, held to a runtime that lies."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from basis.wire.frames import FinishReason, Job, JobKind
from basis.wire.registration import RuntimeName
from basis.worker.models import ServedModel
from basis.worker.runtimes.base import Finish, Piece, Runtime, RuntimeFacts, TextPiece
from basis.worker.runtimes.conformance import (
    CHECKS,
    Check,
    ConformanceFailure,
    Subject,
    run_check,
)
from basis.worker.runtimes.echo import EchoRuntime
from basis.worker.runtimes.llamacpp import LlamaCppRuntime
from basis.worker.runtimes.llamacpp_process import ServerPlan
from basis.worker.runtimes.llamacpp_server import open_server
from basis.worker.runtimes.ollama import DEFAULT_URL, OllamaRuntime
from basis.worker.runtimes.ollama_double import OllamaDouble
from basis.worker.runtimes.openai import OpenAIRuntime
from conftest import TEXT, serve_tiny

SLOTS = 2
NAMES = ["llamacpp", "ollama", "openai", "echo"]


@asynccontextmanager
async def open_subject(name: str, *, gguf: Path, state_folder: Path) -> AsyncIterator[Subject]:
    """A started runtime of this name, over the tiny model where it needs one."""
    async with open_backing(name, gguf) as (url, key):
        runtime: Runtime
        match name:
            case "llamacpp":
                runtime = LlamaCppRuntime(serve_tiny(), slots=SLOTS, state_folder=state_folder)
            case "ollama":
                runtime = OllamaRuntime(serve_tiny("tiny"), url=url)
            case "openai":
                runtime = OpenAIRuntime(serve_tiny(str(gguf)), url=url, api_key=key)
            case _:
                runtime = EchoRuntime([ServedModel(model="basis-tiny", local="", kinds=TEXT)])
        await runtime.start()
        try:
            yield Subject(
                runtime=runtime,
                text_model="basis-tiny",
                embedding_model="" if name == "echo" else "basis-tiny-embed",
                slots=SLOTS,
            )
        finally:
            await runtime.stop()


@asynccontextmanager
async def open_backing(name: str, gguf: Path) -> AsyncIterator[tuple[str, str]]:
    """What stands behind a runtime that runs elsewhere: its address and key."""
    if name == "ollama":
        double = OllamaDouble({"tiny": gguf}, num_parallel=SLOTS)
        url = await double.start()
        try:
            yield url, ""
        finally:
            await double.stop()
    elif name == "openai":
        plan = ServerPlan(
            path=str(gguf),
            slots=SLOTS,
            context_tokens=1_024,
            embeds=True,
            api_key="sk-test",
            threads=1,
        )
        server = await open_server(plan)
        try:
            yield server.url, "sk-test"
        finally:
            await server.close()
    else:
        yield "", ""


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name.replace(" ", "_"))
@pytest.mark.parametrize("name", NAMES)
async def test_conformance__each_shipped_runtime__keeps_each_promise(
    name: str, check: Check, tiny_gguf: Path, tmp_path: Path
) -> None:
    async with open_subject(name, gguf=tiny_gguf, state_folder=tmp_path) as subject:
        kept = not check.applies_to(subject) or await run_check(check, subject) is None
    assert kept


class LyingRuntime:
    """Breaks every promise about texts: one piece, its own length, no counts, anything goes."""

    name = RuntimeName.ECHO

    def __init__(self) -> None:
        self._calls = 0

    async def start(self) -> None: ...

    async def facts(self) -> RuntimeFacts:
        return RuntimeFacts(version="", offers=())

    async def run(self, job: Job) -> AsyncGenerator[Piece, None]:
        self._calls += 1
        yield TextPiece(text=f"answer number {self._calls}")
        yield Finish(
            finish_reason=FinishReason.LENGTH
            if job.kind is JobKind.EMBEDDING
            else FinishReason.TOOL_CALLS
        )

    async def stop(self) -> None: ...


BROKEN = [check for check in CHECKS if "slots" not in check.name]


@pytest.mark.parametrize("check", BROKEN, ids=lambda check: check.name.replace(" ", "_"))
async def test_conformance__runtime_that_lies__is_caught(check: Check) -> None:
    subject = Subject(runtime=LyingRuntime(), text_model="m", embedding_model="e")
    with pytest.raises(ConformanceFailure):
        await run_check(check, subject)


@pytest.mark.skipif(shutil.which("ollama") is None, reason="there is no ollama on the PATH")
async def test_conformance__real_ollama__keeps_each_promise(
    tiny_gguf: Path, tmp_path: Path
) -> None:
    """Needs a running `ollama serve`; the tiny model is imported under a name of its own."""
    modelfile = tmp_path / "Modelfile"
    modelfile.write_text(f"FROM {tiny_gguf}\nTEMPLATE {{{{ .Prompt }}}}\n")
    await run_ollama("create", "basis-test", "-f", str(modelfile))
    runtime = OllamaRuntime(serve_tiny("basis-test"), url=DEFAULT_URL)
    subject = Subject(runtime=runtime, text_model="basis-tiny", embedding_model="basis-tiny-embed")
    try:
        await runtime.start()
        for check in CHECKS:
            await run_check(check, subject)
        offers = (await runtime.facts()).offers
    finally:
        await runtime.stop()
        await run_ollama("rm", "basis-test")
    assert all(offer.digest.startswith("ollama:") for offer in offers)


async def run_ollama(*arguments: str) -> None:
    """Ollama's own command line."""
    process = await asyncio.create_subprocess_exec("ollama", *arguments)
    assert await process.wait() == 0
