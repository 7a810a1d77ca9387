"""Embeddings: vectors in order, as numbers or as base64, charged only when whole."""

from __future__ import annotations

import base64
import struct
from pathlib import Path
from typing import Any

import msgspec
import pytest

from basis.wire import frames
from basis.wire.frames import JobKind
from tests.support.answers import expect_error
from tests.support.house import House, open_house
from tests.support.scripted_worker import ScriptedWorker

pytestmark = pytest.mark.asyncio(loop_scope="module")

PATH = "/v1/embeddings"
VALUES = [[0.5, -0.25, 1.0], [0.125, 2.0, -3.5]]


async def embed_backwards(worker: ScriptedWorker, job: frames.Job) -> None:
    """A vector per input, the last one first."""
    count = len(msgspec.json.decode(job.request)["input"])
    for seq, index in enumerate(reversed(range(count))):
        vector = frames.Vector(lease_id=job.lease_id, seq=seq, index=index, values=VALUES[index])
        await worker.send(vector)
    await worker.done(job, count)


def ask(house: House, **fields: Any) -> Any:
    """Asks for embeddings of two texts, unless told otherwise."""
    return house.customer.post(
        PATH, **{"model": "basis-tiny-embed", "input": ["one", "two"], **fields}
    )


async def test_embeddings__several_texts__come_in_their_order(tmp_path: Path) -> None:
    async with open_house(tmp_path, script=embed_backwards) as house:
        async with ask(house) as response:
            answer = await response.json()
        meter = house.context.meters.meter_of("basis-tiny-embed")
        tokens = await meter.count_prompt("one") + await meter.count_prompt("two")

    assert response.status == 200
    assert answer["object"] == "list"
    assert answer["data"] == [
        {"object": "embedding", "index": index, "embedding": VALUES[index]} for index in (0, 1)
    ]
    assert answer["usage"] == {"prompt_tokens": tokens, "total_tokens": tokens}


async def test_embeddings__one_text__is_a_list_of_one(tmp_path: Path) -> None:
    async with (
        open_house(tmp_path, script=embed_backwards) as house,
        ask(house, input="one", encoding_format="float") as response,
    ):
        answer = await response.json()
        job = house.worker.jobs[0]

    assert [row["embedding"] for row in answer["data"]] == [VALUES[0]]
    assert job.kind is JobKind.EMBEDDING
    assert msgspec.json.decode(job.request) == {"model": "basis-tiny-embed", "input": ["one"]}


async def test_embeddings__base64__is_little_endian_float32(tmp_path: Path) -> None:
    async with (
        open_house(tmp_path, script=embed_backwards) as house,
        ask(house, encoding_format="base64") as response,
    ):
        answer = await response.json()

    packed = [base64.b64decode(row["embedding"]) for row in answer["data"]]
    assert [list(struct.unpack("<3f", data)) for data in packed] == VALUES


def vectors_script(*vectors: tuple[int, list[float]]) -> Any:
    """A worker that sends these (index, values) and says that it is done."""

    async def send_vectors(worker: ScriptedWorker, job: frames.Job) -> None:
        for seq, (index, values) in enumerate(vectors):
            frame = frames.Vector(lease_id=job.lease_id, seq=seq, index=index, values=values)
            await worker.send(frame)
        await worker.done(job, len(vectors))

    return send_vectors


@pytest.mark.parametrize(
    "vectors",
    [
        pytest.param([], id="none"),
        pytest.param([(0, [1.0])], id="one-of-two"),
        pytest.param([(0, [1.0]), (0, [1.0])], id="one-twice"),
        pytest.param([(0, [1.0]), (1, [1.0, 2.0])], id="other-length"),
        pytest.param([(0, []), (1, [])], id="empty"),
        pytest.param([(0, [1.0]), (1, [1.0]), (2, [1.0])], id="one-too-many"),
        pytest.param([(0, [1e300]), (1, [1.0])], id="beyond-float32"),
    ],
)
async def test_embeddings__unusable_vectors__fail_and_cost_nothing(
    tmp_path: Path, vectors: list[tuple[int, list[float]]]
) -> None:
    async with open_house(tmp_path, script=vectors_script(*vectors)) as house:
        async with ask(house, encoding_format="base64") as response:
            await expect_error(response, 502, "worker_failed")
        receipt = await house.receipt()

    assert receipt.status.value == "failed"
    assert (receipt.core.total_charged_raw, receipt.core.worker_reward_raw) == (0, 0)


@pytest.mark.parametrize(
    ("fields", "code", "param"),
    [
        ({"input": [[1, 2], [3]]}, "unsupported_feature", "input"),
        ({"input": [1, 2]}, "unsupported_feature", "input"),
        ({"input": []}, "invalid_input", "input"),
        ({"input": ["a", ""]}, "invalid_input", "input"),
        ({"input": ""}, "invalid_input", "input"),
        ({"input": ["a"] * 2_049}, "invalid_input", "input"),
        ({"input": 5}, "invalid_input", "input"),
        ({"dimensions": 3}, "unsupported_feature", "dimensions"),
        ({"dimensions": 0}, "invalid_input", "dimensions"),
        ({"encoding_format": "int8"}, "invalid_input", "encoding_format"),
        ({"model": "basis-tiny"}, "invalid_input", "model"),
        ({"truncate": True}, "invalid_input", "truncate"),
        ({"input": ["short", "word " * 2_000]}, "context_length_exceeded", "input[1]"),
    ],
)
async def test_embeddings__unusable_request__names_the_parameter(
    house: House, fields: dict[str, Any], code: str, param: str
) -> None:
    async with ask(house, **fields) as response:
        await expect_error(response, 400, code, param=param)


async def test_embeddings__user__is_accepted_and_not_forwarded(tmp_path: Path) -> None:
    async with (
        open_house(tmp_path, script=embed_backwards) as house,
        ask(house, user="someone") as response,
    ):
        assert response.status == 200
        assert b"someone" not in bytes(house.worker.jobs[0].request)
