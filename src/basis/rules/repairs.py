"""What an operator may book by hand: an adjustment between two accounts, or an entry's reversal.

Both are new entries with a cause; nothing that was booked is ever changed. Accounts whose balance
is what a receipt, batch or phase says are left alone: the record would still say what it said.
Source: design.md section 3; docs/decisions/0016-ledger.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from basis.rules.accounts import account_of_path, bound_of
from basis.rules.entries import CREDITS_FUNDED, JOB_COMPLETED
from basis.rules.errors import InvalidInput
from basis.rules.ledger import AccountPath, Entry, Posting, make_entry

ADJUSTMENT = "adjustment"
REVERSAL = "reversal"
REPAIRS = frozenset({ADJUSTMENT, REVERSAL})
"""The kinds of entries that follow from no other record."""
LONGEST_REASON = 500

_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_LONGEST_SHOWN = 80


def make_adjustment(
    *, key: str, source: AccountPath, target: AccountPath, asset: str, amount_raw: int
) -> Entry:
    """The entry that moves `amount_raw` from `source` to `target`; there is one of each `key`.

    Raises:
        InvalidInput: nothing would move, or the key is none.
        UnknownAccount: the chart has no such account, or not in this asset.
    """
    if not _KEY.fullmatch(key):
        raise InvalidInput(
            f"key is {key[:_LONGEST_SHOWN]!r}: expected 1 to 64 letters, digits, '.', '_' or '-'",
            param="key",
        )
    if amount_raw <= 0:
        raise InvalidInput(
            f"amount is {amount_raw} base units: expected more than nothing; turn the accounts "
            f"round instead of its sign",
            param="amount",
        )
    if source == target:
        raise InvalidInput(f"{source[:_LONGEST_SHOWN]!r} is both accounts: nothing would move")
    entry = make_entry(
        kind=ADJUSTMENT,
        cause=key,
        postings=(
            Posting(account=source, asset=asset, amount_raw=-amount_raw),
            Posting(account=target, asset=asset, amount_raw=amount_raw),
        ),
    )
    _validate_adjustable(entry.postings)
    return entry


def remake_adjustment(recorded: Entry) -> Entry | None:
    """The adjustment with the key, accounts and amount of `recorded`, which must be equal to it.

    None if it does not move between two accounts.

    Raises:
        InvalidInput, UnknownAccount: as `make_adjustment`.
    """
    taken = [posting for posting in recorded.postings if posting.amount_raw < 0]
    given = [posting for posting in recorded.postings if posting.amount_raw > 0]
    if len(taken) != 1 or len(given) != 1:
        return None
    return make_adjustment(
        key=recorded.cause,
        source=taken[0].account,
        target=given[0].account,
        asset=given[0].asset,
        amount_raw=given[0].amount_raw,
    )


def make_reversal(recorded: Entry) -> Entry:
    """The entry that takes `recorded` back; there is one of each entry.

    Raises:
        InvalidInput: another record says what one of its accounts holds, or what it moved.
    """
    if recorded.kind == CREDITS_FUNDED:
        raise InvalidInput(
            f"entry {recorded.id} books a payment, whose record would still say that it funded "
            f"somebody: take the credits back with `basis account take-back`",
            param="entry",
        )
    if recorded.kind == JOB_COMPLETED:
        raise InvalidInput(
            f"entry {recorded.id} books a job, whose receipt would still say what it charged: give "
            f"credits with `basis account top-up`",
            param="entry",
        )
    _validate_adjustable(recorded.postings)
    return make_entry(
        kind=REVERSAL,
        cause=recorded.id,
        postings=[
            Posting(account=posting.account, asset=posting.asset, amount_raw=-posting.amount_raw)
            for posting in recorded.postings
        ],
    )


def validate_reason(reason: str) -> str:
    """Why a repair was made, without the space around it.

    Raises:
        InvalidInput: it is empty, too long, or has characters that no line can show.
    """
    stripped = reason.strip()
    if not stripped or len(stripped) > LONGEST_REASON or not stripped.isprintable():
        raise InvalidInput(
            f"cause is {stripped[:_LONGEST_SHOWN]!r}: expected one line of 1 to {LONGEST_REASON} "
            f"characters that says why",
            param="cause",
        )
    return stripped


def _validate_adjustable(postings: Iterable[Posting]) -> None:
    for posting in postings:
        rule = account_of_path(posting.account)
        bound_of(posting.account, posting.asset)
        if not rule.is_adjustable:
            raise InvalidInput(
                f"{posting.account} cannot be moved by hand: receipts, batches or phases say what "
                f"{rule.pattern} holds; book the difference on other accounts"
            )
