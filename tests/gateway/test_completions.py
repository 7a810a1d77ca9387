"""Plain completions, whole and streamed."""

from __future__ import annotations

from pathlib import Path

import pytest

from basis.wire import frames
from tests.support.answers import DONE, expect_error, read_events, stream_text
from tests.support.house import House, open_house
from tests.support.scripted_worker import ScriptedWorker

pytestmark = pytest.mark.asyncio(loop_scope="module")

PATH = "/v1/completions"


async def test_completion__whole__has_openai_shape(house: House) -> None:
    async with house.customer.post(PATH, model="basis-tiny", prompt="Once") as response:
        answer = await response.json()

    assert response.status == 200
    assert answer["id"].startswith("cmpl-")
    assert answer["object"] == "text_completion"
    assert answer["choices"] == [
        {"index": 0, "logprobs": None, "finish_reason": "stop", "text": "Hello there."}
    ]
    assert answer["usage"]["prompt_tokens"] == await house.meter.count_prompt("Once")
    assert answer["usage"]["completion_tokens"] == await house.meter.count_text("Hello there.")


async def test_completion__streamed__writes_texts(house: House) -> None:
    async with house.customer.post(
        PATH, model="basis-tiny", prompt="Once", stream=True, stream_options={"include_usage": True}
    ) as response:
        *events, usage, last = await read_events(response)

    assert last == DONE
    assert stream_text(events) == "Hello there."
    assert [event["choices"][0]["text"] for event in events] == ["Hello", " there.", ""]
    assert {event["object"] for event in events} == {"text_completion"}
    assert usage["choices"] == []
    assert usage["usage"]["completion_tokens"] == await house.meter.count_text("Hello there.")


@pytest.mark.parametrize("prompt", ["Once", ["Once"]])
async def test_completion__one_text__is_counted_and_forwarded_as_a_text(
    house: House, prompt: object
) -> None:
    async with house.customer.post(PATH, model="basis-tiny", prompt=prompt) as response:
        usage = (await response.json())["usage"]

    assert usage["prompt_tokens"] == await house.meter.count_prompt("Once")
    assert b'"prompt":"Once"' in bytes(house.worker.jobs[-1].request)


@pytest.mark.parametrize("prompt", [[5, 6, 7], [[5, 6, 7]]])
async def test_completion__token_ids__are_counted_as_they_are(house: House, prompt: object) -> None:
    async with house.customer.post(PATH, model="basis-tiny", prompt=prompt) as response:
        usage = (await response.json())["usage"]

    assert usage["prompt_tokens"] == 3
    assert b'"prompt":[5,6,7]' in bytes(house.worker.jobs[-1].request)


@pytest.mark.parametrize("token", [-1, 1 << 20, 1 << 70])
async def test_completion__id_outside_the_vocabulary__names_the_prompt(
    house: House, token: int
) -> None:
    async with house.customer.post(PATH, model="basis-tiny", prompt=[5, token]) as response:
        await expect_error(response, 400, "invalid_input", param="prompt")


async def test_completion__embedding_model__names_the_model(house: House) -> None:
    async with house.customer.post(PATH, model="basis-tiny-embed", prompt="x") as response:
        await expect_error(response, 400, "invalid_input", param="model")


async def test_completion__prompt_longer_than_the_context__names_the_prompt(house: House) -> None:
    async with house.customer.post(PATH, model="basis-tiny", prompt="word " * 2_000) as response:
        message = await expect_error(response, 400, "context_length_exceeded", param="prompt")

    assert "1024 tokens" in message


@pytest.mark.parametrize("is_streamed", [False, True])
async def test_completion__what_it_does_not_show__is_not_charged(
    tmp_path: Path, is_streamed: bool
) -> None:
    async def think_aloud(worker: ScriptedWorker, job: frames.Job) -> None:
        await worker.chunk(job, 0, "Four.", reasoning="Let me see. " * 20)
        await worker.done(job, 1)

    async with open_house(tmp_path, script=think_aloud) as house:
        async with house.customer.post(
            PATH, model="basis-tiny", prompt="2+2=", stream=is_streamed
        ) as response:
            text = await response.text()
        receipt = await house.receipt()
        shown = await house.meter.count_text("Four.")

    assert "Let me see" not in text
    assert receipt.core.output_tokens == shown
