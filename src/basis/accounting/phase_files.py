"""Publishes a phase as a signed file in the data folder.

    published/phases/<id>.draft.json    of a closed phase; written anew with each exclusion
    published/phases/<id>.json          of a final one; never another
    ... .sig.json                       beside each: by whom it is signed

The records are the truth, and the file follows from them: after a crash it is written again, with
the same bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from basis.rules.canonical import sha256_hex
from basis.rules.errors import Conflict, DamagedRecord, Misconfigured
from basis.rules.phase_file import PHASE_FILE_KIND, is_final, phase_file
from basis.rules.phase_steps import PhaseStatus
from basis.rules.signatures import SIGNATURE_SUFFIX, encode_signature
from basis.rules.wallet import Wallet
from basis.storage.durable_files import PUBLIC, replace_whole
from basis.storage.phase_store import StoredPhase
from basis.storage.publisher_key import PublisherKey

PUBLISHED_FOLDER: Final = "published/phases"


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """What was written."""

    path: Path
    sha256: str
    signer: Wallet
    is_draft: bool


def publish_phase(folder: Path, stored: StoredPhase, key: PublisherKey) -> Publication:
    """Writes the file of a closed or final phase and its signature, each whole.

    Raises:
        Conflict: the phase is open, so there is nothing to publish yet.
        DamagedRecord: a final phase does not give the file any more that it was made final with.
        Misconfigured: the folder cannot be written.
    """
    phase = stored.phase
    if phase.status is PhaseStatus.OPEN:
        raise Conflict(f"phase {phase.terms.id} is open: close it first")
    data = phase_file(phase)
    sha256 = sha256_hex(data)
    if is_final(phase) and sha256 != stored.file_hash:
        raise DamagedRecord(
            f"phase {phase.terms.id} gives a file with the hash {sha256}, and was made final with "
            f"{stored.file_hash}"
        )
    name = f"{phase.terms.id}.json" if is_final(phase) else f"{phase.terms.id}.draft.json"
    path = folder.joinpath(PUBLISHED_FOLDER, name)
    signature = encode_signature(key.sign_file_hash(kind=PHASE_FILE_KIND, sha256=sha256))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_whole(path, data, mode=PUBLIC)
        replace_whole(path.with_name(name + SIGNATURE_SUFFIX), signature, mode=PUBLIC)
    except OSError as error:
        raise Misconfigured(f"{path} cannot be written: {error.strerror}") from error
    return Publication(path=path, sha256=sha256, signer=key.address, is_draft=not is_final(phase))
