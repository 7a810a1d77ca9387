"""Earnings: sums that agree with the receipts, and deductions that sum to what was withheld."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, delete

from basis.accounting.earnings import NO_WALLET, find_deductions, sum_earnings
from basis.accounting.posting import as_breakdown_record, compute_finished_job
from basis.rules.factors import Factors
from basis.rules.job import JobStatus
from basis.rules.reward import Penalty, compute_reward
from basis.rules.units import AmountRaw, Bps, TokenCount
from basis.storage.receipt_details import PenaltyRecord
from basis.storage.receipt_store import StoredReceipt, iterate_receipts
from basis.storage.schema import workers
from basis.storage.worker_receipts import (
    EarningsFilter,
    count_worker_receipts,
    iterate_worker_receipts,
)
from basis.wire.earnings import EarningsRow
from tests.support.books import (
    ALICE,
    BOB,
    NO_CLAIMS,
    fill_books,
    make_facts,
    make_finished,
    record,
)

BPS = st.integers(0, 10_000)
AMOUNTS = st.integers(0, 10**30)


def judged(
    *,
    charge_raw: int,
    factors: tuple[int, int, int],
    wallet: str = ALICE,
    penalties: tuple[int, ...] = (),
) -> StoredReceipt:
    """A receipt of a completed job with these factors and penalties."""
    quality, uptime, latency = map(Bps, factors)
    breakdown = compute_reward(
        status=JobStatus.COMPLETED,
        worker_wallet=wallet,
        charge_raw=AmountRaw(charge_raw),
        fee_bps=Bps(1_000),
        factors=Factors(quality_bps=quality, uptime_bps=uptime, latency_bps=latency),
        penalties=[Penalty(reason=f"r{n % 2}", amount_raw=AmountRaw(a)) for n, a in _on(penalties)],
    )
    job = make_finished(1, worker_wallet=wallet)
    core = replace(
        job.core,
        quality_bps=quality,
        uptime_bps=uptime,
        latency_bps=latency,
        total_charged_raw=AmountRaw(charge_raw),
        worker_reward_raw=breakdown.reward_raw,
    )
    details = msgspec.structs.replace(
        job.details,
        breakdown=as_breakdown_record(breakdown),
        penalties=tuple(
            PenaltyRecord(reason=f"r{number % 2}", amount_raw=str(amount))
            for number, amount in _on(penalties)
        ),
    )
    return StoredReceipt(
        seq=1,
        recorded_hash=job.receipt_hash,
        core=core,
        status=job.status,
        details=details,
        reward_status=job.reward_status,
        batch_hash=None,
        misfiled_column="",
    )


def _on(amounts: tuple[int, ...]) -> list[tuple[int, int]]:
    return list(enumerate(amounts))


@given(
    charge=AMOUNTS,
    factors=st.tuples(BPS, BPS, BPS),
    penalties=st.lists(AMOUNTS, max_size=4).map(tuple),
    wallet=st.sampled_from([ALICE, ""]),
)
def test_deductions__of_any_job__sum_to_what_was_withheld(
    charge: int, factors: tuple[int, int, int], penalties: tuple[int, ...], wallet: str
) -> None:
    receipt = judged(charge_raw=charge, factors=factors, wallet=wallet, penalties=penalties)

    found = find_deductions(receipt)

    parts = receipt.details.breakdown
    assert sum(found.values()) == int(parts.unearned_raw)
    assert all(amount > 0 for amount in found.values())
    whole = {
        name
        for name, bps in zip(("quality", "uptime", "latency"), factors, strict=True)
        if bps == 10_000
    }
    assert not whole & found.keys(), "a factor of 1x withholds nothing"
    assert (NO_WALLET in found) == (not wallet and int(parts.pool_raw) > 0)
    assert not wallet or sum(
        amount for name, amount in found.items() if name.startswith("penalty:")
    ) == int(parts.penalty_collected_raw)


@pytest.mark.parametrize(
    ("factors", "expected"),
    [
        ((10_000, 10_000, 10_000), {}),
        ((9_000, 10_000, 10_000), {"quality": 90}),
        ((10_000, 10_000, 9_500), {"latency": 45}),
        ((9_000, 9_000, 9_000), {"quality": 90, "uptime": 81, "latency": 72}),
        ((0, 5_000, 10_000), {"quality": 900}),
        ((9_999, 9_999, 10_000), {"uptime": 0}),
    ],
)
def test_deductions__in_their_order__take_what_those_before_left(
    factors: tuple[int, int, int], expected: dict[str, int]
) -> None:
    found = find_deductions(judged(charge_raw=1_000, factors=factors))

    assert found == {name: amount for name, amount in expected.items() if amount}


def test_penalties__beyond_the_gross_reward__are_deducted_in_their_order() -> None:
    receipt = judged(charge_raw=1_000, factors=(10_000, 10_000, 5_000), penalties=(300, 100, 400))

    assert find_deductions(receipt) == {"latency": 450, "penalty:r0": 350, "penalty:r1": 100}
    assert receipt.details.breakdown.penalty_owed_raw == "350"


@pytest.mark.parametrize("by", ["day", "model"])
@pytest.mark.parametrize(
    "wanted",
    [EarningsFilter(worker_id="alice-1"), EarningsFilter(wallet=BOB), EarningsFilter()],
)
def test_earnings__of_whole_books__are_the_sums_of_the_receipts(
    engine: Engine, wanted: EarningsFilter, by: str
) -> None:
    with engine.begin() as connection:
        connection.execute(delete(workers))
        fill_books(connection)

    with engine.connect() as connection:
        told = sum_earnings(connection, wanted, by=by)
        mine = [
            receipt
            for receipt in iterate_receipts(connection)
            if wanted.worker_id in {"", receipt.core.worker_id}
            and wanted.wallet in {"", receipt.core.worker_wallet}
        ]
    done = [receipt for receipt in mine if receipt.status is JobStatus.COMPLETED]
    assert told.total.completed == len(done) > 0
    assert sum(told.total.unpaid.values()) == len(mine) - len(done)
    assert told.total.reward_raw == str(sum(receipt.core.worker_reward_raw for receipt in done))
    assert told.total.charge_raw == str(sum(receipt.core.total_charged_raw for receipt in done))
    for row in [*told.rows, told.total]:
        expect_balanced(row)
    for field in ("completed", "prompt_tokens", "output_tokens"):
        assert sum(getattr(row, field) for row in told.rows) == getattr(told.total, field)


def expect_balanced(row: EarningsRow) -> None:
    """Holds a row to what its docstring promises."""
    deducted = sum(map(int, row.deducted_raw.values()))
    assert int(row.charge_raw) - int(row.fee_raw) == int(row.pool_raw)
    assert int(row.pool_raw) == int(row.reward_raw) + deducted + int(row.dust_raw)


def test_earnings__by_day__keep_within_the_days_and_count_failures_by_reason(
    engine: Engine,
) -> None:
    days = [f"2026-11-{day:02}T23:59:59.999Z" for day in (1, 2, 2, 3, 4)]
    with engine.begin() as connection:
        record(connection, *(make_facts(n, created_at=at) for n, at in enumerate(days, start=1)))
        record(
            connection,
            *(
                make_facts(
                    number,
                    created_at="2026-11-02T00:00:00.000Z",
                    status=JobStatus.FAILED,
                    output_tokens=TokenCount(0),
                    finish_reason="",
                    failure_reason=reason,
                    evidence=NO_CLAIMS,
                )
                for number, reason in ((6, "stalled"), (7, "stalled"), (8, "worker_lost"))
            ),
        )
    seen: list[int] = []

    with engine.connect() as connection:
        wanted = EarningsFilter(worker_id="alice-1", since="2026-11-02", until="2026-11-03")
        told = sum_earnings(connection, wanted, by="day", on_progress=seen.append)

    assert [(row.of, row.completed) for row in told.rows] == [("2026-11-02", 2), ("2026-11-03", 1)]
    assert told.rows[0].unpaid == {"stalled": 2, "worker_lost": 1}
    assert told.total.completed == 3
    assert seen == [6]


def test_worker_receipts__more_than_a_page__come_once_each_and_are_counted(engine: Engine) -> None:
    with engine.begin() as connection:
        record(connection, *(make_facts(number) for number in range(1, 1_203)))
        record(
            connection,
            *(make_facts(n, worker_id="bob-1", worker_wallet=BOB) for n in range(2_000, 2_003)),
        )

    with engine.connect() as connection:
        wanted = EarningsFilter(worker_id="alice-1")
        pages = list(iterate_worker_receipts(connection, wanted))
        counts = [count_worker_receipts(connection, wanted, most=most) for most in (10, 10**6)]

    jobs = Counter(receipt.core.job_id for page in pages for receipt in page)
    assert len(jobs) == sum(jobs.values()) == 1_202
    assert max(map(len, pages)) <= 500
    assert counts == [10, 1_202]


def test_receipt__computed_by_the_rules__has_no_deductions_at_full_factors() -> None:
    job = compute_finished_job(make_facts(1))

    assert job.details.breakdown.unearned_raw == "0"
