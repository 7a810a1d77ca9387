"""How boosts are shown: snapshots, wallets and assignments, as JSON and as lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from basis.rules.assignments import assignment_json
from basis.rules.boost_tables import BOOST_TABLES, boost_tables_in_force, rule_in_force
from basis.rules.boosts import BoostAssignment, Grant, Source, compute_grant
from basis.rules.errors import NotFound
from basis.rules.holdings import Measure, snapshot_json
from basis.rules.units import Asset, format_amount
from basis.rules.wallet import Wallet
from basis.storage.holdings_store import (
    AssignmentRecord,
    SnapshotHead,
    SnapshotRecord,
    load_assignment,
    load_heads,
    load_newest_assignment,
    load_snapshot,
)

_HASH_DIGITS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One answer in both forms."""

    json: object
    lines: list[str]


def in_force(heads: Sequence[SnapshotHead], now: str) -> dict[Measure, SnapshotHead]:
    """The snapshot of each measure that counts for a job accepted now."""
    return {head.measure: head for head in heads if head.effective_at <= now}


def view_in_force(connection: Connection, *, now: str) -> View:
    """The tables and snapshots that count now."""
    tables = boost_tables_in_force(now) or BOOST_TABLES[0]
    current = in_force(load_heads(connection), now)
    records = [load_snapshot(connection, head.hash) for head in current.values()]
    lines = [f"tables {tables.version}"]
    for rule in tables.rules:
        is_on = rule_in_force(tables, rule.measure, at=now) is not None
        steps = ", ".join(
            f"{_amount(at_least, rule.decimals)}: {boost_bps}"
            for at_least, boost_bps in reversed(rule.steps)
        )
        lines.append(
            f"  {rule.measure.value:<6} {steps} bps; {rule.gpus_per_unit} GPUs for each "
            f"{_amount(rule.unit_raw, rule.decimals)}{'' if is_on else ' (not in force)'}"
        )
    for record in records:
        lines += snapshot_lines(record)
    if not records:
        lines.append("No snapshot is in force, so nobody is boosted.")
    return View(
        json={
            "tablesVersion": tables.version,
            "snapshots": [snapshot_head_json(record, in_force=current) for record in records],
        },
        lines=lines,
    )


def view_wallet(connection: Connection, wallet: Wallet, *, now: str) -> View:
    """What the wallet holds by each snapshot in force, and what its newest assignment was."""
    tables = boost_tables_in_force(now) or BOOST_TABLES[0]
    grants: list[Grant] = []
    lines = [f"wallet {wallet}"]
    for head in in_force(load_heads(connection), now).values():
        snapshot = load_snapshot(connection, head.hash).snapshot
        held = {one.wallet: one.amount_raw for one in snapshot.holdings}
        where = f"by snapshot {head.seq}, block {snapshot.block_number}"
        if wallet not in held:
            lines.append(f"  {head.measure.value:<6} not looked at {where}: registered later?")
            continue
        source = Source(
            measure=head.measure,
            snapshot_hash=head.hash,
            amount_raw=held[wallet],
            decimals=snapshot.decimals,
        )
        grant = compute_grant(tables, source)
        grants.append(grant)
        amount = _amount(grant.source.amount_raw, grant.source.decimals)
        lines.append(
            f"  {head.measure.value:<6} {amount} {where}: {grant.boost_bps} bps for up to "
            f"{grant.gpu_limit} GPUs"
        )
    newest = load_newest_assignment(connection, wallet)
    if newest is None:
        lines.append("  no receipt of a job names a boost of this wallet yet")
    else:
        lines += assignment_lines(newest)
    return View(
        json={
            "wallet": wallet,
            "tablesVersion": tables.version,
            "holdings": [_grant_json(grant) for grant in grants],
            "newestAssignment": None if newest is None else whole_assignment_json(newest),
        },
        lines=lines,
    )


def view_record(connection: Connection, name: str) -> View:
    """One snapshot or assignment, whole.

    Raises:
        NotFound: nothing has this name.
    """
    try:
        record = load_snapshot(connection, name)
    except NotFound:
        if len(name) != _HASH_DIGITS:
            raise
        assignment = load_assignment(connection, name)
        return View(json=whole_assignment_json(assignment), lines=assignment_lines(assignment))
    lines = snapshot_lines(record)
    for holding in record.snapshot.holdings:
        if holding.amount_raw:
            amount = _amount(holding.amount_raw, record.snapshot.decimals)
            lines.append(f"  {holding.wallet}  {amount}")
    return View(json=whole_snapshot_json(record), lines=lines)


def snapshot_head_json(
    record: SnapshotRecord, *, in_force: dict[Measure, SnapshotHead]
) -> dict[str, object]:
    """A snapshot without its holdings."""
    answer = whole_snapshot_json(record)
    del answer["holdings"]
    answer["holders"] = _count_holders(record)
    answer["isInForce"] = record.head in in_force.values()
    return answer


def whole_snapshot_json(record: SnapshotRecord) -> dict[str, object]:
    """The record whose canonical JSON is hashed, and what is kept beside it."""
    return {
        **snapshot_json(record.snapshot),
        "number": record.head.seq,
        "hash": record.head.hash,
        "signature": record.signature,
        "recordedAt": record.recorded_at,
        "effectiveAt": record.head.effective_at,
    }


def whole_assignment_json(record: AssignmentRecord) -> dict[str, object]:
    """The record whose canonical JSON is hashed, and what is kept beside it."""
    return {
        **assignment_json(record.assignment),
        "hash": record.hash,
        "createdAt": record.created_at,
    }


def snapshot_row(record: SnapshotRecord, *, in_force: dict[Measure, SnapshotHead]) -> list[str]:
    """One line of the table."""
    snapshot = record.snapshot
    return [
        str(record.head.seq),
        record.head.hash,
        snapshot.measure.value,
        snapshot.kind.value,
        str(snapshot.chain_id),
        str(snapshot.block_number),
        str(_count_holders(record)),
        "yes" if record.head in in_force.values() else "no",
        record.head.effective_at,
    ]


def snapshot_lines(record: SnapshotRecord) -> list[str]:
    """A snapshot in words, without its holdings."""
    snapshot = record.snapshot
    ids = ", ".join(map(str, snapshot.token_ids))
    lines = [
        f"snapshot {record.head.seq}  {record.head.hash}",
        f"  counts as {snapshot.measure.value}, read as {snapshot.kind.value}",
        f"  contract  {snapshot.contract} of chain {snapshot.chain_id}",
        f"  block     {snapshot.block_number}  {snapshot.block_hash}",
        f"  wallets   {len(snapshot.holdings)}, of which {_count_holders(record)} hold something",
        f"  recorded  {record.recorded_at}, in effect from {record.head.effective_at}",
    ]
    if ids:
        lines.insert(3, f"  token ids {ids}")
    if snapshot.signer:
        lines.append(f"  signed by {snapshot.signer}")
    return lines


def assignment_lines(record: AssignmentRecord) -> list[str]:
    """An assignment in words: grants, then workers, then GPUs."""
    assignment: BoostAssignment = record.assignment
    lines = [
        f"assignment {record.hash}",
        f"  of {assignment.wallet}, by the tables {assignment.tables_version}",
        f"  first used {record.created_at}",
    ]
    for grant in assignment.grants:
        source = grant.source
        lines.append(
            f"  {source.measure.value:<6} {_amount(source.amount_raw, source.decimals)}: "
            f"{grant.boost_bps} bps for up to {grant.gpu_limit} GPUs"
        )
    for worker_id, boost_bps in assignment.workers:
        lines.append(f"  worker {worker_id}: {boost_bps} bps")
    for run in assignment.runs:
        by = run.measure.value if run.measure is not None else "nothing"
        lines.append(
            f"    {run.worker_id} GPU {run.index} x {run.count} {run.name or 'unknown card'}: "
            f"{run.boost_bps} bps by {by}"
        )
    return lines


def _grant_json(grant: Grant) -> dict[str, object]:
    return {
        "measure": grant.source.measure.value,
        "snapshotHash": grant.source.snapshot_hash,
        "amountRaw": str(grant.source.amount_raw),
        "decimals": grant.source.decimals,
        "boostBps": grant.boost_bps,
        "gpuLimit": grant.gpu_limit,
    }


def _count_holders(record: SnapshotRecord) -> int:
    return sum(1 for holding in record.snapshot.holdings if holding.amount_raw)


def _amount(amount_raw: int, decimals: int) -> str:
    return format_amount(amount_raw, Asset(symbol="", decimals=decimals)).rstrip()
