"""Who is let in: API keys, their revocation, and how many requests of one run at once."""

from __future__ import annotations

import asyncio
from pathlib import Path

import aiohttp
import pytest

from basis.gateway import keys
from basis.storage.clock import now_iso
from basis.storage.database import DATABASE_FILE
from basis.storage.key_store import load_keys, revoke_key
from basis.wire import frames
from tests.support.answers import expect_error
from tests.support.house import House, open_house
from tests.support.orchestrators import Customer, make_key, until
from tests.support.scripted_worker import ScriptedWorker

PATH = "/v1/chat/completions"


async def ask(house: House, headers: dict[str, str]) -> aiohttp.ClientResponse:
    """Asks with these headers instead of the customer's own."""
    return await house.worker.http.post(house.running.url + PATH, json={}, headers=headers)


def read_files(folder: Path) -> dict[str, bytes]:
    """The content of every file in a folder."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": ""},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer   "},
        {"Authorization": "Basic c2s6"},
        {"Authorization": "Bearer sk-proj-1234"},
        {"Authorization": "Bearer sk-basis-1234"},
        {"Authorization": "Bearer sk-basis-" + "x" * 500},
        {"Authorization": "Bearer sk-basis-k\u00e9y"},
        {"X-Api-Key": "sk-basis-1234"},
    ],
)
@pytest.mark.asyncio(loop_scope="module")
async def test_keys__none_or_unknown__is_refused_before_the_body_is_looked_at(
    house: House, headers: dict[str, str]
) -> None:
    async with await ask(house, headers) as response:
        await expect_error(response, 401, "invalid_api_key")

    assert response.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.asyncio(loop_scope="module")
async def test_keys__scheme_in_lower_case__is_taken(house: House) -> None:
    async with await ask(house, {"Authorization": f"bearer {house.customer.key}"}) as response:
        await expect_error(response, 400, "invalid_input", param="model")


async def test_keys__revoked__stops_once_the_last_look_is_stale(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_house(tmp_path) as house:
        async with house.customer.get("/v1/models") as response:
            assert response.status == 200
        with house.context.engine.connect() as connection:
            (key,) = load_keys(connection)
        await house.context.writer.write(
            lambda connection: revoke_key(connection, key_id=key.id, now=now_iso())
        )

        monkeypatch.setattr(keys, "_FRESH_S", 0.0)  # as if five seconds had passed

        async with house.customer.get("/v1/models") as response:
            message = await expect_error(response, 401, "invalid_api_key")

    assert "revoked" in message


async def test_keys__looked_up__are_believed_for_five_seconds_at_most() -> None:
    assert keys._FRESH_S <= 5.0


async def test_keys__made_while_it_runs__is_valid_at_once(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        other = Customer(house.running.url, make_key(tmp_path, user_id="user-2"))
        async with other.chat() as response:
            assert response.status == 200
        await other.http.close()
        receipt = await house.receipt()

    assert receipt.core.user_id == "user-2"


async def test_keys__in_the_data_folder__are_hashes_only(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        async with house.customer.chat() as response:
            assert response.status == 200
        secrets = [house.customer.key.encode(), str(house.worker.token).encode()]

    files = read_files(tmp_path)
    assert DATABASE_FILE in files
    for name, data in files.items():
        for secret in secrets:
            assert secret not in data, name
            assert secret.removeprefix(b"sk-basis-").removeprefix(b"wt-basis-") not in data, name


async def test_keys__more_requests_at_once_than_allowed__are_told_to_wait(tmp_path: Path) -> None:
    hold = asyncio.Event()

    async def wait_then_answer(worker: ScriptedWorker, job: frames.Job) -> None:
        await hold.wait()
        await worker.answer(job, ["ok"])

    async with open_house(tmp_path, script=wait_then_answer, max_jobs_per_key=2) as house:
        running = [asyncio.ensure_future(house.customer.chat()) for _ in range(2)]
        await until(lambda: len(house.worker.jobs) == 2)

        async with house.customer.chat() as response:
            await expect_error(response, 429, "rate_limit_exceeded")
        hold.set()
        statuses = [(await task).status for task in running]
        async with house.customer.chat() as after:
            assert after.status == 200

    assert response.headers["Retry-After"] == "1"
    assert statuses == [200, 200]
