"""Workers that say or send more than there is: cut off, or kept as evidence, but never paid."""

from __future__ import annotations

from pathlib import Path

import pytest

from basis.rules.units import AmountRaw
from basis.wire import frames
from tests.support.answers import expect_error
from tests.support.house import open_house
from tests.support.scripted_worker import ScriptedWorker

NOTHING = AmountRaw(0)


async def test_claims__far_more_text_than_asked_for__is_cut_off(tmp_path: Path) -> None:
    async def babble(worker: ScriptedWorker, job: frames.Job) -> None:
        await worker.chunk(job, 0, "x" * 60_000)

    async with open_house(tmp_path, script=babble) as house:
        async with house.customer.chat(max_tokens=5) as response:
            await expect_error(response, 502, "protocol_violation")
        receipt = await house.receipt()
        await house.worker.wait_for(lambda worker: worker.cancelled)

    assert receipt.core.total_charged_raw == NOTHING


async def test_claims__somewhat_more_text_than_asked_for__is_charged_as_asked(
    tmp_path: Path,
) -> None:
    async def overrun(worker: ScriptedWorker, job: frames.Job) -> None:
        await worker.answer(job, ["Hello there. " * 5])

    async with (
        open_house(tmp_path, script=overrun) as house,
        house.customer.chat(max_tokens=3) as response,
    ):
        usage = (await response.json())["usage"]

    assert usage["completion_tokens"] == 3


async def test_claims__frames_without_text_and_end__are_cut_off(tmp_path: Path) -> None:
    async def send_nothing_for_ever(worker: ScriptedWorker, job: frames.Job) -> None:
        await worker.stream(job, ("" for _ in range(1_000_000)))

    async with (
        open_house(tmp_path, script=send_nothing_for_ever) as house,
        house.customer.chat(max_tokens=5) as response,
    ):
        await expect_error(response, 502, "protocol_violation")


async def test_claims__worker_claims_more_than_it_sent__is_kept_as_evidence_and_pays_nothing(
    tmp_path: Path,
) -> None:
    async def boast(worker: ScriptedWorker, job: frames.Job) -> None:
        await worker.chunk(job, 0, "Hello there.", token_ids=[1] * 500)
        await worker.done(job, 1, prompt_tokens=1_000, output_tokens=5_000)

    async with open_house(tmp_path, script=boast) as house:
        async with house.customer.chat() as response:
            answer = await response.json()
        usage = await house.usage()
        receipt = await house.receipt()

    assert answer["usage"] == usage
    assert receipt.core.output_tokens == usage["completion_tokens"]
    assert receipt.details.evidence.claimed_prompt_tokens == 1_000
    assert receipt.details.evidence.claimed_output_tokens == 5_000


@pytest.mark.parametrize("claim", [-5, 1 << 31, 10**30])
async def test_claims__absurd_claim__is_recorded_as_none(tmp_path: Path, claim: int) -> None:
    async def boast(worker: ScriptedWorker, job: frames.Job) -> None:
        raw = '{"type":"done","lease_id":"%s","frames":0,"output_tokens":%d,"prompt_tokens":%d}'
        await worker.send_raw(raw % (job.lease_id, claim, claim))

    async with open_house(tmp_path, script=boast) as house:
        async with house.customer.chat() as response:
            assert response.status == 200
        receipt = await house.receipt()

    assert receipt.details.evidence.claimed_output_tokens == 0
