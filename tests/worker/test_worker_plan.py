"""The worker's pure decisions: waiting, refusals, jobs, and why it is idle."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from orchestrator_double import chat_job

from basis.wire.frames import ModelVerdict, Receipt, Refused, Standing, Welcome, WorkerFault
from basis.worker.exits import ExitCode, WorkerStop
from basis.worker.plan import (
    AfterRefusal,
    compute_backoff_s,
    decide_after_refusal,
    decide_on_job,
    describe_earnings,
    explain_idle,
)
from basis.worker.state import (
    LeaseEnd,
    LeaseOutcome,
    Phase,
    WorkerState,
    advance_lease_end,
    advance_lease_start,
    advance_phase,
    advance_receipt,
    advance_standing,
    advance_welcome,
)
from basis.worker.view import describe_state

STATE = WorkerState(worker_id="host-1", orchestrator="http://o", slots=2)
WELCOME = Welcome(
    protocol=1,
    session_id="s",
    heartbeat_s=15,
    window_frames=8,
    models=[ModelVerdict(model="basis-echo", routable=True)],
    earned_raw="1500000000000000000",
    token_symbol="BASIS",
    token_decimals=18,
)
RECEIPT = Receipt(
    job_id="j",
    status="completed",
    receipt_hash="h",
    prompt_tokens=1,
    output_tokens=1,
    quality_bps=10_000,
    uptime_bps=10_000,
    latency_bps=10_000,
    reward_raw="1",
    earned_raw="2000000000000000000",
)


@given(
    attempt=st.integers(0, 10_000),
    first_s=st.floats(0.001, 10),
    most_s=st.floats(10, 1_000),
    fraction=st.floats(0, 1, exclude_max=True),
)
def test_backoff__any_attempt__is_within_its_doubling_bound(
    attempt: int, first_s: float, most_s: float, fraction: float
) -> None:
    delay_s = compute_backoff_s(attempt, first_s=first_s, most_s=most_s, fraction=fraction)
    bound = min(most_s, first_s * 2 ** min(attempt, 40))
    assert 0 <= delay_s <= bound


def test_backoff__each_try__has_twice_the_bound_of_the_last_up_to_the_most() -> None:
    bounds = [
        compute_backoff_s(attempt, first_s=0.5, most_s=30, fraction=1.0) for attempt in range(8)
    ]
    assert bounds == [0.5, 1, 2, 4, 8, 16, 30, 30]


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("bad_token", ExitCode.TOKEN_REFUSED),
        ("duplicate", ExitCode.TOKEN_REFUSED),
        ("no_models", ExitCode.NO_MODEL),
        ("runtime", ExitCode.USAGE),
        ("slots", ExitCode.USAGE),
        ("version", ExitCode.PROTOCOL),
        ("bad_frame", ExitCode.PROTOCOL),
        ("something_new", ExitCode.TOKEN_REFUSED),
    ],
)
def test_refusal__only_the_owner_can_help__ends_with_its_code(
    code: str, expected: ExitCode
) -> None:
    with pytest.raises(WorkerStop) as raised:
        decide_after_refusal(Refused(code=code, message="no"), registered_anew=False)
    assert raised.value.exit_code is expected


def test_refusal__draining_or_retryable__is_tried_again() -> None:
    draining = Refused(code="draining", message="restarting")
    retryable = Refused(code="bad_token", message="the store is away", retryable=True)
    assert decide_after_refusal(draining, registered_anew=False) is AfterRefusal.RETRY
    assert decide_after_refusal(retryable, registered_anew=False) is AfterRefusal.RETRY


def test_refusal__unknown_worker__registers_once_and_then_gives_up() -> None:
    refused = Refused(code="unknown_worker", message="who?")
    assert decide_after_refusal(refused, registered_anew=False) is AfterRefusal.REGISTER
    with pytest.raises(WorkerStop):
        decide_after_refusal(refused, registered_anew=True)


def test_job__room_and_an_offered_model__is_taken() -> None:
    offered = frozenset({"basis-echo"})
    assert decide_on_job(chat_job("x"), state=STATE, offered=offered, draining=False) is None


@pytest.mark.parametrize(
    ("busy", "model", "draining", "expected"),
    [
        (0, "basis-echo", True, WorkerFault.DRAINING),
        (0, "basis-tiny", False, WorkerFault.MODEL_UNAVAILABLE),
        (4, "basis-echo", False, WorkerFault.RUNTIME_ERROR),
    ],
)
def test_job__that_cannot_run__is_given_back_with_the_reason(
    busy: int, model: str, draining: bool, expected: WorkerFault
) -> None:
    state = STATE
    for _ in range(busy):
        state = advance_lease_start(state)
    refusal = decide_on_job(
        chat_job("x", model=model),
        state=state,
        offered=frozenset({"basis-echo"}),
        draining=draining,
    )
    assert refusal is not None
    assert refusal.reason is expected


def test_idle__while_a_job_runs__has_no_reason() -> None:
    assert explain_idle(advance_lease_start(advance_welcome(STATE, WELCOME))) == ""


def test_idle__connected__tells_what_the_orchestrator_says() -> None:
    welcomed = advance_welcome(STATE, WELCOME)
    assert explain_idle(welcomed) == "connected; no job has come yet"
    told = advance_standing(welcomed, Standing(state="online", why="nobody asks"))
    assert explain_idle(told) == "nobody asks"


def test_idle__no_model_is_routable__tells_each_reason() -> None:
    verdict = ModelVerdict(model="basis-tiny", routable=False, reason="wrong digest")
    welcome = Welcome(
        protocol=1,
        session_id="s",
        heartbeat_s=15,
        window_frames=8,
        models=[verdict],
        earned_raw="0",
        token_symbol="BASIS",
        token_decimals=18,
    )
    assert "basis-tiny: wrong digest" in explain_idle(advance_welcome(STATE, welcome))


@pytest.mark.parametrize("phase", list(Phase))
def test_idle__any_phase__says_something(phase: Phase) -> None:
    assert explain_idle(advance_phase(STATE, phase)) != ""


def test_idle__link_lost__forgets_what_the_orchestrator_said() -> None:
    told = advance_standing(advance_welcome(STATE, WELCOME), Standing(state="online", why="calm"))
    waiting = advance_phase(told, Phase.WAITING, "no answer; trying again within 3 s")
    assert explain_idle(waiting) == "no answer; trying again within 3 s"


def test_earnings__welcome_and_receipt__show_whole_tokens() -> None:
    welcomed = advance_welcome(STATE, WELCOME)
    assert describe_earnings(STATE) == ""
    assert describe_earnings(welcomed) == "1.5 BASIS"
    assert describe_earnings(advance_receipt(welcomed, RECEIPT)) == "2 BASIS"


def test_welcome__words_that_a_terminal_would_obey__are_shown_without_them() -> None:
    verdicts = [
        ModelVerdict(model="tiny\x1b[2J", routable=False, reason="\x1b]0;owned\x07" + "x" * 900),
        ModelVerdict(model="echo\n\r" + "y" * 900, routable=True),
    ]
    welcome = msgspec.structs.replace(WELCOME, models=verdicts, token_symbol="BA\x1b[31mSIS")
    standing = Standing(state="on\x1b[1mline", why="\x1b[5mcalm")
    state = advance_standing(advance_welcome(STATE, welcome), standing)

    assert state.token_symbol == "BA [31mSIS"
    assert (state.standing_state, state.standing_why) == ("on [1mline", "[5mcalm")
    for row in (*describe_state(state).values(), explain_idle(state)):
        assert row.isprintable()
        assert len(row) < 1_000


@pytest.mark.parametrize("earned_raw", ["9" * 5_000, "-1", "", "1.5", "٣"])
def test_earnings__sum_that_is_no_amount__stay_as_they_were(earned_raw: str) -> None:
    welcomed = advance_welcome(STATE, WELCOME)
    receipt = msgspec.structs.replace(RECEIPT, earned_raw=earned_raw)

    assert describe_earnings(advance_receipt(welcomed, receipt)) == "1.5 BASIS"


@pytest.mark.parametrize(("decimals", "shown"), [(-1, 0), (10**9, 255)])
def test_earnings__decimals_of_no_token__are_held_to_one_byte(decimals: int, shown: int) -> None:
    welcome = msgspec.structs.replace(WELCOME, token_decimals=decimals)

    assert advance_welcome(STATE, welcome).token_decimals == shown


@given(outcomes=st.lists(st.sampled_from(list(LeaseOutcome)), max_size=20))
def test_leases__any_sequence__leaves_no_slot_busy_and_counts_each_once(
    outcomes: list[LeaseOutcome],
) -> None:
    state = STATE
    for outcome in outcomes:
        end = LeaseEnd(
            lease_id="l", job_id="j", model="m", outcome=outcome, elapsed_s=0.5, output_tokens=2
        )
        state = advance_lease_end(advance_lease_start(state), end)
    assert state.busy_slots == 0
    assert state.jobs_done == outcomes.count(LeaseOutcome.DONE)
    assert state.jobs_failed == outcomes.count(LeaseOutcome.FAILED)
    assert state.tokens_per_s == (4.0 if LeaseOutcome.DONE in outcomes else 0.0)
