"""llama.cpp in its own process: it ends with its owner, and a death is repaired."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import aiohttp
import pytest

from basis.wire.frames import WorkerFault
from basis.worker.exits import ExitCode, WorkerStop
from basis.worker.runtimes.base import RuntimeFailure
from basis.worker.runtimes.conformance import Subject, gather_answer
from basis.worker.runtimes.llamacpp import LlamaCppRuntime
from basis.worker.runtimes.llamacpp_process import ServerPlan
from basis.worker.runtimes.llamacpp_server import choose_threads, open_server
from conftest import serve_tiny


def plan(path: Path) -> ServerPlan:
    return ServerPlan(
        path=str(path), slots=1, context_tokens=256, embeds=False, api_key="k", threads=1
    )


async def is_listening(url: str) -> bool:
    async with aiohttp.ClientSession() as session:
        try:
            async with session.get(f"{url}/health") as answer:
                return answer.status == 200
        except aiohttp.ClientError:
            return False


async def test_server__opened_and_closed_many_times__never_hangs(tiny_gguf: Path) -> None:
    """In one process the wheel's server deadlocks here with the interpreter's lock held."""
    async with asyncio.timeout(60):
        for _ in range(5):
            server = await open_server(plan(tiny_gguf))
            await server.close()
            assert not await is_listening(server.url)


async def test_server__without_its_key__answers_nobody(tiny_gguf: Path) -> None:
    server = await open_server(plan(tiny_gguf))
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{server.url}/v1/completions", json={"prompt": "x"}) as answer,
    ):
        status = answer.status
    await server.close()
    assert status == 401


async def test_server__no_gguf__is_one_clear_error(tmp_path: Path) -> None:
    file = tmp_path / "model.gguf"
    file.write_bytes(b"GGUF" + bytes(100))
    with pytest.raises(WorkerStop, match="cannot load") as raised:
        await open_server(plan(file))
    assert raised.value.exit_code is ExitCode.NO_MODEL


async def test_runtime__process_killed__answers_the_next_job_from_a_new_one(
    tiny_gguf: Path, tmp_path: Path
) -> None:
    runtime = LlamaCppRuntime(serve_tiny(), slots=1, state_folder=tmp_path)
    await runtime.start()
    subject = Subject(runtime=runtime, text_model="basis-tiny")
    before = (await gather_answer(subject.open_chat())).text
    (pid,) = children_of(os.getpid())
    os.kill(pid, signal.SIGKILL)
    async with asyncio.timeout(20):
        after = await answer_at_last(subject)
    assert after == before
    await runtime.stop()
    assert children_of(os.getpid()) == set()


async def answer_at_last(subject: Subject) -> str:
    """The answer to the first job that comes after the death was noticed."""
    while True:
        try:
            return (await gather_answer(subject.open_chat())).text
        except RuntimeFailure as failure:
            if failure.reason not in {
                WorkerFault.RUNTIME_UNREACHABLE,
                WorkerFault.RUNTIME_TRUNCATED,
            }:
                raise


def children_of(pid: int) -> set[int]:
    """The living child processes that hold a llama.cpp server."""
    found: set[int] = set()
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        try:
            command = Path(f"/proc/{child}/cmdline").read_bytes()
        except OSError:
            continue
        if b"llamacpp_process" in command:
            found.add(int(child))
    return found


OWNER = """
import asyncio, sys
from basis.worker.runtimes.llamacpp_process import ServerPlan
from basis.worker.runtimes.llamacpp_server import open_server

async def main():
    plan = ServerPlan(path=sys.argv[1], slots=1, context_tokens=64, embeds=False, api_key="k")
    server = await open_server(plan)
    print(server.url, flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


async def test_server__its_owner_killed__ends_too(tiny_gguf: Path) -> None:
    owner = await asyncio.create_subprocess_exec(
        sys.executable, "-c", OWNER, str(tiny_gguf), stdout=asyncio.subprocess.PIPE
    )
    assert owner.stdout is not None
    url = (await owner.stdout.readline()).decode().strip()
    (child,) = children_of(owner.pid)
    ended = asyncio.Event()
    watch = os.pidfd_open(child)
    asyncio.get_running_loop().add_reader(watch, ended.set)
    owner.kill()
    async with asyncio.timeout(20):
        await ended.wait()
    asyncio.get_running_loop().remove_reader(watch)
    os.close(watch)
    await owner.communicate()
    assert not await is_listening(url)


def test_threads__tiny_file__is_computed_by_one() -> None:
    assert choose_threads(5 << 20) == 1
    assert choose_threads(5 << 30) == 0
