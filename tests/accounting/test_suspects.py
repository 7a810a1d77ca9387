"""Suspects of a phase, from real receipts and registrations; nothing is excluded by them."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine

from basis.accounting.suspects import find_suspects
from basis.rules.errors import NotFound
from basis.rules.suspects import Sign
from basis.storage.phase_store import load_phase
from tests.support.books import BOB, register
from tests.support.phase_books import PointsJob, opened, record_points


def test_suspects__owner_that_orders_from_itself__is_named_and_not_excluded(
    phase_engine: Engine,
) -> None:
    opened(phase_engine)
    with phase_engine.begin() as connection:
        jobs = [
            PointsJob(number=number, wallet=BOB, points_raw=10**6, user_id="bob", user_wallet=BOB)
            for number in range(10, 30)
        ]
        record_points(connection, *jobs)

    with phase_engine.connect() as connection:
        found = find_suspects(connection, "s1")
        phase = load_phase(connection, "s1").phase

    assert [(one.wallet, one.sign) for one in found] == [(BOB, Sign.OWN_CUSTOMER)]
    assert "9523 bps of its points in 21 jobs" in found[0].evidence
    assert phase.exclusions == ()


def test_suspects__many_wallets_registered_at_once__are_named_if_they_have_points(
    phase_engine: Engine,
) -> None:
    opened(phase_engine)
    crowd = [f"0x{number:040x}" for number in range(1, 8)]
    with phase_engine.begin() as connection:
        for number, wallet in enumerate(crowd):
            register(connection, f"many-{number}", wallet)
        record_points(
            connection,
            *(
                PointsJob(number=50 + number, wallet=wallet, points_raw=1)
                for number, wallet in enumerate(crowd[:4])
            ),
        )

    with phase_engine.connect() as connection:
        found = find_suspects(connection, "s1")

    # Three honest owners of these books were registered in the same minute.
    assert {one.sign for one in found} == {Sign.REGISTERED_TOGETHER}
    assert len(found) == 7
    assert set(crowd[:4]) <= {one.wallet for one in found}


def test_suspects__of_no_phase__is_refused(phase_engine: Engine) -> None:
    with phase_engine.connect() as connection, pytest.raises(NotFound):
        find_suspects(connection, "s9")
