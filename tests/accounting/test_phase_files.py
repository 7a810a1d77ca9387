"""Published phases: whoever changes a byte is found out, by the signature or by the sum."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from basis.accounting.phase_checking import FileVerdict, read_published, verify_phase_file
from basis.accounting.phase_files import publish_phase
from basis.accounting.phases import appeal_exclusion, close_phase, resolve_appeal
from basis.rules.canonical import canonical_json, sha256_hex
from basis.rules.errors import (
    Conflict,
    DamagedRecord,
    InvalidInput,
    InvalidSignature,
    Misconfigured,
)
from basis.rules.phases import AppealDecision
from basis.rules.signatures import encode_signature
from basis.rules.wallet import Wallet
from basis.storage.phase_store import StoredPhase
from basis.storage.publisher_key import PublisherKey, load_publisher_key
from tests.support.books import ALICE, BOB
from tests.support.phase_books import CAROL, CLOSED, excluded, finished, opened


@pytest.fixture
def final_phase(phase_engine: Engine) -> StoredPhase:
    """November's phase, final, with Bob's exclusion upheld and Carol's lifted."""
    opened(phase_engine)
    close_phase(phase_engine, "s1", now=CLOSED)
    for wallet, decision in ((BOB, AppealDecision.DENIED), (CAROL, AppealDecision.ACCEPTED)):
        excluded(phase_engine, wallet)
        with phase_engine.begin() as connection:
            owner = Wallet(wallet)
            appeal_exclusion(connection, "s1", wallet=owner, text="I am two", now=CLOSED)
            resolve_appeal(
                connection, "s1", wallet=owner, decision=decision, reason="seen", now=CLOSED
            )
    return finished(phase_engine)


@pytest.fixture
def key(tmp_path: Path) -> PublisherKey:
    """A publication key."""
    return load_publisher_key(tmp_path)


def check_signed(document: Any, key: PublisherKey, data: bytes | None = None) -> FileVerdict:
    """What is found of a document that the operator has signed as it is."""
    data = canonical_json(document) + b"\n" if data is None else data
    signature = key.sign_file_hash(kind="phase", sha256=sha256_hex(data))
    return verify_phase_file(data, encode_signature(signature))


def test_publish__final__is_verified_from_the_two_files_alone(
    tmp_path: Path, final_phase: StoredPhase, key: PublisherKey
) -> None:
    published = publish_phase(tmp_path, final_phase, key)

    verdict = verify_phase_file(*read_published(published.path), signer=key.address)

    assert verdict.difference is None
    assert (verdict.phase_id, verdict.status.value, verdict.line_count) == ("s1", "final", 4)
    assert published.sha256 == final_phase.file_hash
    assert published.path.name == "s1.json"


def test_publish__open_phase__is_refused(
    tmp_path: Path, phase_engine: Engine, key: PublisherKey
) -> None:
    with pytest.raises(Conflict, match="close it first"):
        publish_phase(tmp_path, opened(phase_engine), key)

    assert not (tmp_path / "published").exists()


def test_publish__records_that_give_another_file__is_refused(
    tmp_path: Path, final_phase: StoredPhase, key: PublisherKey
) -> None:
    changed = StoredPhase(phase=final_phase.phase, file_hash="0" * 64, released=())

    with pytest.raises(DamagedRecord, match="made final with"):
        publish_phase(tmp_path, changed, key)

    assert not (tmp_path / "published").exists()


def test_publish__folder_that_is_a_file__is_refused(
    tmp_path: Path, final_phase: StoredPhase, key: PublisherKey
) -> None:
    (tmp_path / "published").write_bytes(b"")

    with pytest.raises(Misconfigured, match="cannot be written"):
        publish_phase(tmp_path, final_phase, key)


def test_verify__any_byte_changed__is_refused_by_the_signature(
    tmp_path: Path, final_phase: StoredPhase, key: PublisherKey
) -> None:
    data, signature = read_published(publish_phase(tmp_path, final_phase, key).path)

    for position in range(0, len(data), 7):
        changed = bytearray(data)
        changed[position] ^= 1
        with pytest.raises(InvalidSignature):
            verify_phase_file(bytes(changed), signature)
    for position in range(len(signature)):
        forged = bytearray(signature)
        forged[position] ^= 1
        with pytest.raises(InvalidInput):
            verify_phase_file(data, bytes(forged))
    for cut in (data[:-1], data[: len(data) // 2], b"", data + b"\n"):
        with pytest.raises(InvalidSignature):
            verify_phase_file(cut, signature)


def test_verify__another_signer_than_expected__is_refused(
    tmp_path: Path, final_phase: StoredPhase, key: PublisherKey
) -> None:
    data, signature = read_published(publish_phase(tmp_path, final_phase, key).path)

    with pytest.raises(InvalidSignature, match="was expected"):
        verify_phase_file(data, signature, signer=Wallet(ALICE))


def change(path: str, value: Any) -> Callable[[Any], None]:
    """Sets a member of the document by its path."""

    def apply(document: Any) -> None:
        *way, last = [int(step) if step.isdigit() else step for step in path.split(".")]
        for step in way:
            document = document[step]
        document[last] = value

    return apply


@pytest.mark.parametrize(
    ("tamper", "named"),
    [
        (change("lines.3.amountRaw", "1"), "lines[3].amountRaw is '1'"),
        (change("lines.3.pointsRaw", "1"), "recomputes to"),
        (change("lines.3.isExcluded", False), "lines[3].isExcluded is False"),
        (change("lines.3.forgoneRaw", "0"), "lines[3].forgoneRaw"),
        (change("pools.0.dustRaw", "0"), "pools[0].dustRaw"),
        (change("pools.1.returnedRaw", "5"), "pools[1].returnedRaw"),
        (change("pools.0.amountRaw", "5"), "pools[0].amountRaw"),
        (change("terms.pools.0.amountRaw", "5"), "recomputes to"),
        (change("wallets.0.partRaw", "5"), "wallets[0].partRaw"),
        (change("wallets.0.amountRaw", "5"), "wallets[0].amountRaw"),
        (change("terms.vesting.dueAt.0", "2026-12-01T00:00:00.000Z"), "dueAt[0]"),
        (change("terms.vesting.parts", 4), "recomputes to"),
        (change("exclusions.0.isInForce", True), "isInForce"),
        (change("exclusions.0.appeal", None), "recomputes to"),
        (change("exclusions", []), "recomputes to"),
        (change("appealableUntil", CLOSED), "appealableUntil"),
        (change("finalAt", CLOSED), "while it could be appealed"),
        (change("closedAt", "2026-11-30T00:00:00.000Z"), "before its end"),
        (change("tokenSymbol", "ETH"), "tokenSymbol"),
        (change("more", 1), "more is not to be there"),
        (lambda document: document["lines"].pop(0), "recomputes to"),
        (lambda document: document["lines"].reverse(), "lines[0]"),
        (lambda document: document["wallets"].pop(), "wallets has 1 rows"),
        (change("exclusions.0.appeal.decision", "pending"), "decided in part"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_verify__figure_that_does_not_follow_though_signed__is_named(
    final_phase: StoredPhase,
    key: PublisherKey,
    tmp_path: Path,
    tamper: Callable[[Any], None],
    named: str,
) -> None:
    document = json.loads(publish_phase(tmp_path, final_phase, key).path.read_bytes())
    assert check_signed(document, key).difference is None

    tamper(document)

    assert named in str(check_signed(document, key).difference)


@pytest.mark.parametrize(
    "tamper",
    [
        change("phaseVersion", 2),
        change("rules", "2020-01-01"),
        change("status", "paid"),
        change("lines.0.pointsRaw", "-1"),
        change("lines.0.pointsRaw", "01"),
        change("lines.0.pointsRaw", 1),
        change("lines.0.wallet", ALICE.lower()),
        change("lines.0.wallet", "0x12"),
        change("lines.0.pool", "other"),
        change("lines.1.wallet", ALICE),
        change("terms.phase", "../s1"),
        change("terms.to", "2026-10-01T00:00:00.000Z"),
        change("terms.pools", []),
        change("terms.pools.0.amountRaw", "0"),
        change("terms.vesting.parts", 0),
        change("terms.vesting.parts", 10**15),
        change("receipts", None),
        change("receipts.count", -1),
        change("receipts.closing", "1"),
        change("closedAt", "yesterday"),
        change("exclusions.0.reason", "rude"),
        change("exclusions.0.evidence", ""),
        change("exclusions.0.wallet", BOB),
        lambda document: document.pop("terms"),
        lambda document: document["exclusions"].reverse(),
    ],
)
def test_verify__no_phase_at_all_though_signed__is_a_typed_error_or_a_difference(
    final_phase: StoredPhase,
    key: PublisherKey,
    tmp_path: Path,
    tamper: Callable[[Any], None],
) -> None:
    document = json.loads(publish_phase(tmp_path, final_phase, key).path.read_bytes())
    tamper(document)

    try:
        found = str(check_signed(document, key).difference)
    except InvalidInput as refused:
        found = refused.message

    assert found != "None"


@pytest.mark.parametrize(
    "spell",
    [
        lambda data: data.replace(b'"s1"', b'"s1" '),
        lambda data: data[:-1],
        lambda data: data.replace(b'"status":"final"', b'"status":"closed","status":"final"'),
        lambda data: data.replace(b"I am two", b"\\u0049 am two"),
    ],
)
def test_verify__same_figures_spelt_otherwise_though_signed__is_named(
    final_phase: StoredPhase,
    key: PublisherKey,
    tmp_path: Path,
    spell: Callable[[bytes], bytes],
) -> None:
    data = spell(publish_phase(tmp_path, final_phase, key).path.read_bytes())

    assert check_signed(None, key, data).difference is not None


@pytest.mark.parametrize("data", [b"", b"null", b"[]", b"{}", b"\xff", b"[" * 100_000, b"1e999"])
def test_verify__signed_garbage__is_refused(key: PublisherKey, data: bytes) -> None:
    with pytest.raises(InvalidInput, match="no file of a closed phase"):
        check_signed(None, key, data)


def test_verify__program__needs_neither_database_nor_settings() -> None:
    program = "import sys, basis.accounting.phase_checking; print(*sys.modules)"

    loaded = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    ).stdout.split()

    assert "basis.rules.phase_file" in loaded
    assert not {"sqlalchemy", "basis.storage", "basis.config", "aiohttp"} & set(loaded)
