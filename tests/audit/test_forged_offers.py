"""Prices that are not what an owner signed, or locked when they could not be, are found out."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from basis.accounting.export import export_period
from basis.accounting.periods import parse_period
from basis.accounting.posting import JobFacts
from basis.audit.audit import AuditOptions, Watcher, audit
from basis.audit.offer_records import load_offers
from basis.rules.epochs import EPOCH_2026_11_23, PricingEpoch
from basis.rules.errors import DamagedExport
from basis.rules.pricing import compute_list_terms
from basis.storage.database import for_writing, open_database
from basis.storage.epoch_store import activate_epoch, propose_epoch
from tests.audit.conftest import DAY, LATER
from tests.audit.forging import (
    KEY,
    Rows,
    audit_by,
    forge_receipts,
    forge_rows,
    forge_tables,
    resign,
)
from tests.support.books import ALICE, make_facts, record, register
from tests.support.offer_books import NOW_S, OWNER, make_offer, record_offered_jobs
from tests.support.offers import Owner

BEGINS = "2026-11-21T12:10:00.000Z"
OWN_EPOCH = replace(EPOCH_2026_11_23, version="winter", prompt_price=99_000_000)
OFFERED, LISTED, QUOTED, DEARER = 0, 2, 3, 4
"""Rows of the receipts: at an ask, at the list price, by a quote, in the operator's own epoch."""


def agreed_in(facts: JobFacts, epoch: PricingEpoch, *, locked_at: str) -> JobFacts:
    """The same facts at the list price of the epoch, locked at the time."""
    terms = compute_list_terms(
        epoch, model_id=facts.model_id, catalog_multiplier_bps=facts.multiplier_bps
    )
    assert facts.agreement is not None
    agreement = replace(facts.agreement, terms=terms, locked_at=locked_at)
    versions = msgspec.structs.replace(facts.versions, pricing=epoch.version)
    return replace(facts, agreement=agreement, versions=versions)


@pytest.fixture(scope="module")
def market_export(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A period with an offer, a quote and a pricing epoch of the operator's own."""
    folder = tmp_path_factory.mktemp("market")
    engine = open_database(folder, create=True)
    with for_writing(engine).begin() as connection:
        propose_epoch(connection, OWN_EPOCH, now="2026-11-20T00:00:00.000Z")
        activate_epoch(
            connection, OWN_EPOCH.version, effective_from=BEGINS, now="2026-11-20T00:00:00.000Z"
        )
        register(connection, "alice-1", ALICE)
        record_offered_jobs(connection, 1, 2)
        quoted, dearer = make_facts(602), make_facts(603)
        record(
            connection,
            make_facts(3),
            agreed_in(quoted, EPOCH_2026_11_23, locked_at="2026-11-21T12:09:59.999Z"),
            agreed_in(dearer, OWN_EPOCH, locked_at=dearer.created_at),
        )
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
def market(market_export: Path, tmp_path: Path) -> Path:
    """A copy of that period, for a test to forge."""
    return Path(shutil.copytree(market_export, tmp_path / market_export.name))


@pytest.mark.parametrize("engine", ["rules", "sql"])
def test_audit__offers_quotes_and_own_epochs__are_equal(market_export: Path, engine: str) -> None:
    verdict = audit_by(engine, market_export)

    assert verdict.differences == []
    assert verdict.receipts == 5


@pytest.mark.parametrize(
    ("file", "column", "value", "named"),
    [
        ("asks", "prompt_price", 10_000_001, "its offer asks 10000001 and"),
        ("asks", "output_price", 1, "and 1"),
        ("asks", "model", "basis-small", "its offer asks nothing and nothing"),
        ("asks", "offer", 2, "offer number"),
        ("offers", "not_before", NOW_S + 2, "did not hold at 2026-11-21T12:00:01.000Z"),
        ("offers", "expires_at", NOW_S + 2, "did not hold at 2026-11-21T12:00:02.000Z"),
        ("offers", "rails", "1999-01-01", "outside the rails"),
        ("offers", "hash", b"\1" * 32, "offer"),
    ],
)
def test_audit__offer_changed__is_a_named_difference(
    market: Path, file: str, column: str, value: object, named: str
) -> None:
    def change(rows: Rows) -> None:
        rows[0][column] = value

    forge_rows(market, f"{file}.parquet", change)

    assert named in audit_by("sql", market).differences[0]
    assert audit_by("rules", market).differences != []


@pytest.mark.parametrize(
    ("column", "value", "named"),
    [
        ("capacity", 5, ": hash is recorded as "),
        ("nonce", 2, ": hash is recorded as "),
        ("worker_id", "other-1", ": hash is recorded as "),
        ("wallet", ALICE, ": hash is recorded as "),
        ("wallet", "0x1", "offer "),
        ("signature", Owner(9).sign(make_offer()), f"but {Owner(9).wallet} signed it"),
        ("signature", "0x", "signature"),
        ("capacity", 0, "capacity"),
        ("expires_at", 2**62, "expiresAt"),
    ],
)
def test_audit__offer_that_its_owner_did_not_sign_so__is_found_by_the_rules(
    market: Path, column: str, value: object, named: str
) -> None:
    def change(rows: Rows) -> None:
        rows[0][column] = value

    forge_rows(market, "offers.parquet", change)

    assert named in audit_by("rules", market).differences[0]


@pytest.mark.parametrize("engine", ["rules", "sql"])
@pytest.mark.parametrize("file", ["offers", "asks"])
def test_audit__offer_taken_out__is_found(market: Path, file: str, engine: str) -> None:
    forge_rows(market, f"{file}.parquet", lambda rows: rows[1:])

    assert "offer" in audit_by(engine, market).differences[0]


@pytest.mark.parametrize("engine", ["rules", "sql"])
def test_audit__offer_that_no_terms_name__is_found(market: Path, engine: str) -> None:
    def add(rows: Rows) -> None:
        rows.append({**rows[0], "number": 2, "hash": b"\2" * 32})

    def ask(rows: Rows) -> None:
        rows.append({**rows[0], "offer": 2})

    forge_rows(market, "offers.parquet", add)
    forge_rows(market, "asks.parquet", ask)

    assert "offer" in audit_by(engine, market).differences[0]


@pytest.mark.parametrize(
    ("row", "later_s", "named"),
    [
        (OFFERED, 1, "its price was locked at 2026-11-21T12:00:02.000Z, but the job came at"),
        (OFFERED, -299, "did not hold at 2026-11-21T11:55:02.000Z"),
        (LISTED, -300, "its price was locked at 2026-11-21T11:55:03.000Z, but the job came at"),
        (QUOTED, 1, "was not in force at 2026-11-21T12:10:00.999Z"),
        (DEARER, -4, "the pricing epoch winter was not in force at 2026-11-21T12:09:59.000Z"),
    ],
)
def test_audit__price_locked_at_another_time__both_engines_say_the_same(
    market: Path, row: int, later_s: int, named: str
) -> None:
    def change(rows: Rows) -> None:
        rows[row]["locked_at"] += timedelta(seconds=later_s)

    forge_receipts(market, change)

    found = audit_by("both", market)
    assert len(found.differences) == 1
    assert named in found.differences[0]


@pytest.mark.parametrize("engine", ["rules", "sql"])
@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"activationsUntil": "2026-11-21T12:10:02.000Z"}, "was not in force at"),
        ({"effectiveFrom": "2026-11-21T12:10:03.001Z"}, "winter was not in force at"),
        ({"effectiveFrom": "2026-11-21T12:00:00.000Z"}, "placeholder was not in force at"),
        ({"version": "summer"}, "winter was not in force at"),
    ],
)
def test_audit__another_history_of_epochs__is_found(
    market: Path, change: dict[str, str], named: str, engine: str
) -> None:
    def forge(tables: dict[str, Any]) -> None:
        for name, value in change.items():
            if name == "activationsUntil":
                tables[name] = value
            else:
                tables["activations"][0][name] = value
        newest = tables["activations"][0]["effectiveFrom"]
        tables["activationsUntil"] = max(tables["activationsUntil"], newest)

    forge_tables(market, forge)

    assert named in audit_by(engine, market).differences[0]


@pytest.mark.parametrize(
    "change",
    [
        {"effectiveFrom": "2026-11-21T12:10:04.000Z"},
        {"effectiveFrom": "noon"},
        {"hash": "0" * 64},
    ],
)
def test_audit__activation_that_cannot_be__is_refused(market: Path, change: dict[str, str]) -> None:
    forge_tables(market, lambda tables: tables["activations"][0].update(change))

    with pytest.raises(DamagedExport):
        audit_by("both", market)


def test_audit__later_period_with_another_history_of_epochs__is_refused(
    market: Path, tmp_path: Path
) -> None:
    """What a period leaves out cannot be told by the next one."""
    later = Path(shutil.copytree(market, tmp_path / "2026-11-22"))
    forge_tables(market, lambda tables: tables.update(activations=[]))
    previous = resign(market)

    def follow(manifest: dict[str, Any]) -> None:
        manifest.update(number=2, previous=previous, openingSha256=manifest["closingSha256"])
        manifest["period"] = {"name": "2026-11-22", "since": "2026-11-22", "until": "2026-11-23"}
        for name in ("receipts", "entries", "batches"):
            manifest[name] = {"after": manifest[name]["to"], "to": manifest[name]["to"]}

    resign(later, change=follow)

    with pytest.raises(DamagedExport, match="which pricing epochs were in force"):
        audit([market, later], AuditOptions(), Watcher())


def test_export__offers__are_published_once_as_they_were_signed(market_export: Path) -> None:
    published = list(load_offers(market_export).values())

    assert [one.offer for one in published] == [make_offer()]
    assert published[0].signature == OWNER.sign(make_offer())


@pytest.mark.parametrize("engine", ["rules", "sql"])
def test_audit__own_epoch_that_nobody_activated__prices_nothing(market: Path, engine: str) -> None:
    def forget(tables: dict[str, Any]) -> None:
        assert tables["activations"]
        tables["activations"] = []

    forge_tables(market, forget)

    assert "was not in force" in audit_by(engine, market).differences[0]
