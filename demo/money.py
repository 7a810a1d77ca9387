"""What must hold of the money at the end of the demo: credits, charges, points, balances."""

from __future__ import annotations

from typing import Any

from demo.checks import Check, Receipts

CREDITS = 1_000
"""What the demo's customer paid beforehand."""
_MICROCREDITS = 1_000_000


def check_money(
    account: dict[str, Any], totals: list[dict[str, Any]], receipts: Receipts
) -> list[Check]:
    """`account` is what `basis account show` says, `totals` what `basis ledger accounts` does."""
    charged = sum(_microcredits(receipt) for receipt in receipts.values())
    paid = CREDITS * _MICROCREDITS - int(account["balance_microcredits"])
    held = int(account["held_microcredits"])
    most = sum(
        int(receipt["details"]["charge"]["heldMicrocredits"]) for receipt in receipts.values()
    )
    charged_raw = sum(int(receipt["core"]["totalChargedRaw"]) for receipt in receipts.values())
    exchanged_raw = -_total(totals, "network/exchange", "BASIS")
    points = sum(int(receipt["details"]["points"]["amountRaw"]) for receipt in receipts.values())
    issued = -_total(totals, "points/issued", "LLAMA")
    return [
        Check(
            claim="the customer paid what its receipts charge, and nothing is held any more",
            holds=paid == charged > 0 and held == 0,
            detail=f"{charged} micro-credits of {most} that were held",
        ),
        Check(
            claim="the exchange gave for them what the receipts share out",
            holds=exchanged_raw == charged_raw > 0,
            detail=f"{charged_raw} base units of BASIS",
        ),
        Check(
            claim="the points that were issued are those on the receipts",
            holds=issued == points > 0,
            detail=f"{points} base units of LLAMA",
        ),
    ]


def _microcredits(receipt: dict[str, Any]) -> int:
    return int(receipt["details"]["charge"]["microcredits"])


def _total(totals: list[dict[str, Any]], account: str, asset: str) -> int:
    return next(
        int(row["total_raw"])
        for row in totals
        if row["account"] == account and row["asset"] == asset
    )
