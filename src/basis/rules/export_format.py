"""What a published period is made of: its files and their columns.

One definition for whoever writes an export and for whoever audits one. It names and describes; it
reads and writes nothing. The order of columns is part of the format; another format is another
`EXPORT_FORMAT`.
Source: docs/reference/export.md; docs/decisions/0015-export.md.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

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


class ColumnKind(enum.StrEnum):
    """How a column is kept in Parquet.

    AMOUNT is a 64-bit integer where every amount of the column's file fits into one, else
    DECIMAL(38,0); DIGEST is 32 bytes; TIME is UTC in milliseconds.
    """

    INTEGER = "integer"
    AMOUNT = "amount"
    TEXT = "text"
    DIGEST = "digest"
    TIME = "time"
    FLAG = "flag"


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column by its name, which never changes its meaning."""

    name: str
    kind: ColumnKind


@dataclass(frozen=True, slots=True, kw_only=True)
class ParquetFile:
    """One file of an export, with the columns that it has in their order."""

    name: str
    columns: tuple[Column, ...]

    def names(self, kind: ColumnKind) -> tuple[str, ...]:
        """The columns of this kind."""
        return tuple(column.name for column in self.columns if column.kind is kind)


def _columns(**kinds: ColumnKind) -> tuple[Column, ...]:
    return tuple(Column(name=name, kind=kind) for name, kind in kinds.items())


_INTEGER, _AMOUNT, _TEXT = ColumnKind.INTEGER, ColumnKind.AMOUNT, ColumnKind.TEXT
_DIGEST, _TIME, _FLAG = ColumnKind.DIGEST, ColumnKind.TIME, ColumnKind.FLAG

_CORE = _columns(
    receipt_version=_INTEGER,
    job_id=_TEXT,
    user_id=_TEXT,
    user_wallet=_TEXT,
    worker_id=_TEXT,
    worker_wallet=_TEXT,
    model_id=_TEXT,
    prompt_tokens=_INTEGER,
    output_tokens=_INTEGER,
    latency_ms=_INTEGER,
    quality_bps=_INTEGER,
    uptime_bps=_INTEGER,
    latency_bps=_INTEGER,
    model_multiplier_bps=_INTEGER,
    total_charged_raw=_AMOUNT,
    worker_reward_raw=_AMOUNT,
    protocol_fee_raw=_AMOUNT,
    token_symbol=_TEXT,
    token_address=_TEXT,
    chain_id=_INTEGER,
    created_at=_TIME,
)
"""The 21 fields that are hashed."""

_DETAILS = _columns(
    status=_TEXT,
    kind=_TEXT,
    finish_reason=_TEXT,
    failure_reason=_TEXT,
    attempts=_INTEGER,
    measured_quality_bps=_INTEGER,
    online_minutes=_INTEGER,
    first_token_us=_INTEGER,
    inter_token_us=_INTEGER,
    claimed_prompt_tokens=_INTEGER,
    claimed_output_tokens=_INTEGER,
    runtime=_TEXT,
)

_CHARGE = _columns(
    terms_number=_INTEGER,
    microcredits=_AMOUNT,
    held_microcredits=_AMOUNT,
    locked_at=_TIME,
    penalty_raw=_AMOUNT,
)
"""`terms_number` names a row of the terms. `penalty_raw` is the sum of the job's penalties."""

_POINTS = _columns(
    points_table=_TEXT,
    points_asset=_TEXT,
    points_units=_INTEGER,
    points_multiplier_bps=_INTEGER,
    points_boost_bps=_INTEGER,
    points_assignment=_TEXT,
    points_gpu_name=_TEXT,
    points_gpu_count=_INTEGER,
    points_gpu_memory_mib=_INTEGER,
    points_reason=_TEXT,
    points_raw=_AMOUNT,
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

RECEIPTS = ParquetFile(
    name="receipts.parquet",
    columns=(
        *_columns(seq=_INTEGER, hash=_DIGEST),
        *_CORE,
        *_DETAILS,
        *_CHARGE,
        *_columns(**dict.fromkeys(BREAKDOWN_NAMES, _AMOUNT)),
        *_POINTS,
        *_columns(batch_number=_INTEGER, has_entry=_FLAG, entry_seq=_INTEGER, entry_at=_TIME),
    ),
)
"""Sorted by `seq`, without a gap. `batch_number` is 0 if no batch of this period or an earlier one
holds the receipt; `entry_seq` is the number of its entry among all of the ledger, 0 where there is
none, and `entry_at` is then the receipt's own time."""

TERMS = ParquetFile(
    name="terms.parquet",
    columns=_columns(
        number=_INTEGER,
        is_postpaid=_FLAG,
        catalog=_TEXT,
        pricing=_TEXT,
        factors=_TEXT,
        latency_class=_TEXT,
        model_id=_TEXT,
        multiplier_bps=_INTEGER,
        terms_hash=_TEXT,
        epoch_hash=_TEXT,
        prompt_price=_INTEGER,
        output_price=_INTEGER,
        basis_raw_per_microcredit=_AMOUNT,
        protocol_fee_bps=_INTEGER,
        is_empty_answer_free=_FLAG,
        offer_hash=_TEXT,
    ),
)
"""The different terms by which receipts were judged, numbered from 1 as they first occur.

A postpaid job is from before there were credits: its epoch says all prices, which are 0 here, and
it has no hashes.
"""

PENALTIES = ParquetFile(
    name="penalties.parquet",
    columns=_columns(receipt_seq=_INTEGER, place=_INTEGER, reason=_TEXT, amount_raw=_AMOUNT),
)
"""Each penalty with the finding that it follows from, in the order of its receipt."""

VERDICTS = ParquetFile(
    name="verdicts.parquet",
    columns=_columns(seq=_INTEGER, quality_bps=_INTEGER, basis=_TEXT, reason=_TEXT),
)
"""One for each receipt, in the same order."""

ENTRIES = ParquetFile(
    name="entries.parquet",
    columns=_columns(
        seq=_INTEGER, id=_DIGEST, kind=_TEXT, cause=_TEXT, reason=_TEXT, created_at=_TIME
    ),
)
"""Every ledger entry that is no job's, sorted by `seq`. `cause` is "" for a payment: its name is
withheld, and the id commits to it. `reason` says why an operator repaired something, else ""."""

POSTINGS = ParquetFile(
    name="postings.parquet",
    columns=_columns(entry_seq=_INTEGER, account=_TEXT, asset=_TEXT, amount_raw=_AMOUNT),
)
"""Theirs, sorted by entry, account and asset."""

BATCHES = ParquetFile(
    name="batches.parquet",
    columns=_columns(
        number=_INTEGER,
        hash=_DIGEST,
        previous_hash=_DIGEST,
        total_raw=_AMOUNT,
        receipt_count=_INTEGER,
        chain_id=_INTEGER,
        token_symbol=_TEXT,
        token_address=_TEXT,
        is_dry_run=_FLAG,
        created_at=_TIME,
        moves_before=_INTEGER,
    ),
)
"""Every batch that was closed or moved in the period; `moves_before` counts its ledger entries of
earlier periods, and is 0 if it was closed in this one."""

PAYOUTS = ParquetFile(
    name="payouts.parquet",
    columns=_columns(batch_number=_INTEGER, wallet=_TEXT, amount_raw=_AMOUNT, receipts=_INTEGER),
)
"""Of those batches, sorted by batch and wallet."""

LATE_MEMBERS = ParquetFile(
    name="late_members.parquet",
    columns=_columns(
        batch_number=_INTEGER,
        receipt_seq=_INTEGER,
        receipt_hash=_DIGEST,
        worker_wallet=_TEXT,
        reward_raw=_AMOUNT,
    ),
)
"""Receipts of earlier periods that a batch closed in this one holds, sorted by batch and number."""

OPENING = ParquetFile(
    name="opening.parquet", columns=_columns(account=_TEXT, asset=_TEXT, amount_raw=_AMOUNT)
)
"""Every balance at the beginning that is not zero, sorted by account and asset."""

PARQUET_FILES = (
    RECEIPTS,
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
