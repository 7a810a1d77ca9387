"""`GET /api/inference/receipts/{hash}/explain`: as public as the receipt."""

from __future__ import annotations

import pytest

from tests.accounting.formulas import evaluate
from tests.support.answers import expect_error
from tests.support.house import House

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_explain__of_a_job__is_answered_by_hash_and_by_job_id(house: House) -> None:
    async with house.customer.chat() as response:
        receipt_hash, job_id = response.headers["X-Basis-Receipt"], response.headers["X-Request-Id"]

    answers = []
    for name in (receipt_hash, job_id):
        async with house.worker.http.get(
            f"{house.running.url}/api/inference/receipts/{name}/explain"
        ) as response:
            assert response.status == 200
            answers.append(await response.json())

    assert answers[0] == answers[1]
    assert (answers[0]["hash"], answers[0]["jobId"]) == (receipt_hash, job_id)
    formulas = [line for line in answers[0]["lines"] if line["formula"]]
    assert len(formulas) > 10
    assert all(evaluate(line["formula"]) == line["result"] for line in formulas)


async def test_explain__of_nothing__is_not_found(house: House) -> None:
    async with house.customer.get("/api/inference/receipts/nothing/explain") as response:
        await expect_error(response, 404, "not_found")


async def test_explain__with_a_parameter__is_refused(house: House) -> None:
    async with house.customer.get("/api/inference/receipts/nothing/explain?lang=de") as response:
        await expect_error(response, 400, "invalid_input", param="lang")
