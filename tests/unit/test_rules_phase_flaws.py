"""Which states of a phase no steps can have made, and that those which they make have no flaw."""

from __future__ import annotations

from dataclasses import replace

import pytest
from phase_states import (
    BOB,
    CLOSED,
    END,
    LAST,
    LATER,
    OPENED,
    appealed,
    decided,
    make_closed,
    make_denied,
    make_final,
    make_open,
    without_bob,
)

from basis.rules.phase_file import find_flaw
from basis.rules.phase_steps import Phase, PhaseStatus, advance_final, appealable_until
from basis.rules.phases import AppealDecision


def _appeal_with(**changes: object) -> Phase:
    phase = make_denied()
    appeal = replace(phase.exclusions[0].appeal, **changes)
    return replace(phase, exclusions=(replace(phase.exclusions[0], appeal=appeal),))


BEFORE = "2026-10-01T00:00:00.000Z"

FLAWS = {
    "open, with receipts": (lambda: replace(make_open(), counted=make_closed().counted), "counted"),
    "open, with points": (lambda: replace(make_open(), points=make_closed().points), "counted"),
    "closed, never counted": (lambda: replace(make_closed(), counted=None), "before its end"),
    "closed at no time": (lambda: replace(make_closed(), closed_at=""), "at no time"),
    "closed before its end": (
        lambda: replace(make_closed(), closed_at="2026-11-30T23:59:59.999Z"),
        "closed at 2026-11-30T23:59:59.999Z",
    ),
    "closed before it was opened": (
        lambda: replace(make_closed(), opened_at=LATER),
        f"closed at {CLOSED}",
    ),
    "excluded before the opening": (
        lambda: replace(
            make_denied(), exclusions=(replace(make_denied().exclusions[0], excluded_at=BEFORE),)
        ),
        "before the phase was opened",
    ),
    "appealed before the exclusion": (
        lambda: _appeal_with(filed_at=BEFORE),
        f"the appeal of {BOB} was filed before",
    ),
    "decided without a reason": (lambda: _appeal_with(reason=""), "decided in part"),
    "decided at no time": (lambda: _appeal_with(decided_at=""), "decided in part"),
    "pending with a reason": (
        lambda: _appeal_with(decision=AppealDecision.PENDING, decided_at=""),
        "decided in part",
    ),
    "pending with a time": (
        lambda: _appeal_with(decision=AppealDecision.PENDING, reason=""),
        "decided in part",
    ),
    "decided before it was filed": (
        lambda: _appeal_with(decided_at=CLOSED),
        "decided before it was filed",
    ),
    "final with an appeal waiting": (
        lambda: replace(
            appealed(without_bob(make_closed())), status=PhaseStatus.FINAL, final_at=LAST
        ),
        f"the appeal of {BOB} is undecided",
    ),
    "final too early": (
        lambda: replace(make_final(), final_at="2026-12-08T08:59:59.999Z"),
        "became final at 2026-12-08T08:59:59.999Z",
    ),
}


@pytest.mark.parametrize("name", FLAWS)
def test_find_flaw__state_that_no_step_makes__is_named(name: str) -> None:
    make, words = FLAWS[name]

    assert words in find_flaw(make())


@pytest.mark.parametrize(
    "make",
    [
        make_open,
        make_closed,
        lambda: make_closed(END),
        lambda: without_bob(make_open(), OPENED),
        lambda: appealed(without_bob(make_closed())),
        make_denied,
        lambda: decided(appealed(without_bob(make_closed())), AppealDecision.ACCEPTED),
        make_final,
        lambda: advance_final(make_denied(), now=appealable_until(make_denied())),
        lambda: replace(make_closed(LATER), opened_at=LATER),
    ],
)
def test_find_flaw__state_that_the_steps_make__has_none(make) -> None:
    assert find_flaw(make()) == ""
