"""What a worker may send on its open link, and what ends it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from basis.wire import frames
from tests.support.answers import expect_error
from tests.support.house import House, open_house
from tests.support.orchestrators import stored_receipts, until
from tests.support.scripted_worker import Script, ScriptedWorker, say_hello


async def notice_at_the_end(worker: ScriptedWorker) -> frames.Notice:
    """The last word of a link that was ended."""
    async with asyncio.timeout(20):
        await worker.closed.wait()
    return worker.of_kind(frames.Notice)[-1]


async def say_nothing(_worker: ScriptedWorker, _job: frames.Job) -> None:
    """Takes the job, and never answers."""


@pytest.mark.parametrize(
    "text",
    [
        "garbage",
        "{}",
        '{"type":"chunkk"}',
        '{"type":"status"}',
        '{"type":"status","busy_slots":"one"}',
        '{"type":"status","busy_slots":0,"colour":"red"}',
        '{"type":"failed","lease_id":"x","reason":"tired"}',
        '{"type":"chunk","lease_id":"x","seq":-1}',
        '{"type":"chunk","lease_id":"x","seq":%s}' % ("9" * 4_299),
        '{"type":"chunk","lease_id":"x","seq":0,"token_ids":[%s]}' % ("9" * 4_299),
        '{"type":"vector","lease_id":"x","seq":0,"index":-1,"values":[]}',
        '{"type":"done","lease_id":"x","frames":%s}' % ("9" * 4_299),
        '{"type":"status","busy_slots":%s}' % ("9" * 4_299),
        '{"type":"ping","nonce":%s}' % ("9" * 4_299),
        '{"type":"chunk","lease_id":"x","seq":0,"tool_calls":' + "[" * 3_000 + "]" * 3_000 + "}",
    ],
    ids=lambda text: text[:60].replace("[", ""),
)
async def test_frame__garbage__ends_the_link_and_says_why(tmp_path: Path, text: str) -> None:
    async with open_house(tmp_path) as house:
        await house.worker.send_raw(text)
        notice = await notice_at_the_end(house.worker)
        await until(lambda: not house.context.dispatcher.sessions)

    assert (notice.level, notice.code) == ("error", "bad_frame")
    assert "9999" not in notice.text


async def test_frame__binary__ends_the_link_and_says_why(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        await house.worker.socket.send_bytes(b'{"type":"status","busy_slots":0}')
        notice = await notice_at_the_end(house.worker)

    assert notice.code == "bad_frame"
    assert "binary" in notice.text


@pytest.mark.parametrize(
    "field", [b'"text":"\xff"', b'"logprobs":{"a":"\xff"}', b'"tool_calls":["\xff"]']
)
async def test_frame__invalid_utf_8__ends_the_link_and_says_why(
    tmp_path: Path, field: bytes
) -> None:
    async def send_bytes_as_text(worker: ScriptedWorker, job: frames.Job) -> None:
        data = b'{"type":"chunk","lease_id":"%s","seq":0,%s}' % (job.lease_id.encode(), field)
        await worker.socket.send_frame(data, aiohttp.WSMsgType.TEXT)

    async with open_house(tmp_path, script=send_bytes_as_text) as house:
        async with house.customer.chat(stream=True) as response:
            await expect_error(response, 502, "worker_lost")
        notice = await notice_at_the_end(house.worker)

    assert notice.code == "bad_frame"


async def test_frame__larger_than_a_mebibyte__ends_the_link(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        await house.worker.send_raw('{"type":"chunk","text":"' + "x" * (1 << 20) + '"}')
        async with asyncio.timeout(20):
            await house.worker.closed.wait()
        await until(lambda: not house.context.dispatcher.sessions)

    assert house.worker.socket.close_code == aiohttp.WSCloseCode.MESSAGE_TOO_BIG


async def test_frame__second_hello__ends_the_link(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        await house.worker.send(house.worker.hello())
        notice = await notice_at_the_end(house.worker)

    assert (notice.code, notice.text) == ("protocol_violation", "a second hello came")


def sending(*sent: dict[str, Any]) -> Script:
    """A worker that sends these frames, its own lease filled in where none is named."""

    async def send(worker: ScriptedWorker, job: frames.Job) -> None:
        for frame in sent:
            await worker.send_raw(msgspec.json.encode({"lease_id": job.lease_id, **frame}).decode())

    return send


VIOLATIONS = {
    "out-of-order": sending({"type": "chunk", "seq": 1, "text": "x"}),
    "twice": sending(*[{"type": "chunk", "seq": 0, "text": "x"}] * 2),
    "too-long": sending({"type": "chunk", "seq": 0, "text": "x" * 65_537}),
    "too-long-together": sending(
        {"type": "chunk", "seq": 0, "text": "x" * 40_000, "reasoning": "y" * 40_000}
    ),
    "too-long-logprobs": sending(
        {"type": "chunk", "seq": 0, "logprobs": {"content": ["x" * (128 << 10)]}}
    ),
    "too-long-calls": sending(
        {
            "type": "chunk",
            "seq": 0,
            "tool_calls": [
                {"index": number, "id": "c", "function": {"name": "f", "arguments": "x" * 65_536}}
                for number in range(2)
            ],
        }
    ),
    "wrong-count": sending({"type": "chunk", "seq": 0, "text": "x"}, {"type": "done", "frames": 2}),
    "no-frames-claimed": sending(
        {"type": "chunk", "seq": 0, "text": "x"}, {"type": "done", "frames": 0}
    ),
    "beyond-the-window": sending(
        *[{"type": "chunk", "seq": seq, "text": ""} for seq in range(4_000)]
    ),
}


@pytest.mark.parametrize("script", VIOLATIONS.values(), ids=VIOLATIONS)
async def test_lease_frame__against_the_protocol__fails_the_job_and_ends_the_link(
    tmp_path: Path, script: Script
) -> None:
    async with open_house(tmp_path, script=script, window_frames=8) as house:
        async with house.customer.chat() as response:
            await expect_error(response, 502, "protocol_violation")
        notice = await notice_at_the_end(house.worker)
        receipt = await house.receipt()

    assert notice.code == "protocol_violation"
    assert (receipt.status.value, receipt.core.total_charged_raw) == ("failed", 0)


@pytest.mark.parametrize(
    "frame",
    [
        {"type": "chunk", "seq": 0, "text": "x"},
        {"type": "vector", "seq": 0, "index": 0, "values": [1.0]},
        {"type": "done", "frames": 0},
        {"type": "failed", "reason": "runtime_error"},
    ],
    ids=lambda frame: frame["type"],
)
@pytest.mark.parametrize("lease", ["job_000000000000000000000000.1", "", "x" * 10_000])
async def test_lease_frame__of_a_foreign_lease__ends_the_link(
    tmp_path: Path, frame: dict[str, Any], lease: str
) -> None:
    async with open_house(tmp_path) as house:
        await house.worker.send_raw(msgspec.json.encode({**frame, "lease_id": lease}).decode())
        notice = await notice_at_the_end(house.worker)

    assert "not yours" in notice.text
    assert len(notice.text) <= 500


async def test_lease_frame__of_another_workers_lease__harms_only_the_sender(tmp_path: Path) -> None:
    async with open_house(tmp_path, script=say_nothing) as house:
        asking = asyncio.ensure_future(house.customer.chat())
        await house.worker.wait_for(lambda worker: worker.jobs)
        job = house.worker.jobs[0]
        async with ScriptedWorker(house.running.url, worker_id="scripted-2") as liar:
            await liar.chunk(job, 0, "Lies.")
            await notice_at_the_end(liar)

        await house.worker.answer(job, ["Truth."])
        async with await asking as response:
            answer = await response.json()

    assert answer["choices"][0]["message"]["content"] == "Truth."


async def test_lease_frame__after_the_end__ends_the_link_but_not_the_answer(tmp_path: Path) -> None:
    async def go_on(worker: ScriptedWorker, job: frames.Job) -> None:
        await say_hello(worker, job)
        await worker.wait_for(lambda w: w.of_kind(frames.Receipt))
        await worker.chunk(job, 2, "And another thing.")

    async with open_house(tmp_path, script=go_on) as house:
        async with house.customer.chat() as response:
            answer = await response.json()
        notice = await notice_at_the_end(house.worker)
        receipt = await house.receipt()

    assert answer["choices"][0]["message"]["content"] == "Hello there."
    assert receipt.status.value == "completed"
    assert "is over" in notice.text


LATE_FRAMES = [
    {"type": "chunk", "seq": 0, "text": "And another thing."},
    {"type": "vector", "seq": 0, "index": 0, "values": [1.0]},
    {"type": "done", "frames": 0},
    {"type": "failed", "reason": "runtime_error"},
]


OWN_ENDS = [{"type": "failed", "reason": "runtime_error"}, {"type": "done", "frames": 0}]


@pytest.mark.parametrize("late", LATE_FRAMES, ids=lambda frame: frame["type"])
@pytest.mark.parametrize("end", OWN_ENDS, ids=lambda frame: f"after-{frame['type']}")
@pytest.mark.parametrize("is_in_one_go", [True, False], ids=["at-once", "once-settled"])
async def test_lease_frame__after_the_workers_own_end__ends_the_link_at_any_time(
    tmp_path: Path, end: dict[str, Any], late: dict[str, Any], is_in_one_go: bool
) -> None:
    script = sending(end, late) if is_in_one_go else sending(end)
    async with open_house(tmp_path, script=script) as house:
        async with house.customer.chat():
            receipt = await house.receipt()
        if not is_in_one_go:
            await sending(late)(house.worker, house.worker.jobs[0])
        notice = await notice_at_the_end(house.worker)

    assert notice.code == "protocol_violation"
    expected = "completed" if end["type"] == "done" else "failed"
    assert (receipt.status.value, receipt.details.attempts) == (expected, 1)


async def test_lease_frame__after_a_failed_of_its_own__leaves_the_job_to_another_worker(
    tmp_path: Path,
) -> None:
    give_up_and_go_on = sending({"type": "failed", "reason": "runtime_error"}, LATE_FRAMES[0])
    async with open_house(tmp_path, script=give_up_and_go_on) as house:
        async with (
            ScriptedWorker(house.running.url, worker_id="scripted-2"),
            house.customer.chat() as response,
        ):
            answer = await response.json()
        receipt = await house.receipt()

    assert answer["choices"][0]["message"]["content"] == "Hello there."
    assert (receipt.core.worker_id, receipt.details.attempts) == ("scripted-2", 2)


async def test_lease_frame__in_other_jobs_of_a_broken_link__fails_them_all(tmp_path: Path) -> None:
    async def break_the_second(worker: ScriptedWorker, job: frames.Job) -> None:
        if len(worker.jobs) == 2:
            await worker.chunk(job, 5, "x")

    async with open_house(tmp_path, script=break_the_second) as house:
        asked = [asyncio.ensure_future(house.customer.chat()) for _ in range(2)]
        codes = []
        for task in asked:
            async with await task as response:
                codes.append((await response.json())["error"]["code"])
        await until(lambda: len(stored_receipts(house.running)) == 2)

    assert sorted(codes) == ["protocol_violation", "worker_lost"]


async def answers_of(house: House) -> list[str]:
    """The answers of three chats, one after the other."""
    answers = []
    for _ in range(3):
        async with house.customer.chat() as response:
            answers.append((await response.json())["choices"][0]["message"]["content"])
    return answers


async def test_window__worker_that_obeys_it__can_send_any_number(tmp_path: Path) -> None:
    async def send_much(worker: ScriptedWorker, job: frames.Job) -> None:
        count = await worker.stream(job, ("a " for _ in range(300)))
        await worker.done(job, count)

    async with open_house(tmp_path, script=send_much, window_frames=8) as house:
        assert await answers_of(house) == ["a " * 300] * 3
