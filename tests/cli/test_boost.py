"""`basis boost`: from a real chain or a signed file into the store, and out of it again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import encode_defunct

from basis.rules.canonical import canonical_json
from basis.rules.holdings import compute_snapshot_hash, parse_snapshot, snapshot_json
from tests.cli.conftest import Command
from tests.support.anvil import CHAIN_ID, Anvil
from tests.support.basis_process import run_basis
from tests.support.books import ALICE, BOB
from tests.support.holdings import make_snapshot
from tests.support.orchestrators import prepare_folder

NODE = "http://127.0.0.1:1/v2/key-of-the-operator"
RECORD_NAMES = (
    *("snapshotVersion", "measure", "kind", "chainId", "contract", "tokenIds", "decimals"),
    *("blockNumber", "blockHash", "blockTimeS", "signer", "holdings"),
)


@pytest.fixture(scope="module")
def anvil() -> Iterator[Anvil]:
    """A fresh chain."""
    with Anvil() as node:
        yield node


@pytest.fixture(scope="module")
def collection(anvil: Anvil) -> Any:
    """A collection of which Alice has two."""
    collection = anvil.deploy("Collection")
    anvil.mint_nfts(collection, ALICE, [1, 2])
    return collection


def snapshot_words(anvil: Anvil, collection: Any, *more: str) -> list[str]:
    return [
        *("boost", "snapshot", "--rpc", anvil.url, "--contract", collection.address),
        *("--kind", "erc721", "--chain-id", str(CHAIN_ID), "--block", str(anvil.head), *more),
    ]


def test_boost_snapshot__of_registered_workers__is_recorded_with_its_block(
    basis: Command, workers: Path, anvil: Anvil, collection: Any
) -> None:
    recorded = basis(*snapshot_words(anvil, collection, "--json")).json

    assert recorded["isNew"]
    assert recorded["holdings"] == [
        {"wallet": ALICE, "amountRaw": "2"},
        {"wallet": BOB, "amountRaw": "0"},
    ]
    assert recorded["blockNumber"] == anvil.head
    snapshot = parse_snapshot(json.dumps({name: recorded[name] for name in RECORD_NAMES}))
    assert compute_snapshot_hash(snapshot) == recorded["hash"]
    assert basis("boost", "show", recorded["hash"], "--json").json["hash"] == recorded["hash"]
    assert all(anvil.url.encode() not in path.read_bytes() for path in workers.iterdir())


def test_boost_snapshot__repeated__is_a_no_op(
    basis: Command, workers: Path, anvil: Anvil, collection: Any
) -> None:
    words = snapshot_words(anvil, collection)

    first, again = basis(*words), basis(*words)

    assert "Recorded" in first.err
    assert (again.code, again.out) == (0, first.out)
    assert "before" in again.err
    assert len(basis("boost", "list", "--json").json) == 1


def test_boost_snapshot__in_a_process_of_its_own__takes_the_node_from_the_environment(
    workers: Path, anvil: Anvil, collection: Any
) -> None:
    words = snapshot_words(anvil, collection, "--json")
    del words[2:4]

    done = run_basis(*words, folder=workers.parent, environment={"BASIS_RPC_URL": anvil.url})

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["chainId"] == CHAIN_ID
    assert anvil.url not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        (["--chain-id", "8453"], 11, "chain 31337"),
        (["--block", "999999"], 11, "block"),
        (["--kind", "erc20"], 11, "cannot be read as erc20"),
        (["--kind", "erc1155", "--token-id", "1"], 11, "cannot be read as erc1155"),
        (["--contract", BOB], 11, "no contract"),
        (["--kind", "file"], 3, "--kind"),
        (["--kind", "love"], 3, "--kind"),
        (["--contract", "0x12"], 3, "contract"),
        (["--token-id", "1"], 3, "token ids"),
        (["--kind", "erc1155", "--token-id", "-1"], 3, "--token-id"),
        (["--kind", "erc1155", "--token-id", "1.5"], 3, "--token-id"),
        (["--kind", "erc1155"], 3, "token ids"),
        (["--block", "-1"], 2, "--block"),
        (["--calls-per-request", "0"], 2, "--calls-per-request"),
        (["--rpc", "ftp://node"], 3, "--rpc"),
        (["--data", "elsewhere"], 6, "elsewhere"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_boost_snapshot__that_cannot_be__exits_by_name_and_records_nothing(
    basis: Command,
    workers: Path,
    anvil: Anvil,
    collection: Any,
    change: list[str],
    code: int,
    words: str,
) -> None:
    outcome = basis(*snapshot_words(anvil, collection, *change))

    assert (outcome.code, outcome.out) == (code, "")
    assert words in outcome.err
    assert basis("boost", "list", "--json").json == []


def test_boost_snapshot__node_that_is_gone__exits_with_11_and_tells_no_address(
    basis: Command, workers: Path, collection: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("basis.chain.node._PAUSES_S", ())

    outcome = basis(
        *("boost", "snapshot", "--rpc", NODE),
        *("--contract", collection.address, "--kind", "erc721"),
    )

    assert (outcome.code, outcome.out) == (11, "")
    assert "key-of-the-operator" not in outcome.err
    assert "127.0.0.1" not in outcome.err


def test_boost_snapshot__nobody_registered__exits_with_4(
    basis: Command, tmp_path: Path, anvil: Anvil, collection: Any
) -> None:
    prepare_folder(tmp_path / "data")

    assert basis(*snapshot_words(anvil, collection)).code == 4


def test_boost_import__signed_file__is_recorded_with_its_signature(
    basis: Command, workers: Path
) -> None:
    path, signer = write_signed(workers.parent)

    recorded = basis("boost", "import", str(path), "--signer", signer, "--json").json

    assert (recorded["kind"], recorded["measure"], recorded["signer"]) == ("file", "nft", signer)
    assert recorded["signature"] == json.loads(path.read_text())["signature"]
    again = basis("boost", "import", str(path), "--signer", signer.lower(), "--json").json
    assert not again["isNew"]


def test_boost_import__by_somebody_else__exits_with_3_and_records_nothing(
    basis: Command, workers: Path
) -> None:
    path, _signer = write_signed(workers.parent)

    outcome = basis("boost", "import", str(path), "--signer", ALICE)

    assert (outcome.code, outcome.out) == (3, "")
    assert "--signer" in outcome.err
    assert basis("boost", "list", "--json").json == []


def write_signed(folder: Path) -> tuple[Path, str]:
    """A file of NFTs that a fresh key has signed, and its address."""
    account = Account.create()
    snapshot = {
        **snapshot_json(make_snapshot({ALICE: 3})),
        "kind": "file",
        "signer": account.address,
    }
    signed = account.sign_message(encode_defunct(canonical_json(snapshot)))
    signature = "0x" + signed.signature.hex().removeprefix("0x")
    path = folder / "holdings.json"
    path.write_text(json.dumps({"snapshot": snapshot, "signature": signature}))
    return path, account.address
