"""A phase: a period whose points become tokens, each pool shared out in proportion to points.

Every pool counts one kind of points. A share is `pool x points / all points` floored; what the
floors leave over is dust. Points of an excluded wallet are left out of the sum: who is excluded
gets nothing and dilutes nobody, and whoever decides it gains nothing, since the pool is spent in
full either way. A pool without any points goes back to where it came from.
The rules of sharing, the appeal and its times are ours to choose; that points share a pool is not.
Source: mission P8; docs/decisions/0017-phases.md; vectors/phases.json.
"""

from __future__ import annotations

import enum
import re
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import NewType

from basis.rules.dates import validate_instant
from basis.rules.errors import InvalidInput
from basis.rules.units import LLAMA, WAIFU, mul_div_floor, split_floor
from basis.rules.vesting import VestingTerms, validate_vesting
from basis.rules.wallet import Wallet

PhaseId = NewType("PhaseId", str)

PHASE_RULES_VERSION = "2026-11-23"
"""Names the rules of this file in every published phase; other rules are another version."""

POINT_ASSETS = (LLAMA, WAIFU)
MAX_POOLS = 8
MAX_POOL_RAW = 10**33
"""10^15 BASIS: what the public export can carry."""
MAX_APPEAL_DAYS = 366
LONGEST_TEXT = 2_000
"""Letters of an evidence, an appeal or a decision."""

_PHASE_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,31}", re.ASCII)
_POOL_NAME = re.compile(r"[a-z][a-z0-9-]{0,15}", re.ASCII)
_TAKEN_IDS = frozenset({"dust", "vested"})
"""Accounts of all phases together, which no phase may be called."""


class ExclusionReason(enum.StrEnum):
    """Why a wallet gets nothing of a phase. A suspicion is a reason only with its evidence."""

    SYBIL = "sybil"
    DUPLICATE_CLAIM = "duplicate_claim"
    OPERATOR = "operator"


class AppealDecision(enum.StrEnum):
    """`pending` keeps the phase from becoming final."""

    PENDING = "pending"
    ACCEPTED = "accepted"
    DENIED = "denied"


@dataclass(frozen=True, slots=True, kw_only=True)
class PhasePool:
    """`amount_raw` base units of BASIS, shared by points of `points_asset`."""

    name: str
    points_asset: str
    amount_raw: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseTerms:
    """What is fixed when a phase opens: it covers jobs accepted in [starts_at, ends_at)."""

    id: PhaseId
    starts_at: str
    ends_at: str
    appeal_days: int
    pools: tuple[PhasePool, ...]
    vesting: VestingTerms


@dataclass(frozen=True, slots=True, kw_only=True)
class Appeal:
    """An owner's objection to its exclusion. `decided_at` and `reason` are "" while it waits."""

    text: str
    filed_at: str
    decision: AppealDecision
    reason: str
    decided_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Exclusion:
    """A wallet taken out of a phase, in all its pools, unless its appeal was accepted."""

    wallet: Wallet
    reason: ExclusionReason
    evidence: str
    excluded_at: str
    appeal: Appeal | None

    @property
    def is_in_force(self) -> bool:
        """Whether the wallet gets nothing."""
        return self.appeal is None or self.appeal.decision is not AppealDecision.ACCEPTED

    @property
    def is_pending(self) -> bool:
        """Whether an appeal waits for its decision."""
        return self.appeal is not None and self.appeal.decision is AppealDecision.PENDING


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseLine:
    """A wallet's part of a pool. `forgone_raw` is what an excluded one would have got with nobody
    excluded; 0 for the others."""

    pool: str
    wallet: Wallet
    points_raw: int
    amount_raw: int
    is_excluded: bool
    forgone_raw: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolResult:
    """Where a pool went: `amount_raw = shared_raw + dust_raw + returned_raw`, exactly."""

    pool: PhasePool
    points_raw: int
    excluded_points_raw: int
    shared_raw: int
    dust_raw: int
    returned_raw: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseResult:
    """Pools by name, lines by pool and wallet; wallets without points have no line."""

    pools: tuple[PoolResult, ...]
    lines: tuple[PhaseLine, ...]

    def wallet_amounts(self) -> dict[Wallet, int]:
        """What each wallet gets of all pools together, by wallet, without those who get nothing."""
        amounts: defaultdict[Wallet, int] = defaultdict(int)
        for line in self.lines:
            amounts[line.wallet] += line.amount_raw
        return {wallet: amounts[wallet] for wallet in sorted(amounts) if amounts[wallet]}


def compute_phase(
    pools: Sequence[PhasePool],
    points: Mapping[tuple[str, Wallet], int],
    excluded: Collection[Wallet] = (),
) -> PhaseResult:
    """How `pools` are shared by `points`, which are by (pool's name, wallet) in base units.

    The order of the inputs changes nothing (I9).

    Raises:
        InvalidInput: negative points, or points of a pool that is none of these.
    """
    by_pool: dict[str, dict[Wallet, int]] = {pool.name: {} for pool in pools}
    for (name, wallet), points_raw in points.items():
        if name not in by_pool:
            raise InvalidInput(f"there are points for the pool {name[:40]!r}, which is none")
        if points_raw < 0:
            raise InvalidInput(f"{wallet} has {points_raw} points: they cannot be negative")
        if points_raw > 0:
            by_pool[name][wallet] = points_raw
    results: list[PoolResult] = []
    lines: list[PhaseLine] = []
    barred = frozenset(excluded)
    for pool in sorted(pools, key=lambda pool: pool.name):
        result, pool_lines = _share_pool(pool, by_pool[pool.name], barred)
        results.append(result)
        lines.extend(pool_lines)
    return PhaseResult(pools=tuple(results), lines=tuple(lines))


def _share_pool(
    pool: PhasePool, points: Mapping[Wallet, int], excluded: frozenset[Wallet]
) -> tuple[PoolResult, list[PhaseLine]]:
    eligible = [wallet for wallet in sorted(points) if wallet not in excluded]
    eligible_raw = sum(points[wallet] for wallet in eligible)
    all_raw = sum(points.values())
    shares_raw: dict[Wallet, int] = {}
    dust_raw = 0
    if eligible:
        shared, dust_raw = split_floor(pool.amount_raw, [points[wallet] for wallet in eligible])
        shares_raw = dict(zip(eligible, shared, strict=True))
    lines = [
        PhaseLine(
            pool=pool.name,
            wallet=wallet,
            points_raw=points[wallet],
            amount_raw=shares_raw.get(wallet, 0),
            is_excluded=wallet in excluded,
            forgone_raw=(
                mul_div_floor(pool.amount_raw, points[wallet], all_raw) if wallet in excluded else 0
            ),
        )
        for wallet in sorted(points)
    ]
    return (
        PoolResult(
            pool=pool,
            points_raw=eligible_raw,
            excluded_points_raw=all_raw - eligible_raw,
            shared_raw=sum(shares_raw.values()),
            dust_raw=dust_raw,
            returned_raw=0 if eligible else pool.amount_raw,
        ),
        lines,
    )


def validate_terms(terms: PhaseTerms) -> None:
    """Refuses a phase that cannot be meant.

    Raises:
        InvalidInput: it names the field. UnknownAsset is the points' one.
    """
    if not _PHASE_ID.fullmatch(terms.id) or terms.id in _TAKEN_IDS:
        raise InvalidInput(
            f"the phase's id is {terms.id[:40]!r}: expected 1 to 32 lower-case letters, digits "
            f"and '-', and neither dust nor vested",
            param="id",
        )
    validate_instant(terms.starts_at, param="from")
    validate_instant(terms.ends_at, param="to")
    if terms.starts_at >= terms.ends_at:
        raise InvalidInput(f"the phase ends at {terms.ends_at}, before it starts", param="to")
    if not 1 <= terms.appeal_days <= MAX_APPEAL_DAYS:
        raise InvalidInput(
            f"appeal-days is {terms.appeal_days}: expected 1 to {MAX_APPEAL_DAYS}",
            param="appeal-days",
        )
    _validate_pools(terms.pools)
    validate_vesting(terms.vesting)
    if terms.vesting.starts_at < terms.ends_at:
        raise InvalidInput("vesting cannot start before the phase ends", param="vesting-from")


def _validate_pools(pools: Sequence[PhasePool]) -> None:
    known = [asset.symbol for asset in POINT_ASSETS]
    if not 1 <= len(pools) <= MAX_POOLS:
        raise InvalidInput(f"a phase has 1 to {MAX_POOLS} pools, not {len(pools)}", param="pool")
    for pool in pools:
        if not _POOL_NAME.fullmatch(pool.name):
            raise InvalidInput(
                f"a pool's name is {pool.name[:40]!r}: expected 1 to 16 lower-case letters, digits "
                f"and '-'",
                param="pool",
            )
        if pool.points_asset not in known:
            raise InvalidInput(
                f"the pool {pool.name} counts {pool.points_asset[:40]!r}: the points are "
                f"{' and '.join(known)}",
                param="pool",
            )
        if not 0 < pool.amount_raw <= MAX_POOL_RAW:
            raise InvalidInput(
                f"the pool {pool.name} holds {pool.amount_raw} base units: expected 1 to "
                f"{MAX_POOL_RAW}",
                param="pool",
            )
    for what, names in (
        ("name", [pool.name for pool in pools]),
        ("kind of points", [pool.points_asset for pool in pools]),
    ):
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise InvalidInput(f"two pools have the {what} {repeated[0]}", param="pool")


def validate_text(text: str, *, param: str) -> str:
    """The words that a record keeps for ever, without the space around them.

    Raises:
        InvalidInput: none, too many, or letters that cannot be printed.
    """
    words = text.strip()
    is_plain = words.replace("\n", " ").isprintable()
    if not 1 <= len(words) <= LONGEST_TEXT or not is_plain:
        raise InvalidInput(
            f"{param} is {words[:40]!r}: expected 1 to {LONGEST_TEXT} printable letters",
            param=param,
        )
    return words
