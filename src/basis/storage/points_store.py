"""Points as the ledger holds them: earned and not yet redeemed, and redeemed."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, select

from basis.rules.phase_entries import EARNED, earned_account, redeemed_account
from basis.rules.wallet import Wallet
from basis.storage.amounts import read_signed_amount
from basis.storage.damaged import AnyRow, reads_rows_of
from basis.storage.schema import balances


@dataclass(frozen=True, slots=True, kw_only=True)
class PointsBalance:
    """A wallet's points of one kind, in base units."""

    asset: str
    earned_raw: int
    redeemed_raw: int


def load_earned_points(connection: Connection, asset: str) -> dict[str, int]:
    """The points of one kind that no phase has redeemed, by wallet.

    Raises:
        DamagedRecord: a balance cannot be read.
    """
    query = (
        select(balances)
        .where(balances.c.asset == asset)
        .where(balances.c.account >= EARNED, balances.c.account < EARNED[:-1] + "0")
    )
    return {
        account.removeprefix(EARNED): amount_raw
        for account, amount_raw in map(_as_balance, connection.execute(query))
    }


def load_wallet_balances(connection: Connection, wallet: Wallet) -> list[PointsBalance]:
    """The points of a wallet, by kind; none that it never had.

    Raises:
        DamagedRecord: a balance cannot be read.
    """
    earned, redeemed = earned_account(wallet), redeemed_account(wallet)
    rows = connection.execute(select(balances).where(balances.c.account.in_([earned, redeemed])))
    held = {(row.asset, account): raw for row in rows for account, raw in [_as_balance(row)]}
    return [
        PointsBalance(
            asset=asset,
            earned_raw=held.get((asset, earned), 0),
            redeemed_raw=held.get((asset, redeemed), 0),
        )
        for asset in sorted({asset for asset, _account in held})
    ]


@reads_rows_of(balances)
def _as_balance(row: AnyRow) -> tuple[str, int]:
    return row.account, read_signed_amount(row.amount_raw, field="amount_raw")
