"""The shape of every error, and that nothing inside shows through it."""

from __future__ import annotations

from pathlib import Path

import aiohttp
import pytest

from basis.gateway.errors import http_status
from basis.rules import errors
from basis.rules.errors import BasisError, JobFailed
from basis.rules.job import FailureReason
from basis.wire import frames
from tests.support.answers import expect_error
from tests.support.house import House, open_house
from tests.support.scripted_worker import ScriptedWorker


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", "/v1"),
        ("POST", "/v1/images/generations"),
        ("GET", "/v1/models/a/b"),
        ("GET", "/%FF%FE"),
        ("GET", "/%00"),
        ("GET", "/../../etc/passwd"),
    ],
)
@pytest.mark.asyncio(loop_scope="module")
async def test_errors__path_that_is_not_there__is_not_found(
    house: House, method: str, path: str
) -> None:
    async with house.customer.http.request(method, house.running.url + path) as response:
        await expect_error(response, 404, "http_404")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/v1/chat/completions", "POST"),
        ("DELETE", "/v1/completions", "POST"),
        ("PUT", "/v1/embeddings", "POST"),
        ("POST", "/v1/models", "GET,HEAD"),
        ("GET", "/api/workers/register", ""),
        ("POST", "/metrics", "GET,HEAD"),
    ],
)
@pytest.mark.asyncio(loop_scope="module")
async def test_errors__method_that_is_not_there__is_not_allowed(
    house: House, method: str, path: str, allowed: str
) -> None:
    async with house.customer.http.request(method, house.running.url + path) as response:
        if allowed:
            await expect_error(response, 405, "http_405")
            assert response.headers["Allow"] == allowed
        else:
            await expect_error(response, 404, "not_found")  # there, it is a worker's name


@pytest.mark.asyncio(loop_scope="module")
async def test_errors__worker_link_without_a_websocket__is_refused(house: House) -> None:
    async with house.customer.get("/api/workers/connect") as response:
        await expect_error(response, 400, "http_400")


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/completions"])
@pytest.mark.parametrize("is_streamed", [False, True])
async def test_errors__bug_of_ours__tells_no_details_and_leaves_a_failed_receipt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, is_streamed: bool
) -> None:
    def break_down(_frame: frames.Chunk) -> int:
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr("basis.gateway.job_run.frame_bytes", break_down)
    body = {"model": "basis-tiny", "stream": is_streamed}
    body |= {"messages": [{"role": "user", "content": "x"}]} if "chat" in path else {"prompt": "x"}
    async with open_house(tmp_path) as house:
        async with house.customer.post(path, **body) as response:
            await expect_error(response, 500, "internal_error")
        receipt = await house.receipt()

    assert (receipt.status.value, receipt.core.total_charged_raw) == ("failed", 0)
    assert receipt.details.failure_reason == "internal_error"


async def test_errors__bug_in_mid_stream__breaks_the_stream_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_down(_progress: object, _frames: object) -> None:
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr("basis.gateway.job.JobProgress.on_delivered", break_down)
    async with open_house(tmp_path) as house:
        async with house.customer.chat(stream=True) as response:
            with pytest.raises(aiohttp.ClientPayloadError):
                await response.read()
        receipt = await house.receipt()

    assert (receipt.status.value, receipt.core.total_charged_raw) == ("failed", 0)


ALL_ERRORS = [
    value for value in vars(errors).values() if isinstance(value, type) and value is not BasisError
]


@pytest.mark.parametrize(
    "error_class",
    [cls for cls in ALL_ERRORS if issubclass(cls, BasisError) and cls is not JobFailed],
)
def test_errors__every_class__has_a_status_of_its_own(error_class: type[BasisError]) -> None:
    error = error_class.__new__(error_class)

    assert http_status(error) in {400, 401, 402, 403, 404, 408, 409, 413, 429, 503}


@pytest.mark.parametrize("reason", list(FailureReason))
def test_errors__every_failure_of_a_job__is_the_customers_ours_or_overload(
    reason: FailureReason,
) -> None:
    status = http_status(JobFailed("x", reason=reason.value))

    expected = {
        FailureReason.BAD_REQUEST: 400,
        FailureReason.CONTEXT_EXCEEDED: 400,
        FailureReason.UNSUPPORTED: 400,
        FailureReason.QUEUE_FULL: 503,
        FailureReason.QUEUE_TIMEOUT: 503,
        FailureReason.NO_WORKER: 503,
    }
    assert status == expected.get(reason, 502)


async def test_errors__worker_that_tells_secrets__is_not_quoted(tmp_path: Path) -> None:
    async def tell(worker: ScriptedWorker, job: frames.Job) -> None:
        await worker.fail(job, frames.WorkerFault.RUNTIME_ERROR, "secret detail at 127.0.0.1")

    async with (
        open_house(tmp_path, script=tell) as house,
        house.customer.chat() as response,
    ):
        await expect_error(response, 502, "worker_failed")
