"""From OpenAI's requests to Ollama's, without a server."""

from __future__ import annotations

import msgspec
import pytest

from basis.wire.frames import Job, JobKind, WorkerFault
from basis.worker.runtimes.base import RuntimeFailure
from basis.worker.runtimes.ollama_request import build_request


def job(kind: JobKind = JobKind.CHAT, **fields: object) -> Job:
    return Job(
        lease_id="lease-1",
        job_id="job-1",
        kind=kind,
        model="m",
        request=msgspec.Raw(msgspec.json.encode(fields)),
        timeout_s=1,
    )


def failure_of_request(kind: JobKind = JobKind.CHAT, **fields: object) -> RuntimeFailure:
    with pytest.raises(RuntimeFailure) as raised:
        build_request(job(kind, **fields), local="m", num_ctx=64)
    return raised.value


def test_ollama_request__messages__take_ollamas_shape() -> None:
    messages = [
        {"role": "developer", "content": "be brief"},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "what is this?"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD"}},
            ],
        },
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "c1", "function": {"name": "look", "arguments": '{"at": "it"}'}}],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "a lamp"},
    ]
    path, body = build_request(job(messages=messages), local="m", num_ctx=64)
    assert path == "/api/chat"
    assert body["messages"] == [
        {"role": "system", "content": "be brief"},
        {"role": "user", "content": "what is this?", "images": ["QUJD"]},
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [{"id": "c1", "function": {"name": "look", "arguments": {"at": "it"}}}],
        },
        {"role": "tool", "content": "a lamp", "tool_call_id": "c1"},
    ]


def test_ollama_request__formats_and_effort__are_mapped() -> None:
    message = [{"role": "user", "content": "x"}]
    schema = {"type": "object"}
    wanted = {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}
    _, body = build_request(
        job(messages=message, response_format=wanted, reasoning_effort="high"),
        local="m",
        num_ctx=64,
    )
    assert msgspec.json.decode(msgspec.json.encode(body["format"])) == schema
    assert body["think"] == "high"
    _, body = build_request(
        job(messages=message, response_format={"type": "json_object"}), local="m", num_ctx=64
    )
    assert body["format"] == "json"


@pytest.mark.parametrize(
    ("kind", "fields", "named"),
    [
        (JobKind.CHAT, {"messages": [], "max_tokens": 1}, "without messages"),
        (JobKind.CHAT, {"messages": [{"role": "user"}], "tool_choice": "required"}, "tool_choice"),
        (JobKind.CHAT, {"messages": [{"role": "user"}], "logit_bias": {"5": 1}}, "logit_bias"),
        (JobKind.COMPLETION, {"prompt": [1, 2]}, "token ids"),
        (JobKind.COMPLETION, {"prompt": ""}, "empty 'prompt'"),
        (JobKind.COMPLETION, {"prompt": "x", "logprobs": 21}, "logprobs"),
        (
            JobKind.CHAT,
            {
                "messages": [
                    {
                        "role": "user",
                        "content": [{"type": "image_url", "image_url": {"url": "https://x"}}],
                    }
                ]
            },
            "image_url",
        ),
    ],
)
def test_ollama_request__what_ollama_cannot_do__is_named(
    kind: JobKind, fields: dict[str, object], named: str
) -> None:
    failure = failure_of_request(kind, **fields)
    assert failure.reason is WorkerFault.UNSUPPORTED
    assert named in str(failure)
