"""A phase in each state, made by the real steps."""

from __future__ import annotations

from basis.rules.phase_steps import (
    CountedReceipts,
    Phase,
    PhaseStatus,
    advance_closed,
    advance_final,
    decide_appeal,
    exclude,
    file_appeal,
)
from basis.rules.phases import (
    AppealDecision,
    ExclusionReason,
    PhaseId,
    PhasePool,
    PhaseTerms,
)
from basis.rules.vesting import VestingTerms
from basis.rules.wallet import Wallet

ALICE = Wallet("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed")
BOB = Wallet("0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359")
NOBODY = Wallet("0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb")
OPENED = "2026-11-01T08:00:00.000Z"
END = "2026-12-01T00:00:00.000Z"
CLOSED = "2026-12-01T09:00:00.000Z"
LATER = "2026-12-02T09:00:00.000Z"
LAST = "2026-12-10T09:00:00.000Z"
POINTS = {("llm", ALICE): 3_000_000, ("llm", BOB): 1_000_000}
COUNTED = CountedReceipts(
    closing=1, count=9, late_count=0, last_seq=9, hash="a" * 64, tables=("2026-11-23",)
)


def make_open() -> Phase:
    """A phase that was opened and nothing more."""
    return Phase(
        terms=PhaseTerms(
            id=PhaseId("s1"),
            starts_at="2026-11-01T00:00:00.000Z",
            ends_at=END,
            appeal_days=7,
            pools=(PhasePool(name="llm", points_asset="LLAMA", amount_raw=1_000),),
            vesting=VestingTerms(starts_at=END, cliff_days=0, parts=2, interval_days=30),
        ),
        status=PhaseStatus.OPEN,
        opened_at=OPENED,
        closed_at="",
        final_at="",
        counted=None,
        points={},
        exclusions=(),
    )


def make_closed(now: str = CLOSED) -> Phase:
    """The phase closed over Alice's and Bob's points."""
    return advance_closed(make_open(), counted=COUNTED, points=POINTS, now=now)


def without_bob(phase: Phase, now: str = CLOSED) -> Phase:
    """The phase with Bob excluded."""
    return exclude(phase, wallet=BOB, reason=ExclusionReason.SYBIL, evidence="one machine", now=now)


def appealed(phase: Phase, now: str = CLOSED) -> Phase:
    """The phase with Bob's appeal waiting."""
    return file_appeal(phase, wallet=BOB, text="two machines", now=now)


def decided(phase: Phase, decision: AppealDecision, now: str = CLOSED) -> Phase:
    """The phase with Bob's appeal decided."""
    return decide_appeal(phase, wallet=BOB, decision=decision, reason="seen", now=now)


def make_denied() -> Phase:
    """The phase with Bob excluded, his appeal of the next day denied."""
    return decided(appealed(without_bob(make_closed()), LATER), AppealDecision.DENIED, LATER)


def make_final() -> Phase:
    """That phase, shared out for good."""
    return advance_final(make_denied(), now=LAST)


def amounts(phase: Phase) -> dict[Wallet, int]:
    """Who gets what."""
    return phase.result().wallet_amounts()
