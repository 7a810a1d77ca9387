"""Which records a period covers: a range of numbers for receipts, entries and batches each.

A period goes up to the last record whose own time is before its end, and begins where the one
before ended. So every record is in exactly one period, whatever the clock did: one that is written
after its period was published, or that carries an older time, is in the next one. A batch never
goes before its receipts: those that it holds are in its period or in an earlier one. Nor does any
other entry go before a job's that was booked earlier, so that balances follow each other as they
did in the ledger.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from basis.accounting.periods import moment_of
from basis.rules.errors import Conflict, InvalidInput
from basis.rules.ledger import entry_id
from basis.rules.manifest import NumberRange, PeriodOfDays
from basis.storage.batch_store import iterate_batches
from basis.storage.export_store import (
    ExportRecord,
    find_first_time,
    find_last_booked,
    find_last_entry,
    find_last_member,
    find_last_receipt,
    load_heads,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """What a period covers; `entries` are those that are no job's."""

    receipts: NumberRange
    entries: NumberRange
    batches: NumberRange


def find_cut(connection: Connection, *, previous: ExportRecord | None, until: str) -> Cut:
    """What the period after `previous` covers that ends when the day `until` begins."""
    end = moment_of(until)
    receipts_after = previous.receipts_to if previous is not None else 0
    entries_after = previous.entries_to if previous is not None else 0
    batches_after = previous.batches_to if previous is not None else 0
    entries_to = find_last_entry(connection, after=entries_after, before=end)
    batches_to = _last_batch(connection, after=batches_after, entries_to=entries_to)
    receipts_to = max(
        find_last_receipt(connection, after=receipts_after, before=end),
        find_last_member(connection, after=batches_after, to=batches_to),
        find_last_booked(connection, before_seq=entries_to),
    )
    return Cut(
        receipts=NumberRange(after=receipts_after, to=receipts_to),
        entries=NumberRange(after=entries_after, to=entries_to),
        batches=NumberRange(after=batches_after, to=batches_to),
    )


def cut_of(record: ExportRecord, *, previous: ExportRecord | None) -> Cut:
    """What a published period covers."""
    return Cut(
        receipts=NumberRange(
            after=previous.receipts_to if previous is not None else 0, to=record.receipts_to
        ),
        entries=NumberRange(
            after=previous.entries_to if previous is not None else 0, to=record.entries_to
        ),
        batches=NumberRange(
            after=previous.batches_to if previous is not None else 0, to=record.batches_to
        ),
    )


def validate_next(
    connection: Connection, period: PeriodOfDays, *, previous: ExportRecord | None, now: str
) -> None:
    """Refuses a period that is not over, or that does not follow the one before without a gap.

    Raises:
        InvalidInput: it is not over yet.
        Conflict: it overlaps what is published, or leaves something out.
    """
    if now < moment_of(period.until):
        raise InvalidInput(
            f"{period.name} is not over before {moment_of(period.until)}", param="period"
        )
    if previous is not None:
        if period.since != previous.until:
            what = "overlaps" if period.since < previous.until else "leaves a gap after"
            raise Conflict(
                f"{period.name} {what} {previous.name}, the last period that was exported: "
                f"the next one begins at {previous.until}"
            )
        return
    first_time = find_first_time(connection)
    if first_time and first_time < moment_of(period.since):
        raise Conflict(
            f"{period.name} begins after the first record, which is of {first_time}: "
            f"the first period must hold it"
        )


def _last_batch(connection: Connection, *, after: int, entries_to: int) -> int:
    """The last batch whose closing is among the entries up to `entries_to`."""
    last = after
    for batch in iterate_batches(connection, after=after):
        closing = entry_id(kind="rewards_batching", cause=f"{batch.hash}/1")
        head = load_heads(connection, [closing]).get(closing)
        if head is None or head.seq > entries_to:
            break
        last = batch.seq
    return last
