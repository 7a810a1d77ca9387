"""Three periods of a network whose owners hold NFTs and stake, and share pools by their points.

All of it is made by the real store, book and rules: the boosts follow from snapshots, one of them a
signed file; two phases follow each other, and a receipt of the first one's time comes too late.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from eth_account import Account
from eth_account.messages import encode_defunct
from sqlalchemy import Engine, text

from basis.accounting.boosts import BoostBook
from basis.accounting.export import export_period
from basis.accounting.periods import make_period
from basis.accounting.phases import close_phase, exclude_wallet, finish_phase, open_phase
from basis.accounting.points import PointsFacts
from basis.accounting.posting import JobFacts
from basis.accounting.vesting import release_vesting
from basis.rules.canonical import canonical_json
from basis.rules.holdings import HoldingKind, HoldingsSnapshot, snapshot_json
from basis.rules.phases import ExclusionReason, PhaseId, PhasePool
from basis.rules.vesting import parse_vesting
from basis.rules.wallet import Wallet, parse_wallet
from basis.storage.database import for_writing, open_database
from basis.storage.holdings_store import draft_snapshot, store_snapshot
from basis.storage.writer import GroupCommitWriter
from tests.audit.forging import KEY
from tests.support import books
from tests.support.books import ALICE, BOB
from tests.support.holdings import Rig, make_snapshot, make_stake, rig
from tests.support.phase_books import CAROL, make_terms

PERIODS = (
    ("2026-11-24", "2026-11-25"),
    ("2026-11-25", "2026-11-26"),
    ("2026-11-26", "2026-11-28"),
)
_LATER = "2027-01-01T00:00:00.000Z"
_SECRET = hashlib.sha256(b"somebody who counts stakes").digest()
_RIGS = (
    rig("alice-1", 4, name="NVIDIA GeForce RTX 4090"),
    rig("alice-2", 8, name="NVIDIA H100 80GB HBM3 + NVIDIA A100-SXM4-80GB"),
    rig("alice-3", 2, name="something else"),
    rig("bob-1", 2, wallet=BOB, name="NVIDIA GeForce RTX 3060"),
    rig("carol-1", 0, wallet=CAROL, name="a processor"),
)


def publish_network(folder: Path, *, cheat: str = "") -> list[Path]:
    """The folders of the three periods; `cheat` is a statement of SQL by which the publisher
    changes its closed phases before it shares them out."""
    engine = for_writing(open_database(folder / "data", create=True))
    with engine.begin() as connection:
        for machine in _RIGS:
            books.register(connection, machine.worker_id, machine.wallet)
    network = Network(engine)
    _first_day(network)
    published = [_publish(engine, folder, *PERIODS[0])]
    _second_day(network)
    published.append(_publish(engine, folder, *PERIODS[1]))
    _sharing(network, cheat)
    published.append(_publish(engine, folder, *PERIODS[2]))
    engine.dispose()
    return published


def publish_cheat(folder: Path, changes: Mapping[str, Any]) -> Path:
    """A period with one job of Alice's, which holds an NFT, and of a publisher that kept its books
    by `changes` to what the rules gave."""
    engine = for_writing(open_database(folder / "data", create=True))
    with engine.begin() as connection:
        books.register(connection, "alice-1", ALICE)
    network = Network(engine)
    network.snapshot(make_snapshot({ALICE: 1, BOB: 1}), at="2026-11-24T12:00:00.000Z")
    (honest, *_others) = asyncio.run(network.judge("2026-11-24T18:00:00.000Z", [rig("alice-1", 3)]))
    network.snapshot(make_snapshot({ALICE: 2}, block=200), at="2026-11-24T18:30:00.000Z")
    assert honest.points is not None
    own = {name: value for name, value in changes.items() if hasattr(honest.points, name)}
    others = {name: value for name, value in changes.items() if name not in own}
    facts = replace(honest, points=replace(honest.points, **own), **others)
    facts = replace(facts, agreement=books.agree(facts))
    with engine.begin() as connection:
        books.record(connection, facts)
    published = _publish(engine, folder, *PERIODS[0])
    engine.dispose()
    return published


class Network:
    """Workers that work, and owners that hold something, by the real store."""

    def __init__(self, engine: Engine, machines: Sequence[Rig] = _RIGS) -> None:
        self.engine = engine
        self._machines = machines
        self._jobs = 0

    def work(self, at: str) -> None:
        """Every worker completes a job that was accepted then."""
        facts = asyncio.run(self.judge(at, self._machines))
        with self.engine.begin() as connection:
            books.record(connection, *facts)

    def snapshot(self, snapshot: HoldingsSnapshot, *, at: str, signature: str = "") -> None:
        """Records holdings, which take effect a minute later."""
        with self.engine.begin() as connection:
            store_snapshot(connection, draft_snapshot(snapshot), now=at, signature=signature)

    def open(self, phase_id: str, since: str, until: str) -> None:
        """Opens a phase over a day."""
        terms = make_terms(
            phase_id,
            starts_at=since,
            ends_at=until,
            appeal_days=1,
            pools=(
                PhasePool(name="image", points_asset="WAIFU", amount_raw=7),
                PhasePool(name="llm", points_asset="LLAMA", amount_raw=10**24 + 1),
            ),
            vesting=parse_vesting("1+3x1", starts_at=until),
        )
        with self.engine.begin() as connection:
            open_phase(connection, terms, now="2026-11-24T08:00:00.000Z")

    async def judge(self, at: str, machines: Sequence[Rig]) -> list[JobFacts]:
        """A job that was accepted then for each of these machines, with its boost."""
        writer = GroupCommitWriter(self.engine)
        writer.start()
        book = BoostBook(self.engine, writer)
        for machine in machines:
            book.on_linked(machine)
        facts = [await self._judge_one(book, machine, at) for machine in machines]
        writer.stop()
        return facts

    async def _judge_one(self, book: BoostBook, machine: Rig, at: str) -> JobFacts:
        self._jobs += 1
        boost = await book.of(machine, accepted_at=at)
        points = PointsFacts(boost_bps=boost.boost_bps, assignment=boost.assignment)
        if machine.hardware.kind == "gpu":
            points = replace(
                points,
                gpu_name=machine.hardware.name,
                gpu_count=machine.hardware.count,
                gpu_memory_mib=80_000,
            )
        return books.make_facts(
            self._jobs,
            worker_id=machine.worker_id,
            worker_wallet=machine.wallet,
            created_at=at,
            points=points,
        )


def _first_day(network: Network) -> None:
    network.open("s1", "2026-11-24T00:00:00.000Z", "2026-11-25T00:00:00.000Z")
    network.open("s2", "2026-11-25T00:00:00.000Z", "2026-11-26T00:00:00.000Z")
    network.work("2026-11-24T09:00:00.000Z")
    network.snapshot(make_snapshot({ALICE: 1, BOB: 0}), at="2026-11-24T12:00:00.000Z")
    network.work("2026-11-24T12:00:59.999Z")
    network.work("2026-11-24T12:01:00.000Z")
    signer = parse_wallet(Account.from_key(_SECRET).address, param="signer")
    stake = replace(
        make_stake({ALICE: 2_600, CAROL: 300_000}), kind=HoldingKind.FILE, signer=signer
    )
    message = encode_defunct(canonical_json(snapshot_json(stake)))
    signature = Account.sign_message(message, _SECRET).signature.to_0x_hex()
    network.snapshot(stake, at="2026-11-24T13:00:00.000Z", signature=signature)
    network.work("2026-11-24T18:00:00.000Z")


def _second_day(network: Network) -> None:
    """One more snapshot; the first phase is closed, and a receipt of its time comes after that."""
    network.snapshot(make_snapshot({ALICE: 5, BOB: 2}, block=200), at="2026-11-25T06:00:00.000Z")
    network.work("2026-11-25T07:00:00.000Z")
    close_phase(network.engine, "s1", now="2026-11-25T09:00:00.000Z")
    with network.engine.begin() as connection:
        exclude_wallet(
            connection,
            "s1",
            wallet=Wallet(BOB),
            reason=ExclusionReason.SYBIL,
            evidence="one machine with two names",
            now="2026-11-25T10:00:00.000Z",
        )
    network.work("2026-11-24T23:59:00.000Z")
    network.work("2026-11-25T11:00:00.000Z")


def _sharing(network: Network, cheat: str) -> None:
    close_phase(network.engine, "s2", now="2026-11-26T09:00:00.000Z")
    with network.engine.begin() as connection:
        if cheat:
            connection.execute(text(cheat))
    finish_phase(network.engine, PhaseId("s1"), now="2026-11-26T10:00:00.000Z")
    finish_phase(network.engine, PhaseId("s2"), now="2026-11-27T09:00:00.000Z")
    noon = "2026-11-27T12:00:00.000Z"
    release_vesting(network.engine, until=noon, now=noon)


def _publish(engine: Engine, folder: Path, since: str, until: str) -> Path:
    return export_period(
        engine,
        make_period(since=since, until=until),
        out=folder / "out",
        sign=KEY.sign_file_hash,
        version="test",
        now=_LATER,
    ).folder
