"""What one address may ask for: used up, refilled, apart from all others."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from basis.dispatch.address_limit import AddressLimit
from basis.rules.errors import LimitExceeded


def test_limit__hour_used_up__is_refused_until_it_refills() -> None:
    limit = AddressLimit(60, period_s=3_600, what="registrations in an hour")
    for _ in range(60):
        limit.take("a", now_s=0.0)

    with pytest.raises(LimitExceeded) as caught:
        limit.take("a", now_s=59.0)
    limit.take("a", now_s=61.0)

    assert caught.value.retry_after_s == 61
    assert "60 registrations in an hour" in caught.value.message


def test_limit__other_address__has_its_own_share() -> None:
    limit = AddressLimit(1, period_s=3_600, what="calls")
    limit.take("a", now_s=0.0)

    limit.take("b", now_s=0.0)

    with pytest.raises(LimitExceeded):
        limit.take("a", now_s=0.0)


def test_limit__many_addresses__forget_the_oldest() -> None:
    limit = AddressLimit(1, period_s=3_600, what="calls")

    for number in range(70_000):
        limit.take(str(number), now_s=0.0)

    assert len(limit._buckets) == 65_536


@given(st.integers(1, 10), st.lists(st.floats(0, 4_000), max_size=40))
def test_limit__any_times__allow_no_more_than_the_bucket_and_its_refill(
    per_hour: int, gaps: list[float]
) -> None:
    limit = AddressLimit(per_hour, period_s=3_600, what="calls")
    now = allowed = 0.0

    for gap in gaps:
        now += gap
        try:
            limit.take("a", now_s=now)
        except LimitExceeded:
            continue
        allowed += 1
        assert allowed <= per_hour + now * per_hour / 3_600 + 1e-6


@pytest.mark.parametrize(("cost", "left"), [(0, 9), (1, 9), (4, 6), (10, 0), (1_000, 0)])
def test_limit__dear_call__takes_its_cost_and_at_most_all(cost: int, left: int) -> None:
    limit = AddressLimit(10, period_s=60, what="calls")
    limit.take("a", cost=cost, now_s=0.0)

    for _call in range(left):
        limit.take("a", now_s=0.0)

    with pytest.raises(LimitExceeded) as caught:
        limit.take("a", cost=cost, now_s=0.0)
    assert caught.value.retry_after_s == min(max(cost, 1), 10) * 6 + 1


def test_limit__dear_call_that_is_refused__takes_nothing() -> None:
    limit = AddressLimit(10, period_s=60, what="calls")
    limit.take("a", cost=5, now_s=0.0)

    with pytest.raises(LimitExceeded):
        limit.take("a", cost=6, now_s=0.0)

    limit.take("a", cost=5, now_s=0.0)
