"""Each part may die and come back by itself, with the real worker on real inference."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import openai
import pytest

from tests.support.basis_process import (
    BasisProcess,
    create_key,
    run_basis,
    start_orchestrator,
    start_worker,
)

STORY = [{"role": "user", "content": "Tell me a long story."}]
ENDLESS = {
    "type": "json_schema",
    "json_schema": {
        "name": "numbers",
        "schema": {"type": "array", "items": {"type": "integer"}, "minItems": 400},
    },
}
"""An answer in this format cannot end before it is cut off."""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder whose books must recompute at the end, whatever the test did to the processes."""
    yield tmp_path
    done = run_basis("recompute", "--data", "data", "--json", folder=tmp_path)
    assert json.loads(done.stdout)["equal"], done.stdout


def connect(url: str, key: str) -> openai.OpenAI:
    """The official client, without its own retries."""
    return openai.OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0, timeout=60)


def ask(client: openai.OpenAI) -> str:
    """A short answer."""
    answer = client.chat.completions.create(model="basis-tiny", messages=STORY, max_tokens=8)
    return answer.choices[0].message.content or ""


def stream_until_killed(client: openai.OpenAI, victim: BasisProcess) -> list[str]:
    """The pieces of a stream during which `victim` is killed."""
    pieces: list[str] = []
    for chunk in client.chat.completions.create(
        model="basis-tiny",
        messages=STORY,
        max_tokens=900,
        stream=True,
        response_format=ENDLESS,
    ):
        pieces.append(chunk.choices[0].delta.content or "")
        if len(pieces) == 3:
            victim.kill()
    return pieces


def fetch(url: str) -> Any:
    """The JSON at an address of ours."""
    with urlopen(url) as response:  # noqa: S310 - our own loopback URL
        return json.load(response)


def test_worker__killed_and_started_again__is_the_same_worker(folder: Path) -> None:
    orchestrator, url = start_orchestrator(folder)
    with orchestrator:
        client = connect(url, create_key(folder))
        with start_worker(folder, url) as first:
            first.wait_for("connected")
            assert ask(client)
        orchestrator.wait_for("worker_offline")
        with pytest.raises(openai.InternalServerError) as refused:
            ask(client)
        mark = len(orchestrator.lines)

        with start_worker(folder, url) as second:
            second.wait_for("connected")
            online = orchestrator.wait_for("worker_online", since=mark)
            answer = ask(client)
            workers = fetch(f"{url}/api/workers")["workers"]
            code = second.stop()

    assert refused.value.status_code == 503
    assert answer
    assert online["worker"] == "tiny-1"
    assert [(worker["worker_id"], worker["state"]) for worker in workers] == [("tiny-1", "online")]
    assert code == 0


def test_worker__killed_in_mid_stream__fails_the_job_and_charges_nothing(folder: Path) -> None:
    orchestrator, url = start_orchestrator(folder)
    with orchestrator, start_worker(folder, url) as worker:
        worker.wait_for("connected")
        client = connect(url, create_key(folder))

        with pytest.raises(openai.APIError) as broken:
            stream_until_killed(client, worker)

        job = orchestrator.wait_for("job")
        receipt = fetch(f"{url}/api/inference/receipts/{job['receipt']}")

    assert not isinstance(broken.value, openai.APIConnectionError)
    assert (job["status"], job["failure"]) == ("failed", "worker_lost")
    assert receipt["core"]["totalChargedRaw"] == "0"
    assert receipt["core"]["workerId"] == "tiny-1"


def test_orchestrator__killed_and_started_again__the_worker_comes_back_by_itself(
    folder: Path,
) -> None:
    first, url = start_orchestrator(folder)
    key = create_key(folder)
    with first, start_worker(folder, url) as worker:
        worker.wait_for("connected")
        assert ask(connect(url, key))
        mark = len(worker.lines)

        first.kill()
        second, again = start_orchestrator(folder, port=int(url.rpartition(":")[2]))
        with second:
            online = second.wait_for("worker_online")
            worker.wait_for("connected", since=mark)
            answer = ask(connect(url, key))
            codes = (worker.stop(), second.stop())

    assert again == url
    assert online["worker"] == "tiny-1"
    assert answer
    assert codes == (0, 0)


def test_orchestrator__second_one_on_the_same_folder__is_kept_out(folder: Path) -> None:
    orchestrator, _url = start_orchestrator(folder)
    with orchestrator:
        second = run_basis("up", "--port", "0", "--data", "data", folder=folder)
        code = orchestrator.stop()

    assert second.returncode == 6
    assert "another orchestrator" in second.stderr
    assert code == 0


def test_orchestrator__asked_to_stop__lets_the_running_answer_end(folder: Path) -> None:
    orchestrator, url = start_orchestrator(folder)
    with orchestrator, start_worker(folder, url) as worker:
        worker.wait_for("connected")
        client = connect(url, create_key(folder))
        reason = None
        stream = client.chat.completions.create(
            model="basis-tiny",
            messages=STORY,
            max_tokens=600,
            stream=True,
            response_format=ENDLESS,
        )
        for number, chunk in enumerate(stream):
            if number == 2:
                orchestrator.terminate()
            reason = chunk.choices[0].finish_reason or reason
        code = orchestrator.wait()

    assert reason == "length"
    assert code == 0
