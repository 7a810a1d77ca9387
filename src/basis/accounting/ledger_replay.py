"""Holds the recorded ledger to the entries that receipts and batches must have left.

Entries are loaded as they are expected and then forgotten; what is kept is one sum per account.
Repairs by hand are held to themselves and to what they take back.
Source: invariants I1, I2, I4, I10.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from sqlalchemy import Connection

from basis.accounting.difference import Difference, expect_equal
from basis.accounting.repair_replay import replay_repairs
from basis.rules.accounts import validate_floors
from basis.rules.errors import FloorBroken, UnknownAccount
from basis.rules.ledger import AccountPath, Entry
from basis.storage.ledger_store import (
    count_entries,
    count_postings,
    find_causeless_entry,
    load_balances,
    load_entries,
)


class LedgerReplay:
    """Expects each entry once, then holds balances and counts to all of them."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._balances: defaultdict[tuple[AccountPath, str], int] = defaultdict(int)
        self._posting_count = 0
        self.entry_count = 0

    def expect(self, entries: Sequence[Entry]) -> None:
        """Finds `entries` on record as they are.

        Raises:
            Difference: one is missing, or has other content.
        """
        recorded = load_entries(self._connection, [entry.id for entry in entries])
        for entry in entries:
            found = recorded.get(entry.id)
            if found is None:
                raise Difference(f"the ledger lacks the {entry.kind} entry of {entry.cause}")
            expect_equal(f"ledger entry {entry.id}", "content", recorded=found, recomputed=entry)
            for posting in entry.postings:
                self._balances[(posting.account, posting.asset)] += posting.amount_raw
            self._posting_count += len(entry.postings)
            self.entry_count += 1

    def finish(self) -> None:
        """Finds nothing on record beyond the entries expected, and their sums in every balance.

        Raises:
            Difference: an entry or posting has no cause, a balance is another or past its bound.
        """
        for repairs in replay_repairs(self._connection):
            self.expect(repairs)
        recorded, distinct = count_entries(self._connection)
        if recorded != self.entry_count:
            causeless = find_causeless_entry(self._connection)
            if causeless:
                raise Difference(f"the ledger entry {causeless} has no cause on record")
        for what, count in (("entries", recorded), ("different entries", distinct)):
            expect_equal(
                "the ledger", f"number of {what}", recorded=count, recomputed=self.entry_count
            )
        expect_equal(
            "the ledger",
            "number of postings",
            recorded=count_postings(self._connection),
            recomputed=self._posting_count,
        )
        held = load_balances(self._connection)
        folded = {key: balance for key, balance in self._balances.items() if balance != 0}
        for key in sorted(folded.keys() | held.keys()):
            name = f"balance of {key[0]} in {key[1]}"
            expect_equal(name, "sum", recorded=held.get(key), recomputed=folded.get(key))
        try:
            validate_floors(sorted(folded.items()))
        except (FloorBroken, UnknownAccount) as error:
            raise Difference(error.message) from error
        totals: defaultdict[str, int] = defaultdict(int)
        for (_account, asset), balance in folded.items():
            totals[asset] += balance
        for asset, total in totals.items():
            expect_equal(f"all balances in {asset}", "sum", recorded=total, recomputed=0)
