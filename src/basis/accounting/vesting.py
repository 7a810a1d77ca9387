"""Releases the parts of final phases that are due: each part of a phase once, by one entry."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, Engine

from basis.rules.errors import InvalidInput
from basis.rules.phase_entries import vesting_released
from basis.rules.phase_steps import PhaseStatus
from basis.rules.phases import PhaseId
from basis.rules.vesting import due_dates, part_amounts
from basis.storage.database import begin_write
from basis.storage.ledger_store import store_entries
from basis.storage.phase_store import (
    StoredPhase,
    load_phase,
    load_phase_ids,
    store_release,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """A part of a phase that has become its owners'."""

    phase_id: PhaseId
    number: int
    due_at: str
    wallet_count: int
    amount_raw: int


def release_vesting(engine: Engine, *, until: str, now: str) -> list[Release]:
    """Releases every part due by `until` that is not released yet; a repeat releases nothing.

    Each part is a transaction of its own: with many owners it takes seconds, in which no job ends.

    Raises:
        InvalidInput: `until` lies in the future.
    """
    if until > now:
        raise InvalidInput(f"--until is {until}, and it is {now}: nothing vests early")
    with engine.connect() as connection:
        due = [
            part
            for phase_id in load_phase_ids(connection)
            for part in _find_due(load_phase(connection, phase_id), until=until)
        ]
    releases: list[Release] = []
    for phase_id, number in due:
        with begin_write(engine) as connection:
            stored = load_phase(connection, phase_id)
            if number not in stored.released:  # another process may have been first
                releases.append(_release(connection, stored, number=number, now=now))
    return releases


def _find_due(stored: StoredPhase, *, until: str) -> list[tuple[PhaseId, int]]:
    if stored.phase.status is not PhaseStatus.FINAL:
        return []
    return [
        (stored.phase.terms.id, number)
        for number, due_at in enumerate(due_dates(stored.phase.terms.vesting), start=1)
        if due_at <= until and number not in stored.released
    ]


def _release(connection: Connection, stored: StoredPhase, *, number: int, now: str) -> Release:
    terms, amounts = stored.phase.terms, stored.phase.result().wallet_amounts()
    entry = vesting_released(terms, amounts, number=number)
    released_at = max(now, stored.phase.final_at)
    store_entries(connection, [entry], now=released_at)
    store_release(connection, terms.id, number=number, released_at=released_at)
    parts_raw = [
        part_amounts(amount_raw, terms.vesting)[number - 1] for amount_raw in amounts.values()
    ]
    return Release(
        phase_id=terms.id,
        number=number,
        due_at=due_dates(terms.vesting)[number - 1],
        wallet_count=len(parts_raw),
        amount_raw=sum(parts_raw),
    )
