"""A key's limits at the door: pace, models, expiry, and what its parent allows."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from basis.storage.clock import now_iso
from basis.storage.key_store import KeyLimits, revoke_key
from basis.storage.usage_store import load_usage
from tests.support.accounts import customer_with_key
from tests.support.answers import expect_error
from tests.support.crowd import AT_ONCE, MAX_TOKENS, CrowdedHouse, ask, open_crowded_house
from tests.support.orchestrators import Customer, settled_receipts

PAST, FUTURE = "2020-01-01T00:00:00.000Z", "9999-12-31T00:00:00.000Z"


@pytest_asyncio.fixture
async def crowd(tmp_path: Path) -> AsyncIterator[CrowdedHouse]:
    """A network whose worker answers when the test says so."""
    async with open_crowded_house(tmp_path) as crowd:
        yield crowd


async def postpaid(
    crowd: CrowdedHouse, limits: KeyLimits, *, key_id: str = "k1", parent_id: str | None = None
) -> Customer:
    """Ann, who pays afterwards, with a key of these limits."""
    return await customer_with_key(
        crowd.house.running,
        key_id,
        user_id="ann",
        credit_limit=None,
        limits=limits,
        parent_id=parent_id,
    )


async def test_requests__at_once_on_ten_a_minute__exactly_ten_pass(crowd: CrowdedHouse) -> None:
    ann = await postpaid(crowd, KeyLimits(requests_per_minute=10))

    async with ann.http:
        answers = await crowd.rush([ann], passing=10)

    assert Counter(answer.status for answer in answers) == {200: 10, 429: AT_ONCE - 10}
    for refused in (answer for answer in answers if answer.status == 429):
        assert refused.error["code"] == "rate_limit_exceeded"
        assert 1 <= int(refused.retry_after or "0") <= 60
        assert "10 requests a minute" in refused.error["message"]


async def test_requests__at_once_on_tokens_for_ten__exactly_ten_pass(crowd: CrowdedHouse) -> None:
    most_tokens = await crowd.prompt_tokens() + MAX_TOKENS
    ann = await postpaid(crowd, KeyLimits(tokens_per_minute=11 * most_tokens - 1))

    async with ann.http:
        answers = await crowd.rush([ann], passing=10)
        crowd.gate.is_open.set()
        again = await ask(ann)

    assert Counter(answer.status for answer in answers) == {200: 10, 429: AT_ONCE - 10}
    assert again.status == 200, "tokens that the answers did not use are free again"


async def test_request__of_more_tokens_than_a_minute_holds__says_so(crowd: CrowdedHouse) -> None:
    ann = await postpaid(crowd, KeyLimits(tokens_per_minute=MAX_TOKENS))

    async with ann.http:
        refused = await ask(ann)

    assert refused.status == 429
    assert "lower max_tokens" in refused.error["message"]


async def test_sub_keys__at_once__share_their_parents_minute(crowd: CrowdedHouse) -> None:
    parent = await postpaid(crowd, KeyLimits(requests_per_minute=10))
    one, two = [
        await postpaid(crowd, KeyLimits(requests_per_minute=7), key_id=name, parent_id="k1")
        for name in ("one", "two")
    ]

    async with parent.http, one.http, two.http:
        answers = await crowd.rush([one, two], passing=10)
        last = await ask(parent)

    assert Counter(answer.status for answer in answers) == {200: 10, 429: AT_ONCE - 10}
    assert last.status == 429
    await settled_receipts(crowd.house.running, 10)
    with crowd.house.context.engine.connect() as connection:
        by_key = {day.key_id: day.completed for day in load_usage(connection)}
    assert sum(by_key.values()) == 10
    assert max(by_key.values()) <= 7


@pytest.mark.parametrize(
    ("own", "of_parent"), [(PAST, None), (None, PAST), (FUTURE, PAST), (PAST, FUTURE)]
)
async def test_key__expired_or_of_an_expired_parent__is_refused(
    crowd: CrowdedHouse, own: str | None, of_parent: str | None
) -> None:
    await (await postpaid(crowd, KeyLimits(expires_at=of_parent))).http.close()
    ann = await postpaid(crowd, KeyLimits(expires_at=own), key_id="child", parent_id="k1")

    async with ann.http, ann.chat() as response:
        message = await expect_error(response, 401, "invalid_api_key")

    assert PAST in message


async def test_key__that_expires_later__is_let_in(crowd: CrowdedHouse) -> None:
    crowd.gate.is_open.set()
    ann = await postpaid(crowd, KeyLimits(expires_at=FUTURE))

    async with ann.http:
        assert (await ask(ann)).status == 200


@pytest.mark.parametrize(
    ("own", "of_parent", "is_allowed"),
    [
        ((), (), True),
        (("basis-tiny",), (), True),
        (("basis-small", "basis-tiny"), ("basis-tiny",), True),
        (("basis-small",), (), False),
        ((), ("basis-small",), False),
        (("basis-tiny",), ("basis-small",), False),
    ],
)
async def test_model__that_key_or_parent_is_not_for__is_refused(
    crowd: CrowdedHouse, own: tuple[str, ...], of_parent: tuple[str, ...], is_allowed: bool
) -> None:
    crowd.gate.is_open.set()
    await (await postpaid(crowd, KeyLimits(models=of_parent))).http.close()
    ann = await postpaid(crowd, KeyLimits(models=own), key_id="child", parent_id="k1")

    async with ann.http:
        answer = await ask(ann)

    assert answer.status == (200 if is_allowed else 403)
    assert is_allowed or answer.error["code"] == "forbidden"


@pytest.mark.parametrize("revoked", ["k1", "child"])
async def test_sub_key__revoked_itself_or_with_its_parent__is_refused(
    crowd: CrowdedHouse, revoked: str
) -> None:
    await (await postpaid(crowd, KeyLimits())).http.close()
    ann = await postpaid(crowd, KeyLimits(), key_id="child", parent_id="k1")
    await crowd.house.context.writer.write(
        lambda connection: revoke_key(connection, key_id=revoked, now=now_iso())
    )

    async with ann.http, ann.chat() as response:
        message = await expect_error(response, 401, "invalid_api_key")

    assert "revoked" in message
    assert crowd.house.worker.jobs == []
