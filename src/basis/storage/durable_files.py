"""Files that are there whole or not at all, whatever stops the process that writes them."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Final

PRIVATE: Final = 0o600
PUBLIC: Final = 0o644


def create_once(path: Path, data: bytes, *, mode: int = PRIVATE) -> bool:
    """Puts a new file in place whole and durable; False if one of this name was there first.

    Two processes may try at once, and a crash may come at any moment: what is there is what one of
    them wrote, and is never written over.

    Raises:
        OSError: the folder cannot be written.
    """
    draft = _write_draft(path, data, mode=mode)
    try:
        os.link(draft, path)
        is_ours = True
    except FileExistsError:
        is_ours = False
    finally:
        draft.unlink()
    _sync_folder(path.parent)
    return is_ours


def replace_whole(path: Path, data: bytes, *, mode: int = PUBLIC) -> None:
    """Puts `data` in the place of whatever is at `path`, whole and durable.

    Raises:
        OSError: the folder cannot be written.
    """
    draft = _write_draft(path, data, mode=mode)
    try:
        draft.replace(path)
    except OSError:
        draft.unlink()
        raise
    _sync_folder(path.parent)


def _write_draft(path: Path, data: bytes, *, mode: int) -> Path:
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        draft.unlink()
        raise
    return draft


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
