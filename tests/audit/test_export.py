"""`basis export`: what a period holds, that periods follow each other, and that each is published
once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pyarrow.parquet as pq
import pytest
from sqlalchemy import text

from basis.accounting.export import export_period
from basis.accounting.periods import parse_period
from basis.accounting.posting import JobFacts, compute_finished_job
from basis.audit.postings import job_postings
from basis.rules.canonical import sha256_hex
from basis.rules.errors import Conflict, DamagedExport, DamagedRecord, InvalidInput, Misconfigured
from basis.rules.export_files import ALL_FILES
from basis.rules.export_format import JOB_POSTINGS
from basis.rules.receipt import canonical_core, compute_receipt_hash, core_json
from basis.storage.database import begin_write, open_database
from tests.audit.conftest import DAY, LATER
from tests.audit.forging import KEY, audit_by, read_receipts, resign, write_rows
from tests.support.books import (
    ALICE,
    close,
    make_data_folder,
    make_facts,
    make_finished,
    make_postpaid_facts,
    record,
    register,
)

Publish = Callable[..., Path]


def read_bytes(folder: Path) -> dict[str, bytes]:
    """Every file of a period by its name."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def fill(tmp_path: Path, *numbers: int, day: str = DAY, batch: bool = False) -> None:
    """Records jobs of a day in the books, and closes a batch over what is payable."""
    engine = open_database(tmp_path / "data", create=True)
    with begin_write(engine) as connection:
        if numbers and numbers[0] == 1:
            register(connection, "alice-1", ALICE)
        record(
            connection,
            *(make_facts(number, created_at=f"{day}T12:00:00.{number:03}Z") for number in numbers),
        )
        if batch:
            close(connection)
    engine.dispose()


def test_export__again__changes_nothing_and_says_so(tmp_path: Path, publish: Publish) -> None:
    fill(tmp_path, 1, 2)
    before = read_bytes(publish(DAY))

    assert read_bytes(publish(DAY)) == before


def test_export__again_after_more_was_recorded__gives_the_same_bytes(
    tmp_path: Path, publish: Publish
) -> None:
    fill(tmp_path, 1, 2)
    folder = publish(DAY)
    before = read_bytes(folder)
    fill(tmp_path, 3, batch=True)
    folder.rename(tmp_path / "moved")

    assert read_bytes(publish(DAY)) == before


def test_export__another_folder_in_its_place__is_refused_and_left(
    tmp_path: Path, publish: Publish
) -> None:
    fill(tmp_path, 1)
    (tmp_path / "out" / DAY).mkdir(parents=True)
    (tmp_path / "out" / DAY / "manifest.json").write_text("{}")

    with pytest.raises(Conflict, match="is there already"):
        publish(DAY)

    assert [path.name for path in (tmp_path / "out").iterdir()] == [DAY]
    assert (tmp_path / "out" / DAY / "manifest.json").read_text() == "{}"


def test_audit__periods_in_a_row__are_equal_together_and_alone(
    tmp_path: Path, publish: Publish
) -> None:
    """The second one closes a batch over receipts of the first; the third one is empty."""
    fill(tmp_path, 1, 2, 3)
    first = publish("2026-11-21")
    fill(tmp_path, 4, 5, day="2026-11-22", batch=True)
    engine = open_database(tmp_path / "data", create=False)
    with begin_write(engine) as connection:
        connection.execute(
            text(
                "UPDATE ledger_entries SET created_at = '2026-11-22T13:00:00.000Z' "
                "WHERE kind = 'rewards_batching'"
            )
        )
    engine.dispose()
    second = publish("2026-11-22")
    third = publish("2026-11-23")

    whole = audit_by("both", tmp_path / "out")
    assert whole.differences == []
    assert (whole.exports, whole.receipts, whole.batches, whole.is_whole) == (3, 5, 1, True)
    for alone in (first, second, third):
        assert audit_by("both", alone).differences == []
    assert not audit_by("both", second).is_whole
    with pytest.raises(DamagedExport, match="export 2 is missing"):
        audit_by("both", first, third)


def test_audit__a_late_member_in_two_batches__is_found_by_both(
    tmp_path: Path, publish: Publish
) -> None:
    fill(tmp_path, 1, 2)
    first = publish("2026-11-21")
    fill(tmp_path, 3, day="2026-11-22")
    second = publish("2026-11-22")
    rows = read_receipts(first)
    late: list[dict[str, Any]] = [
        {
            "batch_number": number,
            "receipt_seq": 1,
            "receipt_hash": rows[0]["hash"],
            "worker_wallet": rows[0]["worker_wallet"],
            "reward_raw": rows[0]["worker_reward_raw"],
        }
        for number in (1, 2)
    ]
    write_rows(second, "late_members.parquet", late, is_wide=False)
    resign(second, rows={"late_members.parquet": 2})

    for engine in ("rules", "sql"):
        assert "I5" in audit_by(engine, first, second).differences[0]


def test_export__a_clock_that_went_backwards__loses_no_receipt(
    tmp_path: Path, publish: Publish
) -> None:
    """A receipt of a published day goes into the next period."""
    fill(tmp_path, 1, 2)
    publish("2026-11-21")
    fill(tmp_path, 3, day="2026-11-20")
    fill(tmp_path, 4, day="2026-11-22")
    fill(tmp_path, 5, day="2026-11-21")

    second = publish("2026-11-22")

    seqs = pq.read_table(second / "receipts.parquet")["seq"].to_pylist()
    assert seqs == [3, 4, 5]
    assert audit_by("both", tmp_path / "out").differences == []


def test_export__an_empty_network__is_a_period_without_rows(
    tmp_path: Path, publish: Publish
) -> None:
    open_database(tmp_path / "data", create=True).dispose()

    verdict = audit_by("both", publish(DAY))

    assert verdict.is_equal
    assert verdict.receipts == 0


@pytest.mark.parametrize(
    ("name", "error", "words"),
    [
        ("2026-11-20", Conflict, "overlaps"),
        ("2026-11-23", Conflict, "leaves a gap after"),
        ("2026-11", Conflict, "overlaps"),
        ("2027-01", InvalidInput, "is not over before"),
    ],
)
def test_export__a_period_that_does_not_follow__is_refused_and_leaves_nothing(
    tmp_path: Path, publish: Publish, name: str, error: type[Exception], words: str
) -> None:
    fill(tmp_path, 1)
    publish(DAY)

    with pytest.raises(error, match=words):
        publish(name)

    assert [path.name for path in (tmp_path / "out").iterdir()] == [DAY]


def test_export__first_period_after_the_first_record__is_refused(
    tmp_path: Path, publish: Publish
) -> None:
    fill(tmp_path, 1)

    with pytest.raises(Conflict, match="begins after the first record"):
        publish("2026-11-22")


def test_export__a_damaged_balance__is_refused_and_leaves_nothing(
    tmp_path: Path, publish: Publish
) -> None:
    fill(tmp_path, 1)
    engine = open_database(tmp_path / "data", create=False)
    with begin_write(engine) as connection:
        connection.execute(
            text("UPDATE balances SET amount_raw = '5' WHERE account LIKE 'reward%'")
        )
    engine.dispose()

    with pytest.raises(DamagedRecord, match="basis recompute"):
        publish(DAY)

    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("engine", ["rules", "sql"])
def test_audit__a_period_with_wide_amounts__is_equal_and_forgeries_are_found(
    period: Path, engine: str
) -> None:
    for file in ALL_FILES:
        rows = pq.read_table(period / file.name).to_pylist()
        write_rows(period, file.name, rows, is_wide=True)
    resign(period)
    assert audit_by(engine, period).differences == []

    rows = pq.read_table(period / "receipts.parquet").to_pylist()
    rows[3]["gross_raw"] += 10**33
    write_rows(period, "receipts.parquet", rows, is_wide=True)
    resign(period)
    assert "job_0004): gross_raw is recorded" in audit_by(engine, period).differences[0]


@pytest.mark.parametrize(
    "facts", [make_facts(1), make_postpaid_facts(2), make_facts(3, worker_wallet="")]
)
def test_job_postings__of_a_job__are_those_that_the_rules_make(facts: JobFacts) -> None:
    job = compute_finished_job(facts)
    assert job.entry is not None
    breakdown, points = job.details.breakdown, job.details.points
    charge = job.details.charge
    amounts = job_postings(
        microcredits=int(charge.microcredits) if charge is not None else None,
        parts=tuple(map(int, msgspec.structs.astuple(breakdown))),
        points_asset=points.asset if points is not None else "",
        points_raw=int(points.amount_raw) if points is not None else 0,
    )

    posted = {
        (account.format(user="user-1", wallet=facts.worker_wallet, worker="alice-1"), asset): amount
        for (account, asset), amount in zip(JOB_POSTINGS, amounts, strict=True)
        if amount
    }
    assert posted == {
        (posting.account, posting.asset): posting.amount_raw for posting in job.entry.postings
    }


@pytest.mark.parametrize("job_id", ["job_1", 'a"b\\c\n\t\x00\x1f/', "Grüße 😀\u2028\x7f"])
def test_canonical_core__any_text__is_what_is_hashed(job_id: str) -> None:
    core = make_finished(1, job_id=job_id).core

    values: Any = list(core_json(core).values())

    assert sha256_hex(canonical_core(*values)) == compute_receipt_hash(core)


def test_export__in_a_folder_that_cannot_be_written__is_misconfigured(tmp_path: Path) -> None:
    engine, _books = make_data_folder(tmp_path / "data")
    (tmp_path / "file").write_text("")

    with pytest.raises(Misconfigured, match="cannot be written"):
        export_period(
            engine,
            parse_period(DAY),
            out=tmp_path / "file" / "out",
            sign=KEY.sign_file_hash,
            version="test",
            now=LATER,
        )
    engine.dispose()
