"""How many receipts a second can the reference recompute on one core: reward and points?

`python -m bench.rewards`: receipts of every kind (completed, failed, without a wallet, with
penalties, below the hardware floor), made from a seed, go through the functions of `basis.rules` in
this one process. Two paths, which are the same formulas:

    plain      the functions on plain integers, which an audit calls per receipt
    records    the functions that build the records of a job, which the gateway calls

and for scale a loop that only reads the same receipts. Every stage runs once per round, so that a
drift of the machine meets all of them; CPU time of this process, median and spread over the rounds.
The bar is for reward and points; what the charge and the factors cost before them is told too.
Before it measures, both paths are compared on every receipt, and I6 is checked.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields

from basis.rules.catalog import ModelKind
from basis.rules.factors import Measurements, compute_factors, look_up_factors
from basis.rules.job import JobStatus
from basis.rules.points import (
    LLAMA_DIVISOR,
    PointsBreakdown,
    PointsReason,
    compute_llm_points,
    find_llm_row,
    judge_points,
    reaches_vram,
)
from basis.rules.points_tables import POINTS_TABLES
from basis.rules.pricing import compute_job_charge
from basis.rules.reward import (
    Penalty,
    RewardBreakdown,
    RewardParts,
    compute_reward,
    share_charge,
)
from basis.rules.units import AmountRaw, Bps, Micros, TokenCount
from bench.reward_rows import CATALOG, FACTORS, MACHINES, Row, list_terms, make_rows

_BAR = 200_000
"""Receipts a second and core through reward and points: the aim that this bench is for."""

_POINTS = POINTS_TABLES[-1]
_FEE_BPS = Bps(1_000)
_WALLET = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"


def main() -> None:
    """Compares, measures, prints."""
    parser = argparse.ArgumentParser(prog="python -m bench.rewards", description=__doc__)
    parser.add_argument("--receipts", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    rows = make_rows(options.receipts, seed=options.seed)
    compare_paths(rows)
    print(f"{len(rows)} receipts: both paths agree on each of them, and I6 holds")
    taken_s: dict[str, list[float]] = {name: [] for name in STAGES}
    for _round in range(options.rounds):
        for name, stage in STAGES.items():
            began = time.process_time()
            stage(rows)
            taken_s[name].append(time.process_time() - began)
    _report(taken_s, receipts=len(rows))


def compare_paths(rows: Sequence[Row]) -> None:
    """Raises RuntimeError unless both paths give the same amounts, and I6 holds."""
    for row, parts, counted in recompute_plain(rows):
        reward, points = make_records(row)
        recorded = tuple(getattr(reward, field.name) for field in fields(reward)[:-1])
        if parts != recorded:
            raise RuntimeError(f"the paths differ on the reward of {row}")
        if counted != (points.amount_raw, points.reason):
            raise RuntimeError(f"the paths differ on the points of {row}")
        if parts[0] != reward.fee_raw + reward.reward_raw + reward.unearned_raw + reward.dust_raw:
            raise RuntimeError(f"the charge is not shared out exactly: {row}")


def read_only(rows: Sequence[Row]) -> None:
    """What the loop itself costs."""
    for _done, _wallet, _model, _class, _machine, _prompt, *_rest in rows:
        pass


def charge(rows: Sequence[Row]) -> None:
    """What each job cost, by its terms."""
    terms = list_terms()
    for _, _, model_id, _, _, prompt, output, *_ in rows:
        compute_job_charge(
            terms[model_id], kind=ModelKind.CHAT, prompt_tokens=prompt, output_tokens=output
        )


def look_up(rows: Sequence[Row]) -> None:
    """The uptime and latency factors from the measurements."""
    targets = FACTORS.latency_targets
    for _, _, _, latency_class, _, prompt, _, minutes, first, inter, *_ in rows:
        look_up_factors(FACTORS, targets[latency_class], minutes, first, inter, prompt)


def share_and_count(rows: Sequence[Row]) -> None:
    """Reward and points: the bar."""
    for _row in recompute_plain(rows):
        pass


def recompute_plain(
    rows: Sequence[Row],
) -> Iterator[tuple[Row, RewardParts, tuple[int, PointsReason]]]:
    """Each receipt with its reward and its points, by the functions on plain integers."""
    terms = _look_up_terms()
    for row in rows:
        (
            is_completed,
            has_wallet,
            model_id,
            _latency_class,
            machine,
            prompt_tokens,
            output_tokens,
            _online_minutes,
            _first_token_us,
            _inter_token_us,
            charge_raw,
            penalty_raw,
            boost_bps,
            quality_bps,
            uptime_bps,
            latency_bps,
        ) = row
        multiplier_bps, reaches_floor = terms[model_id, machine]
        reward = share_charge(
            charge_raw,
            _FEE_BPS,
            quality_bps,
            uptime_bps,
            latency_bps,
            is_completed,
            has_wallet,
            penalty_raw,
        )
        points = judge_points(
            prompt_tokens + output_tokens,
            LLAMA_DIVISOR,
            multiplier_bps,
            quality_bps,
            latency_bps,
            boost_bps,
            is_completed,
            has_wallet,
            reaches_floor,
            True,  # charged
        )
        yield row, reward, points


def _look_up_terms() -> dict[tuple[str, int], tuple[int, bool]]:
    """(multiplier, reaches the floor) by model and machine: once, not per receipt."""
    terms: dict[tuple[str, int], tuple[int, bool]] = {}
    for model_id, _class, multiplier_bps in CATALOG:
        row = find_llm_row(_POINTS, model_id=model_id, catalog_multiplier_bps=multiplier_bps)
        for machine, gpus in enumerate(MACHINES):
            terms[model_id, machine] = (row.multiplier_bps, reaches_vram(row, gpus))
    return terms


def make_all_records(rows: Sequence[Row]) -> None:
    """Factors, reward and points of each, as records."""
    for row in rows:
        make_records(row)


def make_records(row: Row) -> tuple[RewardBreakdown, PointsBreakdown]:
    """One receipt's by the functions that the gateway calls, from its measurements on."""
    factors = compute_factors(
        FACTORS,
        latency_class=row.latency_class,
        measured=Measurements(
            online_minutes=row.online_minutes,
            first_token_us=Micros(row.first_token_us),
            inter_token_us=Micros(row.inter_token_us),
            prompt_tokens=row.prompt_tokens,
            quality_bps=Bps(row.quality_bps),
        ),
    )
    status = JobStatus.COMPLETED if row.is_completed else JobStatus.FAILED
    wallet = _WALLET if row.has_wallet else ""
    penalties = [Penalty(reason="canary", amount_raw=AmountRaw(row.penalty_raw))]
    reward = compute_reward(
        status=status,
        worker_wallet=wallet,
        charge_raw=AmountRaw(row.charge_raw),
        fee_bps=_FEE_BPS,
        factors=factors,
        penalties=penalties if row.penalty_raw else (),
    )
    points = compute_llm_points(
        _POINTS,
        status=status,
        worker_wallet=wallet,
        model_id=row.model_id,
        catalog_multiplier_bps=Bps(0),
        prompt_tokens=TokenCount(row.prompt_tokens),
        output_tokens=TokenCount(row.output_tokens),
        quality_bps=factors.quality_bps,
        latency_bps=factors.latency_bps,
        boost_bps=Bps(row.boost_bps),
        gpus=MACHINES[row.machine],
        is_charged=True,
    )
    return reward, points


STAGES: dict[str, Callable[[Sequence[Row]], None]] = {
    "read only": read_only,
    "charge": charge,
    "plain: factors": look_up,
    "plain: reward and points": share_and_count,
    "records: without charge": make_all_records,
}


def _report(taken_s: dict[str, list[float]], *, receipts: int) -> None:
    per_receipt_us = {
        name: [seconds * 1_000_000 / receipts for seconds in rounds]
        for name, rounds in taken_s.items()
    }
    for name, rounds_us in per_receipt_us.items():
        middle = statistics.median(rounds_us)
        print(
            f"{name:26} {middle:6.2f} us ({min(rounds_us):.2f} to {max(rounds_us):.2f}), "
            f"{1_000_000 / middle:9,.0f} receipts/s"
        )
    plain = taken_s["plain: reward and points"]
    records = taken_s["records: without charge"]
    ratios = sorted(slow / fast for slow, fast in zip(records, plain, strict=True))
    print(
        f"records cost {statistics.median(ratios):.1f} times the plain reward and points "
        f"({ratios[0]:.1f} to {ratios[-1]:.1f})"
    )
    slowest = receipts / max(plain)
    verdict = "met" if slowest >= _BAR else "not met"
    print(f"{_BAR:,} receipts/s of reward and points, the bar: {verdict} in the slowest round")


if __name__ == "__main__":
    main()
