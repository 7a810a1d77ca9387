"""The life of a link: heartbeats, pings, draining, receipts, silence and departure."""

from __future__ import annotations

import asyncio
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from basis.dispatch.greeting import Doorkeeper
from basis.wire import frames
from tests.support.answers import expect_error
from tests.support.house import open_house
from tests.support.orchestrators import until
from tests.support.scripted_worker import Script, ScriptedWorker, say_hello


async def say_nothing(_worker: ScriptedWorker, _job: frames.Job) -> None:
    """Takes the job, and never answers."""


async def standing_after(worker: ScriptedWorker, *, draining: bool = False) -> frames.Standing:
    """What a status is answered with."""
    count = len(worker.of_kind(frames.Standing))
    await worker.send(frames.Status(busy_slots=0, draining=draining))
    await worker.wait_for(lambda w: len(w.of_kind(frames.Standing)) > count)
    return worker.of_kind(frames.Standing)[-1]


async def test_status__idle__is_told_why(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        standing = await standing_after(house.worker)

    assert (standing.state, standing.queued_jobs) == ("online", 0)
    assert "nobody has asked for basis-tiny, basis-tiny-embed" in standing.why


async def test_status__busy__is_told_how_much_and_how_many_wait(tmp_path: Path) -> None:
    async with open_house(tmp_path, script=say_nothing, slots=1) as house:
        asked = [asyncio.ensure_future(house.customer.chat()) for _ in range(3)]
        scheduler = house.context.dispatcher.scheduler
        await until(lambda: scheduler.queue_length("basis-tiny") == 2)
        standing = await standing_after(house.worker)
        for task in asked:
            task.cancel()

    assert standing.why == "1 of 1 slots are busy"
    assert standing.queued_jobs == 2


async def test_status__heard__counts_as_presence(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        await standing_after(house.worker)
        changes = house.context.presence.take_changes(minute=1 << 40)

    assert [worker for worker, _hour in changes] == ["scripted-1"]


async def test_ping__any_nonce__comes_back(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        await house.worker.send(frames.WorkerPing(nonce=42))
        await house.worker.wait_for(lambda worker: worker.of_kind(frames.Pong))
        await house.worker.send(frames.WorkerPong(nonce=1))
        standing = await standing_after(house.worker)

    assert house.worker.of_kind(frames.Pong) == [frames.Pong(nonce=42)]
    assert standing.state == "online"


async def test_drain__running_job__finishes_and_no_new_one_comes(tmp_path: Path) -> None:
    async with open_house(tmp_path, script=say_nothing) as house:
        asking = asyncio.ensure_future(house.customer.chat())
        await house.worker.wait_for(lambda worker: worker.jobs)

        standing = await standing_after(house.worker, draining=True)
        async with house.customer.chat() as response:
            await expect_error(response, 503, "runtime_pending")
        async with house.customer.get("/api/workers/scripted-1") as response:
            described = await response.json()
        await house.worker.answer(house.worker.jobs[0], ["Still here."])
        async with await asking as response:
            answer = await response.json()

    assert standing.state == described["state"] == "draining"
    assert answer["choices"][0]["message"]["content"] == "Still here."


async def test_drain__another_worker_is_there__gets_the_jobs(tmp_path: Path) -> None:
    async with (
        open_house(tmp_path) as house,
        ScriptedWorker(house.running.url, worker_id="scripted-2") as second,
    ):
        await standing_after(house.worker, draining=True)
        for _ in range(3):
            async with house.customer.chat() as response:
                assert response.status == 200

    assert (len(house.worker.jobs), len(second.jobs)) == (0, 3)


async def test_drain__once_begun__does_not_end_on_this_link(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        await standing_after(house.worker, draining=True)
        standing = await standing_after(house.worker, draining=False)

    assert standing.state == "draining"


async def test_receipt__after_each_job__tells_what_it_pays(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        async with house.customer.chat() as response:
            usage = (await response.json())["usage"]
        stored = await house.receipt()
        await house.worker.wait_for(lambda worker: worker.of_kind(frames.Receipt))
        (told,) = house.worker.of_kind(frames.Receipt)

    assert told.receipt_hash == stored.recorded_hash
    assert told.status == "completed"
    assert (told.prompt_tokens, told.output_tokens) == (
        usage["prompt_tokens"],
        usage["completion_tokens"],
    )
    assert told.reward_raw == told.earned_raw == str(stored.core.worker_reward_raw)
    assert told.uptime_bps == stored.core.uptime_bps


async def test_silence__for_too_long__is_offline_and_its_job_is_lost(tmp_path: Path) -> None:
    async with open_house(tmp_path, script=say_nothing, offline_after_s=45) as house:
        asking = asyncio.ensure_future(house.customer.chat())
        await house.worker.wait_for(lambda worker: worker.jobs)

        house.session.heard_us -= 46_000_000  # as if it had been heard 46 seconds ago

        async with await asking as response:
            await expect_error(response, 502, "worker_lost")
        async with house.customer.get("/api/workers/scripted-1") as response:
            assert (await response.json())["state"] == "offline"
        async with asyncio.timeout(20):
            await house.worker.closed.wait()


async def test_departure__without_a_word__is_offline_at_once(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        house.worker.socket._response.connection.transport.abort()
        await until(lambda: not house.context.dispatcher.sessions)

        async with house.customer.chat() as response:
            await expect_error(response, 503, "runtime_pending")


async def test_session__worker_that_reads_nothing__is_given_up_at_32_mebibytes(
    tmp_path: Path,
) -> None:
    async with open_house(tmp_path) as house:
        session = house.session
        notice = frames.Notice(level="info", code="x", text="x" * (1 << 20))

        for _ in range(33):
            session.send(notice)

        assert session.is_closed
        await until(lambda: not house.context.dispatcher.sessions)


async def give_up(worker: ScriptedWorker, job: frames.Job) -> None:
    """Gives the job back at once."""
    await worker.fail(job, frames.WorkerFault.RUNTIME_ERROR)


@pytest.mark.parametrize("script", [say_hello, give_up], ids=["done", "failed"])
async def test_cancel__after_the_workers_own_end__is_not_sent(
    tmp_path: Path, script: Script
) -> None:
    async with open_house(tmp_path, script=script) as house:
        async with house.customer.chat():
            await house.receipt()
        await house.worker.send(frames.WorkerPing(nonce=1))
        await house.worker.wait_for(lambda worker: worker.of_kind(frames.Pong))

    assert house.worker.cancelled == []


async def test_session__ended_while_its_worker_reads_nothing__is_cut_off(tmp_path: Path) -> None:
    text = "x" * (1 << 20)
    async with open_house(tmp_path) as house:
        session = house.session
        house.worker._reader.cancel()
        for _ in range(24):
            session.send(frames.Notice(level="info", code="ballast", text=text))
        house.context.dispatcher.remove_session(session, detail="no frame for too long")
        await until(lambda: not session._outbox)
        received = 0
        async with asyncio.timeout(20):
            async for _message in house.worker.socket:
                received += 1

    assert received < 24


async def test_hello__bug_of_ours_in_admitting__ends_the_link(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def crash(_doorkeeper: Doorkeeper, _socket: web.WebSocketResponse) -> None:
        raise ZeroDivisionError

    async with open_house(tmp_path) as house, aiohttp.ClientSession() as http:
        monkeypatch.setattr(Doorkeeper, "admit", crash)
        url = f"{house.running.url}/api/workers/connect"
        async with http.ws_connect(url, protocols=(frames.SUBPROTOCOL,)) as socket:
            message = await socket.receive(timeout=10)

    assert message.type is aiohttp.WSMsgType.CLOSED, message
