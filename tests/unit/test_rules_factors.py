"""Measurements to basis points, by vectors/factors.json."""

from __future__ import annotations

from itertools import pairwise

import pytest
from rule_vectors import Case, load_vectors, vector_cases

from basis.rules.catalog import PUBLISHED
from basis.rules.errors import InvalidInput
from basis.rules.factors import (
    MINUTES_PER_DAY,
    TABLES,
    Factors,
    FactorTables,
    Measurements,
    compute_factors,
    tables_of_version,
)
from basis.rules.units import Bps, Micros

EACH_TABLE = pytest.mark.parametrize("tables", TABLES, ids=lambda tables: tables.version)


def _factors(case: Case) -> Factors:
    return compute_factors(
        tables_of_version(load_vectors("factors")["tables"]["version"]),
        latency_class=case["latencyClass"],
        measured=Measurements(
            online_minutes=case["onlineMinutes"],
            first_token_us=Micros(case["firstTokenUs"]),
            inter_token_us=Micros(case["interTokenUs"]),
            prompt_tokens=case["promptTokens"],
            quality_bps=Bps(case["qualityBps"]),
        ),
    )


@pytest.mark.parametrize("case", vector_cases("factors", refused=False))
def test_compute_factors__vector__gives_basis_points(case: Case) -> None:
    expected = case["expected"]
    assert _factors(case) == Factors(
        quality_bps=Bps(expected["qualityBps"]),
        uptime_bps=Bps(expected["uptimeBps"]),
        latency_bps=Bps(expected["latencyBps"]),
    )


@pytest.mark.parametrize("case", vector_cases("factors", refused=True))
def test_compute_factors__unusable_measurement__raises(case: Case) -> None:
    with pytest.raises(InvalidInput) as caught:
        _factors(case)
    assert caught.value.code == case["refused"]


def test_compute_factors__unknown_class__names_it_and_those_known() -> None:
    case = {**vector_cases("factors", refused=False)[0].values[0], "latencyClass": "colossal"}
    with pytest.raises(InvalidInput, match=r"'colossal'.*default, large, small, tiny"):
        _factors(case)


def test_tables__of_the_vectors__are_those_published() -> None:
    written = load_vectors("factors")["tables"]
    tables = tables_of_version(written["version"])
    assert [list(step) for step in tables.uptime_steps] == written["uptimeSteps"]
    assert [list(step) for step in tables.latency_steps] == written["latencySteps"]
    assert tables.latency_floor == written["latencyFloorBps"]
    assert {
        name: {
            "firstTokenUs": target.first_token_us,
            "perPromptTokenUs": target.per_prompt_token_us,
            "interTokenUs": target.inter_token_us,
        }
        for name, target in tables.latency_targets.items()
    } == written["latencyTargets"]


def test_tables_of_version__never_published__raises() -> None:
    with pytest.raises(InvalidInput) as caught:
        tables_of_version("1999-12-31")
    assert caught.value.param == "factors_version"
    assert "1999-12-31" in caught.value.message


@EACH_TABLE
def test_tables_of_version__published__gives_them(tables: FactorTables) -> None:
    assert tables_of_version(tables.version) is tables


@EACH_TABLE
def test_uptime_steps__published__descend_to_zero_minutes(tables: FactorTables) -> None:
    assert tables.uptime_steps[-1][0] == 0
    assert tables.uptime_steps[0][0] <= MINUTES_PER_DAY
    assert all(
        more[0] > less[0] and more[1] > less[1] for more, less in pairwise(tables.uptime_steps)
    )


@EACH_TABLE
def test_latency_steps__published__pay_less_the_slower(tables: FactorTables) -> None:
    steps = [*tables.latency_steps, (10**9, tables.latency_floor)]
    assert all(fast[0] < slow[0] and fast[1] > slow[1] for fast, slow in pairwise(steps))


@EACH_TABLE
def test_factors__published__stay_within_0_and_1x(tables: FactorTables) -> None:
    values = [factor for _, factor in (*tables.uptime_steps, *tables.latency_steps)]
    assert all(0 < value <= 10_000 for value in (*values, tables.latency_floor))


@EACH_TABLE
def test_latency_targets__published__divide_by_nothing_that_is_zero(tables: FactorTables) -> None:
    for target in tables.latency_targets.values():
        assert target.first_token_us > 0
        assert target.inter_token_us > 0
        assert target.per_prompt_token_us >= 0


def test_latency_targets__newest__know_each_class_of_the_catalog() -> None:
    assert {model.latency_class for model in PUBLISHED.models} <= TABLES[-1].latency_targets.keys()
