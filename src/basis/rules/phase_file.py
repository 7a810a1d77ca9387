"""The file that is published of a phase: everything that it follows from, and what follows.

Canonical JSON and a line feed. Whoever has it computes every line again from its own points, pools,
exclusions and terms; `differences` does so. The draft of a closed phase has the same form.
Source: docs/reference/phases.md; docs/decisions/0017-phases.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, cast

from basis.rules.canonical import canonical_json
from basis.rules.phase_steps import CountedReceipts, Phase, PhaseStatus, appealable_until
from basis.rules.phases import (
    PHASE_RULES_VERSION,
    Appeal,
    AppealDecision,
    Exclusion,
    PhaseLine,
    PhaseTerms,
    PoolResult,
)
from basis.rules.units import BASIS
from basis.rules.vesting import due_dates, part_amounts

PHASE_FILE_VERSION = 1
PHASE_FILE_KIND = "phase"
"""Of a signature over such a file."""
_LONGEST_SHOWN: Final = 80


def phase_document(phase: Phase) -> dict[str, object]:
    """The published form of a closed or final phase; of an open one, what is known of it."""
    result = phase.result()
    amounts = result.wallet_amounts()
    return {
        "phaseVersion": PHASE_FILE_VERSION,
        "rules": PHASE_RULES_VERSION,
        "status": phase.status.value,
        "terms": terms_json(phase.terms),
        "openedAt": phase.opened_at,
        "closedAt": phase.closed_at,
        "appealableUntil": appealable_until(phase),
        "finalAt": phase.final_at,
        "tokenSymbol": BASIS.symbol,
        "receipts": None if phase.counted is None else _counted_json(phase.counted),
        "pools": [_pool_json(pool) for pool in result.pools],
        "lines": [_line_json(line) for line in result.lines],
        "exclusions": [_exclusion_json(one) for one in phase.exclusions],
        "wallets": [
            {
                "wallet": wallet,
                "amountRaw": str(amount_raw),
                "partRaw": str(parts_raw[0]),
                "lastPartRaw": str(parts_raw[-1]),
            }
            for wallet, amount_raw in amounts.items()
            for parts_raw in [part_amounts(amount_raw, phase.terms.vesting)]
        ],
    }


def phase_file(phase: Phase) -> bytes:
    """The bytes that are published and signed."""
    return canonical_json(phase_document(phase)) + b"\n"


def phase_summary(phase: Phase) -> dict[str, object]:
    """What a list of phases says of one: its terms and how far it has come."""
    return {
        "status": phase.status.value,
        "terms": terms_json(phase.terms),
        "openedAt": phase.opened_at,
        "closedAt": phase.closed_at,
        "appealableUntil": appealable_until(phase),
        "finalAt": phase.final_at,
    }


def keep_wallet(document: Mapping[str, object], wallet: str) -> dict[str, object]:
    """The document without the rows of other wallets; pools and terms stay whole."""
    kept = dict(document)
    for name in ("lines", "exclusions", "wallets"):
        rows = cast("Sequence[Mapping[str, object]]", document[name])
        kept[name] = [row for row in rows if row["wallet"] == wallet]
    return kept


def is_final(phase: Phase) -> bool:
    """Whether the file of this phase is the last word, not a draft."""
    return phase.status is PhaseStatus.FINAL


def differences(claimed: object, recomputed: object, path: str = "") -> Iterator[str]:
    """In words, where one document is not the other, in the order of the claimed one."""
    if _are(claimed, recomputed, Mapping):
        mine = cast("Mapping[str, object]", claimed)
        other = cast("Mapping[str, object]", recomputed)
        for name in [*mine, *(name for name in other if name not in mine)]:
            where = f"{path}.{name}" if path else name
            if name not in mine or name not in other:
                yield f"{where} is {'missing' if name in other else 'not to be there'}"
            else:
                yield from differences(mine[name], other[name], where)
    elif _are(claimed, recomputed, (list, tuple)):
        rows, others = cast("Sequence[object]", claimed), cast("Sequence[object]", recomputed)
        for index, (row, again) in enumerate(zip(rows, others, strict=False)):
            yield from differences(row, again, f"{path}[{index}]")
        if len(rows) != len(others):
            yield f"{path} has {len(rows)} rows, and recomputes to {len(others)}"
    elif claimed != recomputed or type(claimed) is not type(recomputed):
        yield f"{path} is {_shown(claimed)}, and recomputes to {_shown(recomputed)}"


def find_flaw(phase: Phase) -> str:
    """Why no phase can have come to this state step by step; "" if one can."""
    if phase.status is PhaseStatus.OPEN:
        return "" if phase.counted is None and not phase.points else "it is open, yet counted"
    if phase.counted is None or phase.closed_at < max(phase.terms.ends_at, phase.opened_at):
        return f"it was closed at {phase.closed_at or 'no time'}, before its end"
    for one in phase.exclusions:
        if one.excluded_at < phase.opened_at:
            return f"{one.wallet} was excluded before the phase was opened"
        flaw = "" if one.appeal is None else _appeal_flaw(one.appeal, since=one.excluded_at)
        if flaw:
            return f"the appeal of {one.wallet} {flaw}"
        if phase.status is PhaseStatus.FINAL and one.is_pending:
            return f"it is final, and the appeal of {one.wallet} is undecided"
    if phase.status is PhaseStatus.FINAL and phase.final_at < appealable_until(phase):
        return f"it became final at {phase.final_at}, while it could be appealed"
    return ""


def _appeal_flaw(appeal: Appeal, *, since: str) -> str:
    if appeal.filed_at < since:
        return "was filed before the exclusion"
    is_pending = appeal.decision is AppealDecision.PENDING
    if is_pending != (not appeal.decided_at) or is_pending != (not appeal.reason):
        return "is decided in part"
    return "was decided before it was filed" if "" < appeal.decided_at < appeal.filed_at else ""


def terms_json(terms: PhaseTerms) -> dict[str, object]:
    """What is fixed from the opening on, as published."""
    vesting = terms.vesting
    return {
        "phase": terms.id,
        "from": terms.starts_at,
        "to": terms.ends_at,
        "appealDays": terms.appeal_days,
        "pools": [
            {
                "pool": pool.name,
                "pointsAsset": pool.points_asset,
                "amountRaw": str(pool.amount_raw),
            }
            for pool in sorted(terms.pools, key=lambda pool: pool.name)
        ],
        "vesting": {
            "from": vesting.starts_at,
            "cliffDays": vesting.cliff_days,
            "parts": vesting.parts,
            "intervalDays": vesting.interval_days,
            "dueAt": list(due_dates(vesting)),
        },
    }


def _are(claimed: object, recomputed: object, kind: type | tuple[type, ...]) -> bool:
    return isinstance(claimed, kind) and isinstance(recomputed, kind)


def _counted_json(counted: CountedReceipts) -> dict[str, object]:
    return {
        "closing": counted.closing,
        "count": counted.count,
        "lateCount": counted.late_count,
        "lastSeq": counted.last_seq,
        "hash": counted.hash,
        "pointsTables": list(counted.tables),
    }


def _pool_json(result: PoolResult) -> dict[str, object]:
    return {
        "pool": result.pool.name,
        "pointsAsset": result.pool.points_asset,
        "amountRaw": str(result.pool.amount_raw),
        "pointsRaw": str(result.points_raw),
        "excludedPointsRaw": str(result.excluded_points_raw),
        "sharedRaw": str(result.shared_raw),
        "dustRaw": str(result.dust_raw),
        "returnedRaw": str(result.returned_raw),
    }


def _line_json(line: PhaseLine) -> dict[str, object]:
    return {
        "pool": line.pool,
        "wallet": line.wallet,
        "pointsRaw": str(line.points_raw),
        "amountRaw": str(line.amount_raw),
        "isExcluded": line.is_excluded,
        "forgoneRaw": str(line.forgone_raw),
    }


def _exclusion_json(one: Exclusion) -> dict[str, object]:
    return {
        "wallet": one.wallet,
        "reason": one.reason.value,
        "evidence": one.evidence,
        "excludedAt": one.excluded_at,
        "isInForce": one.is_in_force,
        "appeal": None if one.appeal is None else _appeal_json(one.appeal),
    }


def _appeal_json(appeal: Appeal) -> dict[str, object]:
    return {
        "text": appeal.text,
        "filedAt": appeal.filed_at,
        "decision": appeal.decision.value,
        "reason": appeal.reason,
        "decidedAt": appeal.decided_at,
    }


def _shown(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= _LONGEST_SHOWN else shown[: _LONGEST_SHOWN - 3] + "..."
