"""Points: exact, monotone in everything that counts, and nothing is gained by splitting a job."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st
from rule_strategies import rates, token_counts

from basis.rules.gpus import ClaimedGpu
from basis.rules.job import JobStatus
from basis.rules.points import (
    LLAMA_DIVISOR,
    WAIFU_DIVISOR,
    PointsReason,
    compute_image_points,
    compute_llm_points,
    judge_points,
)
from basis.rules.points_tables import POINTS_TABLES, PointsTable
from basis.rules.units import Bps, TokenCount

WALLET = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"

counts = st.integers(min_value=0, max_value=50) | st.integers(min_value=0, max_value=2**63)
multipliers = st.integers(min_value=0, max_value=1_000_000)
boosts = st.integers(min_value=10_000, max_value=1_000_000)
divisors = st.sampled_from([LLAMA_DIVISOR, WAIFU_DIVISOR])
tables = st.sampled_from(POINTS_TABLES)
memories = st.integers(min_value=0, max_value=200_000)


@st.composite
def operands(draw: st.DrawFn) -> tuple[int, int, int, int, int]:
    """Units, multiplier, quality, latency and boost, each in range."""
    return draw(counts), draw(multipliers), draw(rates), draw(rates), draw(boosts)


def _count(divisor: int, *judged: int) -> int:
    units, multiplier, quality, latency, boost = judged
    return judge_points(
        units, divisor, multiplier, quality, latency, boost, True, True, True, True
    )[0]


@given(divisors, operands())
def test_points__any__are_the_exact_product_floored_once(
    divisor: int, judged: tuple[int, ...]
) -> None:
    exact = Fraction(1, divisor)
    for operand in judged:
        exact *= operand
    assert 0 <= exact - _count(divisor, *judged) < 1


@given(divisors, operands(), operands())
def test_points__nothing_worse__never_earns_less(
    divisor: int, judged: tuple[int, ...], other: tuple[int, ...]
) -> None:
    better = [max(pair) for pair in zip(judged, other, strict=True)]
    assert _count(divisor, *better) >= _count(divisor, *judged)


@given(divisors, operands(), st.integers(min_value=0, max_value=4), operands())
def test_points__one_operand_larger__never_earns_less(
    divisor: int, judged: tuple[int, ...], position: int, other: tuple[int, ...]
) -> None:
    better = list(judged)
    better[position] = max(judged[position], other[position])
    assert _count(divisor, *better) >= _count(divisor, *judged)


@given(divisors, operands(), st.lists(counts, min_size=1, max_size=8))
def test_points__job_split_in_parts__gains_nothing_and_loses_less_than_a_unit_a_cut(
    divisor: int, judged: tuple[int, ...], parts: list[int]
) -> None:
    _units, *factors = judged
    whole = _count(divisor, sum(parts), *factors)
    apart = sum(_count(divisor, part, *factors) for part in parts)
    assert 0 <= whole - apart <= len(parts) - 1


@given(divisors, operands(), st.booleans(), st.booleans(), st.booleans(), st.booleans())
def test_points__amount_and_reason__one_is_nothing_exactly_when_the_other_is_not(
    divisor: int, judged: tuple[int, ...], completed: bool, wallet: bool, floor: bool, paid: bool
) -> None:
    units, *factors = judged
    amount, reason = judge_points(units, divisor, *factors, completed, wallet, floor, paid)
    assert (amount > 0) is (reason is PointsReason.NONE)


@given(divisors, operands(), st.integers(min_value=0, max_value=3))
def test_points__units_or_a_factor_of_zero__earn_nothing(
    divisor: int, judged: tuple[int, ...], position: int
) -> None:
    zeroed = list(judged)
    zeroed[position] = 0
    assert _count(divisor, *zeroed) == 0


@given(tables, st.data(), token_counts, token_counts, st.lists(memories, max_size=4), memories)
def test_llm_points__more_memory_or_tokens__never_earns_less(
    table: PointsTable,
    data: st.DataObject,
    prompt: TokenCount,
    output: TokenCount,
    cards: list[int],
    more_mib: int,
) -> None:
    model = data.draw(st.sampled_from([*table.llm, "acme-7b"]))

    def earned(tokens: int, memories_mib: list[int]) -> int:
        return compute_llm_points(
            table,
            status=JobStatus.COMPLETED,
            worker_wallet=WALLET,
            model_id=model,
            catalog_multiplier_bps=Bps(7_000),
            prompt_tokens=TokenCount(tokens),
            output_tokens=output,
            quality_bps=Bps(10_000),
            latency_bps=Bps(10_000),
            gpus=[ClaimedGpu(name="X", memory_mib=memory) for memory in memories_mib],
            is_charged=True,
        ).amount_raw

    assert earned(prompt, [*cards, more_mib]) >= earned(prompt, cards)
    assert earned(prompt + 1, cards) >= earned(prompt, cards)


@given(
    tables,
    st.sampled_from(["sd-1.5", "sdxl", "sdxl-lora", "flux-1-dev-nf4", "no such category"]),
    st.lists(st.sampled_from(["RTX 3060", "RTX 4090", "A100", "?"]), max_size=4),
    st.permutations(range(3)),
)
def test_image_points__another_order_of_sides_or_cards__is_the_same(
    table: PointsTable, category: str, cards: list[str], order: list[int]
) -> None:
    sides = [640, 1_024, 25]

    def earned(measures: list[int], names: list[str]) -> int:
        width, height, steps = measures
        return compute_image_points(
            table,
            status=JobStatus.COMPLETED,
            worker_wallet=WALLET,
            category=category,
            width=width,
            height=height,
            steps=steps,
            quality_bps=Bps(10_000),
            latency_bps=Bps(10_000),
            gpus=[ClaimedGpu(name=name, memory_mib=0) for name in names],
            is_charged=True,
        ).amount_raw

    assert earned([sides[index] for index in order], cards[::-1]) == earned(sides, cards)
