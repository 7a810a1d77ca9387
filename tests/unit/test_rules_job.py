"""The three state machines, each pair of states by hand, and every walk through them."""

from __future__ import annotations

import enum
from collections.abc import Mapping

import pytest

from basis.rules.errors import Conflict, IllegalTransition
from basis.rules.job import (
    BATCH_STEPS,
    JOB_STEPS,
    REWARD_STEPS,
    BatchStatus,
    FailureReason,
    JobStatus,
    RewardStatus,
    advance,
)

Steps = Mapping[enum.StrEnum, frozenset[enum.StrEnum]]

# Written out here a second time, from mission N6 and N9: a change of the rules must be meant.
ALLOWED: dict[str, set[tuple[str, str]]] = {
    "JobStatus": {
        ("accepted", "completed"),
        ("accepted", "failed"),
        ("accepted", "cancelled"),
    },
    "RewardStatus": {
        ("pending", "batching"),
        ("batching", "settled"),
        ("batching", "pending"),
    },
    "BatchStatus": {
        ("pending", "submitted"),
        ("pending", "failed"),
        ("submitted", "confirmed"),
        ("submitted", "failed"),
        ("failed", "pending"),
    },
}

MACHINES = [(JobStatus, JOB_STEPS), (RewardStatus, REWARD_STEPS), (BatchStatus, BATCH_STEPS)]

EVERY_PAIR = [
    pytest.param(steps, old, new, id=f"{states.__name__}: {old} to {new}")
    for states, steps in MACHINES
    for old in states
    for new in states
]

EACH_MACHINE = pytest.mark.parametrize(
    ("states", "steps"), MACHINES, ids=[states.__name__ for states, _ in MACHINES]
)


@pytest.mark.parametrize(("steps", "old", "new"), EVERY_PAIR)
def test_advance__each_pair_of_states__goes_only_where_the_rules_lead(
    steps: Steps, old: enum.StrEnum, new: enum.StrEnum
) -> None:
    if (old.value, new.value) in ALLOWED[type(old).__name__]:
        assert advance(steps, old=old, new=new) is new
    else:
        with pytest.raises(IllegalTransition, match=f"from {old.value} to {new.value}"):
            advance(steps, old=old, new=new)


@EACH_MACHINE
def test_steps__each_state__has_a_row(states: type[enum.StrEnum], steps: Steps) -> None:
    assert set(steps) == set(states)


@EACH_MACHINE
def test_advance__to_the_same_state__raises(states: type[enum.StrEnum], steps: Steps) -> None:
    for state in states:
        with pytest.raises(IllegalTransition):
            advance(steps, old=state, new=state)


def _reachable(steps: Steps, start: enum.StrEnum) -> set[enum.StrEnum]:
    seen: set[enum.StrEnum] = set()
    waiting = [start]
    while waiting:
        for state in steps[waiting.pop()] - seen:
            seen.add(state)
            waiting.append(state)
    return seen


@pytest.mark.parametrize(
    ("steps", "start", "ends"),
    [
        (JOB_STEPS, JobStatus.ACCEPTED, {"completed", "failed", "cancelled"}),
        (REWARD_STEPS, RewardStatus.PENDING, {"settled"}),
        (BATCH_STEPS, BatchStatus.PENDING, {"confirmed"}),
    ],
    ids=["job", "reward", "batch"],
)
def test_steps__from_the_first_state__lead_to_the_final_ones_alone(
    steps: Steps, start: enum.StrEnum, ends: set[str]
) -> None:
    reached = _reachable(steps, start)
    assert {state.value for state in reached if not steps[state]} == ends


@pytest.mark.parametrize("status", [status for status in JobStatus if not JOB_STEPS[status]])
def test_job__once_it_has_ended__never_changes_again(status: JobStatus) -> None:
    assert status is not JobStatus.ACCEPTED
    for new in JobStatus:
        with pytest.raises(IllegalTransition):
            advance(JOB_STEPS, old=status, new=new)


def test_reward__settled__never_returns_to_payable() -> None:
    assert _reachable(REWARD_STEPS, RewardStatus.SETTLED) == set()


def test_reward__none__is_never_batched() -> None:
    assert _reachable(REWARD_STEPS, RewardStatus.NONE) == set()


def test_batch__confirmed__is_never_submitted_again() -> None:
    assert _reachable(BATCH_STEPS, BatchStatus.CONFIRMED) == set()


def test_illegal_transition__raised__is_a_conflict_that_is_not_worth_repeating() -> None:
    with pytest.raises(Conflict) as caught:
        advance(JOB_STEPS, old=JobStatus.FAILED, new=JobStatus.COMPLETED)
    assert caught.value.code == "illegal_transition"
    assert caught.value.retryable is False
    assert "JobStatus cannot go from failed to completed" in caught.value.message


@pytest.mark.parametrize("words", [JobStatus, RewardStatus, BatchStatus, FailureReason])
def test_words__on_records__are_lower_case_names_of_themselves(words: type[enum.StrEnum]) -> None:
    assert all(word.value == word.name.lower() for word in words)
