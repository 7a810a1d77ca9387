"""Releases the parts of final phases that are due: each part of a phase once, by one entry."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from basis.rules.errors import InvalidInput
from basis.rules.phase_entries import vesting_released
from basis.rules.phase_steps import PhaseStatus
from basis.rules.phases import PhaseId
from basis.rules.vesting import due_dates, part_amounts
from basis.storage.ledger_store import store_entries
from basis.storage.phase_store import load_phase, load_phase_ids, store_release


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """A part of a phase that has become its owners'."""

    phase_id: PhaseId
    number: int
    due_at: str
    wallet_count: int
    amount_raw: int


def release_vesting(connection: Connection, *, until: str, now: str) -> list[Release]:
    """Releases every part due by `until` that is not released yet; a repeat releases nothing.

    Raises:
        InvalidInput: `until` lies in the future.
    """
    if until > now:
        raise InvalidInput(f"--until is {until}, and it is {now}: nothing vests early")
    releases: list[Release] = []
    for phase_id in load_phase_ids(connection):
        stored = load_phase(connection, phase_id)
        if stored.phase.status is not PhaseStatus.FINAL:
            continue
        terms, amounts = stored.phase.terms, stored.phase.result().wallet_amounts()
        for number, due_at in enumerate(due_dates(terms.vesting), start=1):
            if due_at > until or number in stored.released:
                continue
            entry = vesting_released(terms, amounts, number=number)
            released_at = max(now, stored.phase.final_at)
            store_entries(connection, [entry], now=released_at)
            store_release(connection, phase_id, number=number, released_at=released_at)
            parts_raw = [
                part_amounts(amount_raw, terms.vesting)[number - 1]
                for amount_raw in amounts.values()
            ]
            releases.append(
                Release(
                    phase_id=phase_id,
                    number=number,
                    due_at=due_at,
                    wallet_count=len(parts_raw),
                    amount_raw=sum(parts_raw),
                )
            )
    return releases
