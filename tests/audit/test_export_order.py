"""Records of a period follow each other as they did in the ledger, whatever the clock said."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq

from basis.accounting.export import export_period
from basis.accounting.periods import parse_period
from basis.accounting.repairs import adjust
from basis.rules.ledger import AccountPath
from basis.storage.database import for_writing, open_database
from tests.audit.conftest import DAY, LATER
from tests.audit.forging import KEY, audit_by
from tests.support.books import ALICE, NOW, make_facts, record, register


def test_export__job_booked_before_what_took_of_it__is_in_the_same_period(tmp_path: Path) -> None:
    """The clock was set back: the job is of the next day, what was taken of its fee is not."""
    engine = open_database(tmp_path, create=True)
    with for_writing(engine).begin() as connection:
        register(connection, "alice-1", ALICE)
        record(
            connection,
            make_facts(1, created_at="2026-11-22T00:00:01.000Z"),
            make_facts(2, created_at="2026-11-22T00:00:02.000Z"),
        )
        adjust(
            connection,
            key="case-8",
            source=AccountPath("network/fee"),
            target=AccountPath("network/writeoff"),
            asset="BASIS",
            amount_raw=5,
            reason="a fee taken twice",
            now=NOW,
        )
        record(connection, make_facts(3, created_at="2026-11-22T00:00:03.000Z"))
    folder = export_period(
        engine,
        parse_period(DAY),
        out=tmp_path / "out",
        sign=KEY.sign_file_hash,
        version="test",
        now=LATER,
    ).folder
    engine.dispose()

    assert pq.read_table(folder / "receipts.parquet")["seq"].to_pylist() == [1, 2]
    assert audit_by("both", folder).differences == []
