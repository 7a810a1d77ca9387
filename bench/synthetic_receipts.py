"""The receipts of a large export: some thousand jobs judged by the real rules, then multiplied."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import duckdb
import msgspec
import pyarrow as pa
import pyarrow.compute as pc
from tests.support.books import agree, make_facts, make_lost_facts

from basis.accounting.export_content import NumberedRows
from basis.accounting.export_rows import (
    Row,
    receipt_row,
    terms_row,
)
from basis.accounting.export_tables import UsedTables
from basis.accounting.parquet_file import ROW_GROUP, ExportFile, open_writer
from basis.accounting.points import PointsFacts
from basis.accounting.posting import JobFacts, compute_finished_job
from basis.audit.parquet import expected_schema
from basis.rules.boost_tables import BOOST_TABLES
from basis.rules.epochs import EpochBook
from basis.rules.export_columns import INTEGER, TEXT, ColumnKind, ParquetFile, columns
from basis.rules.export_format import (
    RECEIPTS,
    STANDING,
    STANDINGS,
    TABLES_FILE,
    TERMS,
    UNCHECKED,
    VERDICTS,
)
from basis.rules.factors import Measurements
from basis.rules.job import JobStatus
from basis.rules.units import Bps, Micros, TokenCount
from basis.rules.wallet import parse_wallet
from basis.storage.receipt_store import StoredReceipt
from bench.synthetic_boosts import BEGIN, BOOSTS_BPS, CARD, Boosts

_SHAPES = "shapes.parquet"
_SHAPE = ParquetFile(
    name=_SHAPES,
    columns=(
        *(column for column in RECEIPTS.columns),
        *STANDINGS.columns[1:],
        *columns(model_id=TEXT, model_multiplier_bps=INTEGER),
    ),
)
"""A job with all that its numbers stand for."""
_SEED = 20_261_123
BATCH = 50_000
"""Receipts of a full batch."""
_CUSTOMERS, _WALLETS = 2_000, 500
_BEGIN_US = int(BEGIN.timestamp()) * 1_000_000
_END = "2026-11-30T23:59:59.999Z"
_STEP_US = 50_000  # Between two jobs: ten million take six days.
_DAY_US = 86_400_000_000
_MODELS = (
    ("basis-tiny", 1_000, "tiny"),
    ("basis-small", 5_000, "small"),
    ("basis-default", 10_000, "default"),
    ("basis-large", 30_000, "large"),
)
_CORE = (
    """'{"chainId":8453,"createdAt":"' || strftime(CAST(created_at AS TIMESTAMP), """
    """'%Y-%m-%dT%H:%M:%S.%gZ') || '","jobId":"' || job_id || '","latencyBps":' """
    """|| latency_bps || ',"latencyMs":' """
    """|| latency_ms || ',"modelId":"' || model_id || '","modelMultiplierBps":' """
    """|| model_multiplier_bps || ',"outputTokens":' || output_tokens || ',"promptTokens":' """
    """|| prompt_tokens || ',"protocolFeeRaw":"' || protocol_fee_raw || '","qualityBps":' """
    """|| quality_bps || ',"receiptVersion":1,"tokenAddress":"","tokenSymbol":"BASIS",' """
    """|| '"totalChargedRaw":"' || total_charged_raw || '","uptimeBps":' || uptime_bps """
    """|| ',"userId":"' || user_id || '","userWallet":"' || user_wallet || '","workerId":"' """
    """|| worker_id || '","workerRewardRaw":"' || worker_reward_raw || '","workerWallet":"' """
    """|| worker_wallet || '"}'"""
)
"""The canonical bytes of a core whose texts need no escapes."""


def _facts(number: int, chance: random.Random) -> JobFacts:
    model, multiplier, latency_class = chance.choice(_MODELS)
    if chance.random() < 0.03:
        return make_lost_facts(number, JobStatus.FAILED)
    facts = make_facts(number)
    prompt, output = chance.randrange(1, 4_000), chance.randrange(1, 1_000)
    first_us, gap_us = chance.randrange(50_000, 3_000_000), chance.randrange(2_000, 90_000)
    return make_facts(
        number,
        model_id=model,
        multiplier_bps=Bps(multiplier),
        versions=msgspec.structs.replace(facts.versions, latency_class=latency_class),
        prompt_tokens=TokenCount(prompt),
        output_tokens=TokenCount(output),
        latency_ms=(first_us + gap_us * output) // 1_000 + 5,
        measured=Measurements(
            online_minutes=chance.randrange(1_441),
            first_token_us=Micros(first_us),
            inter_token_us=Micros(gap_us),
            prompt_tokens=prompt,
        ),
        points=PointsFacts(
            boost_bps=Bps(chance.choice(BOOSTS_BPS)),
            gpu_name=CARD,
            gpu_count=1,
            gpu_memory_mib=chance.choice((12_000, 24_564)),
        ),
    )


def write_shapes(folder: Path, shapes: int) -> None:
    """The rows of the different jobs, beside the terms and tables that they name."""
    chance = random.Random(_SEED)
    terms, tables = NumberedRows(folder, TERMS), UsedTables(EpochBook(), told_until="")
    rows: list[Row] = []
    for number in range(1, shapes + 1):
        facts = _facts(number, chance)
        facts = replace(facts, agreement=_agree_enough(facts))
        job = compute_finished_job(facts)
        receipt = StoredReceipt(
            seq=number,
            recorded_hash=job.receipt_hash,
            core=job.core,
            status=job.status,
            details=job.details,
            reward_status=job.reward_status,
            batch_hash=None,
            misfiled_column="",
        )
        tables.add(job.details)
        rows.append(
            receipt_row(
                receipt,
                terms_number=terms.number_of(terms_row(receipt)),
                batch_number=0,
                entry_seq=number,
                entry_at=facts.created_at if job.entry is not None else None,
            )
        )
    terms.close()
    tables.add_boosts([BOOST_TABLES[-1].version])
    (folder / TABLES_FILE).write_bytes(tables.encode())
    shape_file = ExportFile(folder, _SHAPE)
    for row in rows:
        shape_file.add({**row, "standing_number": 0})
    shape_file.close()


def _agree_enough(facts: JobFacts) -> Any:
    """The list price with more held than any answer costs; locked when the last job may be."""
    return replace(agree(facts), held_microcredits=10**12, locked_at=_END)


def write_receipts(connection: duckdb.DuckDBPyConnection, folder: Path, receipts: int) -> None:
    """Writes the receipts of these shapes, a row group at a time, and a verdict for each."""
    connection.execute(f"CREATE TABLE shapes AS SELECT * FROM read_parquet('{folder / _SHAPES}')")
    wallets = [
        parse_wallet(f"0x{number:040x}", param="wallet") for number in range(1, _WALLETS + 1)
    ]
    connection.execute(
        "CREATE TABLE wallets AS SELECT unnest(?) AS wallet, unnest(range(1, ?)) AS place",
        [wallets, _WALLETS + 1],
    )
    boosts = Boosts(wallets, days=1 + receipts * _STEP_US // _DAY_US)
    places, days, digests = zip(*boosts.rows(), strict=True)
    connection.execute(
        "CREATE TABLE assigned AS SELECT unnest(?) AS place, unnest(?) AS day, "
        "unnest(?) AS assignment",
        [list(places), list(days), list(digests)],
    )
    kinds = {ColumnKind.INTEGER: "BIGINT", ColumnKind.TEXT: "VARCHAR"}
    columns_of = ", ".join(f"{one.name} {kinds[one.kind]}" for one in STANDINGS.columns)
    connection.execute(f"CREATE TABLE standings({columns_of})")
    paid = entries = 0
    schema = expected_schema(RECEIPTS, is_wide=False)
    verdict_schema = expected_schema(VERDICTS, is_wide=False)
    with (
        open_writer(folder / RECEIPTS.name, RECEIPTS, is_wide=False) as writer,
        open_writer(folder / VERDICTS.name, VERDICTS, is_wide=False) as verdicts,
    ):
        for first in range(1, receipts + 1, ROW_GROUP):
            last = min(first + ROW_GROUP - 1, receipts)
            table = _piece(connection, first, last, paid=paid, entries=entries).cast(schema)
            writer.write_table(table, row_group_size=ROW_GROUP)
            paid += cast("int", pc.sum(pc.greater(table["worker_reward_raw"], 0)).as_py() or 0)
            entries += cast("int", pc.sum(table["has_entry"]).as_py() or 0)
            found = {
                "seq": table["seq"],
                "quality_bps": table["measured_quality_bps"],
                "basis": pa.array([UNCHECKED] * table.num_rows),
                "reason": pa.array([""] * table.num_rows),
            }
            judged = pa.table(found).cast(verdict_schema)
            verdicts.write_table(judged, row_group_size=ROW_GROUP)
    _write_standings(connection, folder)
    for file in (RECEIPTS, TERMS, STANDINGS):
        view = file.name.removesuffix(".parquet")
        connection.execute(
            f"CREATE VIEW {view} AS SELECT * FROM read_parquet('{folder / file.name}')"
        )
    boosts.write(connection, folder)
    (folder / _SHAPES).unlink()


def _piece(
    connection: duckdb.DuckDBPyConnection, first: int, last: int, *, paid: int, entries: int
) -> pa.Table:
    """Receipts of these numbers, after so many that are paid and so many with an entry.

    A batch takes the next ones that are paid; its entry follows that of the last of them.
    """
    is_paid = "CAST(worker_reward_raw > 0 AS INTEGER)"
    paid_before = f"({paid} + sum({is_paid}) OVER (ORDER BY p.number) - {is_paid})"
    own = {
        "seq": "p.number",
        "hash": "unhex(sha256(core))",
        "batch_number": f"{is_paid} * (1 + {paid_before} // {BATCH})",
        "entry_seq": (
            f"CAST(has_entry AS INTEGER) * ({entries} + sum(CAST(has_entry AS INTEGER)) "
            f"OVER (ORDER BY p.number) + {paid_before} // {BATCH})"
        ),
    }
    own["standing_number"] = "standings.number"
    chosen = ", ".join(
        f"{own.get(column.name, column.name)} AS {column.name}" for column in RECEIPTS.columns
    )
    connection.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE piece AS
        WITH drawn AS (
            SELECT number, 1 + hash(number) % (SELECT count(*) FROM shapes) AS shape,
                   {_BEGIN_US} + number * {_STEP_US} AS at_us,
                   number * {_STEP_US} // {_DAY_US} AS day
            FROM range({first}, {last} + 1) r(number)),
        placed AS (
            SELECT d.*, 1 + 4 * (hash(number + 5) % {_WALLETS // 4})
                   + CASE s.points_boost_bps WHEN {BOOSTS_BPS[2]} THEN 2 WHEN {BOOSTS_BPS[3]} THEN 3
                     ELSE number % 2 END AS place
            FROM drawn d JOIN shapes s ON s.seq = shape),
        multiplied AS (
            SELECT s.* EXCLUDE standing_number REPLACE (
                'job_' || left(md5(CAST(number AS VARCHAR)), 24) AS job_id,
                'user-' || (number % {_CUSTOMERS}) AS user_id,
                CASE worker_wallet WHEN '' THEN '' ELSE wallet END AS worker_wallet,
                CASE worker_id WHEN '' THEN '' ELSE 'worker-' || place END AS worker_id,
                CASE WHEN points_boost_bps > 10000 THEN a.assignment ELSE '' END
                    AS points_assignment,
                make_timestamptz(at_us) AS created_at,
                make_timestamptz(at_us) AS locked_at,
                make_timestamptz(at_us) AS entry_at), number
            FROM placed JOIN shapes s ON s.seq = shape JOIN wallets USING (place)
            LEFT JOIN assigned a USING (place, day))
        SELECT * FROM multiplied"""
    )
    standing = ", ".join(STANDING)
    connection.execute(
        f"INSERT INTO standings SELECT (SELECT count(*) FROM standings) + row_number() "
        f"OVER (ORDER BY first), {standing} FROM (SELECT min(number) AS first, {standing} "
        f"FROM piece ANTI JOIN standings USING ({standing}) GROUP BY ALL)"
    )
    return connection.sql(
        f"SELECT {chosen} FROM (SELECT *, {_CORE} AS core FROM piece) p "
        f"JOIN standings USING ({standing}) ORDER BY p.number"
    ).to_arrow_table()


def _write_standings(connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
    table = connection.sql("FROM standings ORDER BY number").to_arrow_table()
    with open_writer(folder / STANDINGS.name, STANDINGS, is_wide=False) as writer:
        writer.write_table(
            table.cast(expected_schema(STANDINGS, is_wide=False)), row_group_size=ROW_GROUP
        )
    connection.execute("DROP TABLE standings")
