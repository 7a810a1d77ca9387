"""Checks a published phase by its file and its signature alone: no store, no server.

The audit's half of `phase_files`: it uses the rules and nothing of the storage.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from basis.rules.errors import InvalidInput, NotFound
from basis.rules.phase_file import PHASE_FILE_KIND
from basis.rules.phase_parsing import find_file_difference
from basis.rules.phase_steps import PhaseStatus
from basis.rules.signatures import (
    MAX_SIGNATURE_BYTES,
    SIGNATURE_SUFFIX,
    parse_signature,
    verify_file,
)
from basis.rules.wallet import Wallet

MAX_FILE_BYTES: Final = 256 * 2**20
"""Of a file to be verified: more than a million lines."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileVerdict:
    """What a file says it is, and the first figure that does not follow; None if all do."""

    phase_id: str
    status: PhaseStatus
    signer: Wallet
    line_count: int
    difference: str | None


def read_published(path: Path) -> tuple[bytes, bytes]:
    """A published file and the signature beside it.

    Raises:
        NotFound: one of them is not there.
        InvalidInput: one of them is too long, or cannot be read.
    """
    beside = path.with_name(path.name + SIGNATURE_SUFFIX)
    data = _read(path, limit=MAX_FILE_BYTES)
    return data, _read(beside, limit=MAX_SIGNATURE_BYTES)


def verify_phase_file(
    data: bytes, signature: bytes, *, signer: Wallet | None = None
) -> FileVerdict:
    """Who signed a phase's file, and whether every figure in it follows from the others.

    Raises:
        InvalidSignature: it is not signed, or not by `signer` if one is expected.
        InvalidInput: it is signed, and still no phase's file.
    """
    found = verify_file(data, parse_signature(signature), kind=PHASE_FILE_KIND, signer=signer)
    phase, flaw = find_file_difference(data)
    return FileVerdict(
        phase_id=phase.terms.id,
        status=phase.status,
        signer=found,
        line_count=len(phase.points),
        difference=flaw,
    )


def _read(path: Path, *, limit: int) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except FileNotFoundError as error:
        raise NotFound(f"there is no file {path}") from error
    except (OSError, ValueError) as error:
        raise InvalidInput(f"{path} cannot be read: {error}") from error
    if len(data) > limit:
        raise InvalidInput(f"{path} is longer than {limit} bytes")
    return data
