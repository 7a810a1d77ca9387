"""Signatures over published files: what exactly is signed, and who signed it.

A file is signed by its hash: EIP-191's personal message over the text `basis:<kind>:<sha256>`, so
that a signature of one kind of file is never one of another, and anyone's wallet can check it. The
signature lies beside the file in a small JSON file of its own. The key is the storage's; nothing
here knows it. Called by whoever publishes, and by the audit, which has the files alone.
Source: EIP-191.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import cast

from basis.rules.canonical import canonical_json, sha256_hex
from basis.rules.ecdsa import personal_digest, recover_wallet
from basis.rules.errors import InvalidSignature
from basis.rules.wallet import Wallet, parse_wallet

SIGNATURE_VERSION = 1
SIGNATURE_SUFFIX = ".sig.json"
"""A file's signature lies beside it, under the file's name and this."""

MAX_SIGNATURE_BYTES = 4_096
"""Of a signature's file: it has five short fields."""

_KIND = re.compile(r"[a-z][a-z-]{0,31}", re.ASCII)
_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)
_FIELDS = frozenset({"signatureVersion", "kind", "sha256", "signer", "signature"})


@dataclass(frozen=True, slots=True, kw_only=True)
class FileSignature:
    """`signature` is `0x` and 130 hex digits: r, s and v of 27 or 28."""

    kind: str
    sha256: str
    signer: Wallet
    signature: str


def signed_text(*, kind: str, sha256: str) -> str:
    """The text that is signed for a file of `kind` with this hash.

    Raises:
        InvalidSignature: `kind` is no lower-case word, or `sha256` not 64 lower-case hex digits.
    """
    if not _KIND.fullmatch(kind):
        raise InvalidSignature(f"{kind[:40]!r} is no kind of file that can be signed")
    if not _DIGEST.fullmatch(sha256):
        raise InvalidSignature(f"{sha256[:80]!r} is no SHA-256 in lower-case hex")
    return f"basis:{kind}:{sha256}"


def recover_signer(*, kind: str, sha256: str, signature: str) -> Wallet:
    """The address whose key made `signature` for the file of this kind and hash.

    Each message has one valid signature per address that this accepts as written: the upper half
    of `s`, which anyone can compute from the lower, is refused.

    Raises:
        InvalidSignature: it is no signature at all. One by somebody else gives another address.
    """
    return recover_wallet(personal_digest(signed_text(kind=kind, sha256=sha256)), signature)


def encode_signature(signature: FileSignature) -> bytes:
    """The signature's file: canonical JSON and a line feed."""
    return (
        canonical_json(
            {
                "signatureVersion": SIGNATURE_VERSION,
                "kind": signature.kind,
                "sha256": signature.sha256,
                "signer": signature.signer,
                "signature": signature.signature,
            }
        )
        + b"\n"
    )


def parse_signature(data: bytes) -> FileSignature:
    """What a signature's file says, which is believed of nothing yet.

    Raises:
        InvalidSignature: it is not spelt as `encode_signature` does.
    """
    if len(data) > MAX_SIGNATURE_BYTES:
        raise InvalidSignature("the signature's file is too long to be one")
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise InvalidSignature(f"the signature's file is no JSON: {error}") from error
    fields = cast("dict[str, object]", document) if isinstance(document, dict) else {}
    if fields.keys() != _FIELDS:
        raise InvalidSignature(f"the signature's file has not the fields {sorted(_FIELDS)}")
    texts = {name: value for name, value in fields.items() if isinstance(value, str)}
    if fields["signatureVersion"] != SIGNATURE_VERSION or len(texts) != len(_FIELDS) - 1:
        raise InvalidSignature(f"the signature's file is not of version {SIGNATURE_VERSION}")
    signature = FileSignature(
        kind=texts["kind"],
        sha256=texts["sha256"],
        signer=parse_wallet(texts["signer"], param="signer"),
        signature=texts["signature"],
    )
    if encode_signature(signature) != data:
        raise InvalidSignature("the signature's file is not spelt as basis writes it")
    return signature


def verify_file(
    data: bytes, signature: FileSignature, *, kind: str, signer: Wallet | None = None
) -> Wallet:
    """Who signed `data` as a file of `kind`.

    Raises:
        InvalidSignature: the signature is of another file or kind, by another key than it says,
            or not by `signer`, if one is expected.
    """
    return verify_hash(sha256_hex(data), signature, kind=kind, signer=signer)


def verify_hash(
    sha256: str, signature: FileSignature, *, kind: str, signer: Wallet | None = None
) -> Wallet:
    """As `verify_file`, for a file of which only the hash is at hand."""
    if signature.kind != kind:
        raise InvalidSignature(f"the signature is of a {signature.kind[:40]!r} file, not {kind!r}")
    if signature.sha256 != sha256:
        raise InvalidSignature(
            f"the signature is of a file with the hash {signature.sha256[:64]}, "
            f"but this one's is {sha256}"
        )
    found = recover_signer(kind=kind, sha256=sha256, signature=signature.signature)
    if found != signature.signer:
        raise InvalidSignature(f"the signature is by {found}, not by {signature.signer} as it says")
    if signer is not None and found != signer:
        raise InvalidSignature(f"the file is signed by {found}, but {signer} was expected")
    return found
