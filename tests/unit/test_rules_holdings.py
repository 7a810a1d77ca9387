"""The record of what wallets hold: its form, its hash, and all that is refused."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from rule_vectors import Case, vector_cases

from basis.rules.canonical import canonical_json
from basis.rules.errors import InvalidInput
from basis.rules.holdings import (
    MAX_HOLDINGS,
    HoldingKind,
    Measure,
    arrange_holdings,
    compute_snapshot_hash,
    measure_of,
    parse_snapshot,
    snapshot_json,
    validate_snapshot,
)
from basis.rules.wallet import Wallet

CASES = vector_cases("boosts", function="snapshot", refused=False)


@pytest.mark.parametrize("case", CASES)
def test_snapshot__vector__is_read_and_hashed(case: Case) -> None:
    snapshot = parse_snapshot(json.dumps(case["record"]))
    assert snapshot_json(snapshot) == case["record"]
    assert canonical_json(snapshot_json(snapshot)).decode() == case["expected"]["canonical"]
    assert compute_snapshot_hash(snapshot) == case["expected"]["hash"]


@pytest.mark.parametrize("case", vector_cases("boosts", function="snapshot", refused=True))
def test_snapshot__that_no_chain_gives__is_refused_by_name(case: Case) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_snapshot(json.dumps(case["record"]))
    assert (caught.value.code, caught.value.param) == (case["refused"], case["param"])


@pytest.mark.parametrize(
    "text",
    ["", "[]", "7", "null", "{}", '{"snapshotVersion":NaN}', "[" * 100_000],
    ids=["nothing", "list", "number", "null", "empty", "NaN", "nested"],
)
def test_parse_snapshot__other_json_or_none__raises(text: str) -> None:
    with pytest.raises(InvalidInput):
        parse_snapshot(text)


@pytest.mark.parametrize("amount", ["1.5", "1e3", " 1", "+1", "", "9" * 79, "0x1"])
def test_parse_snapshot__amount_that_is_no_integer__raises(amount: str) -> None:
    record = CASES[0].values[0]["record"]
    changed = {**record, "holdings": [{**record["holdings"][0], "amountRaw": amount}]}
    with pytest.raises(InvalidInput) as caught:
        parse_snapshot(json.dumps(changed))
    assert caught.value.param == "amountRaw"


def test_parse_snapshot__amount_as_a_number__raises() -> None:
    record = CASES[0].values[0]["record"]
    changed = {**record, "holdings": [{**record["holdings"][0], "amountRaw": 2}]}
    with pytest.raises(InvalidInput, match="no text"):
        parse_snapshot(json.dumps(changed))


def test_parse_snapshot__more_wallets_than_may_be__raises() -> None:
    record = CASES[0].values[0]["record"]
    changed = {**record, "holdings": record["holdings"] * (MAX_HOLDINGS // 2 + 1)}
    with pytest.raises(InvalidInput, match="at most 100000"):
        parse_snapshot(json.dumps(changed))


def test_arrange_holdings__any_order__is_by_wallet() -> None:
    wallets = [Wallet("0xfB69"), Wallet("0x5aAe"), Wallet("0xD122")]
    arranged = arrange_holdings({wallet: number for number, wallet in enumerate(wallets)})
    assert [(one.wallet, one.amount_raw) for one in arranged] == [
        ("0x5aAe", 1),
        ("0xD122", 2),
        ("0xfB69", 0),
    ]


def test_measure_of__each_kind_of_contract__counts_as_nft_or_stake() -> None:
    assert {kind: measure_of(kind) for kind in HoldingKind if kind is not HoldingKind.FILE} == {
        HoldingKind.ERC721: Measure.NFT,
        HoldingKind.ERC1155: Measure.NFT,
        HoldingKind.ERC20: Measure.STAKE,
        HoldingKind.ERC4626: Measure.STAKE,
    }
    with pytest.raises(InvalidInput):
        measure_of(HoldingKind.FILE)


def test_validate_snapshot__more_wallets_than_may_be__raises() -> None:
    snapshot = parse_snapshot(json.dumps(CASES[0].values[0]["record"]))
    crowded = replace(snapshot, holdings=snapshot.holdings[:1] * (MAX_HOLDINGS + 1))
    with pytest.raises(InvalidInput, match="100001 wallets"):
        validate_snapshot(crowded)


def test_validate_snapshot__token_ids__are_256_at_most() -> None:
    items = next(case for case in CASES if case.values[0]["name"] == "ERC-1155")
    snapshot = parse_snapshot(json.dumps(items.values[0]["record"]))
    validate_snapshot(replace(snapshot, token_ids=tuple(range(256))))
    with pytest.raises(InvalidInput, match="at most 256"):
        validate_snapshot(replace(snapshot, token_ids=tuple(range(257))))


def test_validate_snapshot__token_id_beyond_a_uint256__raises() -> None:
    items = next(case for case in CASES if case.values[0]["name"] == "ERC-1155")
    snapshot = parse_snapshot(json.dumps(items.values[0]["record"]))
    with pytest.raises(InvalidInput, match="tokenIds"):
        validate_snapshot(replace(snapshot, token_ids=(1, 2**256)))


@pytest.mark.parametrize(
    "edge",
    [
        {"chain_id": 1},
        {"chain_id": 2**53 - 1},
        {"block_number": 0},
        {"block_number": 2**53 - 1},
        {"block_time_s": 0},
        {"block_time_s": 2**53 - 1},
        {"measure": Measure.STAKE, "kind": HoldingKind.ERC20, "decimals": 36},
    ],
    ids=str,
)
def test_validate_snapshot__number_at_its_edge__is_accepted(edge: Case) -> None:
    snapshot = parse_snapshot(json.dumps(CASES[0].values[0]["record"]))
    accepted = replace(snapshot, **edge)
    validate_snapshot(accepted)
    assert compute_snapshot_hash(accepted) != compute_snapshot_hash(snapshot)


@pytest.mark.parametrize(
    "beyond",
    [
        {"chain_id": 2**53},
        {"block_number": 2**53},
        {"block_time_s": 2**53},
        {"block_time_s": -1},
    ],
    ids=str,
)
def test_validate_snapshot__number_beyond_its_edge__raises(beyond: Case) -> None:
    snapshot = parse_snapshot(json.dumps(CASES[0].values[0]["record"]))
    with pytest.raises(InvalidInput):
        validate_snapshot(replace(snapshot, **beyond))
