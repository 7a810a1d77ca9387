"""Payments and repairs of an export: what is withheld, what is published, and what they can be."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from basis.accounting.export import export_period
from basis.accounting.funding import take_back, top_up
from basis.accounting.periods import parse_period
from basis.accounting.repairs import adjust, reverse
from basis.rules.ledger import AccountPath, entry_id
from basis.storage.database import for_writing, open_database
from tests.audit.conftest import DAY, LATER
from tests.audit.forging import KEY, Rows, audit_by, forge_receipts, forge_rows
from tests.support.accounts import open_account
from tests.support.books import ALICE, NOW, close, make_facts, record, register

FEE, LOST = AccountPath("network/fee"), AccountPath("network/writeoff")
FUNDED, TAKEN, ADJUSTED, REVERSED, BATCHED = 0, 1, 2, 3, 4
"""Rows of the entries."""


@pytest.fixture(scope="module")
def repaired_export(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A period with two payments, an adjustment, its reversal and a batch, between jobs."""
    folder = tmp_path_factory.mktemp("repaired")
    engine = open_database(folder, create=True)
    with for_writing(engine).begin() as connection:
        register(connection, "alice-1", ALICE)
        open_account(connection, "user-1")
        top_up(connection, user_id="user-1", key="invoice-2026-17", microcredits=9_000_000, now=NOW)
        record(connection, make_facts(1), make_facts(2))
        take_back(connection, user_id="user-1", key="refund-1", microcredits=1_000, now=NOW)
        booked = adjust(
            connection,
            key="case-7",
            source=FEE,
            target=LOST,
            asset="BASIS",
            amount_raw=5,
            reason="a fee taken twice",
            now=NOW,
        )
        reverse(connection, booked.entry.id, reason="it was not", now=NOW)
        close(connection)
        record(connection, make_facts(3))
    published = export_period(
        engine,
        parse_period(DAY),
        out=folder / "out",
        sign=KEY.sign_file_hash,
        version="test",
        now=LATER,
    )
    engine.dispose()
    return published.folder


@pytest.fixture
def repaired(repaired_export: Path, tmp_path: Path) -> Path:
    """A copy of that period, for a test to forge."""
    return Path(shutil.copytree(repaired_export, tmp_path / repaired_export.name))


def entries_of(folder: Path) -> list[dict[str, Any]]:
    """The rows of the entries."""
    return pq.read_table(folder / "entries.parquet").to_pylist()


@pytest.mark.parametrize("engine", ["rules", "sql"])
def test_audit__payments_and_repairs__are_equal(repaired_export: Path, engine: str) -> None:
    verdict = audit_by(engine, repaired_export)

    assert verdict.differences == []
    if engine == "rules":
        assert verdict.given == {"adjustment": 1, "credits_funded": 2, "reversal": 1}


def test_export__names_of_payments__are_withheld_but_for_those_who_know_them(
    repaired_export: Path,
) -> None:
    rows = entries_of(repaired_export)

    assert [row["cause"] for row in rows[:2]] == ["", ""]
    own = entry_id(kind="credits_funded", cause="operator/invoice-2026-17")
    assert rows[FUNDED]["id"].hex() == own
    for path in repaired_export.iterdir():
        assert b"invoice-2026-17" not in path.read_bytes()


def test_export__words_of_repairs__are_published(repaired_export: Path) -> None:
    rows = entries_of(repaired_export)

    assert [row["reason"] for row in rows] == ["", "", "a fee taken twice", "it was not", ""]


@pytest.mark.parametrize("engine", ["rules", "sql"])
@pytest.mark.parametrize(
    ("row", "column", "value"),
    [
        (FUNDED, "kind", "gift"),
        (FUNDED, "kind", "adjustment"),
        (FUNDED, "cause", "operator/invoice-2026-17"),
        (FUNDED, "reason", "a good customer"),
        (ADJUSTED, "reason", ""),
        (ADJUSTED, "kind", "credits_funded"),
        (REVERSED, "cause", "0" * 64),
        (REVERSED, "reason", ""),
        (BATCHED, "reason", "words"),
    ],
)
def test_audit__entry_of_another_kind__is_found(
    repaired: Path, row: int, column: str, value: str, engine: str
) -> None:
    def change(rows: Rows) -> None:
        rows[row][column] = value
        rows[row]["id"] = bytes.fromhex(entry_id(kind=rows[row]["kind"], cause=rows[row]["cause"]))

    forge_rows(repaired, "entries.parquet", change)

    assert "ledger entry number" in audit_by(engine, repaired).differences[0]


@pytest.mark.parametrize("engine", ["rules", "sql"])
def test_audit__payment_booked_twice__is_found(repaired: Path, engine: str) -> None:
    def change(rows: Rows) -> None:
        rows[TAKEN]["id"] = rows[FUNDED]["id"]

    forge_rows(repaired, "entries.parquet", change)

    assert "is booked a second time (I3)" in audit_by(engine, repaired).differences[0]


def move(*postings: tuple[str, str, int]) -> list[tuple[str, str, int]]:
    """Postings in the order of an export."""
    return sorted(postings)


POSTINGS: dict[str, tuple[int, list[tuple[str, str, int]], str]] = {
    "a payment in BASIS": (
        FUNDED,
        move(("customer/user-1", "BASIS", -5), ("funding/operator", "BASIS", 5)),
        "fund",
    ),
    "a payment to a wallet": (
        FUNDED,
        move(("network/writeoff", "CREDIT", 5), ("funding/operator", "CREDIT", -5)),
        "fund",
    ),
    "a payment by the fee": (
        FUNDED,
        move(("network/fee", "CREDIT", -5), ("customer/user-1", "CREDIT", 5)),
        "",
    ),
    "a payment of two customers": (
        FUNDED,
        move(
            ("customer/user-1", "CREDIT", 2),
            ("customer/user-2", "CREDIT", 3),
            ("funding/operator", "CREDIT", -5),
        ),
        "fund",
    ),
    "an adjustment of four accounts": (
        ADJUSTED,
        move(
            ("network/dust", "BASIS", -1),
            ("network/fee", "BASIS", -1),
            ("network/unearned", "BASIS", 1),
            ("network/writeoff", "BASIS", 1),
        ),
        "two accounts",
    ),
    "an adjustment of a reward": (
        ADJUSTED,
        move((f"reward/pending/{ALICE}", "BASIS", -5), ("network/writeoff", "BASIS", 5)),
        "reward/pending",
    ),
    "a reversal of another amount": (
        REVERSED,
        move(("network/fee", "BASIS", 6), ("network/writeoff", "BASIS", -6)),
        "",
    ),
    "a reversal of another account": (
        REVERSED,
        move(("network/dust", "BASIS", 5), ("network/writeoff", "BASIS", -5)),
        "",
    ),
}


def forge_postings(folder: Path, row: int, postings: list[tuple[str, str, int]]) -> None:
    """Gives an entry other postings."""
    seqs = [entry["seq"] for entry in entries_of(folder)]

    def change(rows: Rows) -> Rows:
        others = [one for one in rows if one["entry_seq"] != seqs[row]]
        mine = [
            {"entry_seq": seqs[row], "account": account, "asset": asset, "amount_raw": amount_raw}
            for account, asset, amount_raw in postings
        ]
        return sorted(
            [*others, *mine], key=lambda one: (one["entry_seq"], one["account"], one["asset"])
        )

    forge_rows(folder, "postings.parquet", change)


@pytest.mark.parametrize("engine", ["rules", "sql"])
@pytest.mark.parametrize(("row", "postings", "named"), POSTINGS.values(), ids=POSTINGS)
def test_audit__entry_that_moves_something_else__is_found(
    repaired: Path, row: int, postings: list[tuple[str, str, int]], named: str, engine: str
) -> None:
    forge_postings(repaired, row, postings)

    difference = audit_by(engine, repaired).differences[0]
    assert "ledger entry number" in difference
    assert named in difference


@pytest.mark.parametrize("engine", ["rules", "sql"])
def test_audit__more_taken_than_there_is__breaks_a_floor(repaired: Path, engine: str) -> None:
    """Adjustment and reversal agree, so each is as it can be; but the fee never was so large."""
    forge_postings(
        repaired, ADJUSTED, move(("network/fee", "BASIS", -(10**17)), (LOST, "BASIS", 10**17))
    )
    forge_postings(
        repaired, REVERSED, move(("network/fee", "BASIS", 10**17), (LOST, "BASIS", -(10**17)))
    )

    differences = audit_by(engine, repaired).differences

    if engine == "sql":
        assert differences == []  # at the end of the period all is well again
    else:
        assert "network/fee would hold -" in differences[0]
        assert differences[0].endswith("(I4)")


@pytest.mark.parametrize("engine", ["rules", "sql"])
def test_audit__account_below_its_floor_at_the_end__is_found(repaired: Path, engine: str) -> None:
    forge_postings(
        repaired, FUNDED, move(("customer/user-1", "CREDIT", 5), ("funding/stripe", "CREDIT", -5))
    )
    forge_postings(
        repaired, TAKEN, move(("customer/user-1", "CREDIT", -7), ("funding/stripe", "CREDIT", 7))
    )

    difference = audit_by(engine, repaired).differences[0]

    assert "funding/stripe" in difference
    assert "(I4)" in difference


@pytest.mark.parametrize("engine", ["rules", "sql"])
def test_audit__account_that_no_chart_has__is_found(repaired: Path, engine: str) -> None:
    forge_postings(
        repaired, FUNDED, move(("customer/user-1", "CREDIT", 5), ("funding/wind", "CREDIT", -5))
    )

    assert "funding/wind" in audit_by(engine, repaired).differences[0]


@pytest.mark.parametrize(("row", "seq"), [(0, 0), (1, 1), (2, 2)])
def test_audit__entry_of_a_job_in_another_order__is_found_by_the_rules(
    repaired: Path, row: int, seq: int
) -> None:
    def change(rows: Rows) -> None:
        rows[row]["entry_seq"] = seq

    forge_receipts(repaired, change)

    differences = audit_by("rules", repaired).differences
    assert differences != []


def test_audit__jobs_said_to_come_after_what_took_from_them__breaks_a_floor(repaired: Path) -> None:
    def change(rows: Rows) -> None:
        for place, one in enumerate(rows):
            one["entry_seq"] = 100 + place

    forge_receipts(repaired, change)

    assert "network/fee would hold -5 base units" in audit_by("rules", repaired).differences[0]
