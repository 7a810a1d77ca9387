"""The operator's publication key: it signs what is published, and nothing else.

A secp256k1 key in a file of the data folder (mode 0600), made when it is first needed. It holds no
funds and signs no transaction. Whoever has it can publish in the operator's name, so it is never
printed, logged or written over; its address is public.
"""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path
from typing import Final

from basis.rules.ecdsa import CURVE_ORDER, FIRST_V, address_of_key, personal_digest
from basis.rules.errors import Conflict, Misconfigured, NotFound
from basis.rules.signatures import FileSignature, signed_text
from basis.rules.wallet import Wallet
from basis.storage.durable_files import create_once

PUBLISHER_KEY_FILE: Final = "publisher.key"
_KEY_BYTES: Final = 32
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


class PublisherKey:
    """Signs the hashes of files. It shows its address and never itself."""

    __slots__ = ("_key", "address")

    def __init__(self, secret: bytes) -> None:
        from coincurve import PrivateKey

        self._key = PrivateKey(secret)
        self.address: Wallet = address_of_key(self._key.public_key.format(compressed=False))

    def __repr__(self) -> str:
        return f"PublisherKey(address={self.address!r})"

    def sign_file_hash(self, *, kind: str, sha256: str) -> FileSignature:
        """The signature for the file of this kind and SHA-256; the same each time (RFC 6979).

        Raises:
            InvalidSignature: `kind` or `sha256` is not spelt as it must be.
        """
        digest = personal_digest(signed_text(kind=kind, sha256=sha256))
        signed = self._key.sign_recoverable(digest, hasher=None)  # type: ignore[reportUnknownMemberType]  # a nonce
        return FileSignature(
            kind=kind,
            sha256=sha256,
            signer=self.address,
            signature="0x" + (signed[:64] + bytes([signed[64] + FIRST_V])).hex(),
        )


def load_publisher_key(folder: Path) -> PublisherKey:
    """The key of a data folder, made now if there is none.

    Raises:
        Misconfigured: it cannot be made or read, others may read it, or it is damaged.
    """
    if not (folder / PUBLISHER_KEY_FILE).exists():
        _make_key(folder)
    return find_publisher_key(folder)


def make_publisher_key(folder: Path) -> PublisherKey:
    """A fresh key for a data folder that has none.

    Raises:
        Conflict: it has one, which stays as it is.
        Misconfigured: the folder cannot be written.
    """
    if not _make_key(folder):
        raise Conflict(
            f"{folder / PUBLISHER_KEY_FILE} exists and is kept: whoever checks what you publish "
            f"knows its address"
        )
    return find_publisher_key(folder)


def find_publisher_key(folder: Path) -> PublisherKey:
    """The key that a data folder has.

    Raises:
        NotFound: it has none yet.
        Misconfigured: it cannot be read, others may read it, or it is damaged.
    """
    path = folder / PUBLISHER_KEY_FILE
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_mode & _OTHERS:
                raise Misconfigured(f"{path} may be read by others: chmod 600 it")
            text = file.read(2 * _KEY_BYTES + 1)
    except FileNotFoundError as error:
        raise NotFound(
            f"there is no {path} yet: it is made by the first publication, "
            f"or by `basis publisher new`"
        ) from error
    except OSError as error:
        raise Misconfigured(f"{path} cannot be read: {error.strerror}") from error
    secret = _parse_secret(text)
    if secret is None:
        raise Misconfigured(f"{path} is damaged: restore it from a backup")
    return PublisherKey(secret)


def _parse_secret(text: bytes) -> bytes | None:
    """The key that the file's bytes spell; None if they are not what `_make_key` writes."""
    try:
        secret = bytes.fromhex(text.decode("ascii"))
    except ValueError:
        return None
    is_spelt = len(secret) == _KEY_BYTES and secret.hex().encode("ascii") == text
    is_key = 0 < int.from_bytes(secret, "big") < CURVE_ORDER
    return secret if is_spelt and is_key else None


def _make_key(folder: Path) -> bool:
    number = 1 + secrets.randbelow(CURVE_ORDER - 1)
    text = f"{number:0{2 * _KEY_BYTES}x}".encode("ascii")
    path = folder / PUBLISHER_KEY_FILE
    try:
        return create_once(path, text)
    except OSError as error:
        raise Misconfigured(f"{path} cannot be made: {error.strerror}") from error
