"""The receipts that bench/rewards.py recomputes: of every kind, and the same for the same seed."""

from __future__ import annotations

import random
from typing import NamedTuple

from basis.rules.catalog import ModelKind
from basis.rules.epochs import EPOCHS
from basis.rules.factors import TABLES, look_up_factors
from basis.rules.gpus import ClaimedGpu
from basis.rules.pricing import PriceTerms, compute_job_charge, compute_list_terms
from basis.rules.units import Bps

FACTORS = TABLES[-1]
CATALOG = (
    ("basis-small", "small", Bps(5_000)),
    ("basis-default", "default", Bps(10_000)),
    ("basis-large", "large", Bps(30_000)),
)
"""(model, latency class, multiplier)."""
MACHINES = (
    (),
    (ClaimedGpu(name="NVIDIA GeForce RTX 3060", memory_mib=12_288),),
    (ClaimedGpu(name="NVIDIA GeForce RTX 4090", memory_mib=24_564),) * 2,
)
"""The cards that workers claim."""


class Row(NamedTuple):
    """One receipt as a column store would give it: integers and short texts."""

    is_completed: bool
    has_wallet: bool
    model_id: str
    latency_class: str
    machine: int
    """Place in MACHINES."""
    prompt_tokens: int
    output_tokens: int
    online_minutes: int
    first_token_us: int
    inter_token_us: int
    charge_raw: int
    penalty_raw: int
    boost_bps: int
    quality_bps: int
    uptime_bps: int
    latency_bps: int


def list_terms() -> dict[str, PriceTerms]:
    """By model, what the shipped epoch asks."""
    return {
        model_id: compute_list_terms(
            EPOCHS[-1], model_id=model_id, catalog_multiplier_bps=multiplier_bps
        )
        for model_id, _class, multiplier_bps in CATALOG
    }


def make_rows(receipts: int, *, seed: int) -> list[Row]:
    """Receipts of all kinds; the same for the same seed."""
    chance = random.Random(seed)
    terms = list_terms()
    return [_make_row(chance, terms) for _receipt in range(receipts)]


def _make_row(chance: random.Random, terms: dict[str, PriceTerms]) -> Row:
    model_id, latency_class, _multiplier = chance.choice(CATALOG)
    prompt_tokens = chance.randint(1, 8_000)
    output_tokens = chance.randint(0, 4_000)
    online_minutes = chance.randint(0, 1_440)
    first_token_us = chance.randint(100_000, 20_000_000)
    inter_token_us = chance.randint(5_000, 200_000)
    uptime_bps, latency_bps = look_up_factors(
        FACTORS,
        FACTORS.latency_targets[latency_class],
        online_minutes,
        first_token_us,
        inter_token_us,
        prompt_tokens,
    )
    return Row(
        is_completed=chance.randrange(20) > 0,
        has_wallet=chance.randrange(20) > 0,
        model_id=model_id,
        latency_class=latency_class,
        machine=chance.randrange(len(MACHINES)),
        prompt_tokens=prompt_tokens,
        output_tokens=output_tokens,
        online_minutes=online_minutes,
        first_token_us=first_token_us,
        inter_token_us=inter_token_us,
        charge_raw=compute_job_charge(
            terms[model_id],
            kind=ModelKind.CHAT,
            prompt_tokens=prompt_tokens,
            output_tokens=output_tokens,
        ).charge_raw,
        penalty_raw=chance.randint(1, 10**17) if not chance.randrange(20) else 0,
        boost_bps=chance.choice((10_000, 11_000, 12_500)),
        quality_bps=chance.choice((10_000, 10_000, 10_000, 8_000, 0)),
        uptime_bps=uptime_bps,
        latency_bps=latency_bps,
    )
