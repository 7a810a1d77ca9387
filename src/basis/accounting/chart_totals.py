"""What all accounts of each row of the chart hold together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from basis.rules.accounts import CHART, AccountRule, account_of_path, bound_of
from basis.rules.errors import DamagedRecord, UnknownAccount
from basis.storage.ledger_reading import Balance


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartTotal:
    """One row of the chart in one asset; accounts of no balance are counted too."""

    rule: AccountRule
    asset: str
    account_count: int
    total_raw: int


def compute_chart_totals(balances: Iterable[Balance]) -> list[ChartTotal]:
    """The totals in the order of the chart, the rows without any account too.

    Raises:
        DamagedRecord: a balance stands on no account of the chart, or in an asset that its row
            lacks.
    """
    counts: Counter[tuple[str, str]] = Counter()
    totals: Counter[tuple[str, str]] = Counter()
    for balance in balances:
        try:
            bound_of(balance.account, balance.asset)
            key = (account_of_path(balance.account).pattern, balance.asset)
        except UnknownAccount as error:
            raise DamagedRecord(
                f"the record of balances with account {balance.account!r}, asset "
                f"{balance.asset!r} is damaged: {error.message}; see `basis ledger rebuild`"
            ) from error
        counts[key] += 1
        totals[key] += balance.balance_raw
    return [
        ChartTotal(
            rule=rule,
            asset=asset,
            account_count=counts[rule.pattern, asset],
            total_raw=totals[rule.pattern, asset],
        )
        for rule in CHART
        for asset in rule.bounds
    ]
