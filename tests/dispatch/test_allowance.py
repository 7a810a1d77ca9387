"""What one address may ask for: used up, refilled, apart from all others."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from basis.dispatch.allowance import Allowance
from basis.rules.errors import LimitExceeded


def test_allowance__hour_used_up__is_refused_until_it_refills() -> None:
    share = Allowance(60, period_s=3_600, what="registrations in an hour from one address")
    for _ in range(60):
        share.take("a", now_s=0.0)

    with pytest.raises(LimitExceeded) as caught:
        share.take("a", now_s=59.0)
    share.take("a", now_s=61.0)

    assert caught.value.retry_after_s == 61
    assert "60 registrations in an hour" in caught.value.message


def test_allowance__other_address__has_its_own_share() -> None:
    share = Allowance(1, period_s=3_600, what="calls")
    share.take("a", now_s=0.0)

    share.take("b", now_s=0.0)

    with pytest.raises(LimitExceeded):
        share.take("a", now_s=0.0)


def test_allowance__many_addresses__forget_the_oldest() -> None:
    share = Allowance(1, period_s=3_600, what="calls")

    for number in range(70_000):
        share.take(str(number), now_s=0.0)

    assert len(share._buckets) == 65_536


@given(st.integers(1, 10), st.lists(st.floats(0, 4_000), max_size=40))
def test_allowance__any_times__allow_no_more_than_the_bucket_and_its_refill(
    per_hour: int, gaps: list[float]
) -> None:
    share = Allowance(per_hour, period_s=3_600, what="calls")
    now = allowed = 0.0

    for gap in gaps:
        now += gap
        try:
            share.take("a", now_s=now)
        except LimitExceeded:
            continue
        allowed += 1
        assert allowed <= per_hour + now * per_hour / 3_600 + 1e-6


@pytest.mark.parametrize(("cost", "left"), [(0, 9), (1, 9), (4, 6), (10, 0), (1_000, 0)])
def test_allowance__dear_call__takes_its_cost_and_at_most_all(cost: int, left: int) -> None:
    share = Allowance(10, period_s=60, what="calls")
    share.take("a", cost=cost, now_s=0.0)

    for _call in range(left):
        share.take("a", now_s=0.0)

    with pytest.raises(LimitExceeded) as caught:
        share.take("a", cost=cost, now_s=0.0)
    assert caught.value.retry_after_s == min(max(cost, 1), 10) * 6 + 1


def test_allowance__dear_call_that_is_refused__takes_nothing() -> None:
    share = Allowance(10, period_s=60, what="calls")
    share.take("a", cost=5, now_s=0.0)

    with pytest.raises(LimitExceeded):
        share.take("a", cost=6, now_s=0.0)

    share.take("a", cost=5, now_s=0.0)


def test_allowance__charged_afterwards__is_used_up_and_refills() -> None:
    share = Allowance(600, period_s=60, what="bytes")
    share.require_any("a", now_s=0.0)
    share.charge("a", cost=599, now_s=0.0)
    share.require_any("a", now_s=0.0)
    share.charge("a", cost=301, now_s=0.0)

    with pytest.raises(LimitExceeded, match="more than 600 bytes") as caught:
        share.require_any("a", now_s=29.9)
    share.require_any("b", now_s=29.9)
    share.require_any("a", now_s=30.2)
    assert caught.value.retry_after_s == 1


@pytest.mark.parametrize("cost", [1_200, 10_000, 10**12])
def test_allowance__owed__is_a_whole_share_at_most(cost: int) -> None:
    share = Allowance(600, period_s=60, what="bytes")

    share.charge("a", cost=cost, now_s=0.0)

    with pytest.raises(LimitExceeded) as caught:
        share.require_any("a", now_s=0.0)
    assert caught.value.retry_after_s == 61
    share.require_any("a", now_s=60.2)
