"""What is said when phases, their vesting and receipts refuse something, and their last edges."""

from __future__ import annotations

from dataclasses import replace

import pytest
from phase_states import (
    ALICE,
    BOB,
    CLOSED,
    END,
    appealed,
    decided,
    make_closed,
    make_open,
    without_bob,
)
from refusals import Refusal, refuse

from basis.rules.dates import add_days
from basis.rules.errors import IllegalTransition
from basis.rules.job import JobId, UserId, WorkerId
from basis.rules.phase_steps import (
    Phase,
    advance_final,
    decide_appeal,
    exclude,
    file_appeal,
)
from basis.rules.phases import (
    LONGEST_TEXT,
    MAX_POOL_RAW,
    MAX_POOLS,
    AppealDecision,
    ExclusionReason,
    compute_phase,
    validate_terms,
    validate_text,
)
from basis.rules.receipt import ReceiptCore, validate_core
from basis.rules.units import AmountRaw, Bps, TokenCount
from basis.rules.vesting import parse_vesting, validate_vesting

CORE = ReceiptCore(
    job_id=JobId("job-1"),
    user_id=UserId("user-1"),
    user_wallet="",
    worker_id=WorkerId("w-1"),
    worker_wallet=ALICE,
    model_id="m",
    prompt_tokens=TokenCount(1),
    output_tokens=TokenCount(1),
    latency_ms=1,
    quality_bps=Bps(10_000),
    uptime_bps=Bps(10_000),
    latency_bps=Bps(10_000),
    model_multiplier_bps=Bps(10_000),
    total_charged_raw=AmountRaw(10),
    worker_reward_raw=AmountRaw(9),
    protocol_fee_raw=AmountRaw(1),
    token_symbol="BASIS",
    token_address="",
    created_at=CLOSED,
)
TERMS = make_open().terms
POOL = TERMS.pools[0]


def _pools(*pools: object) -> None:
    validate_terms(replace(TERMS, pools=pools))


def _final() -> Phase:
    return advance_final(without_bob(make_closed()), now=add_days(CLOSED, 8))


def _exclude(phase: Phase, now: str = CLOSED) -> Phase:
    return exclude(phase, wallet=BOB, reason=ExclusionReason.SYBIL, evidence="e", now=now)


REFUSALS = {
    "points of a pool that is none": Refusal(
        lambda: compute_phase([POOL], {("p" * 50, ALICE): 1}, []), (f"'{'p' * 40}'",)
    ),
    "points below nothing": Refusal(
        lambda: compute_phase([POOL], {("llm", ALICE): -3}, []), (ALICE, "-3 points")
    ),
    "phase without a pool": Refusal(_pools, (f"1 to {MAX_POOLS}", "not 0"), "pool"),
    "pool of a name too long": Refusal(
        lambda: _pools(replace(POOL, name="p" * 50)), (f"'{'p' * 40}'", "1 to 16"), "pool"
    ),
    "pool of other points": Refusal(
        lambda: _pools(replace(POOL, points_asset="B" * 50)),
        ("llm", f"'{'B' * 40}'", "LLAMA and WAIFU"),
        "pool",
    ),
    "pool of nothing": Refusal(
        lambda: _pools(replace(POOL, amount_raw=0)), ("holds 0", f"1 to {MAX_POOL_RAW}"), "pool"
    ),
    "pools of one name": Refusal(
        lambda: _pools(POOL, replace(POOL, points_asset="WAIFU")), ("the name llm",), "pool"
    ),
    "pools of the same points": Refusal(
        lambda: _pools(POOL, replace(POOL, name="b")), ("the kind of points LLAMA",), "pool"
    ),
    "text too long": Refusal(
        lambda: validate_text("t" * (LONGEST_TEXT + 1), param="it"),
        (f"it is '{'t' * 40}'", f"1 to {LONGEST_TEXT}"),
        "it",
    ),
    "exclusion from a final phase": Refusal(
        lambda: _exclude(_final()), ("s1 is final", "excludes nobody"), None, IllegalTransition
    ),
    "appeal in a final phase": Refusal(
        lambda: appealed(_final()), ("s1 is final", "appealed no more"), None, IllegalTransition
    ),
    "decision in a final phase": Refusal(
        lambda: decided(_final(), AppealDecision.DENIED),
        ("s1 is final", "decides no appeals"),
        *(None, IllegalTransition),
    ),
    "appeal without words": Refusal(
        lambda: file_appeal(without_bob(make_closed()), wallet=BOB, text=" ", now=CLOSED),
        ("text is ''",),
        "text",
    ),
    "decision without a reason": Refusal(
        lambda: decide_appeal(
            appealed(without_bob(make_closed())),
            wallet=BOB,
            decision=AppealDecision.DENIED,
            reason=" ",
            now=CLOSED,
        ),
        ("reason is ''",),
        "reason",
    ),
    "vesting in other words": Refusal(
        lambda: parse_vesting("v" * 50, starts_at=END),
        (f"'{'v' * 40}'", "90+12x30"),
        "vesting",
    ),
    "vesting from no instant": Refusal(
        lambda: validate_vesting(replace(TERMS.vesting, starts_at="soon")),
        ("starts_at is 'soon'",),
        "starts_at",
    ),
    "vesting after a cliff below nothing": Refusal(
        lambda: validate_vesting(replace(TERMS.vesting, cliff_days=-1)),
        ("cliff_days is -1",),
        "cliff_days",
    ),
    "vesting of one part with an interval": Refusal(
        lambda: parse_vesting("0+1x1", starts_at=END), ("interval_days is 1",), "interval_days"
    ),
    "receipt of fewer tokens than none": Refusal(
        lambda: validate_core(replace(CORE, output_tokens=-1)),
        ("outputTokens is -1",),
        "outputTokens",
    ),
    "receipt that pays more than it charges": Refusal(
        lambda: validate_core(replace(CORE, worker_reward_raw=10)),
        ("exceed the charge",),
        "workerRewardRaw",
    ),
    "receipt of no instant": Refusal(
        lambda: validate_core(replace(CORE, created_at="2026-11-23")),
        ("createdAt is '2026-11-23'", "expected 2026-"),
        "createdAt",
    ),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_refusal__of_a_phase_or_receipt__says_what_and_why(name: str) -> None:
    refusal = REFUSALS[name]

    assert refuse(refusal) == (refusal.kind, refusal.param, [])


def test_exclude__clock_set_back_in_an_open_phase__is_not_before_the_opening() -> None:
    (one,) = _exclude(make_open(), "2026-10-01T00:00:00.000Z").exclusions

    assert one.excluded_at == make_open().opened_at


def test_exclude__two_wallets__stand_by_wallet_in_any_order() -> None:
    both = [ALICE, BOB]
    for order in (both, both[::-1]):
        phase = make_closed()
        for wallet in order:
            phase = exclude(
                phase, wallet=wallet, reason=ExclusionReason.SYBIL, evidence=wallet, now=CLOSED
            )
        assert [one.wallet for one in phase.exclusions] == sorted(both)


def test_file_appeal__new__has_no_reason_and_no_decision_yet() -> None:
    (one,) = appealed(without_bob(make_closed())).exclusions

    assert one.appeal is not None
    assert (one.appeal.reason, one.appeal.decided_at) == ("", "")


def test_validate_text__of_all_letters_that_may_be__is_taken() -> None:
    assert len(validate_text("t" * LONGEST_TEXT, param="it")) == LONGEST_TEXT
