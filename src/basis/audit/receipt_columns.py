"""Where the reference finds what in the row of a whole receipt."""

from __future__ import annotations

from operator import itemgetter
from typing import Final, TypeAlias, cast

from basis.audit.difference import Difference, receipt_name
from basis.rules.export_format import REWARD_NAMES, WHOLE_RECEIPT

Row: TypeAlias = tuple[object, ...]

NAMES: Final = list(WHOLE_RECEIPT)


def _span(first: str, last: str) -> slice:
    return slice(NAMES.index(first), NAMES.index(last) + 1)


CORE: Final = _span("receipt_version", "created_at")
"""The 21 fields that are hashed."""
FACTORS: Final = _span("quality_bps", "latency_bps")
FACTS: Final = _span("status", "inter_token_us")
CHARGE: Final = _span("microcredits", "held_microcredits")
PARTS: Final = itemgetter(*map(NAMES.index, REWARD_NAMES))
"""The components of its reward, from a row."""
POINTS: Final = _span("points_reason", "points_raw")
POINTS_BASE: Final = _span("points_units", "points_multiplier_bps")
POINTS_FACTS: Final = _span("points_table", "points_gpu_memory_mib")
HAS_ENTRY: Final = _span("has_entry", "has_entry")

ENTRY_SEQ: Final = NAMES.index("entry_seq")
USER: Final = NAMES.index("user_id")
WORKER: Final = NAMES.index("worker_id")
WALLET: Final = NAMES.index("worker_wallet")
MODEL: Final = NAMES.index("model_id")
MULTIPLIER: Final = NAMES.index("model_multiplier_bps")
TERMS: Final = NAMES.index("terms_number")
HELD: Final = NAMES.index("held_microcredits")
PENALTY: Final = NAMES.index("penalty_raw")
CREATED_AT: Final = NAMES.index("created_at")
LOCKED_AT: Final = NAMES.index("locked_at")
BATCH: Final = NAMES.index("batch_number")
REWARD_PART: Final = REWARD_NAMES.index("worker_reward_raw")


def name_of(row: Row) -> str:
    """How messages name the receipt."""
    return receipt_name(cast("int", row[0]), cast("str", row[3]))


def unusable(row: Row, what: str) -> Difference:
    """The sentence about facts that no rule can be applied to."""
    return Difference(
        f"{name_of(row)} cannot be recomputed: {what} is not among what was published"
    )
