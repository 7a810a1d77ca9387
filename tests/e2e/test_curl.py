"""`curl`, as the documents tell people to type it: the two calls of a worker, and a customer's."""

from __future__ import annotations

import json
import shlex
import subprocess
from typing import Any

import pytest

from tests.e2e.conftest import Network, find_program

ADDRESS = "https://basis.watch"
"""What stands in the published text; only this is replaced, and the wallet that it leaves open."""

REGISTER = """\
curl https://basis.watch/api/workers/register \\
  -H "Content-Type: application/json" \\
  -d '{
    "worker_id": "gpu-7a1c",
    "worker_wallet": "0xYourEvmRewardAddress",
    "runtime": "ollama",
    "models": ["basis-default", "basis-small"]
  }'
"""

HEARTBEAT = """\
curl https://basis.watch/api/workers/heartbeat \\
  -H "Content-Type: application/json" \\
  -d '{ "worker_id": "gpu-7a1c" }'
"""

WALLET = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"


@pytest.fixture(scope="module", autouse=True)
def curl() -> str:
    """The program."""
    return find_program("curl")


def type_in(network: Network, text: str, *more: str) -> tuple[int, str]:
    """Status and body of what a shell would run."""
    words = shlex.split(text.replace(ADDRESS, network.url).replace("\\\n", " "))
    done = subprocess.run(
        [*words, *more, "--silent", "--show-error", "--write-out", "\n%{http_code}"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    body, _newline, status = done.stdout.rpartition("\n")
    return int(status), body


def as_json(answer: tuple[int, str]) -> tuple[int, Any]:
    """The same with the body decoded."""
    return answer[0], json.loads(answer[1])


def test_register__as_published__asks_for_a_real_address(network: Network) -> None:
    status, body = as_json(type_in(network, REGISTER))

    assert status == 400
    assert body["error"]["param"] == "worker_wallet"
    assert "0xYourEvmRewardAddress" in body["error"]["message"]


def test_register_and_heartbeat__with_an_address__work_verbatim(network: Network) -> None:
    register = REGISTER.replace("0xYourEvmRewardAddress", WALLET)

    status, made = as_json(type_in(network, register))
    again_status, again = as_json(type_in(network, register))
    beat_status, beat = as_json(type_in(network, HEARTBEAT))
    _status, workers = as_json(type_in(network, f"curl {ADDRESS}/api/workers/gpu-7a1c"))

    assert (status, again_status, beat_status) == (201, 200, 200)
    assert made["worker_token"].startswith("wt-basis-")
    assert "worker_token" not in again
    assert (beat["worker_id"], beat["state"]) == ("gpu-7a1c", "offline")
    assert workers["models"] == ["basis-default", "basis-small"]
    assert workers["worker_wallet"] == WALLET


def test_heartbeat__of_a_stranger__is_not_found(network: Network) -> None:
    status, _body = type_in(network, HEARTBEAT.replace("gpu-7a1c", "gpu-0000"))

    assert status == 404


def test_chat__whole_and_streamed__work_with_plain_curl(network: Network) -> None:
    ask = f"""curl {ADDRESS}/v1/chat/completions \\
  -H "Authorization: Bearer {network.key}" \\
  -H "Content-Type: application/json" \\
  -d '{{"model": "basis-tiny", "messages": [{{"role": "user", "content": "Hello!"}}]}}'
"""
    status, answer = as_json(type_in(network, ask))
    stream_status, stream = type_in(
        network, ask.replace('"messages"', '"stream": true, "messages"')
    )

    assert (status, stream_status) == (200, 200)
    assert answer["choices"][0]["message"]["content"]
    events = stream.strip().split("\n\n")
    assert events[-1] == "data: [DONE]"
    assert all(event.startswith("data: {") for event in events[:-1])


def test_chat__without_a_key__is_told_how_to_send_one(network: Network) -> None:
    status, body = as_json(
        type_in(network, f"curl {ADDRESS}/v1/models", "-H", "Accept: application/json")
    )

    assert status == 401
    assert "Authorization: Bearer" in body["error"]["message"]


@pytest.mark.parametrize(
    "path", ["/healthz", "/readyz", "/metrics", "/api/catalog", "/api/workers"]
)
def test_public_pages__without_a_key__answer(network: Network, path: str) -> None:
    status, body = type_in(network, f"curl {ADDRESS}{path}")

    assert status == 200
    assert body
