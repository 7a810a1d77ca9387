"""One orchestrator per data folder: two would take each other's running jobs for lost ones."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from basis.rules.errors import Misconfigured

LOCK_FILE = "orchestrator.lock"


@contextmanager
def hold_folder(folder: Path) -> Generator[None]:
    """Keeps every other orchestrator out of `folder`; the kernel lets go when the process dies.

    Raises:
        Misconfigured: another one holds it, or the folder cannot be written.
    """
    path = folder / LOCK_FILE
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise Misconfigured(f"the data folder {folder} cannot be used: {error.strerror}") from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise Misconfigured(
                f"another orchestrator runs on the data folder {folder}: stop it first, or name "
                f"another folder with --data"
            ) from error
        yield
    finally:
        os.close(handle)
