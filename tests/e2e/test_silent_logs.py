"""The orchestrator's log holds no word of a customer's or a worker's, whatever they send."""

from __future__ import annotations

from pathlib import Path

import pytest

from basis.wire import frames
from tests.support.basis_process import BasisProcess, create_key, start_orchestrator
from tests.support.orchestrators import Customer
from tests.support.scripted_worker import Script, ScriptedWorker

PROMPT = "xyzzy-of-the-customer"
WORDS = "plugh-of-the-worker"


async def fail_in_its_own_words(worker: ScriptedWorker, job: frames.Job) -> None:
    await worker.fail(job, frames.WorkerFault.RUNTIME_ERROR, f"{WORDS} quotes {PROMPT}")


async def name_a_lease_of_its_own(worker: ScriptedWorker, job: frames.Job) -> None:
    await worker.send(frames.Chunk(lease_id=f"{WORDS} {PROMPT}"[:60], seq=0, text=PROMPT))


async def send_an_unknown_type(worker: ScriptedWorker, job: frames.Job) -> None:
    await worker.send_raw(f'{{"type": "{WORDS} {PROMPT}"}}')


async def send_an_unknown_field(worker: ScriptedWorker, job: frames.Job) -> None:
    await worker.send_raw(f'{{"type": "status", "busy_slots": 0, "{WORDS} {PROMPT}": 1}}')


async def break_the_numbering(worker: ScriptedWorker, job: frames.Job) -> None:
    await worker.send(frames.Chunk(lease_id=job.lease_id, seq=7, text=f"{WORDS} {PROMPT}"))


@pytest.mark.parametrize(
    "script",
    [
        fail_in_its_own_words,
        name_a_lease_of_its_own,
        send_an_unknown_type,
        send_an_unknown_field,
        break_the_numbering,
    ],
)
async def test_log__worker_that_quotes_its_customer__is_not_quoted(
    tmp_path: Path, script: Script
) -> None:
    process, url = start_orchestrator(tmp_path)
    with process:
        customer = Customer(url, create_key(tmp_path))
        async with (
            customer.http,
            ScriptedWorker(url, script=script) as worker,
        ):
            async with customer.chat(PROMPT) as response:
                assert response.status == 502
                assert PROMPT not in await response.text()
            async with customer.get(f"/api/inference/receipts/{PROMPT}") as response:
                assert response.status == 404
            assert worker.received
        found = process.wait_for("lease_failed")
        process.stop()
    assert found["reason"] in {"worker_failed", "protocol_violation", "worker_lost"}
    log = said_by(process)
    assert '"event":"job"' in log.replace(" ", "")
    assert PROMPT not in log
    assert WORDS not in log


def said_by(process: BasisProcess) -> str:
    """All lines that the process wrote."""
    return "".join(process.lines)
