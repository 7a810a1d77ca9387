"""The record of a boost assignment: its canonical JSON, its hash, and how it is read back.

A receipt names the hash; whoever has the record recomputes it with `boosts.recompute_assignment`,
and holds its sources to the snapshots that they name.
Source: docs/reference/boosts.md.
"""

from __future__ import annotations

from typing import NewType

from basis.rules.boosts import (
    ASSIGNMENT_VERSION,
    BoostAssignment,
    GpuRun,
    Grant,
    Source,
)
from basis.rules.canonical import canonical_json, sha256_hex
from basis.rules.errors import InvalidInput
from basis.rules.holdings import Measure, SnapshotHash
from basis.rules.job import WorkerId
from basis.rules.members import Members, parse_json
from basis.rules.names import parse_worker_id
from basis.rules.units import Bps
from basis.rules.wallet import parse_wallet

AssignmentHash = NewType("AssignmentHash", str)

NO_ASSIGNMENT = AssignmentHash("")
"""What stands in a receipt whose worker's owner held nothing that counts."""

_MAX_RUNS = 1_000_000
_MAX_GPUS_OF_WORKER = 256
"""As in `gpus.split_claim`: what a claim is read as at most."""


def assignment_json(assignment: BoostAssignment) -> dict[str, object]:
    """The record's members, as hashed and published."""
    return {
        "assignmentVersion": assignment.assignment_version,
        "tablesVersion": assignment.tables_version,
        "wallet": assignment.wallet,
        "grants": [
            {
                "measure": grant.source.measure.value,
                "snapshotHash": grant.source.snapshot_hash,
                "amountRaw": str(grant.source.amount_raw),
                "decimals": grant.source.decimals,
                "boostBps": grant.boost_bps,
                "gpuLimit": grant.gpu_limit,
            }
            for grant in assignment.grants
        ],
        "gpus": [
            {
                "workerId": run.worker_id,
                "index": run.index,
                "count": run.count,
                "name": run.name,
                "boostBps": run.boost_bps,
                "measure": "" if run.measure is None else run.measure.value,
            }
            for run in assignment.runs
        ],
        "workers": [
            {"workerId": worker_id, "boostBps": boost_bps}
            for worker_id, boost_bps in assignment.workers
        ],
    }


def compute_assignment_hash(assignment: BoostAssignment) -> AssignmentHash:
    """The SHA-256 over the canonical JSON of the record."""
    return AssignmentHash(sha256_hex(canonical_json(assignment_json(assignment))))


def parse_assignment(text: str) -> BoostAssignment:
    """The assignment whose record is the JSON in `text`; what follows from it is not checked.

    Raises:
        InvalidInput: no such JSON, a member too many or too few, or one out of its range.
    """
    members = Members(parse_json(text, of="the assignment"), of="the assignment")
    version = members.integer("assignmentVersion")
    if version != ASSIGNMENT_VERSION:
        raise InvalidInput(f"no assignment of version {version} is known", param="version")
    assignment = BoostAssignment(
        assignment_version=version,
        tables_version=members.text("tablesVersion"),
        wallet=parse_wallet(members.text("wallet"), param="wallet"),
        grants=tuple(
            _read_grant(grant) for grant in members.objects("grants", of="a grant", most=2)
        ),
        runs=tuple(_read_run(run) for run in members.objects("gpus", of="a run", most=_MAX_RUNS)),
        workers=tuple(
            _read_worker(worker)
            for worker in members.objects("workers", of="a worker", most=_MAX_RUNS)
        ),
    )
    members.expect_no_other()
    return assignment


def _read_grant(members: Members) -> Grant:
    grant = Grant(
        source=Source(
            measure=members.choice("measure", Measure),
            snapshot_hash=SnapshotHash(members.text("snapshotHash")),
            amount_raw=members.raw("amountRaw"),
            decimals=members.integer("decimals"),
        ),
        boost_bps=Bps(members.integer("boostBps")),
        gpu_limit=members.integer("gpuLimit"),
    )
    members.expect_no_other()
    return grant


def _read_run(members: Members) -> GpuRun:
    measure = members.text("measure")
    run = GpuRun(
        worker_id=parse_worker_id(members.text("workerId")),
        index=members.integer("index"),
        count=members.integer("count"),
        name=members.text("name"),
        boost_bps=Bps(members.integer("boostBps")),
        measure=Measure(measure) if measure in {one.value for one in Measure} else None,
    )
    members.expect_no_other()
    if measure and run.measure is None:
        raise InvalidInput(f"measure is {measure[:80]!r}", param="measure")
    if run.index < 0 or run.count < 1 or run.index + run.count > _MAX_GPUS_OF_WORKER:
        raise InvalidInput(f"GPUs {run.index} + {run.count} of a worker", param="count")
    return run


def _read_worker(members: Members) -> tuple[WorkerId, Bps]:
    worker = parse_worker_id(members.text("workerId")), Bps(members.integer("boostBps"))
    members.expect_no_other()
    return worker
