"""What operators ask: does it live, does it take jobs, what has it counted."""

from __future__ import annotations

from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import text

from tests.support.answers import expect_error
from tests.support.house import House, open_house
from tests.support.orchestrators import orchestrator


async def samples(house: House) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Every sample of /metrics by name and labels."""
    async with house.customer.get("/metrics") as response:
        assert response.status == 200
        assert response.headers["Content-Type"].startswith("text/plain")
        body = await response.text()
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(body)
        for sample in family.samples
    }


async def test_health__running__is_ok(tmp_path: Path) -> None:
    async with orchestrator(tmp_path) as (_, customer), customer.get("/healthz") as response:
        assert (response.status, await response.text()) == (200, "ok\n")


async def test_ready__running__names_the_served_models(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house, house.customer.get("/readyz") as response:
        answer = await response.json()

    assert response.status == 200
    assert answer == {
        "ready": True,
        "problems": [],
        "warnings": [],
        "models_served": ["basis-tiny", "basis-tiny-embed"],
    }


async def test_ready__no_worker__is_ready_all_the_same(tmp_path: Path) -> None:
    async with orchestrator(tmp_path) as (_, customer), customer.get("/readyz") as response:
        assert response.status == 200
        assert (await response.json())["models_served"] == []


async def test_ready__store_refuses_writes__says_so_until_it_takes_them_again(
    tmp_path: Path,
) -> None:
    async with open_house(tmp_path) as house:
        await house.context.writer.write(
            lambda connection: connection.execute(text("ALTER TABLE receipts RENAME TO away"))
        )
        async with house.customer.chat() as response:
            await expect_error(response, 503, "storage_unavailable")
        async with house.customer.get("/readyz") as response:
            refused = (response.status, (await response.json())["problems"])

        await house.context.writer.write(
            lambda connection: connection.execute(text("ALTER TABLE away RENAME TO receipts"))
        )
        async with house.customer.chat() as response:
            assert response.status == 200
        async with house.customer.get("/readyz") as response:
            assert response.status == 200

    assert refused == (503, ["the store refuses writes"])


async def test_metrics__after_a_job__count_it_with_its_tokens(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        async with house.customer.chat() as response:
            usage = (await response.json())["usage"]
        found = await samples(house)

    model = ("model", "basis-tiny")
    assert found["basis_jobs_total", (model, ("status", "completed"))] == 1
    prompt, output = (("direction", "prompt"), model), (("direction", "output"), model)
    assert found["basis_tokens_total", prompt] == usage["prompt_tokens"]
    assert found["basis_tokens_total", output] == usage["completion_tokens"]
    assert found["basis_job_seconds_count", (model,)] == 1
    assert found["basis_first_token_seconds_count", (model,)] == 1
    assert found["basis_jobs_in_flight", ()] == 0
    assert found["basis_workers", (("state", "online"),)] == 1
    assert found["basis_workers", (("state", "offline"),)] == 0
    assert found["basis_jobs_queued", (model,)] == 0


async def test_metrics__anybody__may_read_them_and_finds_no_identity(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        async with house.customer.chat() as response:
            assert response.status == 200
        async with house.worker.http.get(house.running.url + "/metrics") as response:
            body = await response.text()

    for secret in ("scripted-1", "user-1", "127.0.0.1", house.worker.wallet):
        assert secret not in body
