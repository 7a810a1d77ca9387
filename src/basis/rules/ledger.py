"""Double entry: postings that sum to zero per asset, ids that derive from causes.

An account is a path such as `reward/pending/0xabc...`. A posting adds a signed amount to one
account; an entry's postings sum to zero for each asset (I1), so all balances do too (I2). An entry
is never changed: a repeat with the same content is a no-op, with other content an error that names
the difference (I3). Repairs are new entries.
Source: design.md section 3.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NewType

from basis.rules.canonical import canonical_json, sha256_hex
from basis.rules.errors import Conflict, InvalidInput

EntryId = NewType("EntryId", str)
AccountPath = NewType("AccountPath", str)


@dataclass(frozen=True, slots=True, kw_only=True)
class Posting:
    """`amount_raw` is signed: positive adds to what the account holds."""

    account: AccountPath
    asset: str
    amount_raw: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One movement of value. `cause` is what happened; the id is derived from it alone."""

    id: EntryId
    kind: str
    cause: str
    postings: tuple[Posting, ...]


def make_entry(*, kind: str, cause: str, postings: Iterable[Posting]) -> Entry:
    """The entry of `kind` that `cause` brings about; postings of zero are left out, and those of
    one account are joined, so that equal movements have equal content.

    Raises:
        InvalidInput: the postings of an asset do not sum to zero.
    """
    joined: defaultdict[tuple[str, str], int] = defaultdict(int)
    for posting in postings:
        joined[(posting.account, posting.asset)] += posting.amount_raw
    kept = tuple(
        Posting(account=AccountPath(account), asset=asset, amount_raw=amount)
        for (account, asset), amount in sorted(joined.items())
        if amount != 0
    )
    for asset, total in _sums_by_asset(kept).items():
        if total != 0:
            raise InvalidInput(f"the {kind} entry of {cause} is off by {total} {asset}")
    return Entry(id=entry_id(kind=kind, cause=cause), kind=kind, cause=cause, postings=kept)


def entry_id(*, kind: str, cause: str) -> EntryId:
    """The id of the one entry of `kind` that `cause` can bring about."""
    return EntryId(sha256_hex(canonical_json({"kind": kind, "cause": cause})))


def check_repeat(*, recorded: Entry, repeated: Entry) -> None:
    """Accepts a repeat of a recorded entry.

    Raises:
        Conflict: the contents differ; it names the first account that does.
    """
    if recorded == repeated:
        return
    before, after = _as_mapping(recorded), _as_mapping(repeated)
    for key in sorted(before.keys() | after.keys()):
        if before.get(key) != after.get(key):
            raise Conflict(
                f"entry {recorded.kind} of {recorded.cause} exists with {before.get(key, 0)} "
                f"on {key[0]} ({key[1]}), not {after.get(key, 0)}"
            )
    raise Conflict(f"entry {recorded.kind} of {recorded.cause} exists with another kind or cause")


def fold_balances(entries: Iterable[Entry]) -> dict[tuple[AccountPath, str], int]:
    """The balance of each (account, asset) after all of `entries`, without the zeros (I10)."""
    balances: defaultdict[tuple[AccountPath, str], int] = defaultdict(int)
    for entry in entries:
        for posting in entry.postings:
            balances[(posting.account, posting.asset)] += posting.amount_raw
    return {key: balance for key, balance in balances.items() if balance != 0}


def _sums_by_asset(postings: Iterable[Posting]) -> Mapping[str, int]:
    sums: defaultdict[str, int] = defaultdict(int)
    for posting in postings:
        sums[posting.asset] += posting.amount_raw
    return sums


def _as_mapping(entry: Entry) -> dict[tuple[str, str], int]:
    return {(posting.account, posting.asset): posting.amount_raw for posting in entry.postings}
