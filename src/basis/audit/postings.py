"""What the ledger entry of a job posts, by the figures of its receipt."""

from __future__ import annotations

from collections import defaultdict
from typing import Final, cast

from basis.audit.receipt_columns import USER, WALLET, WORKER, Row
from basis.rules.export_format import JOB_POSTINGS

Postings = tuple[int, ...]
"""Amounts in the order of `JOB_POSTINGS`; 0 where the entry has none."""
_OWNERS: Final = {"{user}": USER, "{wallet}": WALLET, "{worker}": WORKER}


def job_postings(
    *,
    microcredits: int | None,
    parts: tuple[int, ...],
    points_asset: str,
    points_raw: int,
) -> Postings:
    """The amounts of a job's entry; None of `microcredits` is a job from before credits.

    The same as `rules.entries.job_completed` makes, whose postings a test compares with these.
    """
    charge_raw, fee_raw, _pool, _gross, _collected, owed_raw, reward_raw, unearned, dust = parts
    owed = (-charge_raw, 0, 0, 0)
    paid = owed if microcredits is None else (0, -microcredits, microcredits, -charge_raw)
    llama_raw = points_raw if points_asset == "LLAMA" else 0
    waifu_raw = points_raw if points_asset == "WAIFU" else 0
    shared = (reward_raw, fee_raw, unearned, dust, -owed_raw, owed_raw)
    return (*paid, *shared, -llama_raw, llama_raw, -waifu_raw, waifu_raw)


class JobPostings:
    """Sums the postings of many jobs by account and asset."""

    def __init__(self) -> None:
        self._by_owner: list[tuple[str, str, int, defaultdict[str, int]]] = []
        """(account pattern, asset, column of the owner in the row, amounts by owner)"""
        for account, asset in JOB_POSTINGS:
            mark = next((mark for mark in _OWNERS if mark in account), "")
            owner = _OWNERS.get(mark, -1)
            self._by_owner.append((account, asset, owner, defaultdict(int)))
        self.added: defaultdict[str, int] = defaultdict(int)
        """All that was added to some account, by asset."""

    def add(self, row: Row, postings: Postings) -> None:
        """Takes the entry of one job."""
        for (_account, asset, owner, amounts), amount_raw in zip(
            self._by_owner, postings, strict=True
        ):
            if amount_raw:
                amounts[cast("str", row[owner]) if owner >= 0 else ""] += amount_raw
                if amount_raw > 0:
                    self.added[asset] += amount_raw

    @property
    def sums(self) -> dict[tuple[str, str], int]:
        """By account and asset."""
        sums: defaultdict[tuple[str, str], int] = defaultdict(int)
        for account, asset, _owner, amounts in self._by_owner:
            for owner, amount_raw in amounts.items():
                path = account.format(user=owner, wallet=owner, worker=owner)
                sums[(path, asset)] += amount_raw
        return dict(sums)
