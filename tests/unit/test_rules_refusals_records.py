"""What is said when a record is read back or judged: members, snapshots, assignments, receipts."""

from __future__ import annotations

import enum
import json
from dataclasses import replace

import pytest
from phase_states import ALICE, BOB
from refusals import Refusal, refuse
from rule_vectors import load_vectors, vector_cases

from basis.rules.accounts import account_of_path, bound_of, validate_floors
from basis.rules.assignments import parse_assignment
from basis.rules.batch import BatchHash, PayableReceipt, assemble_batch
from basis.rules.dates import add_days, minute_of
from basis.rules.ecdsa import recover_wallet
from basis.rules.entries import credits_funded
from basis.rules.errors import FloorBroken, InvalidSignature, InvalidWallet, UnknownAccount
from basis.rules.holdings import (
    MAX_HOLDINGS,
    Holding,
    HoldingKind,
    Measure,
    measure_of,
    parse_snapshot,
    validate_snapshot,
)
from basis.rules.job import UserId
from basis.rules.ledger import AccountPath
from basis.rules.members import Members, as_text, parse_json
from basis.rules.names import parse_worker_id
from basis.rules.receipt import ReceiptHash
from basis.rules.units import AmountRaw, parse_raw, parse_signed_raw
from basis.rules.wallet import parse_wallet

RECORDS = [case.values[0] for case in vector_cases("boosts", function="snapshot", refused=False)]
SNAPSHOTS = [parse_snapshot(json.dumps(case["record"])) for case in RECORDS]
BY_KIND = {snapshot.kind: snapshot for snapshot in SNAPSHOTS}
NFT = BY_KIND[HoldingKind.ERC721]
ASSIGNMENT = vector_cases("boosts", function="compute_assignment", refused=False)[0].values[0][
    "expected"
]["record"]
SIGNED = load_vectors("offer")["cases"][0]


class Colour(enum.StrEnum):
    """Two of them."""

    RED = "red"
    BLUE = "blue"


def _members(**values: object) -> Members:
    return Members(values, of="the thing")


def _assign(**changes: object) -> object:
    return parse_assignment(json.dumps({**ASSIGNMENT, **changes}))


def _with_run(**changes: object) -> object:
    return _assign(gpus=[{**ASSIGNMENT["gpus"][0], **changes}])


def _batch(*rewards_raw: int) -> object:
    receipts = [
        PayableReceipt(
            receipt_hash=ReceiptHash(f"{number:064x}"),
            worker_wallet=ALICE,
            reward_raw=AmountRaw(reward_raw),
        )
        for number, reward_raw in enumerate(rewards_raw)
    ]
    return assemble_batch(
        receipts,
        previous_hash=BatchHash("0" * 64),
        chain_id=1,
        token_symbol="BASIS",
        token_address="",
    )


def _recover(signature: str) -> object:
    return recover_wallet(bytes.fromhex(SIGNED["offerHash"]), signature)


R_ZERO = "0x" + "00" * 32 + SIGNED["signature"][66:]

REFUSALS = {
    "text that is no JSON": Refusal(lambda: parse_json("{", of="the thing"), ("the thing",)),
    "list in the place of an object": Refusal(lambda: Members([], of="a row"), ("a row",)),
    "number in the place of a text": Refusal(
        lambda: as_text(7, "name"), ("name is no text",), "name"
    ),
    "number that a member holds in the place of a text": Refusal(
        lambda: _members(a=7).text("a"), ("a is no text",), "a"
    ),
    "text in the place of an integer": Refusal(
        lambda: _members(a="7").integer("a"), ("a of the thing", "no integer"), "a"
    ),
    "truth in the place of an integer": Refusal(
        lambda: _members(a=True).integer("a"), ("no integer",), "a"
    ),
    "word that is no choice": Refusal(
        lambda: _members(a="green").choice("a", Colour), ("a is 'green'", "red, blue"), "a"
    ),
    "object in the place of a list": Refusal(
        lambda: _members(a={}).items("a", most=1), ("a of the thing", "no list"), "a"
    ),
    "list of too many": Refusal(
        lambda: _members(a=[1, 2]).items("a", most=1), ("a has 2 items", "at most 1"), "a"
    ),
    "row that is no object": Refusal(
        lambda: _members(a=[1]).objects("a", of="a row", most=1), ("a row",)
    ),
    "member that nobody reads": Refusal(
        lambda: _members(b=1, a=1).expect_no_other(), ("the thing", "'a'"), "a"
    ),
    "member that is missing": Refusal(lambda: _members().any("a"), ("the thing has no a",), "a"),
    "assignment that is no JSON": Refusal(lambda: parse_assignment("{"), ("the assignment",)),
    "assignment that is no object": Refusal(lambda: parse_assignment("[]"), ("the assignment",)),
    "assignment of another version": Refusal(
        lambda: _assign(assignmentVersion=9), ("version 9",), "version"
    ),
    "assignment to no wallet": Refusal(
        lambda: _assign(wallet="0x"), ("wallet is '0x'",), "wallet", InvalidWallet
    ),
    "assignment with too many grants": Refusal(
        lambda: _assign(grants=[{}] * 3), ("3 items", "at most 2"), "grants"
    ),
    "grant that is no object": Refusal(lambda: _assign(grants=[7]), ("a grant",)),
    "run that is no object": Refusal(lambda: _assign(gpus=[7]), ("a run",)),
    "worker that is no object": Refusal(lambda: _assign(workers=[7]), ("a worker",)),
    "run by no measure": Refusal(
        lambda: _with_run(measure="m" * 90), (f"measure is '{'m' * 80}'",), "measure"
    ),
    "run of more cards than a worker has": Refusal(
        lambda: _with_run(index=200, count=57), ("GPUs 200 + 57",), "count"
    ),
    "snapshot that is no JSON": Refusal(lambda: parse_snapshot("{"), ("the snapshot",)),
    "snapshot that is no object": Refusal(lambda: parse_snapshot("[]"), ("the snapshot",)),
    "holding that is no object": Refusal(
        lambda: parse_snapshot(json.dumps({**RECORDS[0]["record"], "holdings": [7]})),
        ("a holding",),
    ),
    "token id that is a number": Refusal(
        lambda: parse_snapshot(json.dumps({**RECORDS[0]["record"], "tokenIds": [7]})),
        ("tokenIds is no text",),
        "tokenIds",
    ),
    "token id with a sign": Refusal(
        lambda: parse_snapshot(json.dumps({**RECORDS[0]["record"], "tokenIds": ["-7"]})),
        ("tokenIds is '-7'",),
        "tokenIds",
    ),
    "snapshot of a block without a hash": Refusal(
        lambda: validate_snapshot(replace(NFT, block_hash="0x" + "g" * 90)),
        (f"'0x{'g' * 78}'", "64 lower-case hex digits"),
        "blockHash",
    ),
    "snapshot before there was time": Refusal(
        lambda: validate_snapshot(replace(NFT, block_time_s=-1)),
        ("blockTimeS is -1",),
        "blockTimeS",
    ),
    "snapshot of a chain with a signer": Refusal(
        lambda: validate_snapshot(replace(NFT, signer=ALICE)), ("only a file",), "signer"
    ),
    "file with a signer in another spelling": Refusal(
        lambda: validate_snapshot(replace(BY_KIND[HoldingKind.FILE], signer=ALICE.lower())),
        (f"signer is {ALICE.lower()}",),
        "signer",
    ),
    "snapshot by another measure than its kind's": Refusal(
        lambda: validate_snapshot(replace(NFT, measure=Measure.STAKE)),
        ("erc721 is counted as nft",),
        "measure",
    ),
    "ERC-1155 without token ids": Refusal(
        lambda: validate_snapshot(replace(NFT, kind=HoldingKind.ERC1155, token_ids=())),
        ("needs the token ids",),
        "tokenIds",
    ),
    "ERC-721 with token ids": Refusal(
        lambda: validate_snapshot(replace(NFT, token_ids=(1,))), ("no token ids",), "tokenIds"
    ),
    "token id beyond all numbers": Refusal(
        lambda: validate_snapshot(replace(NFT, kind=HoldingKind.ERC1155, token_ids=(2**256,))),
        (f"tokenIds is {2**256}",),
        "tokenIds",
    ),
    "measure of a file": Refusal(
        lambda: measure_of(HoldingKind.FILE), (HoldingKind.FILE.value,), "kind"
    ),
    "more wallets than a snapshot may have": Refusal(
        lambda: validate_snapshot(
            replace(NFT, holdings=(Holding(wallet=ALICE, amount_raw=1),) * (MAX_HOLDINGS + 1))
        ),
        (f"{MAX_HOLDINGS + 1} wallets", f"at most {MAX_HOLDINGS}"),
        "holdings",
    ),
    "wallet that stands twice": Refusal(
        lambda: validate_snapshot(
            replace(NFT, holdings=(Holding(wallet=ALICE, amount_raw=1),) * 2)
        ),
        (ALICE, "twice"),
        "holdings",
    ),
    "batch of no receipt": Refusal(_batch, ("at least one receipt",)),
    "batch of a receipt without a reward": Refusal(
        lambda: _batch(5, 0), (f"{1:064x}", "no reward")
    ),
    "signature of another length": Refusal(
        lambda: _recover("0x00"), ("130 lower-case hex digits",), "signature", InvalidSignature
    ),
    "signature with another v": Refusal(
        lambda: _recover(SIGNED["signature"][:-2] + "00"),
        ("low s, v 27 or 28",),
        "signature",
        InvalidSignature,
    ),
    "signature that no key makes": Refusal(
        lambda: _recover(R_ZERO), ("no key",), "signature", InvalidSignature
    ),
    "payment of nothing": Refusal(
        lambda: credits_funded(user_id=UserId("u"), source="operator", key="k", microcredits=0),
        ("operator/k", "no credits"),
        "credits",
    ),
    "id of a worker": Refusal(
        lambda: parse_worker_id("w" * 65), ("worker_id is", "1 to 64"), "worker_id"
    ),
    "wallet far too long": Refusal(
        lambda: parse_wallet("0x" + "a" * 63, param="it"),
        (f"it is '0x{'a' * 59}...'", "40 hex digits"),
        "it",
        InvalidWallet,
    ),
    "wallet just short enough to be shown": Refusal(
        lambda: parse_wallet("0x" + "a" * 62), (f"'0x{'a' * 62}'",), "worker_wallet", InvalidWallet
    ),
    "base units too long to be shown": Refusal(
        lambda: parse_raw("1" * 101, param="it"), (f"'{'1' * 97}...'", "base units"), "it"
    ),
    "base units just short enough to be shown": Refusal(
        lambda: parse_raw("1" * 100, param="it"), (f"'{'1' * 100}'", "78"), "it"
    ),
    "signed base units": Refusal(
        lambda: parse_signed_raw("-0", param="it"), ("'-0'", "signed base units"), "it"
    ),
    "days before an instant": Refusal(lambda: add_days("2026-11-23", -1), ("days is -1",), "days"),
    "days after no instant": Refusal(
        lambda: add_days("today", 1), ("instant is 'today'",), "instant"
    ),
    "minute of no instant": Refusal(lambda: minute_of("today"), ("instant is 'today'",), "instant"),
    "account below its floor": Refusal(
        lambda: validate_floors([((AccountPath(f"points/earned/{ALICE}"), "LLAMA"), -7)]),
        (f"points/earned/{ALICE}", "-7 base units of LLAMA"),
        None,
        FloorBroken,
    ),
    "account that is spelt in no way": Refusal(
        lambda: account_of_path("nobody"), ("'nobody'", "chart"), None, UnknownAccount
    ),
    "account of no wallet": Refusal(
        lambda: account_of_path("points/earned/0x"), ("its wallet is '0x'",), None, UnknownAccount
    ),
    "account of a wallet in another spelling": Refusal(
        lambda: account_of_path(f"points/earned/{BOB.lower()}"),
        (f"written {BOB}",),
        None,
        UnknownAccount,
    ),
    "account of no user": Refusal(
        lambda: account_of_path("customer/a b"), ("'a b' is no id of a user",), None, UnknownAccount
    ),
    "account in an asset that it is not kept in": Refusal(
        lambda: bound_of("points/issued", "BTC"), ("LLAMA and WAIFU", "'BTC'"), None, UnknownAccount
    ),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_refusal__of_a_record__says_what_and_why(name: str) -> None:
    refusal = REFUSALS[name]

    assert refuse(refusal) == (refusal.kind, refusal.param, [])


def test_members__of_each_type__are_read_once() -> None:
    members = _members(a="x", b=7, c="12", d="red", e=[1], f=[{"g": None}])

    assert (members.text("a"), members.integer("b"), members.raw("c")) == ("x", 7, 12)
    assert (members.choice("d", Colour), members.items("e", most=1)) == (Colour.RED, [1])
    assert [one.any("g") for one in members.objects("f", of="a row", most=1)] == [None]
    assert members.expect_no_other() is None
