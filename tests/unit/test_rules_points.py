"""Llama and Waifu points, and their tables, by vectors/points.json."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
from rule_vectors import Case, load_vectors, vector_cases

from basis.rules.catalog import PUBLISHED
from basis.rules.errors import InvalidInput
from basis.rules.gpus import ClaimedGpu
from basis.rules.job import JobStatus
from basis.rules.points import (
    LLAMA_DIVISOR,
    PIXEL_STEPS_PER_POINT,
    TOKENS_PER_POINT,
    WAIFU_DIVISOR,
    PointsBreakdown,
    PointsReason,
    compute_image_points,
    compute_llm_points,
)
from basis.rules.points_tables import POINTS_TABLES, points_table_of_version
from basis.rules.units import Bps, TokenCount

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "points.md"


def _gpus(case: Case) -> list[ClaimedGpu]:
    return [ClaimedGpu(name=row["gpu"], memory_mib=row["memoryMib"]) for row in case["gpus"]]


def _points(case: Case) -> PointsBreakdown:
    table = points_table_of_version(case["table"])
    if case["function"] == "compute_llm_points":
        return compute_llm_points(
            table,
            status=JobStatus(case["status"]),
            worker_wallet=case["workerWallet"],
            model_id=case["modelId"],
            catalog_multiplier_bps=Bps(case["catalogMultiplierBps"]),
            prompt_tokens=TokenCount(case["promptTokens"]),
            output_tokens=TokenCount(case["outputTokens"]),
            quality_bps=Bps(case["qualityBps"]),
            latency_bps=Bps(case["latencyBps"]),
            boost_bps=Bps(case["boostBps"]),
            gpus=_gpus(case),
            is_charged=case.get("isCharged", True),
        )
    return compute_image_points(
        table,
        status=JobStatus(case["status"]),
        worker_wallet=case["workerWallet"],
        category=case["category"],
        width=case["width"],
        height=case["height"],
        steps=case["steps"],
        quality_bps=Bps(case["qualityBps"]),
        latency_bps=Bps(case["latencyBps"]),
        boost_bps=Bps(case["boostBps"]),
        gpus=_gpus(case),
        is_charged=case.get("isCharged", True),
    )


@pytest.mark.parametrize("case", vector_cases("points", refused=False))
def test_compute_points__vector__gives_amount_units_multiplier_and_reason(case: Case) -> None:
    points = _points(case)
    assert {
        "asset": points.asset,
        "amountRaw": str(points.amount_raw),
        "units": points.units,
        "multiplierBps": points.multiplier_bps,
        "reason": points.reason.value,
    } == case["expected"]


@pytest.mark.parametrize("case", vector_cases("points", refused=False))
def test_compute_points__vector__keeps_the_factors_and_the_table(case: Case) -> None:
    points = _points(case)
    kept = (points.quality_bps, points.latency_bps, points.boost_bps, points.table)
    assert kept == (case["qualityBps"], case["latencyBps"], case["boostBps"], case["table"])


@pytest.mark.parametrize("case", vector_cases("points", refused=True))
def test_compute_points__out_of_range__raises(case: Case) -> None:
    assert case["refused"] == "out_of_range"
    with pytest.raises(ValueError, match=r"negative|out of range"):
        _points(case)


def test_points_tables__of_the_vectors__are_those_published() -> None:
    assert [
        {
            "version": table.version,
            "effectiveFrom": table.effective_from,
            "fallsBackToCatalog": table.falls_back_to_catalog,
            "llm": {
                model: {"multiplierBps": row.multiplier_bps, "minVramMib": row.min_vram_mib}
                for model, row in table.llm.items()
            },
            "image": {
                category: {
                    "multiplierBps": row.multiplier_bps,
                    "floors": [gpu.name for gpu in row.floors],
                }
                for category, row in table.image.items()
            },
        }
        for table in POINTS_TABLES
    ] == load_vectors("points")["tables"]


def test_points_tables__each_row_of_each_table__has_a_worked_example() -> None:
    worked = {
        (case["table"], case.get("modelId", case.get("category")))
        for case in load_vectors("points")["cases"]
        if "expected" in case and case["arithmetic"]
    }
    rows = {(table.version, name) for table in POINTS_TABLES for name in (*table.llm, *table.image)}
    assert rows <= worked


def test_points_tables__in_force__has_the_networks_models_at_the_catalogs_multipliers() -> None:
    in_force = POINTS_TABLES[-1]
    assert {model.name: model.multiplier_bps for model in PUBLISHED.models} == {
        name: row.multiplier_bps for name, row in in_force.llm.items() if name.startswith("basis-")
    }


def test_divisors__of_both_assets__are_exact_quotients() -> None:
    assert LLAMA_DIVISOR * 10**6 == TOKENS_PER_POINT * 10_000**4
    assert WAIFU_DIVISOR * 10**6 == PIXEL_STEPS_PER_POINT * 10_000**4


def test_points_table_of_version__never_published__raises() -> None:
    with pytest.raises(InvalidInput) as caught:
        points_table_of_version("1999-01-01")
    assert caught.value.param == "points_version"


def _rows_of_page() -> dict[str, list[str]]:
    """Cells after the first of each line of a table, by each name in backquotes in the first."""
    rows: dict[str, list[str]] = {}
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        first, *rest = [cell.strip() for cell in line.strip("|").split("|")]
        for name in first.split("`")[1::2]:
            rows[name] = rest
    return rows


def test_points_page__table_in_force__has_each_llm_row_as_it_is() -> None:
    rows = _rows_of_page()
    for model, row in POINTS_TABLES[-1].llm.items():
        multiplier, memory = rows[model]
        assert Fraction(multiplier) == Fraction(row.multiplier_bps, 10_000), model
        gigabytes = int(memory.removesuffix(" GB")) if memory.endswith(" GB") else 0
        assert gigabytes * 10**9 // 2**20 == row.min_vram_mib, model


def test_points_page__table_in_force__has_each_image_row_as_it_is() -> None:
    rows = _rows_of_page()
    for category, row in POINTS_TABLES[-1].image.items():
        _words, multiplier, cards = rows[category]
        assert Fraction(multiplier) == Fraction(row.multiplier_bps, 10_000), category
        names = {gpu.name.removeprefix("RTX ") for gpu in row.floors}
        assert set(cards.split(", ")) == names, category


def test_points_page__reasons__are_those_of_the_code() -> None:
    rows = _rows_of_page()
    assert all(reason.value in rows for reason in PointsReason if reason)


def test_llm_points__job_that_cost_nothing__earns_none() -> None:
    points = compute_llm_points(
        POINTS_TABLES[-1],
        status=JobStatus.COMPLETED,
        worker_wallet="0x1",
        model_id="basis-default",
        catalog_multiplier_bps=Bps(10_000),
        prompt_tokens=TokenCount(1_000),
        output_tokens=TokenCount(1_000),
        quality_bps=Bps(10_000),
        latency_bps=Bps(10_000),
        gpus=[ClaimedGpu(name="NVIDIA GeForce RTX 4090", memory_mib=24_564)],
        is_charged=False,
    )

    assert (points.amount_raw, points.reason) == (0, PointsReason.NOT_CHARGED)
