"""Counts the points of a phase: from the receipts, and from nothing else."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable

from sqlalchemy import Connection

from basis.rules.phase_steps import CountedReceipts
from basis.rules.phases import PhaseTerms
from basis.rules.wallet import Wallet
from basis.storage.phase_receipts import iterate_points, load_earlier_phases

OnProgress = Callable[[int], None]
_PROGRESS_STEP = 1_000


def count_points(
    connection: Connection,
    terms: PhaseTerms,
    *,
    closing: int,
    last_seq: int,
    on_progress: OnProgress | None = None,
) -> tuple[CountedReceipts, dict[tuple[str, Wallet], int]]:
    """The receipts that a phase counts, and the points that they give by pool and wallet.

    The hash goes over the pools by name, and in each over its receipts as they were recorded.

    Raises:
        DamagedRecord: a receipt cannot be read.
    """
    digest = hashlib.sha256()
    points: defaultdict[tuple[str, Wallet], int] = defaultdict(int)
    tables: set[str] = set()
    count = late_count = 0
    for pool in sorted(terms.pools, key=lambda pool: pool.name):
        receipts = iterate_points(
            connection,
            points_asset=pool.points_asset,
            starts_at=terms.starts_at,
            ends_at=terms.ends_at,
            last_seq=last_seq,
            earlier=load_earlier_phases(
                connection, points_asset=pool.points_asset, closing=closing
            ),
        )
        for receipt in receipts:
            digest.update(f"{receipt.receipt_hash}\n".encode())
            points[(pool.name, receipt.wallet)] += receipt.points_raw
            tables.add(receipt.table)
            count += 1
            late_count += not terms.starts_at <= receipt.created_at < terms.ends_at
            if on_progress is not None and count % _PROGRESS_STEP == 0:
                on_progress(receipt.seq)
    counted = CountedReceipts(
        closing=closing,
        count=count,
        late_count=late_count,
        last_seq=last_seq,
        hash=digest.hexdigest(),
        tables=tuple(sorted(tables - {""})),
    )
    return counted, dict(points)
