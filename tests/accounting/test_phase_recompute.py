"""The recompute over books with phases in them, whose points the real jobs brought."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from basis.accounting.phases import close_phase
from basis.accounting.recompute import recompute
from basis.rules.phases import PhasePool
from basis.rules.wallet import Wallet
from basis.storage.database import for_writing
from basis.storage.phase_store import load_phase
from tests.support.books import ALICE, BOB, make_data_folder
from tests.support.phase_books import (
    CLOSED,
    END,
    at_once,
    excluded,
    expect_replay,
    finished,
    opened,
    vest,
)

LLM_POOL = PhasePool(name="llm", points_asset="LLAMA", amount_raw=10**21)


@pytest.fixture
def books(tmp_path: Path) -> Engine:
    """Books of every kind of job, over whose points a phase is final and vested in part."""
    engine, _books = make_data_folder(tmp_path / "data")
    engine = for_writing(engine)
    opened(engine, pools=(LLM_POOL,))
    close_phase(engine, "s1", now=CLOSED)
    excluded(engine)
    finished(engine, now="2026-12-08T09:00:00.000Z")
    vest(engine, "2026-12-31T00:00:00.000Z")
    january = "2027-01-01T00:00:00.000Z"
    later: dict[str, object] = {"starts_at": END, "ends_at": january, "vesting": at_once(january)}
    opened(engine, phase_id="s2", pools=(LLM_POOL,), **later)
    return engine


def find_difference(engine: Engine) -> str:
    """What the recompute says; "" if everything is equal."""
    with engine.connect() as connection:
        return recompute(connection).difference or ""


def test_recompute__phases_in_the_books__is_equal(books: Engine) -> None:
    assert find_difference(books) == ""

    with books.connect() as connection:
        phase = load_phase(connection, "s1").phase
    assert set(phase.points) == {("llm", Wallet(ALICE)), ("llm", Wallet(BOB))}
    assert phase.counted is not None
    assert phase.counted.tables == ("2026-11-23",)
    assert phase.result().wallet_amounts() == {ALICE: 10**21}
    expect_replay(books)


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("UPDATE phase_pools SET amount_raw = '5' WHERE phase_id = 's2'", "phase_opened"),
        ("UPDATE phase_points SET points_raw = '5'", "points"),
        ("UPDATE phases SET ends_at = '2026-11-02T00:00:00.000Z' WHERE id = 's1'", "receipts"),
        ("UPDATE phase_exclusions SET evidence = 'none'", "file hash"),
        ("DELETE FROM phase_exclusions", "file hash"),
        ("DELETE FROM phase_releases", "number of entries"),
        ("INSERT INTO phase_releases VALUES ('s1', 2, '2027-01-30T00:00:00.000Z')", "lacks the"),
        ("DELETE FROM ledger_entries WHERE kind = 'phase_shared'", "lacks the phase_shared"),
        (
            "UPDATE balances SET amount_raw = '1' WHERE account LIKE 'phase/vested/%'",
            "balance of phase/vested",
        ),
        (
            "UPDATE ledger_postings SET amount_raw = '1' WHERE account = 'emission/phases'",
            "content",
        ),
    ],
)
def test_recompute__phase_changed_by_hand__is_different(
    books: Engine, statement: str, named: str
) -> None:
    with books.begin() as connection:
        assert connection.execute(text(statement)).rowcount > 0

    assert named in find_difference(books)
