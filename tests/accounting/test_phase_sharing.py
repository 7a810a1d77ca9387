"""Sharing a phase out over a real store: booked once, vested by date, or not at all."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, select, update

from basis.accounting.phases import (
    appeal_exclusion,
    close_phase,
    preview_final,
    resolve_appeal,
)
from basis.rules.errors import (
    Conflict,
    IllegalTransition,
    InvalidInput,
)
from basis.rules.phase_steps import PhaseStatus
from basis.rules.phases import AppealDecision
from basis.rules.wallet import Wallet
from basis.storage.phase_store import load_phase
from basis.storage.phase_tables import phase_points, phases
from basis.storage.points_store import load_wallet_balances
from basis.storage.schema import balances
from tests.support.books import ALICE, BOB
from tests.support.phase_books import (
    CAROL,
    CLOSED,
    FINAL,
    excluded,
    expect_replay,
    finished,
    held,
    opened,
    vest,
)

WHOLE = 10**18


def test_final__shared_by_points__goes_to_vest_and_redeems_the_points(
    phase_engine: Engine,
) -> None:
    opened(phase_engine)
    close_phase(phase_engine, "s1", now=CLOSED)

    stored = finished(phase_engine)

    assert stored.phase.status is PhaseStatus.FINAL
    assert len(stored.file_hash) == 64
    assert held(phase_engine, f"vesting/s1/{BOB}") == 250 * WHOLE
    assert held(phase_engine, f"vesting/s1/{ALICE}") == 750 * WHOLE + 100 * WHOLE // 3
    assert held(phase_engine, f"vesting/s1/{CAROL}") == 200 * WHOLE // 3
    assert held(phase_engine, "phase/dust") == 1
    assert held(phase_engine, "phase/s1/llm") == held(phase_engine, "phase/s1/image") == 0
    assert held(phase_engine, f"points/earned/{ALICE}", "LLAMA") == 0
    assert held(phase_engine, f"points/redeemed/{ALICE}", "LLAMA") == 3_000_000
    expect_replay(phase_engine)


def test_final__too_early__changes_nothing(phase_engine: Engine) -> None:
    opened(phase_engine)
    closed = close_phase(phase_engine, "s1", now=CLOSED)

    with pytest.raises(Conflict, match="can be appealed until"):
        finished(phase_engine, now="2026-12-08T08:59:59.999Z")

    with phase_engine.connect() as connection:
        assert load_phase(connection, "s1") == closed
    assert held(phase_engine, "phase/dust") == 0


def test_final__twice__is_refused_and_books_nothing(phase_engine: Engine) -> None:
    opened(phase_engine)
    close_phase(phase_engine, "s1", now=CLOSED)
    finished(phase_engine)

    with pytest.raises(IllegalTransition):
        finished(phase_engine)

    assert held(phase_engine, f"vesting/s1/{BOB}") == 250 * WHOLE


def test_final__excluded_wallet__gets_nothing_and_keeps_its_points_unredeemed(
    phase_engine: Engine,
) -> None:
    opened(phase_engine)
    close_phase(phase_engine, "s1", now=CLOSED)
    excluded(phase_engine)

    finished(phase_engine)

    assert held(phase_engine, f"vesting/s1/{ALICE}") == 1_000 * WHOLE + 100 * WHOLE // 3
    assert held(phase_engine, f"vesting/s1/{BOB}") == 0
    assert held(phase_engine, f"points/earned/{BOB}", "LLAMA") == 1_000_000
    assert held(phase_engine, f"points/redeemed/{BOB}", "LLAMA") == 0
    expect_replay(phase_engine)


def test_final__appeal_accepted__pays_as_if_nothing_had_been(phase_engine: Engine) -> None:
    opened(phase_engine)
    close_phase(phase_engine, "s1", now=CLOSED)
    excluded(phase_engine)
    with phase_engine.begin() as connection:
        bob = Wallet(BOB)
        appeal_exclusion(connection, "s1", wallet=bob, text="two machines", now=CLOSED)
        resolve_appeal(
            connection,
            "s1",
            wallet=bob,
            decision=AppealDecision.ACCEPTED,
            reason="two addresses",
            now=CLOSED,
        )

    finished(phase_engine)

    assert held(phase_engine, f"vesting/s1/{BOB}") == 250 * WHOLE
    expect_replay(phase_engine)


def test_final__ledger_with_fewer_points_than_receipts__is_refused(
    phase_engine: Engine,
) -> None:
    opened(phase_engine)
    close_phase(phase_engine, "s1", now=CLOSED)
    with phase_engine.begin() as connection:
        connection.execute(
            update(balances)
            .where(balances.c.account == f"points/earned/{BOB}")
            .values(amount_raw="999999")
        )

    with pytest.raises(Conflict, match="999999 base units of LLAMA"):
        finished(phase_engine)

    assert held(phase_engine, f"vesting/s1/{ALICE}") == 0


def test_vest__by_date__releases_each_part_once_and_all_in_the_end(
    phase_engine: Engine,
) -> None:
    opened(phase_engine)
    close_phase(phase_engine, "s1", now=CLOSED)
    assert vest(phase_engine, FINAL) == []
    finished(phase_engine)
    whole_raw = 1_100 * WHOLE - 1

    assert vest(phase_engine, "2026-12-30T23:59:59.999Z") == []
    first = vest(phase_engine, "2026-12-31T00:00:00.000Z")
    assert [(phase, number) for phase, number, _raw in first] == [("s1", 1)]
    assert vest(phase_engine, "2026-12-31T00:00:00.000Z") == []
    rest = vest(phase_engine, "2027-06-01T00:00:00.000Z")

    assert [number for _phase, number, _raw in rest] == [2, 3]
    assert sum(raw for _phase, _number, raw in [*first, *rest]) == whole_raw
    assert held(phase_engine, f"phase/vested/{BOB}") == 250 * WHOLE
    assert held(phase_engine, f"vesting/s1/{BOB}") == 0
    expect_replay(phase_engine)


def test_vest__until_an_earlier_day__releases_what_was_due_then(phase_engine: Engine) -> None:
    opened(phase_engine)
    close_phase(phase_engine, "s1", now=CLOSED)
    finished(phase_engine)

    released = vest(phase_engine, "2027-06-01T00:00:00.000Z", until="2026-12-31T00:00:00.000Z")

    assert [number for _phase, number, _raw in released] == [1]


def test_vest__until_the_future__is_refused(phase_engine: Engine) -> None:
    opened(phase_engine)

    with pytest.raises(InvalidInput, match="nothing vests early"):
        vest(phase_engine, FINAL, until="2026-12-31T00:00:00.000Z")

    assert held(phase_engine, f"phase/vested/{BOB}") == 0


def test_points__of_a_wallet__are_earned_then_redeemed(phase_engine: Engine) -> None:
    opened(phase_engine)
    with phase_engine.connect() as connection:
        before = load_wallet_balances(connection, Wallet(ALICE))
    close_phase(phase_engine, "s1", now=CLOSED)
    finished(phase_engine)
    with phase_engine.connect() as connection:
        after = load_wallet_balances(connection, Wallet(ALICE))

    assert [(one.asset, one.earned_raw, one.redeemed_raw) for one in before] == [
        ("LLAMA", 3_000_000, 0),
        ("WAIFU", 1_000_000, 0),
    ]
    assert [(one.asset, one.earned_raw, one.redeemed_raw) for one in after] == [
        ("LLAMA", 0, 3_000_000),
        ("WAIFU", 0, 1_000_000),
    ]


def test_final__only_previewed__leaves_nothing(
    phase_engine: Engine,
) -> None:
    opened(phase_engine)
    close_phase(phase_engine, "s1", now=CLOSED)

    with phase_engine.connect() as connection:
        shown = preview_final(connection, "s1", now=FINAL)

    assert (shown.phase.status.value, len(shown.file_hash)) == ("final", 64)
    with phase_engine.connect() as connection:
        rows = connection.execute(select(phases.c.status, phases.c.file_hash)).all()
        counted = connection.execute(select(phase_points)).all()
    assert [tuple(row) for row in rows] == [("closed", "")]
    assert len(counted) == 4
    assert held(phase_engine, f"vesting/s1/{BOB}") == 0
