"""docs/reference/worker-protocol.md, held to the types: a worker is written from it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import msgspec
import pytest

from basis.wire import frames, registration
from basis.worker.exits import WorkerStop
from basis.worker.plan import decide_after_refusal
from basis.worker.runtimes.detect import CHOICES

PAGE = (Path(__file__).parents[2] / "docs/reference/worker-protocol.md").read_text("utf-8")
FRAMES = PAGE[PAGE.index("## Frames") :]
WORKER_PART, ORCHESTRATOR_PART = FRAMES.split("From the orchestrator:")


def documented(part: str) -> dict[str, tuple[list[str], list[str]]]:
    """Required and optional fields of each frame in one of the two tables."""
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \|(.*?)\|$", part, re.MULTILINE)
    return {
        name: (re.findall(r"`(\w+)`", required), re.findall(r"`(\w+)`", optional))
        for name, required, optional in rows
        if name != "type"  # the head of the table
    }


def defined(union: object) -> dict[str, tuple[list[str], list[str]]]:
    """The same from the types."""
    found: dict[str, tuple[list[str], list[str]]] = {}
    for frame in get_args(union):
        fields = msgspec.structs.fields(frame)
        required = [field.name for field in fields if field.required]
        optional = [field.name for field in fields if not field.required]
        found[str(frame.__struct_config__.tag)] = (required, optional)
    return found


@pytest.mark.parametrize(
    ("part", "union"),
    [(WORKER_PART, frames.FromWorker), (ORCHESTRATOR_PART, frames.ToWorker)],
    ids=["from_worker", "to_worker"],
)
def test_page__tables_of_frames__are_the_types(part: str, union: object) -> None:
    told, held = documented(part), defined(union)
    assert told.keys() == held.keys()
    for name, (required, optional) in held.items():
        assert (set(told[name][0]), set(told[name][1])) == (set(required), set(optional)), name


@pytest.mark.parametrize(
    "values",
    [
        [fault.value for fault in frames.WorkerFault],
        [finish.value for finish in frames.FinishReason],
        [kind.value for kind in frames.JobKind],
        [runtime.value for runtime in registration.RuntimeName],
        [field.name for field in msgspec.structs.fields(registration.CatalogEntry)],
        [field.name for field in msgspec.structs.fields(registration.RegisterRequest)],
        [frames.SUBPROTOCOL],
    ],
)
def test_page__closed_sets_and_fields__are_all_named(values: list[str]) -> None:
    assert [value for value in values if f"`{value}`" not in PAGE] == []


def test_page__paths_and_limits__are_those_of_the_code() -> None:
    for path in (
        frames.CONNECT_PATH,
        registration.REGISTER_PATH,
        registration.HEARTBEAT_PATH,
        registration.CATALOG_PATH,
    ):
        assert path in PAGE
    assert frames.MAX_WORKER_FRAME_BYTES == 1 << 20
    assert frames.MAX_JOB_FRAME_BYTES == 16 << 20
    assert frames.MAX_CHUNK_TEXT_BYTES == 64 << 10
    assert "at most 1 MiB, one to a worker at most 16 MiB" in PAGE
    assert "64 KiB" in PAGE


def test_page__examples__are_frames() -> None:
    blocks = re.findall(r"(?:^    .+\n)+", PAGE, re.MULTILINE)
    examples = [block for block in blocks if block.lstrip().startswith('{"type"')]
    hello, welcome = (msgspec.json.decode(example) for example in examples)
    assert isinstance(msgspec.convert(hello, frames.FromWorker), frames.Hello)
    assert isinstance(msgspec.convert(welcome, frames.ToWorker), frames.Welcome)


def test_page__each_refusal__is_one_that_the_worker_knows_how_to_take() -> None:
    table = PAGE[PAGE.index("connection closes:") : PAGE.index("`retryable: true` always")]
    codes = re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)
    assert codes[0] == "code"  # the head of the table
    for code in codes[1:]:
        retryable = code in {"full", "draining"}
        refused = frames.Refused(code=code, message="m", retryable=retryable)
        try:
            decide_after_refusal(refused, registered_anew=False)
        except WorkerStop as stop:
            advice = stop.message
        else:
            advice = "tried again"
        assert "ask the orchestrator's operator" not in advice, code


def test_page__runtimes_of_this_program__are_among_those_of_the_wire() -> None:
    assert set(CHOICES[1:]) <= {name.value for name in registration.RuntimeName}
