"""The life of a phase: open -> closed -> final, and what each step waits for.

    open     its pools are funded, its points are still earned
    closed   its points are counted; the draft is published, exclusions can be appealed
    final    shared out; nothing of it changes any more, and the parts vest by date

An exclusion may be added while the phase is open or closed. The phase becomes final no earlier than
`appeal_days` after its closing and after its newest exclusion in force, and with no appeal
undecided. A clock that was set back can shorten nothing: no step is recorded earlier than the one
before it. Source: mission P8; docs/decisions/0017-phases.md.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, replace

from basis.rules.dates import add_days
from basis.rules.errors import Conflict, IllegalTransition, NotFound
from basis.rules.job import advance
from basis.rules.phases import (
    Appeal,
    AppealDecision,
    Exclusion,
    ExclusionReason,
    PhaseResult,
    PhaseTerms,
    compute_phase,
    validate_text,
)
from basis.rules.wallet import Wallet


class PhaseStatus(enum.StrEnum):
    """How far a phase has come; it never goes back."""

    OPEN = "open"
    CLOSED = "closed"
    FINAL = "final"


PHASE_STEPS: Mapping[PhaseStatus, frozenset[PhaseStatus]] = {
    PhaseStatus.OPEN: frozenset({PhaseStatus.CLOSED}),
    PhaseStatus.CLOSED: frozenset({PhaseStatus.FINAL}),
    PhaseStatus.FINAL: frozenset(),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CountedReceipts:
    """Which receipts a phase counted: those of its time with a sequence number up to `last_seq`.

    `closing` numbers the phases in the order in which they were closed, from 1.
    `late_count` of them are of an earlier phase's time, but were recorded after it had closed.
    `hash` is SHA-256 over their hashes in order, a line feed after each. `tables` are the versions
    of the points tables that they name.
    """

    closing: int
    count: int
    late_count: int
    last_seq: int
    hash: str
    tables: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """A phase as far as it has come. Times that are not yet are ""; so are `counted` and `points`.

    `points` are by (pool's name, wallet); exclusions are sorted by wallet.
    """

    terms: PhaseTerms
    status: PhaseStatus
    opened_at: str
    closed_at: str
    final_at: str
    counted: CountedReceipts | None
    points: Mapping[tuple[str, Wallet], int]
    exclusions: tuple[Exclusion, ...]

    def result(self) -> PhaseResult:
        """What the counted points give by the exclusions in force."""
        excluded = {one.wallet for one in self.exclusions if one.is_in_force}
        return compute_phase(self.terms.pools, self.points, excluded)

    def has_points_of(self, wallet: Wallet) -> bool:
        """Whether `wallet` has points in any pool."""
        return any(owner == wallet and points for (_pool, owner), points in self.points.items())


def appealable_until(phase: Phase) -> str:
    """The instant before which a closed phase cannot become final; "" while it is open."""
    if not phase.closed_at:
        return ""
    starts = [one.excluded_at for one in phase.exclusions if one.is_in_force]
    return add_days(max([phase.closed_at, *starts]), phase.terms.appeal_days)


def advance_closed(
    phase: Phase,
    *,
    counted: CountedReceipts,
    points: Mapping[tuple[str, Wallet], int],
    now: str,
) -> Phase:
    """The phase closed over `points`.

    Raises:
        IllegalTransition: it is not open.
        Conflict: its time has not passed.
    """
    status = advance(PHASE_STEPS, old=phase.status, new=PhaseStatus.CLOSED)
    if now < phase.terms.ends_at:
        raise Conflict(f"phase {phase.terms.id} ends at {phase.terms.ends_at}; it is {now}")
    return replace(
        phase,
        status=status,
        closed_at=max(now, phase.opened_at),
        counted=counted,
        points=dict(points),
    )


def advance_final(phase: Phase, *, now: str) -> Phase:
    """The phase shared out for good.

    Raises:
        IllegalTransition: it is not closed.
        Conflict: it can still be appealed, or an appeal is undecided.
    """
    status = advance(PHASE_STEPS, old=phase.status, new=PhaseStatus.FINAL)
    until = appealable_until(phase)
    if now < until:
        raise Conflict(
            f"phase {phase.terms.id} can be appealed until {until}; it is {now}: make it final then"
        )
    for one in phase.exclusions:
        if one.is_pending:
            raise Conflict(f"the appeal of {one.wallet} is undecided: resolve it first")
    return replace(phase, status=status, final_at=now)


def exclude(
    phase: Phase, *, wallet: Wallet, reason: ExclusionReason, evidence: str, now: str
) -> Phase:
    """The phase without `wallet`; a repeat with the same words changes nothing.

    Raises:
        IllegalTransition: the phase is final.
        Conflict: it is excluded for another reason, or its appeal was accepted: that holds.
        NotFound: the phase is closed, and the wallet has no points in it.
        InvalidInput: the evidence is empty, too long or unprintable.
    """
    _refuse_final(phase, "excludes nobody any more")
    words = validate_text(evidence, param="evidence")
    known = _find(phase, wallet)
    if known is not None:
        if not known.is_in_force:
            raise Conflict(f"the appeal of {wallet} was accepted, which holds for this phase")
        if (known.reason, known.evidence) != (reason, words):
            raise Conflict(f"{wallet} is excluded already, as {known.reason.value}")
        return phase
    if phase.status is PhaseStatus.CLOSED and not phase.has_points_of(wallet):
        raise NotFound(f"{wallet} has no points in phase {phase.terms.id}")
    exclusion = Exclusion(
        wallet=wallet,
        reason=reason,
        evidence=words,
        excluded_at=max(now, phase.opened_at, phase.closed_at),
        appeal=None,
    )
    return _with_exclusion(phase, exclusion)


def file_appeal(phase: Phase, *, wallet: Wallet, text: str, now: str) -> Phase:
    """The phase with the appeal of an excluded wallet; a repeat with the same words is a no-op.

    Raises:
        IllegalTransition: the phase is final.
        NotFound: the wallet is not excluded.
        Conflict: it has appealed already.
        InvalidInput: the text is empty, too long or unprintable.
    """
    _refuse_final(phase, "can be appealed no more")
    words = validate_text(text, param="text")
    exclusion = _require(phase, wallet)
    if exclusion.appeal is not None:
        if exclusion.appeal.text != words:
            raise Conflict(f"{wallet} has appealed already: {exclusion.appeal.decision.value}")
        return phase
    appeal = Appeal(
        text=words,
        filed_at=max(now, exclusion.excluded_at),
        decision=AppealDecision.PENDING,
        reason="",
        decided_at="",
    )
    return _with_exclusion(phase, replace(exclusion, appeal=appeal))


def decide_appeal(
    phase: Phase, *, wallet: Wallet, decision: AppealDecision, reason: str, now: str
) -> Phase:
    """The phase with an appeal decided, once and for all; the same decision again is a no-op.

    Raises:
        IllegalTransition: the phase is final.
        NotFound: the wallet is not excluded, or has not appealed.
        Conflict: it was decided otherwise.
        InvalidInput: the reason is empty, too long or unprintable.
    """
    _refuse_final(phase, "decides no appeals any more")
    words = validate_text(reason, param="reason")
    exclusion = _require(phase, wallet)
    appeal = exclusion.appeal
    if appeal is None:
        raise NotFound(f"{wallet} has not appealed in phase {phase.terms.id}")
    if appeal.decision is not AppealDecision.PENDING:
        if (appeal.decision, appeal.reason) != (decision, words):
            raise Conflict(f"the appeal of {wallet} is {appeal.decision.value} already")
        return phase
    decided = replace(appeal, decision=decision, reason=words, decided_at=max(now, appeal.filed_at))
    return _with_exclusion(phase, replace(exclusion, appeal=decided))


def _refuse_final(phase: Phase, why: str) -> None:
    if phase.status is PhaseStatus.FINAL:
        raise IllegalTransition(f"phase {phase.terms.id} is final: it {why}")


def _find(phase: Phase, wallet: Wallet) -> Exclusion | None:
    return next((one for one in phase.exclusions if one.wallet == wallet), None)


def _require(phase: Phase, wallet: Wallet) -> Exclusion:
    found = _find(phase, wallet)
    if found is None:
        raise NotFound(f"{wallet} is not excluded from phase {phase.terms.id}")
    return found


def _with_exclusion(phase: Phase, exclusion: Exclusion) -> Phase:
    others = [one for one in phase.exclusions if one.wallet != exclusion.wallet]
    together = sorted([*others, exclusion], key=lambda one: one.wallet)
    return replace(phase, exclusions=tuple(together))
