"""Verdicts and penalties: what was found of each answer, held to what its receipt says."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import cast

from basis.audit.difference import Difference
from basis.audit.folder import Export
from basis.audit.parquet import iterate_rows
from basis.rules.export_format import PENALTIES, RECEIPTS, UNCHECKED, VERDICTS


def check_findings(export: Export) -> None:
    """Holds each verdict, and the penalties of each receipt, to what the receipt says.

    Raises:
        Difference: the first that is missing, out of place, or another.
    """
    receipts = _rows_of(export, ("seq", "measured_quality_bps", "penalty_raw"))
    penalties = _penalties_of(export)
    fined, total_raw = next(penalties, (None, 0))
    for row in iterate_rows(export.path(VERDICTS.name), VERDICTS):
        seq, quality_bps, basis, reason = row
        receipt = next(receipts, None)
        if receipt is None or receipt[0] != seq:
            raise Difference(f"{export.name}: the verdict on receipt number {seq} is out of place")
        if quality_bps != receipt[1] or basis != UNCHECKED or reason:
            raise Difference(
                f"the verdict on receipt number {seq} is {basis!r} with {quality_bps} bps, but "
                f"the receipt was judged by {receipt[1]} bps"
            )
        due_raw = 0
        if fined == seq:
            due_raw = total_raw
            fined, total_raw = next(penalties, (None, 0))
        if due_raw != int(cast("int", receipt[2])):
            raise Difference(f"the penalties of receipt number {seq} are not their sum")
    if next(receipts, None) is not None:
        raise Difference(f"{export.name}: a verdict is missing")
    if fined is not None:
        raise Difference(f"{export.name}: the penalties of receipt number {fined} are out of place")


def _penalties_of(export: Export) -> Iterator[tuple[int, int]]:
    """The number of each receipt that has penalties, with their sum."""
    rows = cast(
        "Iterator[tuple[int, int, str, int]]",
        iterate_rows(export.path(PENALTIES.name), PENALTIES),
    )
    for seq, group in groupby(rows, key=lambda row: row[0]):
        amounts = [amount_raw for *_rest, amount_raw in group]
        if min(amounts) <= 0:
            raise Difference(f"a penalty of receipt number {seq} is not above zero")
        yield seq, sum(amounts)


def _rows_of(export: Export, names: tuple[str, ...]) -> Iterator[tuple[object, ...]]:
    """These columns of the receipts, which are numbers."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(export.path(RECEIPTS.name)) as opened:
        for batch in opened.iter_batches(columns=list(names)):
            lists = [batch.column(name).to_pylist() for name in names]
            yield from zip(*lists, strict=True)
