"""Makes a key, with its customer if that is new, and its first credits: all of it or nothing."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection

from basis.accounting.funding import MOST_MICROCREDITS, out_of_range, top_up
from basis.cli.data_folder import open_store
from basis.rules.errors import InvalidInput
from basis.rules.units import CREDIT, parse_amount
from basis.rules.wallet import parse_wallet
from basis.storage.account_store import has_account, load_account, load_credits
from basis.storage.clock import now_iso
from basis.storage.database import begin_write
from basis.storage.key_store import (
    NO_LIMITS,
    KeyLimits,
    KeyRecord,
    load_key_by_id,
    store_new_key,
)
from basis.storage.secrets import load_hasher, new_api_key, require_pepper

_USER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_LONGEST_NAME = 200
MOST_CREDIT_LIMIT = 10**15
"""Micro-credits: a billion credits. Ours to choose."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey:
    """What the operator asks for. Amounts in micro-credits; None where nothing was said."""

    name: str
    user: str
    wallet: str
    microcredits: int | None
    is_postpaid: bool
    credit_limit: int | None
    parent: str

    @classmethod
    def read(
        cls,
        *,
        name: str,
        user: str,
        wallet: str,
        credits: str,  # noqa: A002 - the option's name
        is_postpaid: bool,
        credit_limit: str,
        parent: str,
    ) -> NewKey:
        """The options of `basis key create`, checked as far as they can be without the store.

        Raises:
            InvalidInput: it names the option.
        """
        if user and not _USER.fullmatch(user):
            raise InvalidInput(
                f"--user is {user[:80]!r}: expected 1 to 64 letters, digits, '.', '_' or '-'",
                param="user",
            )
        if len(name) > _LONGEST_NAME or not name.isprintable():
            raise InvalidInput(
                f"--name must be a line of at most {_LONGEST_NAME} printable characters",
                param="name",
            )
        if is_postpaid and credit_limit:
            raise InvalidInput(
                "--postpaid is without limit: leave --credit-limit out, or say it alone",
                param="credit_limit",
            )
        microcredits = parse_amount(credits, CREDIT, param="--credits") if credits else None
        if microcredits is not None and not 1 <= microcredits <= MOST_MICROCREDITS:
            raise out_of_range(microcredits)
        return cls(
            name=name,
            user=user,
            wallet=parse_wallet(wallet, param="--wallet") if wallet else "",
            microcredits=microcredits,
            is_postpaid=is_postpaid,
            credit_limit=read_credit_limit(credit_limit) if credit_limit else None,
            parent=parent,
        )

    @property
    def has_account_terms(self) -> bool:
        """Whether something was said that holds for a new customer alone."""
        return self.is_postpaid or self.credit_limit is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeKey:
    """The key itself, its record, and whether nothing can be spent with it yet."""

    key: str
    record: KeyRecord
    is_penniless: bool


def read_credit_limit(text: str) -> int:
    """The micro-credits of `--credit-limit`.

    Raises:
        InvalidInput: no amount, or more than anyone means.
    """
    microcredits = parse_amount(text, CREDIT, param="--credit-limit")
    if microcredits > MOST_CREDIT_LIMIT:
        raise InvalidInput(
            f"--credit-limit is {text[:40]}: expected at most {MOST_CREDIT_LIMIT // 10**6}",
            param="--credit-limit",
        )
    return microcredits


def make_key(
    data: Path | None, asked: NewKey, limits_from: Callable[[KeyLimits], KeyLimits]
) -> MadeKey:
    """Records the key; `limits_from` turns no limits into its own.

    Raises:
        InvalidInput: options that contradict each other or the customer on record.
        NotFound: there is no such parent.
    """
    limits = limits_from(NO_LIMITS)
    folder, engine = open_store(data, create=True)
    require_pepper(folder, engine)
    key = new_api_key()
    key_id = "key_" + secrets.token_hex(4)
    now = now_iso()
    with begin_write(engine) as connection:
        user_id = _user_of(connection, asked)
        if asked.has_account_terms and has_account(connection, user_id):
            raise InvalidInput(
                f"the customer {user_id} is on record: change its terms with "
                f"`basis account limit {user_id}`",
                param="credit_limit",
            )
        store_new_key(
            connection,
            key_id=key_id,
            secret_hash=load_hasher(folder).hash(key),
            name=asked.name,
            user_id=user_id,
            user_wallet=asked.wallet,
            now=now,
            parent_id=asked.parent or None,
            limits=limits,
            credit_limit=None if asked.is_postpaid else asked.credit_limit or 0,
        )
        if asked.microcredits is not None:
            top_up(
                connection,
                user_id=user_id,
                key=f"key/{key_id}",
                microcredits=asked.microcredits,
                note="with its key",
                now=now,
            )
        record = load_key_by_id(connection, key_id)
        available = load_credits(connection, user_id).available
        is_limited = load_account(connection, user_id).credit_limit is not None
    return MadeKey(
        key=key, record=record, is_penniless=is_limited and available is not None and available <= 0
    )


def _user_of(connection: Connection, asked: NewKey) -> str:
    if not asked.parent:
        return asked.user or "user_" + secrets.token_hex(6)
    parent = load_key_by_id(connection, asked.parent)
    if asked.user and asked.user != parent.user_id:
        raise InvalidInput(
            f"the key {asked.parent} belongs to the customer {parent.user_id}, not {asked.user}",
            param="user",
        )
    return parent.user_id
