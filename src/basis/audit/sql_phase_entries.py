"""The entries of phases in SQL: when they may stand, and what they post.

`sql_phases` has recomputed what was shared before, and left its tables behind.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from basis.audit.difference import Difference, differs
from basis.audit.folder import Export

if TYPE_CHECKING:
    import duckdb

_KINDS: Final = (
    "('phase_opened', 'opened'), ('phase_shared', 'shared'), ('vesting_released', 'vested')"
)


def check_phase_entries(connection: duckdb.DuckDBPyConnection, export: Export) -> None:
    """Holds the entries of a period to its phases.

    Raises:
        Difference: the first that does not follow.
    """
    _check_times(connection, export)
    _check_postings(connection)


def _check_times(connection: duckdb.DuckDBPyConnection, export: Export) -> None:
    """Which entries a phase may have, and not before they are due."""
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE phase_entries AS
        SELECT e.seq, e.kind, e.cause, epoch_ms(e.created_at) AS at_ms, k.step,
               d.phase, d.terms, d.doc,
               TRY_CAST(split_part(e.cause, '/', 4) AS BIGINT) AS part
        FROM entries e LEFT JOIN (VALUES {_KINDS}) k(kind, step) USING (kind)
        LEFT JOIN phase_docs d ON d.phase = split_part(e.cause, '/', 2)
        WHERE k.kind IS NOT NULL OR e.cause LIKE 'phase/%'""")
    final, opened = _millis("doc.finalAt"), _millis("doc.openedAt")
    due = f"greatest({final}, {_millis('terms.vesting.dueAt[part]')})"
    found = connection.execute(f"""
        SELECT seq, kind, cause, CASE
            WHEN step IS NULL OR phase IS NULL OR (step <> 'opened' AND doc IS NULL) OR cause
                <> 'phase/' || phase || '/' || step
                   || CASE WHEN step = 'vested' THEN '/' || coalesce(part, 0) ELSE '' END
                THEN 'it is of no phase that is published'
            WHEN step = 'vested' AND NOT coalesce(part BETWEEN 1 AND terms.vesting.parts, false)
                THEN 'it releases a part that is none'
            WHEN step = 'vested' AND NOT coalesce(at_ms >= {due}, false)
                THEN 'it stands before it was due'
            WHEN step = 'shared' AND at_ms IS DISTINCT FROM {final}
                THEN 'it is not of the time in the file'
            WHEN step = 'opened' AND doc IS NOT NULL AND at_ms IS DISTINCT FROM {opened}
                THEN 'it is not of the time in the file' END AS flaw
        FROM phase_entries WHERE flaw IS NOT NULL ORDER BY seq LIMIT 1""").fetchone()
    if found is not None:
        seq, kind, cause, flaw = found
        raise Difference(f"ledger entry number {seq} ({kind} of {cause[:80]}): {flaw}")
    unnamed = connection.execute(
        "SELECT phase FROM phases WHERE phase NOT IN (SELECT phase FROM phase_entries) "
        "ORDER BY phase LIMIT 1"
    ).fetchone()
    if unnamed is not None:
        raise Difference(f"phase {unnamed[0]} is named by no entry of {export.name}")


def _check_postings(connection: duckdb.DuckDBPyConnection) -> None:
    found = connection.execute("""
        WITH opened AS (
            SELECT e.seq, e.phase, t.pool, t.amount_raw
            FROM phase_entries e JOIN term_pools t USING (phase) WHERE e.step = 'opened'),
        shared AS (SELECT * FROM phase_entries WHERE step = 'shared'),
        lines AS (
            SELECT s.seq, l.*, p.points_asset FROM shared s JOIN shares l USING (phase)
            JOIN term_pools p ON p.phase = l.phase AND p.pool = l.pool
            WHERE NOT l.due_excluded),
        pools AS (SELECT s.seq, d.* FROM shared s JOIN due_pools d USING (phase)),
        parts AS (
            SELECT e.seq, e.phase, v.wallet,
                   CASE WHEN e.part = v.parts THEN v.last_part_raw ELSE v.part_raw END
                       AS part_raw
            FROM phase_entries e JOIN vesting v USING (phase) WHERE e.step = 'vested'),
        moves AS (
            SELECT seq, 'emission/phases' AS source, 'phase/' || phase || '/' || pool AS target,
                   'BASIS' AS asset, amount_raw FROM opened
            UNION ALL SELECT seq, 'phase/' || phase || '/' || pool,
                   'vesting/' || phase || '/' || wallet, 'BASIS', due_raw FROM lines
            UNION ALL SELECT seq, 'points/earned/' || wallet, 'points/redeemed/' || wallet,
                   points_asset, points_raw FROM lines
            UNION ALL SELECT seq, 'phase/' || phase || '/' || pool, 'phase/dust', 'BASIS',
                   dust_raw FROM pools
            UNION ALL SELECT seq, 'phase/' || phase || '/' || pool, 'emission/phases', 'BASIS',
                   returned_raw FROM pools
            UNION ALL SELECT seq, 'vesting/' || phase || '/' || wallet,
                   'phase/vested/' || wallet, 'BASIS', part_raw FROM parts),
        due AS (
            SELECT seq, account, asset, sum(amount_raw) AS amount_raw FROM (
                SELECT seq, source AS account, asset, -amount_raw AS amount_raw FROM moves
                UNION ALL SELECT seq, target, asset, amount_raw FROM moves)
            GROUP BY ALL HAVING sum(amount_raw) <> 0),
        recorded AS (
            SELECT entry_seq AS seq, account, asset, CAST(amount_raw AS HUGEINT) AS amount_raw
            FROM postings WHERE entry_seq IN (SELECT seq FROM phase_entries))
        SELECT seq, e.kind, e.cause, account, asset, r.amount_raw, d.amount_raw
        FROM due d FULL JOIN recorded r USING (seq, account, asset)
        JOIN phase_entries e USING (seq)
        WHERE d.amount_raw IS DISTINCT FROM r.amount_raw
        ORDER BY seq, account, asset LIMIT 1""").fetchone()
    if found is not None:
        seq, kind, cause, account, asset, recorded, due = found
        raise differs(
            f"ledger entry number {seq} ({kind} of {cause[:80]})",
            f"posting of {account} in {asset}",
            recorded=recorded,
            recomputed=due,
        )


def _millis(text: str) -> str:
    """Milliseconds since 1970 of an instant that is text."""
    return f"epoch_ms(TRY_CAST(replace({text}, 'Z', '') AS TIMESTAMP))"
