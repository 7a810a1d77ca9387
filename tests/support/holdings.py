"""Holdings without a chain, and the machines that they boost, for tests of what follows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, select

from basis.accounting.boosts import Boost
from basis.rules.boosts import BoostAssignment
from basis.rules.holdings import HoldingKind, HoldingsSnapshot, Measure, arrange_holdings
from basis.rules.wallet import Wallet, parse_wallet
from basis.storage.holdings_store import draft_snapshot, load_assignment, store_snapshot
from basis.storage.schema import boost_assignments
from basis.wire.frames import Hardware
from tests.support.books import ALICE

CONTRACT = parse_wallet("0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb")
NOON = "2026-11-24T12:00:00.000Z"


def make_snapshot(
    amounts: Mapping[str, int], *, block: int = 100, **changes: Any
) -> HoldingsSnapshot:
    """NFTs on Base as of `block`, but for `changes`."""
    fields: dict[str, Any] = {
        "measure": Measure.NFT,
        "kind": HoldingKind.ERC721,
        "chain_id": 8453,
        "contract": CONTRACT,
        "token_ids": (),
        "decimals": 0,
        "block_number": block,
        "block_hash": f"0x{block:064x}",
        "block_time_s": 1_763_900_000 + block,
        "holdings": arrange_holdings(
            {Wallet(wallet): amount_raw for wallet, amount_raw in amounts.items()}
        ),
    }
    return HoldingsSnapshot(**{**fields, **changes})


def make_stake(amounts: Mapping[str, int], *, block: int = 100) -> HoldingsSnapshot:
    """A vault's stake in whole tokens of 18 decimals."""
    return make_snapshot(
        {wallet: whole * 10**18 for wallet, whole in amounts.items()},
        block=block,
        measure=Measure.STAKE,
        kind=HoldingKind.ERC4626,
        decimals=18,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Rig:
    """A worker as a session shows it."""

    worker_id: str
    wallet: str = ALICE
    hardware: Hardware


def rig(worker_id: str, count: int = 1, *, wallet: str = ALICE, name: str = "NVIDIA A100") -> Rig:
    """A worker with `count` cards of one name, or with none."""
    return Rig(
        worker_id=worker_id,
        wallet=wallet,
        hardware=Hardware(kind="gpu" if count else "cpu", name=name, count=max(count, 1)),
    )


def record(engine: Engine, snapshot: HoldingsSnapshot, *, now: str = NOON) -> None:
    """Writes a snapshot, which takes effect a minute after `now`."""
    with engine.begin() as connection:
        store_snapshot(connection, draft_snapshot(snapshot), now=now)


def assignment_of(engine: Engine, boost: Boost) -> BoostAssignment:
    """The record that `boost` names."""
    with engine.connect() as connection:
        return load_assignment(connection, boost.assignment).assignment


def count_assignments(engine: Engine) -> int:
    """How many assignments are on record."""
    with engine.connect() as connection:
        return len(connection.execute(select(boost_assignments.c.seq)).all())
