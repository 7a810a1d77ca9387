"""GPU names, their order and the cards of a claim, by vectors/gpus.json."""

from __future__ import annotations

from itertools import pairwise

import pytest
from rule_vectors import Case, load_vectors, vector_cases

from basis.rules.errors import InvalidInput
from basis.rules.gpus import (
    GPU_TABLES,
    ClaimedGpu,
    Gpu,
    GpuTable,
    compute_rank,
    gpu_table_of_version,
    is_at_least,
    parse_gpu,
    split_claim,
)

EACH_TABLE = pytest.mark.parametrize("table", GPU_TABLES, ids=lambda table: table.version)


def _table() -> GpuTable:
    return gpu_table_of_version(load_vectors("gpus")["tables"]["version"])


def _known(name: str) -> Gpu:
    gpu = parse_gpu(_table(), name)
    assert gpu is not None, name
    return gpu


def _split(case: Case) -> list[ClaimedGpu]:
    return split_claim(
        _table(), name=case["claimed"], count=case["count"], memory_mib=case["memoryMib"]
    )


@pytest.mark.parametrize("case", vector_cases("gpus", function="parse_gpu", refused=False))
def test_parse_gpu__vector__gives_the_card_or_none(case: Case) -> None:
    gpu = parse_gpu(_table(), case["claimed"])
    got = None if gpu is None else {"gpu": gpu.name, "series": gpu.series.value}
    assert got == case["expected"]


@pytest.mark.parametrize("case", vector_cases("gpus", function="is_at_least", refused=False))
def test_is_at_least__vector__compares_within_the_series(case: Case) -> None:
    floors = [_known(name) for name in case["floors"]]
    assert is_at_least(_known(case["claimed"]), floors) is case["expected"]


@pytest.mark.parametrize("case", vector_cases("gpus", function="order", refused=False))
def test_rank__order_of_the_sources__is_kept(case: Case) -> None:
    cards = [_known(name) for name in case["weakestFirst"]]
    assert all(weaker.rank > stronger.rank for weaker, stronger in pairwise(cards))
    assert len({card.series for card in cards}) == 1


@pytest.mark.parametrize("case", vector_cases("gpus", function="split_claim", refused=False))
def test_split_claim__vector__gives_single_cards(case: Case) -> None:
    cards = [{"gpu": card.name, "memoryMib": card.memory_mib} for card in _split(case)]
    assert cards == case["expected"]


@pytest.mark.parametrize("case", vector_cases("gpus", function="split_claim", refused=True))
def test_split_claim__negative__raises(case: Case) -> None:
    with pytest.raises(InvalidInput) as caught:
        _split(case)
    assert caught.value.code == case["refused"]


def test_split_claim__absurd_count__is_bounded_and_keeps_the_sum() -> None:
    cards = split_claim(_table(), name="RTX 4090", count=10**9, memory_mib=10**6)
    assert len(cards) == 256
    assert sum(card.memory_mib for card in cards) == 10**6


def test_gpu_table__of_the_vectors__is_that_published() -> None:
    cards = [{"gpu": card.name, "series": card.series.value} for card in _table().by_key.values()]
    assert cards == load_vectors("gpus")["tables"]["strongestFirst"]


@EACH_TABLE
def test_gpu_table__each_card__is_found_by_its_own_name_in_rank_order(table: GpuTable) -> None:
    cards = list(table.by_key.values())
    assert [card.rank for card in cards] == list(range(len(cards)))
    assert [parse_gpu(table, card.name) for card in cards] == cards


@EACH_TABLE
def test_gpu_table__ti__is_above_its_plain_number(table: GpuTable) -> None:
    by_name = {card.name: card for card in table.by_key.values()}
    pairs = [
        (by_name[plain], card)
        for name, card in by_name.items()
        if " Ti" in name and (plain := name.replace(" Ti", "")) in by_name
    ]
    assert len(pairs) >= 10
    assert all(is_at_least(ti, [plain]) and not is_at_least(plain, [ti]) for plain, ti in pairs)


def test_compute_rank__unknown_card__sorts_after_every_known_one() -> None:
    known = [compute_rank(_table(), card.name) for card in _table().by_key.values()]
    assert compute_rank(_table(), "Antigravity 1") == max(known) + 1


def test_gpu_table_of_version__never_published__raises() -> None:
    with pytest.raises(InvalidInput) as caught:
        gpu_table_of_version("1999-01-01")
    assert caught.value.param == "gpus_version"
