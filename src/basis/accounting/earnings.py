"""What a worker has earned by day or model, and what kept it from earning more.

The pool of a job is its charge less the fee. What of it the worker does not get is put down to the
factors in a fixed order, each taking its share of what those before it left:

    quality   floor(pool x (1 - quality))
    uptime    floor(pool x quality x (1 - uptime))
    latency   floor(pool x quality x uptime x (1 - latency))

and the units that these floors leave over go to the last factor that is below 1x, so that the parts
sum to what was withheld, exactly. Then come penalties, each as far as the gross reward reaches, in
the order of the receipt. Ours to choose: the reward itself is one division, and knows no order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from sqlalchemy import Connection

from basis.rules.job import JobStatus
from basis.rules.units import mul_div_floor
from basis.storage.amounts import read_amount
from basis.storage.receipt_store import StoredReceipt
from basis.storage.worker_receipts import EarningsFilter, iterate_worker_receipts
from basis.wire.earnings import EarningsResponse, EarningsRow

GROUPS: Mapping[str, Callable[[StoredReceipt], str]] = {
    "day": lambda receipt: receipt.core.created_at[:10],
    "model": lambda receipt: receipt.core.model_id,
}
"""By what earnings can be summed up."""

NO_WALLET = "no_wallet"


@dataclass(slots=True)
class _Tally:
    """Sums over some receipts."""

    completed: int = 0
    unpaid: Counter[str] = field(default_factory=Counter[str])
    prompt_tokens: int = 0
    output_tokens: int = 0
    amounts: Counter[str] = field(default_factory=Counter[str])
    """By the name that the amount has on the wire."""
    deducted_raw: Counter[str] = field(default_factory=Counter[str])
    points_raw: Counter[str] = field(default_factory=Counter[str])

    def add(self, receipt: StoredReceipt) -> None:
        """Counts one receipt."""
        details, parts = receipt.details, receipt.details.breakdown
        self.amounts["penalty_owed_raw"] += _read(parts.penalty_owed_raw)
        if receipt.status is not JobStatus.COMPLETED:
            self.unpaid[details.failure_reason] += 1
            return
        self.completed += 1
        self.prompt_tokens += receipt.core.prompt_tokens
        self.output_tokens += receipt.core.output_tokens
        if details.charge is not None:
            self.amounts["charge_microcredits"] += _read(details.charge.microcredits)
        for name, text in (
            ("charge_raw", parts.charge_raw),
            ("fee_raw", parts.fee_raw),
            ("pool_raw", parts.pool_raw),
            ("dust_raw", parts.dust_raw),
            ("reward_raw", parts.reward_raw),
        ):
            self.amounts[name] += _read(text)
        self.deducted_raw.update(find_deductions(receipt))
        if details.points is not None:
            self.points_raw[details.points.asset] += _read(details.points.amount_raw)

    def as_row(self, of: str) -> EarningsRow:
        """The sums as they are told."""
        amounts = {
            name: str(self.amounts[name])
            for name in (
                *("charge_microcredits", "charge_raw", "fee_raw", "pool_raw", "dust_raw"),
                *("reward_raw", "penalty_owed_raw"),
            )
        }
        return EarningsRow(
            of=of,
            completed=self.completed,
            unpaid=dict(sorted(self.unpaid.items())),
            prompt_tokens=self.prompt_tokens,
            output_tokens=self.output_tokens,
            deducted_raw=_as_text(self.deducted_raw),
            points_raw=_as_text(self.points_raw),
            **amounts,
        )


def sum_earnings(
    connection: Connection,
    wanted: EarningsFilter,
    *,
    by: str,
    on_progress: Callable[[int], None] | None = None,
) -> EarningsResponse:
    """The earnings that `wanted` names, by a group of `GROUPS`; memory grows with the groups alone.

    `on_progress` is called with the number of receipts done.

    Raises:
        DamagedRecord: a receipt cannot be read.
    """
    group_of, groups, total, done = GROUPS[by], dict[str, _Tally](), _Tally(), 0
    for page in iterate_worker_receipts(connection, wanted):
        for receipt in page:
            groups.setdefault(group_of(receipt), _Tally()).add(receipt)
            total.add(receipt)
        done += len(page)
        if on_progress is not None:
            on_progress(done)
    return EarningsResponse(
        worker_id=wanted.worker_id,
        wallet=wanted.wallet,
        by=by,
        since=wanted.since,
        until=wanted.until,
        rows=[tally.as_row(name) for name, tally in sorted(groups.items())],
        total=total.as_row("total"),
    )


def find_deductions(receipt: StoredReceipt) -> dict[str, int]:
    """What of a completed job's pool its worker did not get, by reason, without the dust.

    Pool = reward + all of these + dust.
    """
    core, parts = receipt.core, receipt.details.breakdown
    collected_raw = _read(parts.penalty_collected_raw)
    withheld_raw = _read(parts.unearned_raw) - collected_raw
    found = _split_withheld(receipt, pool_raw=_read(parts.pool_raw), withheld_raw=withheld_raw)
    if not core.worker_wallet and withheld_raw:
        found = {NO_WALLET: withheld_raw}
    for penalty in receipt.details.penalties:
        taken_raw = min(_read(penalty.amount_raw), collected_raw)
        collected_raw -= taken_raw
        if taken_raw:
            name = f"penalty:{penalty.reason}"
            found[name] = found.get(name, 0) + taken_raw
    return found


def _split_withheld(receipt: StoredReceipt, *, pool_raw: int, withheld_raw: int) -> dict[str, int]:
    core = receipt.core
    left, whole, rest_raw = 1, 1, withheld_raw
    found: dict[str, int] = {}
    for name, bps in (
        ("quality", core.quality_bps),
        ("uptime", core.uptime_bps),
        ("latency", core.latency_bps),
    ):
        whole *= 10_000
        share_raw = mul_div_floor(pool_raw, left * (10_000 - bps), whole)
        left *= bps
        if bps < 10_000:
            found[name] = share_raw
            rest_raw -= share_raw
    if found:
        found[list(found)[-1]] += rest_raw
    return {name: amount for name, amount in found.items() if amount}


def _read(text: str) -> int:
    return read_amount(text, field="an amount of a receipt")


def _as_text(amounts: Mapping[str, int]) -> dict[str, str]:
    return {name: str(amount) for name, amount in sorted(amounts.items()) if amount}
