"""Periods of jobs that are all paid in credits: entries are receipts, and fees are whole."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import text

from basis.rules.errors import DamagedRecord
from basis.storage.database import begin_write, open_database
from tests.audit.conftest import DAY
from tests.audit.forging import Rows, audit_by, forge_receipts
from tests.audit.test_export import fill

CHANGES = {
    "no entry": (
        "DELETE FROM ledger_postings",
        "DELETE FROM balances",
        "DELETE FROM ledger_entries",
    ),
    "an amount moved from the fee to the dust": (
        "UPDATE ledger_postings SET account = 'network/dust' WHERE account = 'network/fee'",
        "UPDATE balances SET account = 'network/dust' WHERE account = 'network/fee'",
    ),
    "another worker's reward": (
        "UPDATE ledger_postings SET account = replace(account, '0x', '0y')",
        "UPDATE balances SET account = replace(account, '0x', '0y')",
    ),
    "points of another asset": (
        "UPDATE ledger_postings SET asset = 'WAIFU' WHERE asset = 'LLAMA'",
        "UPDATE balances SET asset = 'WAIFU' WHERE asset = 'LLAMA'",
    ),
    "twice the credits": (
        "UPDATE ledger_postings SET amount_raw = 2 * amount_raw WHERE asset = 'CREDIT'",
        "UPDATE balances SET amount_raw = 2 * amount_raw WHERE asset = 'CREDIT'",
    ),
}


@pytest.mark.parametrize("statements", CHANGES.values(), ids=CHANGES)
def test_export__an_entry_that_is_not_its_receipt__is_refused_and_leaves_nothing(
    tmp_path: Path, publish: Callable[..., Path], statements: tuple[str, ...]
) -> None:
    """Balances are changed along, so that nothing but the entry itself can give it away."""
    fill(tmp_path, 1)
    engine = open_database(tmp_path / "data", create=False)
    with begin_write(engine) as connection:
        for statement in statements:
            assert connection.execute(text(statement)).rowcount > 0
    engine.dispose()

    with pytest.raises(DamagedRecord, match=r"entry of job job_0001 .* `basis recompute`"):
        publish(DAY)

    assert list((tmp_path / "out").iterdir()) == []


def test_export__amounts_that_no_entry_can_have__are_a_damaged_record(
    tmp_path: Path, publish: Callable[..., Path]
) -> None:
    """A breakdown whose parts are not its charge gives no entry that sums to zero."""
    fill(tmp_path, 1)
    engine = open_database(tmp_path / "data", create=False)
    with begin_write(engine) as connection:
        changed = connection.execute(
            text("UPDATE receipts SET details = json_set(details, '$.breakdown.feeRaw', '7')")
        )
        assert changed.rowcount == 1
    engine.dispose()

    with pytest.raises(DamagedRecord, match="job_0001"):
        publish(DAY)


@pytest.mark.parametrize(
    ("path", "value"),
    [("$.breakdown.rewardRaw", "7"), ("$.points.qualityBps", 9_999), ("$.points.latencyBps", 1)],
)
def test_export__figure_that_a_receipt_says_in_two_ways__is_a_damaged_record(
    tmp_path: Path, publish: Callable[..., Path], path: str, value: str | int
) -> None:
    fill(tmp_path, 1)
    engine = open_database(tmp_path / "data", create=False)
    with begin_write(engine) as connection:
        changed = connection.execute(
            text("UPDATE receipts SET details = json_set(details, :path, :value)"),
            {"path": path, "value": value},
        )
        assert changed.rowcount == 1
    engine.dispose()

    with pytest.raises(DamagedRecord, match="job job_0001 has other figures in its hash"):
        publish(DAY)


@pytest.mark.parametrize("by", [1, -1])
def test_audit__a_fee_changed_where_each_micro_credit_has_a_whole_fee__is_named_by_both(
    tmp_path: Path, publish: Callable[..., Path], by: int
) -> None:
    """Without postpaid jobs DuckDB proves fees by a product of 64 bits, without any rest."""

    def change(rows: Rows) -> None:
        assert rows[1]["protocol_fee_raw"] > 0
        rows[1]["protocol_fee_raw"] += by

    fill(tmp_path, 1, 2)
    period = publish(DAY)
    assert audit_by("both", period).differences == []

    forge_receipts(period, change)

    found = audit_by("both", period)
    assert found.reference is not None
    assert found.sql is not None
    assert found.reference.difference == found.sql.difference
    assert "receipt number 2 (job job_0002): protocol_fee_raw is recorded" in found.differences[0]
