"""The worker's log and what it sends hold no word of a customer's, whatever its runtime says."""

from __future__ import annotations

import asyncio
import signal
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from aiohttp import web
from orchestrator_double import OrchestratorDouble, chat_job

from basis.wire import frames

PROMPT = "xyzzy-of-the-customer"
PROGRAM = "from basis.cli.worker import app; app()"
HEAD = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "tiny"}


def said(**choice: object) -> bytes:
    """One event of a stream with this choice in it."""
    return b"data: " + msgspec.json.encode({**HEAD, "choices": [{"index": 0, **choice}]}) + b"\n\n"


ANSWERS: dict[str, tuple[int, bytes]] = {
    "500 in plain text": (500, f"bad input: {PROMPT}".encode()),
    "500 with labels": (500, b'{"error":{"message":"%b","type":"%b","code":"%b"}}' % (
        (PROMPT.encode(),) * 3
    )),
    "400 with labels": (400, b'{"error":{"message":"no","param":"%b"}}' % PROMPT.encode()),
    "error in the stream": (200, b'data: {"error":{"message":"%b"}}\n\n' % PROMPT.encode()),
    "unknown finish": (200, said(delta={"content": "a"}) + said(delta={}, finish_reason=PROMPT)),
    "unknown shape": (200, b'data: {"choices":"%b"}\n\n' % PROMPT.encode()),
}  # fmt: skip


@pytest.fixture
async def runtime_url(request: pytest.FixtureRequest) -> AsyncIterator[str]:
    """A server that answers every chat with the parameter of the test."""
    status, body = request.param

    async def list_models(_: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": [{"id": "tiny", "object": "model"}]})

    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=status, body=body, content_type="text/event-stream")

    app = web.Application()
    app.router.add_get("/v1/models", list_models)
    app.router.add_post("/v1/chat/completions", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield "http://127.0.0.1:{1}/v1".format(*runner.addresses[0])
    await runner.cleanup()


@pytest.mark.parametrize("runtime_url", ANSWERS.values(), ids=ANSWERS.keys(), indirect=True)
async def test_log__runtime_that_quotes_the_prompt__is_quoted_neither_here_nor_there(
    orchestrator: OrchestratorDouble, runtime_url: str, tmp_path: Path
) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PROGRAM, "run", "--json", "--orchestrator", orchestrator.url),
        *("--wallet", "0x" + "11" * 20, "--state-folder", str(tmp_path)),
        *("--runtime", "openai", "--runtime-url", runtime_url, "--models", "basis-tiny=tiny"),
        stdout=PIPE,
        stderr=PIPE,
    )
    connection = await orchestrator.connected()
    await connection.send(chat_job(PROMPT, model="basis-tiny"))
    failed = (await connection.until_end("lease-1"))[-1]
    process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(30):
        out, err = await process.communicate()

    assert isinstance(failed, frames.Failed)
    assert failed.detail
    assert PROMPT not in failed.detail
    assert b'"outcome": "failed"' in err
    assert PROMPT.encode() not in out + err
