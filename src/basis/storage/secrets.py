"""Secrets that are shown once: how they are made, and the only form in which they are kept.

An API key or worker token is 32 random bytes; what is stored is HMAC-SHA256 under a pepper that
lives beside the database in a file of its own (mode 0600), so that a stolen database alone lets
nobody guess or check anything. A slow hash would add nothing: 256 random bits cannot be guessed.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from pathlib import Path

from sqlalchemy import Engine, exists, select

from basis.rules.errors import Misconfigured
from basis.storage.durable_files import create_once
from basis.storage.schema import api_keys, workers

PEPPER_FILE = "pepper"
API_KEY_PREFIX = "sk-basis-"
WORKER_TOKEN_PREFIX = "wt-basis-"  # noqa: S105 - a prefix, no secret
_PEPPER_BYTES = 32


class SecretHasher:
    """Hashes secrets under one pepper."""

    def __init__(self, pepper: bytes) -> None:
        self._pepper = pepper

    def hash(self, secret: str) -> str:
        """64 hex digits that identify `secret` to whoever holds the pepper."""
        return hmac.new(self._pepper, secret.encode(), hashlib.sha256).hexdigest()

    def matches(self, secret: str, secret_hash: str) -> bool:
        """Whether `secret_hash` is of `secret`; takes the same time either way."""
        return hmac.compare_digest(self.hash(secret), secret_hash)


def new_api_key() -> str:
    """A fresh API key."""
    return API_KEY_PREFIX + secrets.token_urlsafe(32)


def new_worker_token() -> str:
    """A fresh worker token."""
    return WORKER_TOKEN_PREFIX + secrets.token_urlsafe(32)


def require_pepper(folder: Path, engine: Engine) -> None:
    """Refuses a store whose pepper is gone: a new one would silently void every key and token.

    Raises:
        Misconfigured: `engine` holds hashes, and the folder no pepper that they were made with.
    """
    path = folder / PEPPER_FILE
    if not path.exists() and _has_hashes(engine):
        raise Misconfigured(
            f"{path} is gone: restore it from a backup; without it no key or token is valid"
        )


def load_hasher(folder: Path) -> SecretHasher:
    """The hasher of a data folder; makes the pepper at the first start.

    Raises:
        Misconfigured: the pepper cannot be read, or is not what we wrote.
    """
    path = folder / PEPPER_FILE
    if not path.exists():
        try:
            create_once(path, secrets.token_hex(_PEPPER_BYTES).encode("ascii"))
        except OSError as error:
            raise Misconfigured(f"{path} cannot be made: {error}") from error
    try:
        pepper = bytes.fromhex(path.read_text(encoding="ascii"))
    except (OSError, ValueError) as error:
        raise Misconfigured(f"{path} cannot be read: {error}") from error
    if len(pepper) != _PEPPER_BYTES:
        raise Misconfigured(
            f"{path} is damaged: restore it from a backup, without it no key or token is valid"
        )
    return SecretHasher(pepper)


def _has_hashes(engine: Engine) -> bool:
    with engine.connect() as connection:
        return any(
            connection.execute(select(exists().select_from(table))).scalar_one()
            for table in (api_keys, workers)
        )
