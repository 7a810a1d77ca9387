"""Standings in SQL: they are numbered, every receipt has one, and every one has a receipt."""

from __future__ import annotations

from typing import TYPE_CHECKING

from basis.audit.difference import Difference
from basis.audit.folder import Export
from basis.audit.sql_numbers import quote_path
from basis.audit.standings import lacking_standing, unnamed_standing
from basis.rules.export_format import RECEIPTS, STANDING, STANDINGS

if TYPE_CHECKING:
    import duckdb


def check_standings(connection: duckdb.DuckDBPyConnection) -> None:
    """Holds standings to their order, and receipts to them.

    Raises:
        Difference: one does not stand in its order or stands twice, or a receipt has none.
    """
    misplaced = connection.execute(
        "SELECT number FROM standings WHERE number <> file_row_number + 1 "
        "ORDER BY file_row_number LIMIT 1"
    ).fetchone()
    if misplaced is not None:
        raise Difference(f"standing number {misplaced[0]} does not stand in its order")
    doubled = connection.execute(
        "SELECT second, first FROM (SELECT number AS second, min(number) OVER "
        f"(PARTITION BY {', '.join(STANDING)}) AS first FROM standings) "
        "WHERE first <> second ORDER BY second LIMIT 1"
    ).fetchone()
    if doubled is not None:
        raise Difference(f"standing number {doubled[0]} is the same as number {doubled[1]}")
    count = connection.execute("SELECT count(*) FROM standings").fetchall()[0][0]
    lacking = connection.execute(
        "SELECT seq, job_id, standing_number FROM receipts "
        f"WHERE NOT standing_number BETWEEN 1 AND {count} ORDER BY seq LIMIT 1"
    ).fetchone()
    if lacking is not None:
        raise lacking_standing(*lacking)


def check_named(connection: duckdb.DuckDBPyConnection) -> None:
    """Looks for a standing that no receipt has, after `sum_jobs`.

    Raises:
        Difference: there is one.
    """
    unnamed = connection.execute(
        "SELECT min(number) FROM standings "
        "WHERE number NOT IN (SELECT standing_number FROM job_sums)"
    ).fetchone()
    if unnamed is not None and unnamed[0] is not None:
        raise Difference(unnamed_standing(unnamed[0]))


def whole_receipts(export: Export) -> str:
    """The receipts of any period, each with its standing."""
    receipts, standings = (
        quote_path(str(export.path(file.name).absolute())) for file in (RECEIPTS, STANDINGS)
    )
    return (
        f"(SELECT r.*, s.* EXCLUDE (number) FROM read_parquet({receipts}) r "
        f"JOIN read_parquet({standings}) s ON s.number = r.standing_number)"
    )
