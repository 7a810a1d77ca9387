"""Who is excluded can appeal, once, and is answered once."""

from __future__ import annotations

import pytest
from phase_states import (
    ALICE,
    BOB,
    CLOSED,
    NOBODY,
    amounts,
    appealed,
    decided,
    make_closed,
    make_open,
    without_bob,
)

from basis.rules.errors import Conflict, InvalidInput, NotFound
from basis.rules.phase_file import find_flaw
from basis.rules.phase_steps import (
    PhaseStatus,
    advance_final,
    appealable_until,
    exclude,
    file_appeal,
)
from basis.rules.phases import (
    AppealDecision,
    ExclusionReason,
)


def test_exclude__wallet_with_points__gets_nothing_and_dilutes_nobody() -> None:
    phase = without_bob(make_closed())

    assert amounts(phase) == {ALICE: 1_000}
    assert [(line.wallet, line.forgone_raw) for line in phase.result().lines] == [
        (ALICE, 0),
        (BOB, 250),
    ]


def test_exclude__same_words_again__changes_nothing() -> None:
    phase = without_bob(make_closed())

    assert without_bob(phase, now="2026-12-05T00:00:00.000Z") == phase


def test_exclude__other_words__is_refused() -> None:
    with pytest.raises(Conflict, match="already, as sybil"):
        exclude(
            without_bob(make_closed()),
            wallet=BOB,
            reason=ExclusionReason.OPERATOR,
            evidence="one machine",
            now=CLOSED,
        )


def test_exclude__without_points__is_refused_once_closed_and_allowed_before() -> None:
    nobody = {"wallet": NOBODY, "reason": ExclusionReason.SYBIL, "evidence": "x", "now": CLOSED}

    with pytest.raises(NotFound, match="has no points"):
        exclude(make_closed(), **nobody)
    assert exclude(make_open(), **nobody).exclusions[0].wallet == NOBODY


def test_exclude__clock_set_back__is_not_before_the_closing() -> None:
    phase = without_bob(make_closed(), now="2026-11-15T00:00:00.000Z")

    assert phase.exclusions[0].excluded_at == CLOSED


def test_exclude__after_an_accepted_appeal__is_refused() -> None:
    phase = decided(appealed(without_bob(make_closed())), AppealDecision.ACCEPTED)

    with pytest.raises(Conflict, match="accepted"):
        without_bob(phase)


@pytest.mark.parametrize("evidence", ["", "x" * 2_001, "a\x07"])
def test_exclude__no_evidence__is_refused(evidence: str) -> None:
    with pytest.raises(InvalidInput, match="evidence"):
        exclude(
            make_closed(),
            wallet=BOB,
            reason=ExclusionReason.OPERATOR,
            evidence=evidence,
            now=CLOSED,
        )


def test_appeal__by_somebody_who_is_not_excluded__is_refused() -> None:
    with pytest.raises(NotFound, match="not excluded"):
        appealed(make_closed())


def test_appeal__same_words_again__changes_nothing_and_other_words_are_refused() -> None:
    phase = appealed(without_bob(make_closed()))

    assert appealed(phase, now="2026-12-05T00:00:00.000Z") == phase
    with pytest.raises(Conflict, match="pending"):
        file_appeal(phase, wallet=BOB, text="three", now=CLOSED)


def test_resolve__accepted__gives_the_share_back() -> None:
    phase = decided(appealed(without_bob(make_closed())), AppealDecision.ACCEPTED)

    assert amounts(phase) == amounts(make_closed())
    assert phase.exclusions[0].is_in_force is False
    assert find_flaw(phase) == ""


def test_resolve__denied__leaves_it() -> None:
    phase = decided(appealed(without_bob(make_closed())), AppealDecision.DENIED)

    assert amounts(phase) == {ALICE: 1_000}
    assert advance_final(phase, now="2027-01-01T00:00:00.000Z").status is PhaseStatus.FINAL


def test_resolve__again__is_the_same_or_refused() -> None:
    phase = decided(appealed(without_bob(make_closed())), AppealDecision.DENIED)

    assert decided(phase, AppealDecision.DENIED) == phase
    with pytest.raises(Conflict, match="denied already"):
        decided(phase, AppealDecision.ACCEPTED)


def test_resolve__no_appeal_or_no_exclusion__is_refused() -> None:
    with pytest.raises(NotFound, match="has not appealed"):
        decided(without_bob(make_closed()), AppealDecision.DENIED)
    with pytest.raises(NotFound, match="not excluded"):
        decided(make_closed(), AppealDecision.DENIED)


def test_appeal_and_resolve__clock_set_back__are_not_before_what_they_answer() -> None:
    early = "2026-11-15T00:00:00.000Z"

    phase = decided(appealed(without_bob(make_closed()), now=early), AppealDecision.DENIED, early)

    (one,) = phase.exclusions
    assert one.appeal is not None
    assert (one.excluded_at, one.appeal.filed_at, one.appeal.decided_at) == (CLOSED,) * 3
    assert find_flaw(phase) == ""


def test_resolve__accepted__shortens_the_window_to_that_of_the_closing() -> None:
    late = "2026-12-07T00:00:00.000Z"
    phase = without_bob(make_closed(), now=late)

    accepted = decided(appealed(phase, now=late), AppealDecision.ACCEPTED, now=late)

    assert appealable_until(phase) == "2026-12-14T00:00:00.000Z"
    assert appealable_until(accepted) == appealable_until(make_closed())
