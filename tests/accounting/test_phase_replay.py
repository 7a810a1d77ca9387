"""Replaying the phases on record: what was changed by hand is named."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, text

from basis.accounting.difference import Difference
from basis.accounting.phase_replay import replay_phases
from basis.accounting.phases import (
    close_phase,
)
from basis.rules.errors import (
    DamagedRecord,
)
from basis.storage.phase_store import load_phase
from tests.support.phase_books import (
    CLOSED,
    finished,
    opened,
)


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("UPDATE phase_points SET points_raw = '3000001' WHERE points_raw = '3000000'", "points"),
        ("DELETE FROM phase_points WHERE pool = 'image'", "points"),
        ("UPDATE phases SET last_seq = 2", "receipts"),
        ("UPDATE phases SET receipts_hash = ''", "receipts"),
        ("UPDATE phases SET file_hash = ''", "file hash"),
        ("UPDATE phases SET final_at = '2026-12-01T10:00:00.000Z'", "could be appealed"),
        ("UPDATE phases SET status = 'closed'", "not final"),
        ("UPDATE phases SET status = 'open'", "yet counted"),
        ("UPDATE phases SET appeal_days = 0", "appeal-days"),
        ("INSERT INTO phase_releases VALUES ('s1', 4, '')", "3 parts"),
        ("UPDATE receipts SET points_raw = '1' WHERE seq = 1", "receipts|points"),
    ],
)
def test_replay__record_changed_by_hand__is_named(
    phase_engine: Engine, statement: str, named: str
) -> None:
    opened(phase_engine)
    close_phase(phase_engine, "s1", now=CLOSED)
    finished(phase_engine)
    with phase_engine.begin() as connection:
        connection.execute(text(statement))

    with phase_engine.connect() as connection, pytest.raises(Difference, match=named):
        list(replay_phases(connection))


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE phases SET rules = '2020-01-01'",
        "UPDATE phases SET status = 'paid'",
        "UPDATE phase_pools SET amount_raw = '-1'",
        "UPDATE phase_points SET points_raw = 'x'",
        "UPDATE phases SET points_tables = '{'",
    ],
)
def test_load__record_that_cannot_be_read__is_named(phase_engine: Engine, statement: str) -> None:
    opened(phase_engine)
    close_phase(phase_engine, "s1", now=CLOSED)
    with phase_engine.begin() as connection:
        connection.execute(text(statement))

    with phase_engine.connect() as connection, pytest.raises(DamagedRecord, match="phase"):
        load_phase(connection, "s1")
