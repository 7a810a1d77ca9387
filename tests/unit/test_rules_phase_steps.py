"""The steps of a phase: forward only, and never earlier than allowed."""

from __future__ import annotations

from dataclasses import replace

import pytest
from phase_states import (
    ALICE,
    BOB,
    CLOSED,
    COUNTED,
    END,
    OPENED,
    POINTS,
    amounts,
    appealed,
    decided,
    make_closed,
    make_open,
    without_bob,
)

from basis.rules.dates import add_days
from basis.rules.errors import Conflict, IllegalTransition
from basis.rules.phase_file import differences, find_flaw, phase_document
from basis.rules.phase_steps import (
    PhaseStatus,
    advance_closed,
    advance_final,
    appealable_until,
)
from basis.rules.phases import (
    AppealDecision,
)


def test_close__before_the_end__is_refused() -> None:
    with pytest.raises(Conflict, match="ends at"):
        make_closed("2026-11-30T23:59:59.999Z")


def test_close__at_the_end__shares_by_points() -> None:
    closed = make_closed(END)

    assert closed.status is PhaseStatus.CLOSED
    assert closed.closed_at == END
    assert amounts(closed) == {ALICE: 750, BOB: 250}
    assert find_flaw(closed) == ""


def test_close__opened_after_its_end_and_clock_set_back__is_not_before_the_opening() -> None:
    late = replace(make_open(), opened_at="2027-01-01T00:00:00.000Z")

    closed = advance_closed(late, counted=COUNTED, points=POINTS, now=CLOSED)

    assert closed.closed_at == late.opened_at


def test_close__twice_or_when_final__is_refused() -> None:
    closed = make_closed()
    final = advance_final(closed, now="2027-01-01T00:00:00.000Z")

    for phase in (closed, final):
        with pytest.raises(IllegalTransition):
            advance_closed(phase, counted=COUNTED, points=POINTS, now=CLOSED)


def test_final__while_open_or_again__is_refused() -> None:
    final = advance_final(make_closed(), now="2027-01-01T00:00:00.000Z")

    for phase in (make_open(), final):
        with pytest.raises(IllegalTransition):
            advance_final(phase, now="2027-01-01T00:00:00.000Z")


def test_final__one_millisecond_before_the_window_ends__is_refused() -> None:
    closed = make_closed()

    assert appealable_until(closed) == "2026-12-08T09:00:00.000Z"
    with pytest.raises(Conflict, match="2026-12-08T09"):
        advance_final(closed, now="2026-12-08T08:59:59.999Z")
    assert advance_final(closed, now="2026-12-08T09:00:00.000Z").status is PhaseStatus.FINAL


def test_final__excluded_late_in_the_window__waits_for_a_whole_window_more() -> None:
    phase = without_bob(make_closed(), now="2026-12-08T08:00:00.000Z")

    with pytest.raises(Conflict, match="2026-12-15T08"):
        advance_final(phase, now="2026-12-09T00:00:00.000Z")
    assert advance_final(phase, now="2026-12-15T08:00:00.000Z").final_at


def test_final__excluded_while_open__waits_for_the_window_after_the_closing() -> None:
    phase = without_bob(make_open(), now="2026-11-02T00:00:00.000Z")

    closed = advance_closed(phase, counted=COUNTED, points=POINTS, now=CLOSED)

    assert appealable_until(phase) == ""
    assert appealable_until(closed) == add_days(CLOSED, 7)


def test_final__with_an_appeal_undecided__is_refused() -> None:
    phase = appealed(without_bob(make_closed()))

    with pytest.raises(Conflict, match="undecided"):
        advance_final(phase, now="2027-01-01T00:00:00.000Z")


def test_final_phase__every_change__is_refused() -> None:
    phase = appealed(without_bob(make_closed()))
    final = advance_final(decided(phase, AppealDecision.DENIED), now="2027-01-01T00:00:00.000Z")

    for change in (without_bob, appealed, lambda one: decided(one, AppealDecision.DENIED)):
        with pytest.raises(IllegalTransition, match="final"):
            change(final)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"closed_at": "2026-11-30T00:00:00.000Z"}, "before its end"),
        ({"closed_at": ""}, "before its end"),
        ({"counted": None}, "before its end"),
        ({"opened_at": "2027-01-01T00:00:00.000Z"}, "before its end"),
        ({"status": PhaseStatus.OPEN}, "yet counted"),
        ({"status": PhaseStatus.FINAL, "final_at": CLOSED}, "could be appealed"),
    ],
    ids=str,
)
def test_find_flaw__state_that_no_step_leads_to__is_named(
    changes: dict[str, object], words: str
) -> None:
    assert words in find_flaw(replace(make_closed(), **changes))


def test_find_flaw__exclusion_or_appeal_out_of_time__is_named() -> None:
    phase = decided(appealed(without_bob(make_closed())), AppealDecision.DENIED)
    (one,) = phase.exclusions
    assert one.appeal is not None
    early = "2026-10-01T00:00:00.000Z"
    wrong = {
        "before the phase": replace(one, excluded_at=early),
        "before the exclusion": replace(one, appeal=replace(one.appeal, filed_at=early)),
        "before it was filed": replace(one, appeal=replace(one.appeal, decided_at=early)),
        "decided in part": replace(one, appeal=replace(one.appeal, reason="")),
        "in part": replace(one, appeal=replace(one.appeal, decision=AppealDecision.PENDING)),
    }

    for words, exclusion in wrong.items():
        assert words in find_flaw(replace(phase, exclusions=(exclusion,)))


def test_find_flaw__final_with_an_appeal_undecided__is_named() -> None:
    phase = replace(
        appealed(without_bob(make_closed())),
        status=PhaseStatus.FINAL,
        final_at="2027-01-01T00:00:00.000Z",
    )

    assert "undecided" in find_flaw(phase)


def test_differences__each_kind__is_named_with_its_place() -> None:
    document = phase_document(make_closed())

    assert not list(differences(document, phase_document(make_closed())))
    assert list(differences({"a": [1, 2], "b": {"c": "x"}}, {"a": [1, 3, 4], "b": {"d": "x"}})) == [
        "a[1] is 2, and recomputes to 3",
        "a has 2 rows, and recomputes to 3",
        "b.c is not to be there",
        "b.d is missing",
    ]
    assert list(differences({"a": True}, {"a": 1})) == ["a is True, and recomputes to 1"]
    assert list(differences([1], "1")) == [" is [1], and recomputes to '1'"]


def test_find_flaw__everything_at_the_first_instant_it_may_be__is_none() -> None:
    phase = without_bob(make_open(), now=OPENED)
    closed = advance_closed(phase, counted=COUNTED, points=POINTS, now=END)
    final = advance_final(closed, now=appealable_until(closed))

    assert closed.exclusions[0].excluded_at == closed.opened_at
    assert [find_flaw(one) for one in (phase, closed, final)] == ["", "", ""]
