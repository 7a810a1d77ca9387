"""The dated tables of boosts: from what holding on how strong, for how many GPUs, and when.

Every figure is ours to choose, but for the three GPUs that an NFT boosts.
Source: mission P6 (each NFT boosts up to three GPUs), P7; docs/decisions/0014-boosts.md.
"""

from __future__ import annotations

from dataclasses import dataclass

from basis.rules.errors import InvalidInput
from basis.rules.holdings import Measure
from basis.rules.units import WHOLE_BPS, Bps


@dataclass(frozen=True, slots=True, kw_only=True)
class BoostRule:
    """How one measure boosts, from one date up to, and without, another; "" is no end."""

    measure: Measure
    effective_from: str
    effective_until: str
    decimals: int
    """In which `unit_raw` and the steps are written; holdings with others are converted."""
    unit_raw: int
    gpus_per_unit: int
    steps: tuple[tuple[int, Bps], ...]
    """(holding of at least so much, boost), most first; below the last there is no boost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BoostTables:
    """One dated set: at most one rule for a measure; `gpus_version` names the order of GPUs that it
    assigns by."""

    version: str
    effective_from: str
    gpus_version: str
    rules: tuple[BoostRule, ...]


_NFT_2026_11_23 = BoostRule(
    measure=Measure.NFT,
    effective_from="2026-11-23",
    effective_until="",
    decimals=0,
    unit_raw=1,
    gpus_per_unit=3,
    steps=(
        (20, Bps(15_000)),
        (10, Bps(13_500)),
        (5, Bps(12_500)),
        (2, Bps(11_500)),
        (1, Bps(11_000)),
    ),
)
_STAKE_2026_11_23 = BoostRule(
    measure=Measure.STAKE,
    effective_from="2026-11-23",
    effective_until="",
    decimals=18,
    unit_raw=1_000 * 10**18,
    gpus_per_unit=3,
    steps=(
        (250_000 * 10**18, Bps(15_000)),
        (50_000 * 10**18, Bps(13_500)),
        (10_000 * 10**18, Bps(12_500)),
        (2_500 * 10**18, Bps(11_500)),
        (1_000 * 10**18, Bps(11_000)),
    ),
)
BOOSTS_2026_11_23 = BoostTables(
    version="2026-11-23",
    effective_from="2026-11-23",
    gpus_version="2026-11-23",
    rules=(_NFT_2026_11_23, _STAKE_2026_11_23),
)
"""Ours, but for the three GPUs of an NFT. 1.5x at most: a holder must not outweigh half as much
work again. Stake counts from the token event on, of which no date is known: before it there is
nothing to stake, so no snapshot of it. NFTs go on counting, since no source ends them; the table
after the event may date both."""

BOOST_TABLES: tuple[BoostTables, ...] = (BOOSTS_2026_11_23,)
"""Every set that was ever published, oldest first."""


def boost_tables_of_version(version: str) -> BoostTables:
    """The set that a record names.

    Raises:
        InvalidInput: none of this version was ever published.
    """
    for tables in BOOST_TABLES:
        if tables.version == version:
            return tables
    raise InvalidInput(f"no boost tables {version!r} are known", param="boosts_version")


def boost_tables_in_force(at: str) -> BoostTables | None:
    """The set for jobs accepted at `at`, an ISO 8601 time; None before there was one."""
    begun = [tables for tables in BOOST_TABLES if tables.effective_from <= at]
    return begun[-1] if begun else None


def rule_in_force(tables: BoostTables, measure: Measure, *, at: str) -> BoostRule | None:
    """How `measure` boosts jobs accepted at `at`; None where it does not."""
    for rule in tables.rules:
        is_open = not rule.effective_until or at < rule.effective_until
        if rule.measure is measure and rule.effective_from <= at and is_open:
            return rule
    return None


def compute_step(rule: BoostRule, held_raw: int) -> Bps:
    """The boost of each GPU for a holding of `held_raw`, in the rule's decimals."""
    for at_least, boost_bps in rule.steps:
        if held_raw >= at_least:
            return boost_bps
    return WHOLE_BPS
