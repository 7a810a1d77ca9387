"""The files of an export that tell what boosts and phases follow from, and their columns.

As `export_format`, of which they are a part. An amount that somebody holds on a chain is decimal
text, since it may have 256 bits.
Source: docs/reference/export.md; docs/decisions/0015-export.md.
"""

from __future__ import annotations

from basis.rules.export_columns import DIGEST, INTEGER, TEXT, TIME, ParquetFile, columns

SNAPSHOTS = ParquetFile(
    name="snapshots.parquet",
    columns=columns(
        number=INTEGER,
        hash=DIGEST,
        measure=TEXT,
        kind=TEXT,
        chain_id=INTEGER,
        contract=TEXT,
        token_ids=TEXT,
        decimals=INTEGER,
        block_number=INTEGER,
        block_hash=TEXT,
        block_time_s=INTEGER,
        signer=TEXT,
        signature=TEXT,
        recorded_at=TIME,
        effective_at=TIME,
    ),
)
"""Every holdings snapshot that counted at some time between the period's first and last receipt
with points, sorted by the number under which it is on record. `token_ids` are joined by commas."""

HOLDINGS = ParquetFile(
    name="holdings.parquet",
    columns=columns(snapshot=INTEGER, wallet=TEXT, amount=TEXT),
)
"""What each wallet of such a snapshot held, those that held nothing too, sorted by both."""

ASSIGNMENTS = ParquetFile(
    name="assignments.parquet",
    columns=columns(number=INTEGER, hash=DIGEST, tables=TEXT, wallet=TEXT),
)
"""Every boost assignment that a receipt of the period names, numbered from 1 as they first occur.
"""

GRANTS = ParquetFile(
    name="grants.parquet",
    columns=columns(
        assignment=INTEGER,
        place=INTEGER,
        measure=TEXT,
        snapshot=DIGEST,
        amount=TEXT,
        decimals=INTEGER,
        boost_bps=INTEGER,
        gpu_limit=INTEGER,
    ),
)
"""What an assignment's owner held by which snapshot, and what that gives, greatest boost first."""

BOOSTED_GPUS = ParquetFile(
    name="boosted_gpus.parquet",
    columns=columns(
        assignment=INTEGER,
        place=INTEGER,
        worker_id=TEXT,
        first=INTEGER,
        count=INTEGER,
        name=TEXT,
        boost_bps=INTEGER,
        measure=TEXT,
    ),
)
"""Like GPUs of a worker of the owner's that stand together, from the strongest to the weakest, with
the boost that they take; `measure` is "" for those that nothing is left for."""

BOOSTED_WORKERS = ParquetFile(
    name="boosted_workers.parquet",
    columns=columns(assignment=INTEGER, worker_id=TEXT, boost_bps=INTEGER),
)
"""The boost of each worker of an assignment, sorted by both."""

PHASES = ParquetFile(
    name="phases.parquet",
    columns=columns(phase=TEXT, terms=TEXT, file=TEXT, signature=TEXT),
)
"""Every phase that an entry of the period opened, shared or vested, sorted by its id. `terms` is
canonical JSON; `file` is what is published of a phase that is final, to the byte, with the
signature beside it. Both are "" where no entry of the period shared or vested."""

EARLIER_PHASES = ParquetFile(
    name="earlier_phases.parquet",
    columns=columns(
        phase=TEXT,
        points_asset=TEXT,
        earlier=TEXT,
        starts_at=TIME,
        ends_at=TIME,
        last_seq=INTEGER,
    ),
)
"""The phases of the same points that were closed before one with a file, sorted by all of these:
a receipt that they came too early for counts in it."""

CONTEXT_FILES = (
    SNAPSHOTS,
    HOLDINGS,
    ASSIGNMENTS,
    GRANTS,
    BOOSTED_GPUS,
    BOOSTED_WORKERS,
    PHASES,
    EARLIER_PHASES,
)
