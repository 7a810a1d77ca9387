"""Measurements to basis points: quality, uptime and latency, by dated tables.

A record keeps the measurement beside the factor, so that anyone can look the factor up again.
Source: mission N5; every figure in the tables is ours to choose, version 2026-11-21.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from basis.rules.errors import InvalidInput
from basis.rules.units import WHOLE_BPS, Bps, Micros

MINUTES_PER_DAY = 1_440


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencyTarget:
    """What a worker of a class should manage: the first token after `first_token_us` plus
    `per_prompt_token_us` for each prompt token, and each later one after `inter_token_us`."""

    first_token_us: Micros
    per_prompt_token_us: Micros
    inter_token_us: Micros


@dataclass(frozen=True, slots=True, kw_only=True)
class FactorTables:
    """One dated set. Steps are (bound, factor), searched in order; the last one has no bound."""

    version: str
    effective_from: str
    uptime_steps: tuple[tuple[int, Bps], ...]
    """(at least so many minutes online in the last 24 h, factor), most minutes first."""
    latency_steps: tuple[tuple[int, Bps], ...]
    """(at most so many bps of the target, factor), fastest first."""
    latency_floor: Bps
    latency_targets: Mapping[str, LatencyTarget]
    """By the catalog's latency class."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurements:
    """What the orchestrator saw, never what a worker said.

    Times run from the lease's sending, so that the customer's wait in a queue is nobody's fault;
    `inter_token_us` is the mean over `output_tokens` - 1 gaps, 0 where there are none.
    """

    online_minutes: int
    first_token_us: Micros
    inter_token_us: Micros
    prompt_tokens: int
    quality_bps: Bps = WHOLE_BPS


@dataclass(frozen=True, slots=True, kw_only=True)
class Factors:
    """The three factors of a reward."""

    quality_bps: Bps
    uptime_bps: Bps
    latency_bps: Bps


TABLES_2026_11_21 = FactorTables(
    version="2026-11-21",
    effective_from="2026-11-21",
    # A newcomer starts at the last step: a fresh identity never has a better uptime than an old
    # one (I11), and a day of being there leads to the top.
    uptime_steps=(
        (1_296, Bps(10_000)),
        (1_080, Bps(9_750)),
        (720, Bps(9_500)),
        (360, Bps(9_000)),
        (60, Bps(8_500)),
        (0, Bps(8_000)),
    ),
    latency_steps=(
        (10_000, Bps(10_000)),
        (15_000, Bps(9_500)),
        (20_000, Bps(9_000)),
        (40_000, Bps(8_000)),
    ),
    latency_floor=Bps(7_000),
    latency_targets={
        "tiny": LatencyTarget(
            first_token_us=Micros(500_000),
            per_prompt_token_us=Micros(1_000),
            inter_token_us=Micros(20_000),
        ),
        "small": LatencyTarget(
            first_token_us=Micros(1_000_000),
            per_prompt_token_us=Micros(1_000),
            inter_token_us=Micros(33_000),
        ),
        "default": LatencyTarget(
            first_token_us=Micros(2_000_000),
            per_prompt_token_us=Micros(1_500),
            inter_token_us=Micros(50_000),
        ),
        "large": LatencyTarget(
            first_token_us=Micros(4_000_000),
            per_prompt_token_us=Micros(3_000),
            inter_token_us=Micros(100_000),
        ),
    },
)

TABLES: tuple[FactorTables, ...] = (TABLES_2026_11_21,)
"""Every set that ever judged a job, oldest first; the last one judges new jobs."""


def tables_of_version(version: str) -> FactorTables:
    """The set that a record names.

    Raises:
        InvalidInput: none of this version was ever published.
    """
    for tables in TABLES:
        if tables.version == version:
            return tables
    raise InvalidInput(f"no factor tables {version!r} are known", param="factors_version")


def compute_factors(tables: FactorTables, *, latency_class: str, measured: Measurements) -> Factors:
    """The three factors that `measured` earns.

    Raises:
        InvalidInput: a class without a target, or a negative measurement.
    """
    target = tables.latency_targets.get(latency_class)
    if target is None:
        raise InvalidInput(
            f"no latency target for the class {latency_class!r}; "
            f"known are {', '.join(sorted(tables.latency_targets))}",
            param="latency_class",
        )
    uptime_bps, latency_bps = look_up_factors(
        tables,
        target,
        measured.online_minutes,
        measured.first_token_us,
        measured.inter_token_us,
        measured.prompt_tokens,
    )
    return Factors(quality_bps=measured.quality_bps, uptime_bps=uptime_bps, latency_bps=latency_bps)


def look_up_factors(
    tables: FactorTables,
    target: LatencyTarget,
    online_minutes: int,
    first_token_us: int,
    inter_token_us: int,
    prompt_tokens: int,
) -> tuple[Bps, Bps]:
    """(uptime, latency) by the tables, on plain values: an auditor calls it per receipt.

    Raises:
        InvalidInput: a negative measurement.
    """
    if online_minutes < 0 or first_token_us < 0 or inter_token_us < 0 or prompt_tokens < 0:
        raise InvalidInput(
            f"a measurement is negative: {online_minutes} minutes, {first_token_us} us, "
            f"{inter_token_us} us, {prompt_tokens} tokens",
            param="measurements",
        )
    first_target_us = target.first_token_us + target.per_prompt_token_us * prompt_tokens
    first_ratio_bps = first_token_us * 10_000 // first_target_us
    inter_ratio_bps = inter_token_us * 10_000 // target.inter_token_us
    worst_bps = max(inter_ratio_bps, first_ratio_bps)
    return _uptime_bps(tables, online_minutes), _latency_bps(tables, worst_bps)


def _uptime_bps(tables: FactorTables, online_minutes: int) -> Bps:
    for at_least, factor in tables.uptime_steps:
        if online_minutes >= at_least:
            return factor
    raise AssertionError("the last step of the uptime table must start at 0")


def _latency_bps(tables: FactorTables, worst_bps: int) -> Bps:
    for at_most, factor in tables.latency_steps:
        if worst_bps <= at_most:
            return factor
    return tables.latency_floor
