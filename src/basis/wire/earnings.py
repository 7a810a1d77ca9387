"""What a worker's owner is told of its earnings: sums over receipts, and why they are not more."""

from __future__ import annotations

import msgspec

from basis.wire.registration import WORKERS_PATH

EARNINGS_PATH = WORKERS_PATH + "/{worker_id}/earnings"


class EarningsRow(msgspec.Struct, frozen=True, kw_only=True):
    """The sums of one day or model. Amounts are decimal text in base units of BASIS.

    For each row: `pool_raw` = charge less fee = `reward_raw` + all of `deducted_raw` + `dust_raw`.
    `unpaid` counts jobs that did not complete, by their reason; `points_raw` are by asset.
    `deducted_raw` is by what withheld it: quality, uptime, latency, no_wallet, or `penalty:` and a
    reason.
    """

    of: str
    completed: int
    unpaid: dict[str, int]
    prompt_tokens: int
    output_tokens: int
    charge_microcredits: str
    charge_raw: str
    fee_raw: str
    pool_raw: str
    deducted_raw: dict[str, str]
    dust_raw: str
    reward_raw: str
    penalty_owed_raw: str
    points_raw: dict[str, str]


class EarningsResponse(msgspec.Struct, frozen=True, kw_only=True):
    """All rows, oldest day or first model first, and their sum. Days are UTC, by acceptance.

    `worker_id` or `wallet` is "" where it was not asked for, and so are `since` and `until`.
    """

    worker_id: str
    wallet: str
    by: str
    since: str
    until: str
    rows: list[EarningsRow]
    total: EarningsRow
