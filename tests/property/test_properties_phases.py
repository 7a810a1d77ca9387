"""Phases: everything shared is conserved, order is nothing, more points are never less tokens."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st
from rule_strategies import WALLETS, wallets

from basis.rules.ledger import fold_balances
from basis.rules.phase_entries import phase_opened, phase_shared, vesting_released
from basis.rules.phases import MAX_POOL_RAW, PhaseId, PhasePool, PhaseTerms, compute_phase
from basis.rules.vesting import MAX_PARTS, VestingTerms, compute_vesting, part_amounts
from basis.rules.wallet import Wallet

Points = dict[tuple[str, Wallet], int]

amounts_raw = st.integers(min_value=1, max_value=50) | st.integers(
    min_value=1, max_value=MAX_POOL_RAW
)
counts = st.integers(min_value=0, max_value=9) | st.integers(min_value=0, max_value=10**24)
pool_lists = st.builds(
    lambda llm, image: [
        PhasePool(name="llm", points_asset="LLAMA", amount_raw=llm),
        PhasePool(name="image", points_asset="WAIFU", amount_raw=image),
    ],
    amounts_raw,
    amounts_raw,
)
point_tables = st.dictionaries(st.tuples(st.sampled_from(["llm", "image"]), wallets), counts)
exclusions = st.sets(wallets, max_size=4)
vestings = st.builds(
    lambda cliff, parts, interval: VestingTerms(
        starts_at="2026-12-01T00:00:00.000Z",
        cliff_days=cliff,
        parts=parts,
        interval_days=interval if parts > 1 else 0,
    ),
    st.integers(min_value=0, max_value=400),
    st.integers(min_value=1, max_value=MAX_PARTS),
    st.integers(min_value=1, max_value=40),
)


@given(pool_lists, point_tables, exclusions)
def test_phase__any__shares_dust_and_returns_are_the_pool(
    pools: list[PhasePool], points: Points, excluded: set[Wallet]
) -> None:
    result = compute_phase(pools, points, excluded)

    for shared in result.pools:
        lines = [line for line in result.lines if line.pool == shared.pool.name]
        assert sum(line.amount_raw for line in lines) == shared.shared_raw
        whole_raw = shared.shared_raw + shared.dust_raw + shared.returned_raw
        assert whole_raw == shared.pool.amount_raw
        assert 0 <= shared.dust_raw < max(1, len(lines))
        assert shared.returned_raw in {0, shared.pool.amount_raw}
        assert shared.points_raw + shared.excluded_points_raw == sum(
            line.points_raw for line in lines
        )


@given(pool_lists, point_tables, exclusions, st.randoms(use_true_random=False))
def test_phase__i9__order_of_the_inputs_does_not_matter(
    pools: list[PhasePool], points: Points, excluded: set[Wallet], random: Random
) -> None:
    rows = list(points.items())

    shuffled = compute_phase(
        random.sample(pools, len(pools)),
        dict(random.sample(rows, len(rows))),
        random.sample(sorted(excluded), len(excluded)),
    )

    assert shuffled == compute_phase(pools, points, excluded)


@given(pool_lists, point_tables, wallets, st.integers(min_value=1, max_value=10**18))
def test_phase__more_points__is_never_less_for_their_owner_nor_more_for_others(
    pools: list[PhasePool], points: Points, owner: Wallet, more: int
) -> None:
    before = compute_phase(pools, points).wallet_amounts()
    richer = {**points, ("llm", owner): points.get(("llm", owner), 0) + more}
    llm_alone = [pool for pool in pools if pool.name == "llm"]
    only_llm = {key: value for key, value in points.items() if key[0] == "llm"}
    after = compute_phase(pools, richer).wallet_amounts()

    assert after.get(owner, 0) >= before.get(owner, 0)
    if any(only_llm.values()):
        for wallet in WALLETS:
            if wallet != owner:
                assert after.get(wallet, 0) <= before.get(wallet, 0)
    assert sum(compute_phase(llm_alone, only_llm).wallet_amounts().values()) <= sum(
        pool.amount_raw for pool in llm_alone
    )


@given(pool_lists, point_tables, exclusions)
def test_phase__excluded__gets_nothing_and_nobody_else_less(
    pools: list[PhasePool], points: Points, excluded: set[Wallet]
) -> None:
    everyone = compute_phase(pools, points).wallet_amounts()
    rest = compute_phase(pools, points, excluded)

    for line in rest.lines:
        assert line.is_excluded == (line.wallet in excluded)
        assert not (line.is_excluded and line.amount_raw)
    for wallet, amount_raw in rest.wallet_amounts().items():
        assert amount_raw >= everyone.get(wallet, 0)


@given(pool_lists, point_tables, st.integers(min_value=0, max_value=10**24))
def test_phase__i11__an_owner_split_in_two_wallets_gains_nothing(
    pools: list[PhasePool], points: Points, cut: int
) -> None:
    whole, half = WALLETS[0], WALLETS[1]
    single = {key: value for key, value in points.items() if key[1] != half}
    owned = single.get(("llm", whole), 0)
    split = {**single, ("llm", whole): owned - min(cut, owned), ("llm", half): min(cut, owned)}

    one = compute_phase(pools, single).wallet_amounts()
    two = compute_phase(pools, split).wallet_amounts()

    assert two.get(whole, 0) + two.get(half, 0) <= one.get(whole, 0)


@given(st.integers(min_value=0, max_value=10**33), vestings)
def test_vesting__any__parts_sum_to_the_amount_and_come_in_order(
    amount_raw: int, terms: VestingTerms
) -> None:
    parts = compute_vesting(amount_raw, terms)

    assert sum(part.amount_raw for part in parts) == amount_raw
    assert [part.number for part in parts] == list(range(1, terms.parts + 1))
    assert [part.due_at for part in parts] == sorted({part.due_at for part in parts})
    assert {part.amount_raw for part in parts[:-1]} <= {amount_raw // terms.parts}
    assert [part.amount_raw for part in parts] == part_amounts(amount_raw, terms)


@given(pool_lists, point_tables, exclusions, vestings)
def test_phase_entries__whole_life__sum_to_zero_and_leave_all_with_the_owners(
    pools: list[PhasePool], points: Points, excluded: set[Wallet], vesting: VestingTerms
) -> None:
    terms = PhaseTerms(
        id=PhaseId("s1"),
        starts_at="2026-11-01T00:00:00.000Z",
        ends_at="2026-12-01T00:00:00.000Z",
        appeal_days=7,
        pools=tuple(pools),
        vesting=vesting,
    )
    result = compute_phase(pools, points, excluded)
    amounts = result.wallet_amounts()
    entries = [phase_opened(terms), phase_shared(terms.id, result)]
    entries += [
        vesting_released(terms, amounts, number=number) for number in range(1, vesting.parts + 1)
    ]

    balances = fold_balances(entries)

    assert len({entry.id for entry in entries}) == len(entries)
    assert sum(raw for (_account, asset), raw in balances.items() if asset == "BASIS") == 0
    dust_raw = sum(shared.dust_raw for shared in result.pools)
    assert {key: raw for key, raw in balances.items() if key[1] == "BASIS" and raw > 0} == {
        **{(f"phase/vested/{wallet}", "BASIS"): raw for wallet, raw in amounts.items()},
        **({("phase/dust", "BASIS"): dust_raw} if dust_raw else {}),
    }
    for line in result.lines:
        redeemed = balances.get((f"points/redeemed/{line.wallet}", "LLAMA"), 0)
        if line.pool == "llm":
            assert redeemed == (0 if line.is_excluded else line.points_raw)
