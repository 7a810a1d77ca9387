"""Holds recorded phases to the receipts that they counted, and names the entries they must leave.

Source: invariants I1, I2, I9, I10.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection

from basis.accounting.difference import Difference, expect_equal
from basis.accounting.phase_points import count_points
from basis.rules.canonical import sha256_hex
from basis.rules.errors import InvalidInput
from basis.rules.ledger import Entry
from basis.rules.phase_entries import phase_opened, phase_shared, vesting_released
from basis.rules.phase_file import find_flaw, is_final, phase_file
from basis.rules.phases import validate_terms
from basis.rules.vesting import due_dates
from basis.storage.phase_store import StoredPhase, load_phase, load_phase_ids


def replay_phases(connection: Connection) -> Iterator[Entry]:
    """The entries that every phase on record must have left.

    Raises:
        Difference: a phase has points that its receipts do not give, a state that its steps do not
            lead to, or another published file.
        DamagedRecord: a record cannot be read.
    """
    for phase_id in load_phase_ids(connection):
        yield from _replay(connection, load_phase(connection, phase_id))


def _replay(connection: Connection, stored: StoredPhase) -> Iterator[Entry]:
    phase, name = stored.phase, f"phase {stored.phase.terms.id}"
    flaw = _find_terms_flaw(stored) or find_flaw(phase)
    if flaw:
        raise Difference(f"{name}: {flaw}")
    yield phase_opened(phase.terms)
    if phase.counted is not None:
        counted, points = count_points(
            connection,
            phase.terms,
            closing=phase.counted.closing,
            last_seq=phase.counted.last_seq,
        )
        expect_equal(name, "receipts", recorded=phase.counted, recomputed=counted)
        for pool, wallet in sorted(points.keys() | phase.points.keys()):
            expect_equal(
                f"{name}, pool {pool}",
                f"sum of points of {wallet}",
                recorded=phase.points.get((pool, wallet)),
                recomputed=points.get((pool, wallet)),
            )
    if is_final(phase):
        file_hash = sha256_hex(phase_file(phase))
        expect_equal(name, "file hash", recorded=stored.file_hash, recomputed=file_hash)
        yield phase_shared(phase.terms.id, phase.result())
    elif stored.file_hash or stored.released:
        raise Difference(f"{name} is not final, and yet shared out")
    amounts = phase.result().wallet_amounts()
    for number in stored.released:
        yield vesting_released(phase.terms, amounts, number=number)


def _find_terms_flaw(stored: StoredPhase) -> str:
    try:
        validate_terms(stored.phase.terms)
    except InvalidInput as error:
        return error.message
    part_count = len(due_dates(stored.phase.terms.vesting))
    if any(not 1 <= number <= part_count for number in stored.released):
        return f"it has {part_count} parts, and others are released"
    return ""
