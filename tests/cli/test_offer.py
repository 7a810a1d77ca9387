"""`basis offer`: an owner makes, signs and looks at offers; the key never leaves the machine."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data

from tests.cli.conftest import Command
from tests.support.offers import Owner

KEY = (1).to_bytes(32, "big")
OWNER = Owner(1)
PASSWORD = "correct horse"
MAKE = ("--worker-id", "gpu-7a1c", "--wallet", OWNER.wallet)


@pytest.fixture
def keystore(tmp_path: Path) -> Path:
    """OWNER's keystore, and its password beside it; opened quickly, as no real one should be."""
    document = Account.encrypt(KEY, PASSWORD, kdf="pbkdf2", iterations=2)
    (tmp_path / "wallet.json").write_text(json.dumps(document))
    (tmp_path / "password").write_text(PASSWORD + "\n")
    return tmp_path / "wallet.json"


def make_offer(basis: Command, tmp_path: Path, *options: str) -> Path:
    """A file with the typed data of an offer."""
    outcome = basis("offer", "make", *MAKE, "--ask", "basis-small=60,240.5", *options)
    assert outcome.code == 0, outcome.err
    (tmp_path / "offer.json").write_text(outcome.out)
    return tmp_path / "offer.json"


def sign(basis: Command, file: Path, keystore: Path, *options: str) -> Any:
    """What `basis offer sign` leaves behind."""
    password = ("--password-file", str(keystore.with_name("password")))
    return basis("offer", "sign", str(file), "--keystore", str(keystore), *password, *options)


def test_offer_make__credits__become_micro_credits_exactly(basis: Command) -> None:
    before_ms = time.time_ns() // 1_000_000

    document = basis(
        "offer", "make", *MAKE, "--ask", "basis-small=60,240.5", "--ask", "b=0.000001,1"
    ).json

    message = document["message"]
    assert [list(row.values()) for row in message["models"]] == [
        ["basis-small", 60_000_000, 240_500_000],
        ["b", 1, 1_000_000],
    ]
    assert message["wallet"] == OWNER.wallet
    assert message["capacity"] == 1
    assert before_ms <= message["nonce"] <= time.time_ns() // 1_000_000
    assert document["domain"] == {"name": "Basis", "version": "1", "chainId": 8453}
    encode_typed_data(full_message=document)  # any wallet's library takes it as it is


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("--ask", "basis-small"), "--ask"),
        (("--ask", "basis-small=60"), "--ask"),
        (("--ask", "=60,240"), "--ask"),
        (("--ask", "basis-small=-1,240"), "--ask"),
        (("--ask", "basis-small=1e3,240"), "--ask"),
        (("--ask", "basis-small=0.0000001,240"), "--ask"),
        (("--ask", "basis-small=" + "9" * 90 + ",1"), "--ask"),
        (("--ask", "basis-small=1000001,1"), "promptPrice"),
        (("--ask", "a=1,1", "--ask", "a=2,2"), "twice"),
        (("--ask", "a=1,1", "--capacity", "0"), "capacity"),
        (("--ask", "a=1,1", "--capacity", "257"), "capacity"),
        (("--ask", "a=1,1", "--days", "31"), "expiresAt"),
        (("--ask", "a=1,1", "--days", "0"), "expiresAt"),
        (("--ask", "a=1,1", "--days", "-1"), "expiresAt"),
        (("--ask", "a=1,1", "--nonce", "9007199254740992"), "nonce"),
    ],
)
def test_offer_make__wrong_input__exits_with_3_and_prints_nothing(
    basis: Command, options: tuple[str, ...], named: str
) -> None:
    outcome = basis("offer", "make", *MAKE, *options)

    assert (outcome.code, outcome.out) == (3, "")
    assert named in outcome.err


@pytest.mark.parametrize(
    "wallet", ["0x12", "0x" + "0" * 40, "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD"]
)
def test_offer_make__wrong_wallet__exits_with_3(basis: Command, wallet: str) -> None:
    outcome = basis(
        "offer", "make", "--worker-id", "w", "--wallet", wallet, "--ask", "basis-small=1,1"
    )

    assert (outcome.code, outcome.out) == (3, "")
    assert "--wallet" in outcome.err


def test_offer_sign__keystore_of_the_wallet__is_what_the_wallet_would_sign(
    basis: Command, tmp_path: Path, keystore: Path
) -> None:
    file = make_offer(basis, tmp_path)

    outcome = sign(basis, file, keystore)

    document = json.loads(file.read_text())
    message = encode_typed_data(full_message=document)
    assert outcome.json["offer"] == document["message"]
    assert Account.recover_message(message, signature=outcome.json["signature"]) == OWNER.wallet
    assert "60 CREDIT and 240.5 CREDIT" in outcome.err
    for secret in (PASSWORD, KEY.hex()):
        assert secret not in outcome.out + outcome.err


def test_offer_sign__withdrawal__is_signed_likewise(
    basis: Command, tmp_path: Path, keystore: Path
) -> None:
    file = tmp_path / "withdrawal.json"
    file.write_text(basis("offer", "withdraw", *MAKE, "--nonce", "9").out)

    signed = sign(basis, file, keystore).json

    assert signed["withdrawal"] == {"workerId": "gpu-7a1c", "wallet": OWNER.wallet, "nonce": 9}
    assert signed["signature"].startswith("0x")


def test_offer_sign__wrong_password__exits_with_3(
    basis: Command, tmp_path: Path, keystore: Path
) -> None:
    file = make_offer(basis, tmp_path)
    keystore.with_name("password").write_text("wrong horse\n")

    outcome = sign(basis, file, keystore)

    assert (outcome.code, outcome.out) == (3, "")
    assert "password does not open" in outcome.err
    assert "wrong horse" not in outcome.err


def test_offer_sign__keystore_of_another_wallet__exits_with_3(
    basis: Command, tmp_path: Path, keystore: Path
) -> None:
    file = make_offer(basis, tmp_path, "--wallet", Owner(2).wallet)

    outcome = sign(basis, file, keystore)

    assert (outcome.code, outcome.out) == (3, "")
    assert Owner(2).wallet in outcome.err


def test_offer_sign__keystore_that_lies_about_its_address__signs_nothing(
    basis: Command, tmp_path: Path, keystore: Path
) -> None:
    document = json.loads(keystore.read_text())
    keystore.write_text(json.dumps({**document, "address": Owner(2).wallet[2:].lower()}))
    file = make_offer(basis, tmp_path, "--wallet", Owner(2).wallet)

    outcome = sign(basis, file, keystore)

    assert (outcome.code, outcome.out) == (3, "")
    assert "another one's" in outcome.err


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"address": 7}', '{"address": "' + "1" * 40 + '"}', "\ufffe"]
)
def test_offer_sign__file_that_is_no_keystore__exits_with_3(
    basis: Command, tmp_path: Path, keystore: Path, content: str
) -> None:
    file = make_offer(basis, tmp_path)
    keystore.write_text(content)

    outcome = sign(basis, file, keystore)

    assert (outcome.code, outcome.out) == (3, "")
    assert str(keystore) in outcome.err


def set_in(document: dict[str, Any], path: tuple[str, ...], value: object) -> dict[str, Any]:
    """A copy with one member changed."""
    head, *rest = path
    inner = value if not rest else set_in(document.get(head, {}), tuple(rest), value)
    return {**document, head: inner}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("domain", "chainId"), 1),
        (("domain", "verifyingContract"), "0x" + "1" * 40),
        (("primaryType",), "OfferWithdrawal"),
        (("primaryType",), "Permit"),
        (("types", "WorkerOffer"), []),
        (("message", "capacity"), "4"),
        (("message", "capacity"), 4.5),
        (("message", "capacity"), 10**30),
        (("message", "spender"), "0x" + "1" * 40),
        (("message", "nonce"), 0),
        (("message",), None),
    ],
)
def test_offer_sign__typed_data_that_is_not_ours__is_refused_before_the_key_is_opened(
    basis: Command, tmp_path: Path, keystore: Path, path: tuple[str, ...], value: object
) -> None:
    file = make_offer(basis, tmp_path)
    file.write_text(json.dumps(set_in(json.loads(file.read_text()), path, value)))
    keystore.unlink()

    outcome = sign(basis, file, keystore)

    assert (outcome.code, outcome.out) == (3, "")
    assert str(keystore) not in outcome.err


def test_offer_list__empty_folder_of_data__shows_none(basis: Command) -> None:
    basis("key", "create")

    assert basis("offer", "list", "--json").json == []
    assert basis("offer", "list").code == 0


def test_offer_send__nobody_there__exits_with_12(
    basis: Command, tmp_path: Path, keystore: Path
) -> None:
    signed = tmp_path / "signed.json"
    signed.write_text(sign(basis, make_offer(basis, tmp_path), keystore).out)

    outcome = basis("offer", "send", str(signed), "--orchestrator", "http://127.0.0.1:1")

    assert (outcome.code, outcome.out) == (12, "")
    assert "no answer" in outcome.err


@pytest.mark.parametrize(
    "url", ["http://me:s3cr3t@127.0.0.1:1", "http://me:s3cr3t@[", "me:s3cr3t@x"]
)
def test_offer_send__address_with_a_password__never_tells_it(
    basis: Command, tmp_path: Path, keystore: Path, url: str
) -> None:
    signed = tmp_path / "signed.json"
    signed.write_text(sign(basis, make_offer(basis, tmp_path), keystore).out)

    outcome = basis("offer", "send", str(signed), "--orchestrator", url)

    assert outcome.code in {3, 12}
    assert "s3cr3t" not in outcome.out + outcome.err


def test_offer_send__unsigned_typed_data__exits_with_3(basis: Command, tmp_path: Path) -> None:
    file = make_offer(basis, tmp_path)

    outcome = basis("offer", "send", str(file), "--orchestrator", "http://127.0.0.1:1")

    assert (outcome.code, outcome.out) == (3, "")
    assert "sign it first" in outcome.err
