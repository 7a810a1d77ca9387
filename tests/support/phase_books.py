"""Jobs with points, and a phase over them, made by the real rules and no network."""

from __future__ import annotations

from dataclasses import dataclass, replace

import msgspec
from sqlalchemy import Connection, Engine

from basis.accounting.phase_replay import replay_phases
from basis.accounting.phases import exclude_wallet, finish_phase, open_phase
from basis.accounting.posting import compute_finished_job
from basis.accounting.vesting import release_vesting
from basis.rules.job import UserId
from basis.rules.ledger import AccountPath, Posting, make_entry
from basis.rules.phase_entries import earned_account
from basis.rules.phases import ExclusionReason, PhaseId, PhasePool, PhaseTerms
from basis.rules.vesting import VestingTerms, parse_vesting
from basis.rules.wallet import Wallet
from basis.storage.database import for_writing
from basis.storage.job_store import FinishedJob, JobWrite
from basis.storage.ledger_store import iterate_entries, load_balances
from basis.storage.phase_store import StoredPhase
from basis.storage.receipt_details import PointsRecord
from tests.support.books import ALICE, BOB, make_postpaid_facts, register

CAROL = "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB"
"""A third owner; an example of EIP-55's too."""

START = "2026-11-01T00:00:00.000Z"
END = "2026-12-01T00:00:00.000Z"
OPENED = "2026-11-20T08:00:00.000Z"
CLOSED = "2026-12-01T09:00:00.000Z"
FINAL = "2026-12-09T00:00:00.000Z"
"""More than a week after the closing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PointsJob:
    """A job that brings points. A customer is `user-1` without a wallet unless named."""

    number: int
    wallet: str
    points_raw: int
    asset: str = "LLAMA"
    created_at: str = "2026-11-21T12:00:00.000Z"
    user_id: str = "user-1"
    user_wallet: str = ""


def record_points(connection: Connection, *jobs: PointsJob) -> None:
    """Writes the receipts of `jobs` and the points that they bring, to the base unit.

    The jobs are of a time before points, so that they bring none by themselves: what is given them
    stands in details, columns and entry alike, as the store writes it. What it was computed from
    is made up.
    """
    JobWrite.apply_group(connection, [JobWrite(finished=_with_points(job)) for job in jobs])


def _with_points(job: PointsJob) -> FinishedJob:
    facts = make_postpaid_facts(
        job.number,
        worker_id=f"worker-{job.wallet[2:8].lower()}",
        worker_wallet=job.wallet,
        created_at=job.created_at,
        user_id=UserId(job.user_id),
        user_wallet=job.user_wallet,
    )
    finished = compute_finished_job(facts)
    assert finished.entry is not None
    issued = Posting(
        account=AccountPath("points/issued"), asset=job.asset, amount_raw=-job.points_raw
    )
    earned = Posting(account=earned_account(job.wallet), asset=job.asset, amount_raw=job.points_raw)
    entry = make_entry(
        kind=finished.entry.kind,
        cause=finished.entry.cause,
        postings=[*finished.entry.postings, issued, earned],
    )
    points = PointsRecord(
        asset=job.asset,
        amount_raw=str(job.points_raw),
        units=job.points_raw,
        multiplier_bps=10_000,
        quality_bps=10_000,
        latency_bps=10_000,
        boost_bps=10_000,
        table="made-up",
        assignment="",
        gpu_name="",
        gpu_count=0,
        gpu_memory_mib=0,
        reason="",
    )
    details = msgspec.structs.replace(finished.details, points=points)
    return replace(finished, entry=entry, details=details)


def register_owners(connection: Connection, *owners: str) -> None:
    """Writes one worker for each owner."""
    for owner in owners:
        register(connection, f"worker-{owner[2:8].lower()}", owner)


def fill_points(engine: Engine, created_at: str = "2026-11-21T12:00:00.000Z") -> None:
    """Alice has 3 Llama Points and 1 Waifu Point, Bob 1 Llama Point, Carol 2 Waifu Points."""
    with for_writing(engine).begin() as connection:
        register_owners(connection, ALICE, BOB, CAROL)
        jobs = (
            PointsJob(number=1, wallet=ALICE, points_raw=2_000_000),
            PointsJob(number=2, wallet=ALICE, points_raw=1_000_000),
            PointsJob(number=3, wallet=BOB, points_raw=1_000_000),
            PointsJob(number=4, wallet=ALICE, points_raw=1_000_000, asset="WAIFU"),
            PointsJob(number=5, wallet=CAROL, points_raw=2_000_000, asset="WAIFU"),
        )
        record_points(connection, *(replace(job, created_at=created_at) for job in jobs))


def make_terms(phase_id: str = "s1", **changes: object) -> PhaseTerms:
    """November's phase: 1,000 BASIS by Llama Points, 100 by Waifu Points, in three parts."""
    fields: dict[str, object] = {
        "id": PhaseId(phase_id),
        "starts_at": START,
        "ends_at": END,
        "appeal_days": 7,
        "pools": (
            PhasePool(name="image", points_asset="WAIFU", amount_raw=100 * 10**18),
            PhasePool(name="llm", points_asset="LLAMA", amount_raw=1_000 * 10**18),
        ),
        "vesting": parse_vesting("30+3x30", starts_at=END),
        **changes,
    }
    return PhaseTerms(**fields)  # type: ignore[arg-type]  # tests name any field


def at_once(ends_at: str) -> VestingTerms:
    """Everything at the end of a phase."""
    return parse_vesting("none", starts_at=ends_at)


def opened(engine: Engine, **changes: object) -> StoredPhase:
    """November's phase, opened."""
    with engine.begin() as connection:
        return open_phase(connection, make_terms(**changes), now=OPENED)


def excluded(engine: Engine, wallet: str = BOB, now: str = CLOSED) -> StoredPhase:
    """The phase without one wallet."""
    with engine.begin() as connection:
        return exclude_wallet(
            connection,
            "s1",
            wallet=Wallet(wallet),
            reason=ExclusionReason.SYBIL,
            evidence="one machine with two names",
            now=now,
        )


def finished(engine: Engine, now: str = FINAL) -> StoredPhase:
    """The phase, final."""
    return finish_phase(engine, "s1", now=now)


def vest(engine: Engine, now: str, until: str = "") -> list[tuple[str, int, int]]:
    """Phase, number and amount of what is released."""
    releases = release_vesting(engine, until=until or now, now=now)
    return [(release.phase_id, release.number, release.amount_raw) for release in releases]


def held(engine: Engine, account: str, asset: str = "BASIS") -> int:
    """What stands on an account."""
    with engine.connect() as connection:
        return load_balances(connection).get((AccountPath(account), asset), 0)


def expect_replay(engine: Engine) -> None:
    """Every phase recomputes, and its entries are those on record, no more and no fewer."""
    with engine.connect() as connection:
        expected = {entry.id: entry for entry in replay_phases(connection)}
        recorded = {
            entry.id: entry
            for entry in iterate_entries(connection)
            if entry.cause.startswith("phase/")
        }
    assert expected == recorded
