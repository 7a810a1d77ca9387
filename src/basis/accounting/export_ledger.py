"""Follows every posting of a period, so that its balances begin and end where they should.

A period's opening balances are what is held now, less all that was posted since it began. The next
period's follow in the same way, and must be the closing balances of the one before.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from sqlalchemy import Connection

from basis.rules.errors import DamagedRecord
from basis.rules.ledger import Entry, EntryId, entry_id
from basis.rules.manifest import compute_balances_hash
from basis.storage.export_store import EntryHead, iterate_heads, load_heads
from basis.storage.ledger_store import load_balances, load_entries
from basis.storage.receipt_store import StoredReceipt, iterate_receipt_pages

Balances = dict[tuple[str, str], int]


class PeriodLedger:
    """Sums of a period's postings, by account and asset."""

    def __init__(self) -> None:
        self._sums: defaultdict[tuple[str, str], int] = defaultdict(int)
        self._added: defaultdict[str, int] = defaultdict(int)

    def add(self, entry: Entry) -> None:
        """Takes an entry of the period."""
        for posting in entry.postings:
            self._sums[(posting.account, posting.asset)] += posting.amount_raw
            self._added[posting.asset] += max(posting.amount_raw, 0)

    @property
    def totals(self) -> dict[str, int]:
        """All that was added to some account, by asset."""
        return {asset: self._added[asset] for asset in sorted(self._added)}

    def opening(self, closing: Balances) -> Balances:
        """What was held before the period, if `closing` is held after it."""
        return _add(closing, self._sums, sign=-1)


def compute_closing(connection: Connection, *, receipts_to: int, entries_to: int) -> Balances:
    """What was held at the end of a period: what is held now, less what was posted since.

    It is the projection that is trusted here; the caller holds it to the closing balances of the
    period before, which another export computed from the entries.
    """
    since = PeriodLedger()
    for page in iterate_receipt_pages(connection, after=receipts_to):
        for entry, _head in load_job_entries(connection, page).values():
            since.add(entry)
    for heads in iterate_heads(connection, after=entries_to, to=2**63 - 1):
        for entry in load_whole(connection, heads):
            since.add(entry)
    held: Balances = {
        (str(account), asset): amount
        for (account, asset), amount in load_balances(connection).items()
    }
    return since.opening(held)


def load_job_entries(
    connection: Connection, page: Iterable[StoredReceipt]
) -> dict[str, tuple[Entry, EntryHead]]:
    """The entries that these receipts' jobs left, by job."""
    ids = {
        entry_id(kind="job_completed", cause=receipt.core.job_id): str(receipt.core.job_id)
        for receipt in page
    }
    heads = load_heads(connection, list(ids))
    entries = load_entries(connection, list(ids))
    found: dict[str, tuple[Entry, EntryHead]] = {}
    for identity, entry in entries.items():
        if (entry.kind, entry.cause) != ("job_completed", ids[identity]):
            raise DamagedRecord(f"the ledger entry {identity} has not the id of its cause")
        found[ids[identity]] = (entry, heads[identity])
    return found


def load_whole(connection: Connection, heads: Iterable[EntryHead]) -> list[Entry]:
    """The entries of these heads, in their order."""
    ids = [EntryId(head.id) for head in heads]
    entries = load_entries(connection, ids)
    return [entries[identity] for identity in ids]


def hash_balances(balances: Balances) -> str:
    """The hash under which a manifest names them."""
    return compute_balances_hash(
        (account, asset, amount_raw) for (account, asset), amount_raw in sorted(balances.items())
    )


def _add(balances: Balances, sums: dict[tuple[str, str], int], *, sign: int) -> Balances:
    keys = balances.keys() | sums.keys()
    moved = {key: balances.get(key, 0) + sign * sums.get(key, 0) for key in keys}
    return {key: amount_raw for key, amount_raw in moved.items() if amount_raw != 0}
