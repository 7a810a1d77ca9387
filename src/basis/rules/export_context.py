"""The files of an export that tell what boosts and phases follow from, and their columns.

As `export_format`, of which they are a part. An amount that somebody holds on a chain is decimal
text, since it may have 256 bits.
Source: docs/reference/export.md; docs/decisions/0015-export.md.
"""

from __future__ import annotations

from basis.rules.export_format import Column, ColumnKind, ParquetFile


def _columns(**kinds: ColumnKind) -> tuple[Column, ...]:
    return tuple(Column(name=name, kind=kind) for name, kind in kinds.items())


_INTEGER, _TEXT = ColumnKind.INTEGER, ColumnKind.TEXT
_DIGEST, _TIME = ColumnKind.DIGEST, ColumnKind.TIME

SNAPSHOTS = ParquetFile(
    name="snapshots.parquet",
    columns=_columns(
        number=_INTEGER,
        hash=_DIGEST,
        measure=_TEXT,
        kind=_TEXT,
        chain_id=_INTEGER,
        contract=_TEXT,
        token_ids=_TEXT,
        decimals=_INTEGER,
        block_number=_INTEGER,
        block_hash=_TEXT,
        block_time_s=_INTEGER,
        signer=_TEXT,
        signature=_TEXT,
        recorded_at=_TIME,
        effective_at=_TIME,
    ),
)
"""Every holdings snapshot that counted at some time between the period's first and last receipt
with points, sorted by the number under which it is on record. `token_ids` are joined by commas."""

HOLDINGS = ParquetFile(
    name="holdings.parquet",
    columns=_columns(snapshot=_INTEGER, wallet=_TEXT, amount=_TEXT),
)
"""What each wallet of such a snapshot held, those that held nothing too, sorted by both."""

ASSIGNMENTS = ParquetFile(
    name="assignments.parquet",
    columns=_columns(number=_INTEGER, hash=_DIGEST, tables=_TEXT, wallet=_TEXT),
)
"""Every boost assignment that a receipt of the period names, numbered from 1 as they first occur.
"""

GRANTS = ParquetFile(
    name="grants.parquet",
    columns=_columns(
        assignment=_INTEGER,
        place=_INTEGER,
        measure=_TEXT,
        snapshot=_DIGEST,
        amount=_TEXT,
        decimals=_INTEGER,
        boost_bps=_INTEGER,
        gpu_limit=_INTEGER,
    ),
)
"""What an assignment's owner held by which snapshot, and what that gives, greatest boost first."""

BOOSTED_GPUS = ParquetFile(
    name="boosted_gpus.parquet",
    columns=_columns(
        assignment=_INTEGER,
        place=_INTEGER,
        worker_id=_TEXT,
        first=_INTEGER,
        count=_INTEGER,
        name=_TEXT,
        boost_bps=_INTEGER,
        measure=_TEXT,
    ),
)
"""Like GPUs of a worker of the owner's that stand together, from the strongest to the weakest, with
the boost that they take; `measure` is "" for those that nothing is left for."""

BOOSTED_WORKERS = ParquetFile(
    name="boosted_workers.parquet",
    columns=_columns(assignment=_INTEGER, worker_id=_TEXT, boost_bps=_INTEGER),
)
"""The boost of each worker of an assignment, sorted by both."""

PHASES = ParquetFile(
    name="phases.parquet",
    columns=_columns(phase=_TEXT, terms=_TEXT, file=_TEXT, signature=_TEXT),
)
"""Every phase that an entry of the period opened, shared or vested, sorted by its id. `terms` is
canonical JSON; `file` is what is published of a phase that is final, to the byte, with the
signature beside it. Both are "" where no entry of the period shared or vested."""

EARLIER_PHASES = ParquetFile(
    name="earlier_phases.parquet",
    columns=_columns(
        phase=_TEXT,
        points_asset=_TEXT,
        earlier=_TEXT,
        starts_at=_TIME,
        ends_at=_TIME,
        last_seq=_INTEGER,
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
