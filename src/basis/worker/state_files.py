"""Small files that only their owner can read, each replaced in one step."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

PRIVATE = 0o600


def load_text(path: Path) -> str | None:
    """The file's text, None if there is no such file."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None


def store_text(path: Path, text: str) -> None:
    """Replaces the file, which nobody but its owner can ever read, even half-written."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # made with 0600
    draft = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def is_private(path: Path) -> bool:
    """Whether only the owner may read it; always so where the system has no such modes."""
    return os.name != "posix" or path.stat().st_mode & 0o077 == 0
