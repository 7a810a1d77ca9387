"""What entries have done to balances, for whoever is to see it before it is booked for good."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from sqlalchemy import Connection

from basis.rules.ledger import AccountPath
from basis.storage.ledger_reading import load_balance
from basis.storage.ledger_store import iterate_entries


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """What new entries did to one account in one asset."""

    account: AccountPath
    asset: str
    amount_raw: int
    before_raw: int
    after_raw: int


def load_moves(connection: Connection, *, after_seq: int) -> list[Move]:
    """What every entry behind number `after_seq` did in all, by account and asset.

    Raises:
        DamagedRecord: an entry or a balance cannot be read.
    """
    amounts: defaultdict[tuple[AccountPath, str], int] = defaultdict(int)
    for entry in iterate_entries(connection, after_seq=after_seq):
        for posting in entry.postings:
            amounts[posting.account, posting.asset] += posting.amount_raw
    moves: list[Move] = []
    for (account, asset), amount_raw in sorted(amounts.items()):
        after_raw = load_balance(connection, account, asset)
        moves.append(
            Move(
                account=account,
                asset=asset,
                amount_raw=amount_raw,
                before_raw=after_raw - amount_raw,
                after_raw=after_raw,
            )
        )
    return moves
