"""What a published period is made of: its files and their columns.

One definition for whoever writes an export and for whoever audits one. It names and describes; it
reads and writes nothing. The order of columns is part of the format; another format is another
`EXPORT_FORMAT`.
Source: docs/reference/export.md; docs/decisions/0015-export.md.
"""

from __future__ import annotations

from basis.rules.export_columns import (
    AMOUNT,
    DIGEST,
    FLAG,
    ID,
    INTEGER,
    NUMBER,
    TEXT,
    TIME,
    ParquetFile,
    columns,
)

EXPORT_FORMAT = "basis-export/1"
MANIFEST_FILE = "manifest.json"
SIGNATURE_FILE = "manifest.sig.json"
SIGNATURE_KIND = "export-manifest"
"""What the publication key signs a manifest as."""
TABLES_FILE = "tables.json"
NO_EXPORT = "0" * 64
"""Stands for the manifest before the first."""
AMOUNT_LIMIT = 10**38
"""An amount is below it, whatever its sign: what 128 bits hold in DECIMAL(38,0)."""
UNCHECKED = "unchecked"
"""The basis of a verdict while nothing checks answers."""


_CORE = columns(
    receipt_version=INTEGER,
    job_id=ID,
    user_id=TEXT,
    user_wallet=TEXT,
    worker_id=TEXT,
    worker_wallet=TEXT,
    model_id=TEXT,
    prompt_tokens=INTEGER,
    output_tokens=INTEGER,
    latency_ms=INTEGER,
    quality_bps=INTEGER,
    uptime_bps=INTEGER,
    latency_bps=INTEGER,
    model_multiplier_bps=INTEGER,
    total_charged_raw=AMOUNT,
    worker_reward_raw=AMOUNT,
    protocol_fee_raw=AMOUNT,
    token_symbol=TEXT,
    token_address=TEXT,
    chain_id=INTEGER,
    created_at=TIME,
)
"""The 21 fields that are hashed."""

_DETAILS = columns(
    status=TEXT,
    kind=TEXT,
    finish_reason=TEXT,
    failure_reason=TEXT,
    attempts=INTEGER,
    measured_quality_bps=INTEGER,
    online_minutes=INTEGER,
    first_token_us=INTEGER,
    inter_token_us=INTEGER,
    claimed_prompt_tokens=INTEGER,
    claimed_output_tokens=INTEGER,
    runtime=TEXT,
)

_CHARGE = columns(
    microcredits=AMOUNT,
    held_microcredits=AMOUNT,
    locked_at=TIME,
    penalty_raw=AMOUNT,
)
"""`penalty_raw` is the sum of the job's penalties."""

_STANDING = columns(
    worker_id=TEXT,
    worker_wallet=TEXT,
    points_table=TEXT,
    points_asset=TEXT,
    points_boost_bps=INTEGER,
    points_assignment=TEXT,
    points_gpu_name=TEXT,
    points_gpu_count=INTEGER,
    points_gpu_memory_mib=INTEGER,
)
"""Who did a job, and by what it earned points: "" or 0 from before there were points."""

_POINTS = columns(
    points_table=TEXT,
    points_asset=TEXT,
    points_units=INTEGER,
    points_multiplier_bps=INTEGER,
    points_boost_bps=INTEGER,
    points_assignment=TEXT,
    points_gpu_name=TEXT,
    points_gpu_count=INTEGER,
    points_gpu_memory_mib=INTEGER,
    points_reason=TEXT,
    points_raw=AMOUNT,
)
"""All "" or 0 on receipts from before there were points."""

BREAKDOWN_NAMES = (
    "pool_raw",
    "gross_raw",
    "penalty_collected_raw",
    "penalty_owed_raw",
    "unearned_raw",
    "dust_raw",
)
"""The components of a reward that are not hashed; charge, fee and reward are."""

REWARD_NAMES = (
    "total_charged_raw",
    "protocol_fee_raw",
    *BREAKDOWN_NAMES[:4],
    "worker_reward_raw",
    *BREAKDOWN_NAMES[4:],
)
"""All components of a reward, in the order in which they follow from each other."""

JOB_POSTINGS = (
    ("customer/{user}", "BASIS"),
    ("customer/{user}", "CREDIT"),
    ("network/exchange", "CREDIT"),
    ("network/exchange", "BASIS"),
    ("reward/pending/{wallet}", "BASIS"),
    ("network/fee", "BASIS"),
    ("network/unearned", "BASIS"),
    ("network/dust", "BASIS"),
    ("penalty/owed/{worker}", "BASIS"),
    ("penalty/receivable", "BASIS"),
    ("points/issued", "LLAMA"),
    ("points/earned/{wallet}", "LLAMA"),
    ("points/issued", "WAIFU"),
    ("points/earned/{wallet}", "WAIFU"),
)
"""Account and asset of every posting that the ledger entry of a job can have.

They are the figures of its receipt, so no file holds them; the export refuses an entry that posts
anything else.
"""

_WHOLE_RECEIPT = (
    *columns(seq=NUMBER, hash=DIGEST),
    *_CORE,
    *_DETAILS,
    *columns(terms_number=INTEGER, standing_number=INTEGER),
    *_CHARGE,
    *columns(**dict.fromkeys(BREAKDOWN_NAMES, AMOUNT)),
    *_POINTS,
    *columns(batch_number=INTEGER, has_entry=FLAG, entry_seq=NUMBER, entry_at=TIME),
)

WHOLE_RECEIPT = tuple(column.name for column in _WHOLE_RECEIPT)
"""All that an export says of a receipt, in order, with what its two numbers stand for."""

STANDING = tuple(column.name for column in _STANDING)
"""What its standing says of a receipt."""

TERMS_OF_RECEIPT = {"model_id": "model_id", "model_multiplier_bps": "multiplier_bps"}
"""What its terms say of it, with the columns that do."""

RECEIPTS = ParquetFile(
    name="receipts.parquet",
    columns=tuple(
        column
        for column in _WHOLE_RECEIPT
        if column.name not in STANDING and column.name not in TERMS_OF_RECEIPT
    ),
)
"""Sorted by `seq`, without a gap. `batch_number` is 0 if no batch of this period or an earlier one
holds the receipt; `entry_seq` is the number of its entry among all of the ledger, 0 where there is
none, and `entry_at` is then the receipt's own time."""

STANDINGS = ParquetFile(name="standings.parquet", columns=(*columns(number=INTEGER), *_STANDING))
"""How workers stood when they did the period's jobs, numbered from 1 as each first occurs."""

TERMS = ParquetFile(
    name="terms.parquet",
    columns=columns(
        number=INTEGER,
        is_postpaid=FLAG,
        catalog=TEXT,
        pricing=TEXT,
        factors=TEXT,
        latency_class=TEXT,
        model_id=TEXT,
        multiplier_bps=INTEGER,
        terms_hash=TEXT,
        epoch_hash=TEXT,
        prompt_price=INTEGER,
        output_price=INTEGER,
        basis_raw_per_microcredit=AMOUNT,
        protocol_fee_bps=INTEGER,
        is_empty_answer_free=FLAG,
        offer_hash=TEXT,
    ),
)
"""The different terms by which receipts were judged, numbered from 1 as they first occur.

A postpaid job is from before there were credits: its epoch says all prices, which are 0 here, and
it has no hashes.
"""

PENALTIES = ParquetFile(
    name="penalties.parquet",
    columns=columns(receipt_seq=NUMBER, place=INTEGER, reason=TEXT, amount_raw=AMOUNT),
)
"""Each penalty with the finding that it follows from, in the order of its receipt."""

VERDICTS = ParquetFile(
    name="verdicts.parquet",
    columns=columns(seq=NUMBER, quality_bps=INTEGER, basis=TEXT, reason=TEXT),
)
"""One for each receipt, in the same order."""

ENTRIES = ParquetFile(
    name="entries.parquet",
    columns=columns(seq=NUMBER, id=DIGEST, kind=TEXT, cause=TEXT, reason=TEXT, created_at=TIME),
)
"""Every ledger entry that is no job's, sorted by `seq`. `cause` is "" for a payment: its name is
withheld, and the id commits to it. `reason` says why an operator repaired something, else ""."""

POSTINGS = ParquetFile(
    name="postings.parquet",
    columns=columns(entry_seq=NUMBER, account=TEXT, asset=TEXT, amount_raw=AMOUNT),
)
"""Theirs, sorted by entry, account and asset."""

BATCHES = ParquetFile(
    name="batches.parquet",
    columns=columns(
        number=INTEGER,
        hash=DIGEST,
        previous_hash=DIGEST,
        total_raw=AMOUNT,
        receipt_count=INTEGER,
        chain_id=INTEGER,
        token_symbol=TEXT,
        token_address=TEXT,
        is_dry_run=FLAG,
        created_at=TIME,
        moves_before=INTEGER,
    ),
)
"""Every batch that was closed or moved in the period; `moves_before` counts its ledger entries of
earlier periods, and is 0 if it was closed in this one."""

PAYOUTS = ParquetFile(
    name="payouts.parquet",
    columns=columns(batch_number=INTEGER, wallet=TEXT, amount_raw=AMOUNT, receipts=INTEGER),
)
"""Of those batches, sorted by batch and wallet."""

LATE_MEMBERS = ParquetFile(
    name="late_members.parquet",
    columns=columns(
        batch_number=INTEGER,
        receipt_seq=NUMBER,
        receipt_hash=DIGEST,
        worker_wallet=TEXT,
        reward_raw=AMOUNT,
    ),
)
"""Receipts of earlier periods that a batch closed in this one holds, sorted by batch and number."""

OPENING = ParquetFile(
    name="opening.parquet", columns=columns(account=TEXT, asset=TEXT, amount_raw=AMOUNT)
)
"""Every balance at the beginning that is not zero, sorted by account and asset."""

PARQUET_FILES = (
    RECEIPTS,
    STANDINGS,
    TERMS,
    PENALTIES,
    VERDICTS,
    ENTRIES,
    POSTINGS,
    BATCHES,
    PAYOUTS,
    LATE_MEMBERS,
    OPENING,
)
