"""How workers stood when they did a period's jobs, and receipts with what their numbers name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

from basis.audit.difference import Difference, receipt_name
from basis.audit.parquet import Columns, iterate_rows
from basis.audit.receipt_columns import NAMES, Row
from basis.audit.terms import JudgingTerms
from basis.rules.export_format import STANDING, STANDINGS


class Standing(NamedTuple):
    """A row of the standings, without its number."""

    worker_id: str
    worker_wallet: str
    points_table: str
    points_asset: str
    points_boost_bps: int
    points_assignment: str
    points_gpu_name: str
    points_gpu_count: int
    points_gpu_memory_mib: int


def load_standings(folder: Path) -> list[Standing]:
    """All standings of a period in their order, number 1 first.

    Raises:
        Difference: one does not stand in its order, or stands twice.
    """
    found: dict[Standing, int] = {}
    for place, row in enumerate(iterate_rows(folder.joinpath(STANDINGS.name), STANDINGS), start=1):
        number, *values = cast("tuple[Any, ...]", row)
        standing = Standing(*values)
        if number != place:
            raise Difference(f"standing number {number} does not stand in its order")
        if found.setdefault(standing, place) != place:
            raise Difference(f"standing number {number} is the same as number {found[standing]}")
    return list(found)


def unnamed_standing(number: int) -> str:
    """The sentence about a standing that no receipt has."""
    return f"standing number {number} is named by no receipt"


class WholeReceipts:
    """Puts receipts together from the columns of their file, their standings and their terms."""

    def __init__(self, standings: Sequence[Standing], terms: Sequence[JudgingTerms]) -> None:
        self._count = len(standings)
        self._by_number: dict[str, list[object]] = {
            name: [None, *(standing[place] for standing in standings)]
            for place, name in enumerate(STANDING)
        }
        self._models: dict[str, list[object]] = {
            "model_id": ["", *(one.model_id for one in terms)],
            "model_multiplier_bps": [0, *(one.multiplier_bps for one in terms)],
        }
        self._terms = len(terms)
        self.named: set[int] = set()
        """The numbers of the standings that receipts so far had."""

    def rows(self, columns: Columns) -> Iterator[Row]:
        """The rows of these columns. Those whose terms are not there have no model.

        Raises:
            Difference: the standing of a receipt is not there.
        """
        standings = cast("Sequence[int]", columns["standing_number"])
        terms = cast("Sequence[int]", columns["terms_number"])
        named = set(standings)
        if any(not 1 <= number <= self._count for number in named):
            raise self._lacking(columns)
        self.named |= named
        known = [number if number <= self._terms else 0 for number in terms]
        whole = {
            **columns,
            **{name: [of[n] for n in standings] for name, of in self._by_number.items()},
            **{name: [of[n] for n in known] for name, of in self._models.items()},
        }
        return zip(*(whole[name] for name in NAMES), strict=True)

    def _lacking(self, columns: Columns) -> Difference:
        for seq, job_id, number in zip(
            columns["seq"], columns["job_id"], columns["standing_number"], strict=True
        ):
            if not 1 <= cast("int", number) <= self._count:
                return lacking_standing(cast("int", seq), cast("str", job_id), cast("int", number))
        raise AssertionError("a number that is not among them is in some row")


def lacking_standing(seq: int, job_id: str, number: int) -> Difference:
    """The sentence about a receipt whose standing is not there."""
    return Difference(f"{receipt_name(seq, job_id)} has standing number {number}, which is none")
