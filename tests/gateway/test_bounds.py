"""What one customer or one worker can cost everybody else is bounded."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import pytest

from basis.rules.errors import StorageUnavailable
from basis.storage.writer import GroupCommitWriter
from basis.wire import frames
from tests.support.answers import expect_error
from tests.support.house import open_house
from tests.support.scripted_worker import ScriptedWorker


async def test_chat__prompt_longer_than_any_context__is_refused_uncounted(tmp_path: Path) -> None:
    async with (
        open_house(tmp_path) as house,
        house.customer.chat("a" * 900_000) as response,
    ):
        message = await expect_error(response, 400, "context_length_exceeded", param="messages")
    assert "in any case" in message


async def test_chat__many_small_tool_call_deltas__are_no_overrun(tmp_path: Path) -> None:
    async def call_letter_by_letter(worker: ScriptedWorker, job: frames.Job) -> None:
        for seq in range(200):
            name = {"id": "call_1", "function": {"name": "f", "arguments": "x"}}
            delta = {"index": 0, **(name if seq == 0 else {"function": {"arguments": "x"}})}
            await worker.chunk(job, seq, "", tool_calls=[delta])
        await worker.done(job, 200, finish_reason=frames.FinishReason.TOOL_CALLS)

    async with (
        open_house(tmp_path, script=call_letter_by_letter) as house,
        house.customer.chat(max_tokens=200) as response,
    ):
        answer = await response.json()
    assert response.status == 200, answer
    call = answer["choices"][0]["message"]["tool_calls"][0]
    assert call["function"]["arguments"] == "x" * 200


@pytest.mark.parametrize("is_asked", [True, False], ids=["asked", "unasked"])
async def test_chat__more_logprobs_than_tokens_can_have__are_an_overrun(
    tmp_path: Path, is_asked: bool
) -> None:
    weight = msgspec.Raw(b'{"content":[' + b",".join([b"[]"] * 30_000) + b"]}")

    async def weigh_without_end(worker: ScriptedWorker, job: frames.Job) -> None:
        count = await worker.stream(job, ["a"] * 10, logprobs=weight)
        await worker.done(job, count)

    async with open_house(tmp_path, script=weigh_without_end, window_frames=4) as house:
        asking = house.customer.chat(max_tokens=10, logprobs=is_asked)
        async with asking as response:
            await expect_error(response, 502, "protocol_violation")


@pytest.mark.parametrize("index", [1, 0], ids=["beyond", "twice"])
async def test_embedding__vector_that_nobody_asked_for__fails_the_job(
    tmp_path: Path, index: int
) -> None:
    async def send_two(worker: ScriptedWorker, job: frames.Job) -> None:
        for seq, place in enumerate((0, index)):
            vector = frames.Vector(lease_id=job.lease_id, seq=seq, index=place, values=[0.5])
            await worker.send(vector)
        await worker.done(job, 2)

    async with open_house(tmp_path, script=send_two) as house:
        asked = {"model": "basis-tiny-embed", "input": "a dog"}
        async with house.customer.post("/v1/embeddings", **asked) as response:
            await expect_error(response, 502, "worker_failed")


async def test_presence__store_refuses_once__is_written_the_next_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from basis.gateway.upkeep import flush_presence

    async with open_house(tmp_path) as house:
        context = house.running.context
        changes = context.presence.take_changes(minute=0)
        context.presence.put_back(changes)
        write = GroupCommitWriter.write
        refused = 0

        async def refuse_once(writer: GroupCommitWriter, operation: object) -> object:
            nonlocal refused
            refused += 1
            if refused == 1:
                raise StorageUnavailable("the disk is full")
            return await write(writer, operation)  # type: ignore[arg-type]  # passed on as it came

        monkeypatch.setattr(GroupCommitWriter, "write", refuse_once)
        await flush_presence(context)
        await flush_presence(context)
    assert changes
    assert refused == 2


async def test_log__header_that_cannot_be_parsed__is_not_quoted(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    async with open_house(tmp_path) as house:
        host, _colon, port = house.running.url.removeprefix("http://").rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(
            b"GET /v1/models HTTP/1.1\r\nAuthorization: Bearer sk-basis-\x01SECRET\r\n\r\n"
        )
        answer = await reader.read()
        writer.close()
    assert b" 400 " in answer
    captured = capfd.readouterr()
    assert "SECRET" not in captured.out + captured.err
