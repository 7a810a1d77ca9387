"""A large export without a network: jobs judged by the real rules, then multiplied.

Some ten thousand different jobs are judged, booked and turned into rows exactly as an orchestrator
does it. Each of these rows then stands for many jobs, with a number, a customer, a worker, an id, a
time and a hash of its own. The audits that are measured check all of them, by both engines.
"""

from __future__ import annotations

import random
from dataclasses import replace
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Any, cast

import duckdb
import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from tests.support.books import agree, make_facts, make_lost_facts

from basis.accounting.export_content import NumberedTerms
from basis.accounting.export_rows import (
    Row,
    receipt_row,
)
from basis.accounting.export_tables import UsedTables
from basis.accounting.parquet_file import ROW_GROUP, ExportFile, open_writer
from basis.accounting.points import PointsFacts
from basis.accounting.posting import JobFacts, compute_finished_job
from basis.audit.parquet import expected_schema
from basis.rules.boost_tables import BOOST_TABLES
from basis.rules.epochs import EpochBook
from basis.rules.export_format import (
    MANIFEST_FILE,
    NO_EXPORT,
    RECEIPTS,
    SIGNATURE_FILE,
    SIGNATURE_KIND,
    TABLES_FILE,
    TERMS,
    UNCHECKED,
    VERDICTS,
)
from basis.rules.factors import Measurements
from basis.rules.job import JobStatus
from basis.rules.manifest import (
    FileRecord,
    Manifest,
    NumberRange,
    PeriodOfDays,
    compute_balances_hash,
    compute_manifest_hash,
    encode_manifest,
)
from basis.rules.receipt import CHAIN_ID
from basis.rules.signatures import encode_signature
from basis.rules.units import Bps, Micros, TokenCount
from basis.rules.wallet import parse_wallet
from basis.storage.publisher_key import PublisherKey
from basis.storage.receipt_store import StoredReceipt
from bench.synthetic_batches import close_balances, write_batches
from bench.synthetic_boosts import BEGIN, BOOSTS_BPS, CARD, Boosts

_SHAPES = "shapes.parquet"
_SEED, _BATCH = 20_261_123, 50_000
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


def make_export(folder: Path, *, receipts: int, shapes: int = 20_000) -> None:
    """A period of so many receipts in `folder`, signed with a key of its own."""
    folder.mkdir(parents=True)
    _write_shapes(folder, shapes)
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        _multiply(connection, folder, receipts)
        moves = write_batches(connection, folder)
        closing, totals = close_balances(connection, moves)
    (folder / _SHAPES).unlink()
    batches = len(moves)
    files: list[FileRecord] = []
    for path in sorted(folder.iterdir()):
        rows = pq.read_metadata(path).num_rows if path.suffix == ".parquet" else 0
        with path.open("rb") as file:
            digest = file_digest(file, "sha256").hexdigest()
        files.append(
            FileRecord(name=path.name, bytes=path.stat().st_size, rows=rows, sha256=digest)
        )
    manifest = Manifest(
        number=1,
        period=PeriodOfDays(name="2026-11", since="2026-11-01", until="2026-12-01"),
        previous=NO_EXPORT,
        chain_id=CHAIN_ID,
        token_symbol="BASIS",
        receipts=NumberRange(after=0, to=receipts),
        entries=NumberRange(after=0, to=2 * receipts + 1),
        batches=NumberRange(after=0, to=batches),
        files=tuple(files),
        opening_sha256=compute_balances_hash(()),
        closing_sha256=compute_balances_hash(closing),
        totals=totals,
        versions={"basis": "bench"},
    )
    (folder / MANIFEST_FILE).write_bytes(encode_manifest(manifest))
    key = PublisherKey(sha256(b"bench").digest())
    signature = key.sign_file_hash(kind=SIGNATURE_KIND, sha256=compute_manifest_hash(manifest))
    (folder / SIGNATURE_FILE).write_bytes(encode_signature(signature))


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


def _write_shapes(folder: Path, shapes: int) -> None:
    """The rows of the different jobs, beside the terms and tables that they name."""
    chance = random.Random(_SEED)
    terms, tables = NumberedTerms(folder), UsedTables(EpochBook(), told_until="")
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
                terms_number=terms.number_of(receipt),
                batch_number=0,
                entry_seq=number,
                entry_at=facts.created_at if job.entry is not None else None,
            )
        )
    terms.close()
    tables.add_boosts([BOOST_TABLES[-1].version])
    (folder / TABLES_FILE).write_bytes(tables.encode())
    shape_file = ExportFile(folder, replace(RECEIPTS, name=_SHAPES))
    for row in rows:
        shape_file.add(row)
    shape_file.close()


def _agree_enough(facts: JobFacts) -> Any:
    """The list price with more held than any answer costs; locked when the last job may be."""
    return replace(agree(facts), held_microcredits=10**12, locked_at=_END)


def _multiply(connection: duckdb.DuckDBPyConnection, folder: Path, receipts: int) -> None:
    """Writes the receipts, a row group at a time, and a verdict for each."""
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
    paid = 0
    schema = expected_schema(RECEIPTS, is_wide=False)
    verdict_schema = expected_schema(VERDICTS, is_wide=False)
    with (
        open_writer(folder / RECEIPTS.name, RECEIPTS, is_wide=False) as writer,
        open_writer(folder / VERDICTS.name, VERDICTS, is_wide=False) as verdicts,
    ):
        for first in range(1, receipts + 1, ROW_GROUP):
            last = min(first + ROW_GROUP - 1, receipts)
            table = _piece(connection, first, last, paid).cast(schema)
            writer.write_table(table, row_group_size=ROW_GROUP)
            paid += cast("int", pc.sum(pc.greater(table["worker_reward_raw"], 0)).as_py() or 0)
            found = {
                "seq": table["seq"],
                "quality_bps": table["measured_quality_bps"],
                "basis": pa.array([UNCHECKED] * table.num_rows),
                "reason": pa.array([""] * table.num_rows),
            }
            judged = pa.table(found).cast(verdict_schema)
            verdicts.write_table(judged, row_group_size=ROW_GROUP)
    for file in (RECEIPTS, TERMS):
        view = file.name.removesuffix(".parquet")
        connection.execute(
            f"CREATE VIEW {view} AS SELECT * FROM read_parquet('{folder / file.name}')"
        )
    boosts.write(connection, folder)


def _piece(
    connection: duckdb.DuckDBPyConnection, first: int, last: int, paid_before: int
) -> pa.Table:
    """Receipts of these numbers; a batch takes the next ones that are paid."""
    own = {
        "seq": "number",
        "hash": "unhex(sha256(core))",
        "batch_number": (
            f"CASE WHEN worker_reward_raw = 0 THEN 0 ELSE 1 + ({paid_before} - 1 + "
            f"sum(CAST(worker_reward_raw > 0 AS INTEGER)) OVER (ORDER BY number)) // {_BATCH} END"
        ),
    }
    columns = ", ".join(
        f"{own.get(column.name, column.name)} AS {column.name}" for column in RECEIPTS.columns
    )
    return connection.sql(
        f"""
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
            SELECT s.* REPLACE (
                'job_' || left(md5(CAST(number AS VARCHAR)), 24) AS job_id,
                'user-' || (number % {_CUSTOMERS}) AS user_id,
                CASE worker_wallet WHEN '' THEN '' ELSE wallet END AS worker_wallet,
                CASE worker_id WHEN '' THEN '' ELSE 'worker-' || place END AS worker_id,
                CASE WHEN points_boost_bps > 10000 THEN a.assignment ELSE '' END
                    AS points_assignment,
                make_timestamptz(at_us) AS created_at,
                make_timestamptz(at_us) AS locked_at,
                CASE WHEN has_entry THEN 2 * number ELSE 0 END AS entry_seq,
                make_timestamptz(at_us) AS entry_at), number
            FROM placed JOIN shapes s ON s.seq = shape JOIN wallets USING (place)
            LEFT JOIN assigned a USING (place, day)),
        cored AS (SELECT *, {_CORE} AS core FROM multiplied)
        SELECT {columns} FROM cored ORDER BY number"""
    ).to_arrow_table()
