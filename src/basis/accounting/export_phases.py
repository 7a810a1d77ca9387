"""The phases that a period's entries open, share or vest: their terms, or all that is published.

What is written of a phase never changes once its entry is there: terms from the opening on, the
file from the sharing on. So a period comes out the same whenever it is exported.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from sqlalchemy import Connection

from basis.accounting.parquet_file import ExportFile
from basis.rules.canonical import canonical_json, sha256_hex
from basis.rules.errors import DamagedRecord, NotFound
from basis.rules.export_context import EARLIER_PHASES, PHASES
from basis.rules.manifest import FileRecord
from basis.rules.phase_entries import CAUSE_PREFIX, PHASE_ENTRIES
from basis.rules.phase_file import PHASE_FILE_KIND, is_final, phase_file, terms_json
from basis.rules.phases import PhaseTerms
from basis.rules.signatures import FileSignature, encode_signature
from basis.storage.export_store import EntryHead
from basis.storage.phase_receipts import load_earlier_phases
from basis.storage.phase_store import StoredPhase, load_phase


class Sign(Protocol):
    """The publisher's signature over the SHA-256 of a file of a kind."""

    def __call__(self, *, kind: str, sha256: str) -> FileSignature:
        """The signature."""
        ...


class UsedPhases:
    """Collects the phases that entries name, and writes them beside the entries."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._is_shared: dict[str, bool] = {}

    def add(self, head: EntryHead) -> None:
        """Takes an entry that is no job's."""
        if head.kind not in PHASE_ENTRIES:
            return
        phase_id = head.cause.removeprefix(CAUSE_PREFIX).split("/")[0]
        is_shared = head.kind != "phase_opened"
        self._is_shared[phase_id] = self._is_shared.get(phase_id, False) or is_shared

    def write(self, folder: Path, sign: Sign) -> list[FileRecord]:
        """Writes the files of phases.

        Raises:
            DamagedRecord: a phase is not on record, or not as it was made final.
        """
        phases, earlier = ExportFile(folder, PHASES), ExportFile(folder, EARLIER_PHASES)
        for phase_id, is_shared in sorted(self._is_shared.items()):
            stored = self._load(phase_id)
            terms = stored.phase.terms
            data = _final_file(stored) if is_shared else b""
            signature = b""
            if data:
                signature = encode_signature(sign(kind=PHASE_FILE_KIND, sha256=sha256_hex(data)))
                self._add_earlier(earlier, stored)
            phases.add(
                {
                    "phase": phase_id,
                    "terms": canonical_json(terms_json(terms)).decode(),
                    "file": data.decode(),
                    "signature": signature.decode(),
                }
            )
        return [phases.close(), earlier.close()]

    def _load(self, phase_id: str) -> StoredPhase:
        try:
            return load_phase(self._connection, phase_id)
        except NotFound as error:
            raise DamagedRecord(
                f"an entry names the phase {phase_id[:40]!r}, which is not on record"
            ) from error

    def _add_earlier(self, file: ExportFile, stored: StoredPhase) -> None:
        terms, counted = stored.phase.terms, stored.phase.counted
        closing = counted.closing if counted is not None else 0
        for asset in sorted(_assets(terms)):
            known = load_earlier_phases(self._connection, points_asset=asset, closing=closing)
            for one in sorted(known, key=lambda one: one.id):
                file.add(
                    {
                        "phase": terms.id,
                        "points_asset": asset,
                        "earlier": one.id,
                        "starts_at": one.starts_at,
                        "ends_at": one.ends_at,
                        "last_seq": one.last_seq,
                    }
                )


def _assets(terms: PhaseTerms) -> set[str]:
    return {pool.points_asset for pool in terms.pools}


def _final_file(stored: StoredPhase) -> bytes:
    data = phase_file(stored.phase)
    if not is_final(stored.phase) or sha256_hex(data) != stored.file_hash:
        raise DamagedRecord(
            f"phase {stored.phase.terms.id} was shared out, but is not as it was made final: see "
            f"`basis recompute`"
        )
    return data
