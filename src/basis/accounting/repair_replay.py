"""Derives again what an operator booked by hand: an adjustment from its own sides, a reversal from
the entry that it takes back. Source: docs/decisions/0016-ledger.md."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection

from basis.accounting.difference import Difference, expect_equal
from basis.rules.errors import BasisError
from basis.rules.ledger import Entry, EntryId
from basis.rules.repairs import REPAIRS, REVERSAL, make_reversal, remake_adjustment
from basis.storage.ledger_reading import load_reason
from basis.storage.ledger_store import iterate_entry_pages, load_entries


def replay_repairs(connection: Connection) -> Iterator[list[Entry]]:
    """Every repair on record as it must be, by the page.

    Raises:
        Difference: it is no repair that could have been booked, or has no cause.
    """
    for kind in sorted(REPAIRS):
        for page in iterate_entry_pages(connection, kind=kind):
            yield [_replay(connection, entry) for entry in page]


def _replay(connection: Connection, entry: Entry) -> Entry:
    name = f"the {entry.kind} {entry.cause}"
    try:
        again = _reverse(connection, entry) if entry.kind == REVERSAL else _adjust(entry)
    except BasisError as error:
        raise Difference(f"{name} cannot have been booked: {error.message}") from error
    expect_equal(name, "entry", recorded=entry, recomputed=again)
    if not load_reason(connection, entry.id):
        raise Difference(f"{name} has no cause on record")
    return again


def _adjust(entry: Entry) -> Entry:
    again = remake_adjustment(entry)
    if again is None:
        raise Difference(f"the {entry.kind} {entry.cause} does not move between two accounts")
    return again


def _reverse(connection: Connection, entry: Entry) -> Entry:
    reversed_id = EntryId(entry.cause)
    recorded = load_entries(connection, [reversed_id]).get(reversed_id)
    if recorded is None:
        raise Difference(
            f"the {entry.kind} {entry.cause} takes back an entry that is not on record"
        )
    return make_reversal(recorded)
