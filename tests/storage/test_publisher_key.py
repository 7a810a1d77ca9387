"""The publication key: made once, kept to its owner, never shown."""

from __future__ import annotations

import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from basis.rules.canonical import sha256_hex
from basis.rules.ecdsa import CURVE_ORDER
from basis.rules.errors import Conflict, InvalidSignature, Misconfigured, NotFound
from basis.rules.signatures import encode_signature, verify_file
from basis.storage.publisher_key import (
    PUBLISHER_KEY_FILE,
    find_publisher_key,
    load_publisher_key,
    make_publisher_key,
)

FILE = b"what is published"


def write_key(folder: Path, content: bytes) -> Path:
    """A key's file with any content, for its owner alone."""
    path = folder / PUBLISHER_KEY_FILE
    path.write_bytes(content)
    path.chmod(0o600)
    return path


def test_publisher_key__made_when_first_needed__is_for_its_owner_alone(tmp_path: Path) -> None:
    made = load_publisher_key(tmp_path)

    assert stat.S_IMODE((tmp_path / PUBLISHER_KEY_FILE).stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == [PUBLISHER_KEY_FILE]
    assert find_publisher_key(tmp_path).address == made.address


def test_publisher_key__once_made__signs_the_same_for_ever(tmp_path: Path) -> None:
    signatures = {
        load_publisher_key(tmp_path).sign_file_hash(kind="phase", sha256=sha256_hex(FILE))
        for _start in range(3)
    }

    assert len(signatures) == 1
    (signature,) = signatures
    assert verify_file(FILE, signature, kind="phase") == load_publisher_key(tmp_path).address


def test_publisher_key__known_number__has_the_address_that_every_wallet_gives_it(
    tmp_path: Path,
) -> None:
    write_key(tmp_path, b"11" * 32)

    assert load_publisher_key(tmp_path).address == "0x19E7E376E7C213B7E7e7e46cc70A5dD086DAff2A"


def test_publisher_key__shown_in_any_way__is_not_in_it(tmp_path: Path) -> None:
    key = load_publisher_key(tmp_path)
    secret = (tmp_path / PUBLISHER_KEY_FILE).read_text(encoding="ascii")
    number = str(int(secret, 16))
    signature = key.sign_file_hash(kind="phase", sha256=sha256_hex(FILE))

    shown = f"{key} {key!r} {signature} {encode_signature(signature)!r}"

    assert key.address in shown
    assert secret not in shown
    assert number not in shown


def test_publisher_key__made_by_many_at_once__is_one_and_whole(tmp_path: Path) -> None:
    start = threading.Barrier(8)

    def make() -> str:
        start.wait()
        return load_publisher_key(tmp_path).address

    with ThreadPoolExecutor(8) as pool:
        addresses = {made.result() for made in [pool.submit(make) for _maker in range(8)]}

    assert len(addresses) == 1
    assert [path.name for path in tmp_path.iterdir()] == [PUBLISHER_KEY_FILE]


def test_make_publisher_key__where_there_is_one__is_refused_and_keeps_it(tmp_path: Path) -> None:
    first = make_publisher_key(tmp_path)
    content = (tmp_path / PUBLISHER_KEY_FILE).read_bytes()

    with pytest.raises(Conflict, match="is kept"):
        make_publisher_key(tmp_path)

    assert (tmp_path / PUBLISHER_KEY_FILE).read_bytes() == content
    assert find_publisher_key(tmp_path).address == first.address


def test_find_publisher_key__none_yet__makes_none(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="basis publisher new"):
        find_publisher_key(tmp_path)

    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o666, 0o700 | 0o001])
def test_publisher_key__open_to_others__is_refused(tmp_path: Path, mode: int) -> None:
    load_publisher_key(tmp_path)
    (tmp_path / PUBLISHER_KEY_FILE).chmod(mode)

    with pytest.raises(Misconfigured, match="chmod 600"):
        load_publisher_key(tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"11" * 31,
        b"11" * 33,
        b"11" * 32 + b"\n",
        b" " + b"11" * 32,
        b"zz" * 32,
        b"\xff" * 64,
        b"AB" * 32,
        b"00" * 32,
        b"%064x" % CURVE_ORDER,
        b"ff" * 32,
    ],
    ids=lambda content: repr(content[:6]) + f"_{len(content)}",
)
def test_publisher_key__damaged__is_refused_without_showing_it_and_kept(
    tmp_path: Path, content: bytes
) -> None:
    path = write_key(tmp_path, content)

    with pytest.raises(Misconfigured, match="backup") as refused:
        load_publisher_key(tmp_path)

    assert str(path) in refused.value.message
    assert not content or repr(content) not in repr(refused.value)
    assert path.read_bytes() == content


def test_publisher_key__folder_that_is_none__is_refused(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="cannot be made"):
        load_publisher_key(tmp_path / "nowhere")


@pytest.mark.parametrize(("kind", "sha256"), [("", "0" * 64), ("phase", "0" * 63)])
def test_sign_file_hash__neither_kind_nor_hash__is_refused(
    tmp_path: Path, kind: str, sha256: str
) -> None:
    with pytest.raises(InvalidSignature):
        load_publisher_key(tmp_path).sign_file_hash(kind=kind, sha256=sha256)
