"""Where balances must stay (I4), in SQL: every account of the chart, at the end of a period."""

from __future__ import annotations

from typing import Final

from basis.audit.sql_entries import account_like
from basis.audit.sql_numbers import quote
from basis.rules.accounts import CHART, Bound

_OUTSIDE: Final = {
    Bound.NOT_NEGATIVE: "held < 0",
    Bound.NOT_POSITIVE: "held > 0",
    Bound.CREDIT_LIMIT: "FALSE",
    Bound.NONE: "FALSE",
}
"""Customers' credits are not judged: an export does not say what their limits were."""


def broken_floor(source: str) -> str:
    """A query for the first (account, held, asset) of `source` that no row of the chart allows.

    `source` has rows of account, asset and amount_raw, many for the same account.
    """
    allowed = " OR ".join(
        f"(asset = {quote(asset)} AND NOT ({_OUTSIDE[bound]}) "
        f"AND regexp_full_match(account, {quote(account_like(rule.pattern))}))"
        for rule in CHART
        for asset, bound in rule.bounds.items()
    )
    return (
        f"SELECT account, held, asset FROM (SELECT account, asset, sum(amount_raw) AS held "
        f"FROM {source} GROUP BY ALL HAVING held <> 0) WHERE NOT ({allowed}) "
        f"ORDER BY ALL LIMIT 1"
    )
