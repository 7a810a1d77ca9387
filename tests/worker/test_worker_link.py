"""One link in this process against a real WebSocket orchestrator: jobs, window, cancel, loss."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
from orchestrator_double import OrchestratorDouble, chat_job
from running_worker import LONG_TEXT, WALLET, Start, begin_stuck_job, expect_soon

from basis.wire import frames
from basis.worker.identity import TokenFile
from basis.worker.state import Phase


async def test_link__first_contact__registers_says_hello_and_serves(
    orchestrator: OrchestratorDouble, start: Start
) -> None:
    worker = start()
    connection = await orchestrator.connected()
    assert orchestrator.registrations[0].worker_wallet == WALLET
    hello = connection.hello
    assert (hello.worker_id, hello.runtime, hello.slots) == ("host-test", "echo", 2)
    assert [offer.model for offer in hello.models] == ["basis-echo"]
    await connection.send(chat_job("say it again"))
    gathered = await connection.until_end("lease-1")
    texts = [frame.text for frame in gathered if isinstance(frame, frames.Chunk)]
    assert "".join(texts) == "say it again"
    assert isinstance(gathered[-1], frames.Done)
    await expect_soon(lambda: worker.board.state.jobs_done == 1)


async def test_link__second_run__uses_the_token_that_was_kept(
    orchestrator: OrchestratorDouble, start: Start, tmp_path: Path
) -> None:
    first = start()
    await orchestrator.connected()
    first.stop.ask()
    await first.ended()
    kept = TokenFile(tmp_path, orchestrator=orchestrator.url, worker_id="host-test").load()
    start()
    connection = await orchestrator.connected()
    assert connection.hello.token == kept
    assert orchestrator.bearers == [None, f"Bearer {kept}"]


async def test_window__no_acks__stops_this_lease_and_not_the_other(
    orchestrator: OrchestratorDouble, start: Start
) -> None:
    orchestrator.window_frames = 4
    start()
    connection = await orchestrator.connected()
    await connection.send(chat_job(LONG_TEXT, lease_id="stuck"))
    stuck = [await connection.next() for _ in range(4)]
    assert [frame.seq for frame in stuck] == [0, 1, 2, 3]
    await connection.send(chat_job("one two three four five six", lease_id="free"))
    free = await connection.until_end("free")
    assert isinstance(free[-1], frames.Done)
    await connection.send(frames.Ack(lease_id="stuck", seq=1))
    more = [await connection.next() for _ in range(2)]
    assert [(frame.lease_id, frame.seq) for frame in more] == [("stuck", 4), ("stuck", 5)]


async def test_cancel__running_lease__frees_its_slot_without_a_word(
    orchestrator: OrchestratorDouble, start: Start
) -> None:
    orchestrator.window_frames = 1
    worker = start(slots=1)
    connection = await orchestrator.connected()
    await begin_stuck_job(connection)
    await connection.send(frames.Cancel(lease_id="lease-1", reason="the customer left"))
    await expect_soon(lambda: worker.board.state.busy_slots == 0)
    await connection.send(chat_job("next", lease_id="lease-2"))
    gathered = await connection.until_end("lease-2")
    assert isinstance(gathered[-1], frames.Done)
    assert connection.frames.empty()


async def test_job__slots_given_away_early__waits_for_one(
    orchestrator: OrchestratorDouble, start: Start
) -> None:
    """The orchestrator counts a slot as free once it has sent the cancel."""
    orchestrator.window_frames = 1
    start(slots=1)
    connection = await orchestrator.connected()
    await begin_stuck_job(connection)
    await connection.send(chat_job("next", lease_id="lease-2"))
    await connection.send(frames.Cancel(lease_id="lease-1", reason="the customer left"))
    gathered = await connection.until_end("lease-2")
    assert [type(frame) for frame in gathered] == [frames.Chunk, frames.Done]


async def test_job__far_beyond_the_slots__is_given_back(
    orchestrator: OrchestratorDouble, start: Start
) -> None:
    orchestrator.window_frames = 1
    start(slots=1)
    connection = await orchestrator.connected()
    await begin_stuck_job(connection)
    for lease_id in ("lease-2", "lease-3"):
        await connection.send(chat_job("x", lease_id=lease_id))
    failed = await connection.next()
    assert isinstance(failed, frames.Failed)
    assert (failed.lease_id, failed.reason) == ("lease-3", frames.WorkerFault.RUNTIME_ERROR)


async def test_job__model_that_was_not_offered__is_given_back(
    orchestrator: OrchestratorDouble, start: Start
) -> None:
    start()
    connection = await orchestrator.connected()
    await connection.send(chat_job("x", model="basis-x"))
    failed = await connection.next()
    assert isinstance(failed, frames.Failed)
    assert failed.reason is frames.WorkerFault.MODEL_UNAVAILABLE


async def test_link__lost__drops_its_leases_and_connects_again(
    orchestrator: OrchestratorDouble, start: Start
) -> None:
    orchestrator.window_frames = 1
    worker = start()
    first = await orchestrator.connected()
    await begin_stuck_job(first)
    await first.drop()
    second = await orchestrator.connected()
    await expect_soon(lambda: worker.board.state.phase is Phase.READY)
    assert worker.board.state.busy_slots == 0
    await second.send(chat_job("again"))
    assert isinstance((await second.until_end("lease-1"))[-1], frames.Done)


async def test_link__unknown_frame__ends_it_and_connects_again(
    orchestrator: OrchestratorDouble, start: Start
) -> None:
    start()
    first = await orchestrator.connected()
    await first.send_text('{"type":"from_the_future"}')
    assert (await orchestrator.connected()).hello.worker_id == "host-test"


async def test_link__unknown_field__is_passed_over(
    orchestrator: OrchestratorDouble, start: Start
) -> None:
    start()
    connection = await orchestrator.connected()
    await connection.send_text('{"type":"ping","nonce":7,"from_the_future":true}')
    assert await connection.next() == frames.WorkerPong(nonce=7)


async def test_link__silent_orchestrator__counts_as_dead(
    orchestrator: OrchestratorDouble, start: Start
) -> None:
    orchestrator.heartbeat_s = 1
    orchestrator.answers_status = False
    start()
    await orchestrator.connected()
    async with asyncio.timeout(10):
        assert (await orchestrator.connected()).hello.worker_id == "host-test"


async def test_status__each_heartbeat__tells_the_busy_slots_and_hears_why(
    orchestrator: OrchestratorDouble, start: Start
) -> None:
    worker = start()
    connection = await orchestrator.connected()
    assert await connection.next_status() == frames.Status(busy_slots=0)
    await expect_soon(lambda: worker.board.state.standing_why == "no customer is asking")


async def test_receipt__arrives__moves_the_earnings(
    orchestrator: OrchestratorDouble, start: Start
) -> None:
    worker = start()
    connection = await orchestrator.connected()
    await expect_soon(lambda: worker.board.state.earned_raw == 15 * 10**17)
    receipt = frames.Receipt(
        job_id="job-1",
        status="completed",
        receipt_hash="ab",
        prompt_tokens=1,
        output_tokens=2,
        quality_bps=10_000,
        uptime_bps=10_000,
        latency_bps=10_000,
        reward_raw="5",
        earned_raw="1500000000000000005",
    )
    await connection.send(receipt)
    await expect_soon(lambda: worker.board.state.earned_raw == 1500000000000000005)


async def test_llamacpp__chat_and_embedding__are_served_over_the_link(
    orchestrator: OrchestratorDouble, start: Start
) -> None:
    start(runtime="llamacpp")
    connection = await orchestrator.connected()
    offers = {offer.model: offer for offer in connection.hello.models}
    assert offers["basis-tiny"].digest.startswith("sha256:")
    assert offers["basis-tiny"].digest == offers["basis-tiny-embed"].digest
    await connection.send(chat_job("hello", model="basis-tiny", max_tokens=5, temperature=0))
    done = (await connection.until_end("lease-1"))[-1]
    assert isinstance(done, frames.Done)
    assert (done.output_tokens, done.prompt_tokens > 0) == (5, True)
    request = {"model": "basis-tiny-embed", "input": ["a lamp", "a river"]}
    await connection.send(
        frames.Job(
            lease_id="lease-2",
            job_id="job-2",
            kind=frames.JobKind.EMBEDDING,
            model="basis-tiny-embed",
            request=msgspec.Raw(msgspec.json.encode(request)),
            timeout_s=30,
        )
    )
    gathered = await connection.until_end("lease-2")
    vectors = [frame for frame in gathered if isinstance(frame, frames.Vector)]
    assert [(vector.index, len(vector.values)) for vector in vectors] == [(0, 128), (1, 128)]


async def test_cancel__right_behind_its_job__frees_the_slot(
    orchestrator: OrchestratorDouble, start: Start
) -> None:
    worker = start()
    connection = await orchestrator.connected()
    for number in range(8):
        # Both frames lie in the worker's buffer before the job's task takes its first step.
        job = chat_job(LONG_TEXT, lease_id=f"gone-{number}")
        await connection.send(job)
        await connection.send(frames.Cancel(lease_id=job.lease_id, reason="the customer left"))
    await connection.send(chat_job("still here", lease_id="alive"))
    ended = [await connection.next()]
    while not (isinstance(ended[-1], frames.Done) and ended[-1].lease_id == "alive"):
        ended.append(await connection.next())
    assert not any(isinstance(frame, frames.Failed) for frame in ended)
    worker.stop.ask()
    await worker.ended()
