"""Who the worker is: its id, kept from run to run, and the token that proves it.

Both lie in the state folder. A token stands for the reward address of its worker, so its file is
its owner's alone, one file for each pair of orchestrator and worker.
"""

from __future__ import annotations

import hashlib
import secrets
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from basis.worker.exits import ExitCode, WorkerStop
from basis.worker.state_files import PRIVATE, is_private, load_text, store_text

_ID_FILE = "worker-id"
_TOKEN_FOLDER = "tokens"  # noqa: S105 - a folder's name


class _TokenNote(msgspec.Struct, frozen=True, kw_only=True):
    orchestrator: str
    worker_id: str
    token: str


def load_worker_id(state_folder: Path) -> str:
    """The id kept in the folder; made at random on the first call, from nothing personal."""
    path = state_folder / _ID_FILE
    kept = (load_text(path) or "").strip()
    if kept:
        return kept
    made = f"host-{secrets.token_hex(4)}"
    store_text(path, made + "\n")
    return made


class TokenFile:
    """The token of one worker at one orchestrator."""

    def __init__(self, state_folder: Path, *, orchestrator: str, worker_id: str) -> None:
        self._orchestrator = orchestrator
        self._worker_id = worker_id
        host = urlsplit(orchestrator).hostname or "orchestrator"
        key = hashlib.sha256(f"{orchestrator}\n{worker_id}".encode()).hexdigest()[:16]
        self.path = state_folder / _TOKEN_FOLDER / f"{host}-{key}.json"

    def load(self) -> str | None:
        """The token, None if there is none yet. A file that others could read is closed to them.

        Raises:
            WorkerStop: the file is damaged.
        """
        text = load_text(self.path)
        if text is None:
            return None
        if not is_private(self.path):
            self.path.chmod(PRIVATE)
        try:
            return msgspec.json.decode(text, type=_TokenNote).token
        except msgspec.DecodeError as error:
            raise WorkerStop(
                ExitCode.TOKEN_REFUSED,
                f"{self.path} is damaged; restore it, or delete it and take another --worker-id",
            ) from error

    def store(self, token: str) -> None:
        """Keeps a token that was shown once."""
        note = _TokenNote(orchestrator=self._orchestrator, worker_id=self._worker_id, token=token)
        store_text(self.path, msgspec.json.encode(note).decode())
