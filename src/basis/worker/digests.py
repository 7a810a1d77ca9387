"""SHA-256 of model files, remembered so that gigabytes are read once."""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec

from basis.worker.state_files import load_text, store_text

_FILE = "digests.json"


class _Known(msgspec.Struct, frozen=True, kw_only=True):
    size_bytes: int
    modified_ns: int
    digest: str


def compute_digest(path: Path) -> str:
    """`sha256:...` of the file's bytes."""
    with path.open("rb") as file:
        return "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()


def load_digest(path: Path, *, state_folder: Path) -> str:
    """The digest of `path`, from the notes in `state_folder` while size and time are the same.

    It blocks for as long as reading the file takes.
    """
    path = path.resolve()
    stat = path.stat()
    notes = _load_notes(state_folder)
    known = notes.get(str(path))
    if known and (known.size_bytes, known.modified_ns) == (stat.st_size, stat.st_mtime_ns):
        return known.digest
    digest = compute_digest(path)
    notes[str(path)] = _Known(size_bytes=stat.st_size, modified_ns=stat.st_mtime_ns, digest=digest)
    store_text(state_folder / _FILE, msgspec.json.encode(notes).decode())
    return digest


def _load_notes(state_folder: Path) -> dict[str, _Known]:
    text = load_text(state_folder / _FILE)
    try:
        return msgspec.json.decode(text or "{}", type=dict[str, _Known])
    except msgspec.DecodeError:
        return {}
