"""The operator's pricing epochs: proposed once, activated once, never changed.

The content is kept as canonical JSON with its hash, and read back only if both agree, so that an
epoch that something edited after it was used is noticed at once.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, func, insert, select, update

from basis.rules.canonical import canonical_json
from basis.rules.dates import parse_moment
from basis.rules.epoch_form import compute_epoch_hash, epoch_json, parse_epoch
from basis.rules.epochs import EPOCHS, Activation, EpochBook, PricingEpoch, check_activation
from basis.rules.errors import Conflict, DamagedRecord, InvalidInput, NotFound
from basis.rules.postpaid_pricing import POSTPAID_EPOCHS
from basis.storage.clock import after_iso
from basis.storage.damaged import AnyRow, reads_rows_of
from basis.storage.schema import open_jobs, pricing_epochs, receipts

ACTIVATION_LEAD_S = 60
"""An epoch begins so long after its activation at least, so that a running orchestrator, which
looks every few seconds, knows of it before it has to price by it."""
_SHIPPED = frozenset(epoch.version for epoch in (*EPOCHS, *POSTPAID_EPOCHS))


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochRecord:
    """An epoch of the operator's; the last two fields are None until it is activated."""

    epoch: PricingEpoch
    hash: str
    proposed_at: str
    effective_from: str | None
    activated_at: str | None


def propose_epoch(connection: Connection, epoch: PricingEpoch, *, now: str) -> EpochRecord:
    """Records an epoch; it prices nothing until it is activated. A repeat is a no-op.

    Raises:
        Conflict: an epoch of this version exists with other content, or ships with Basis.
    """
    if epoch.version in _SHIPPED:
        raise Conflict(f"the epoch {epoch.version} ships with basis: choose another version")
    known = {record.epoch.version: record for record in load_epochs(connection)}
    if epoch.version in known:
        record = known[epoch.version]
        if record.epoch != epoch:
            raise Conflict(
                f"the epoch {epoch.version} is on record with other content, and is never "
                f"changed: propose another version"
            )
        return record
    connection.execute(
        insert(pricing_epochs).values(
            version=epoch.version,
            content=canonical_json(epoch_json(epoch)).decode(),
            hash=compute_epoch_hash(epoch),
            proposed_at=now,
        )
    )
    return load_epoch(connection, epoch.version)


def activate_epoch(
    connection: Connection, version: str, *, effective_from: str, now: str
) -> EpochRecord:
    """Records from when on the epoch prices.

    Nothing that was accepted already may change, so the time must lie `ACTIVATION_LEAD_S` after
    `now`, and after the newest job, open or done, in case the clock was set back since.

    Raises:
        NotFound: no such epoch was proposed.
        InvalidInput: the time is not in the future, or too near.
        Conflict: it is activated already, or another epoch begins at the same moment.
    """
    load_epoch(connection, version)
    newest = [
        connection.execute(select(func.max(jobs.c.created_at))).scalar() or ""
        for jobs in (receipts, open_jobs)
    ]
    check_activation(
        load_activations(connection),
        version=version,
        effective_from=effective_from,
        now=max(now, *newest),
    )
    earliest = after_iso(now, seconds=ACTIVATION_LEAD_S)
    if effective_from < earliest:
        raise InvalidInput(
            f"{effective_from} is too near: a running orchestrator must hear of an epoch before it "
            f"begins, so name {earliest} or later",
            param="effective_from",
        )
    connection.execute(
        update(pricing_epochs)
        .where(pricing_epochs.c.version == version)
        .values(effective_from=effective_from, activated_at=now)
    )
    return load_epoch(connection, version)


def load_epoch(connection: Connection, version: str) -> EpochRecord:
    """The operator's epoch of this version.

    Raises:
        NotFound: none was proposed.
        DamagedRecord: it, or any other, was edited since.
    """
    for record in load_epochs(connection):
        if record.epoch.version == version:
            return record
    raise NotFound(f"no epoch {version[:80]!r} was proposed; `basis pricing show` lists them")


def load_epochs(connection: Connection) -> list[EpochRecord]:
    """Every epoch of the operator's, in the order of their proposal.

    Raises:
        DamagedRecord: one was edited since.
    """
    order = (pricing_epochs.c.proposed_at, pricing_epochs.c.version)
    return [_as_epoch(row) for row in connection.execute(select(pricing_epochs).order_by(*order))]


def load_activations(connection: Connection) -> list[Activation]:
    """The epochs that were activated, with the time of each."""
    return [
        Activation(epoch=record.epoch, effective_from=record.effective_from)
        for record in load_epochs(connection)
        if record.effective_from is not None
    ]


def load_epoch_book(connection: Connection) -> EpochBook:
    """All epochs by which a job of this network may have been priced."""
    return EpochBook(load_activations(connection))


@reads_rows_of(pricing_epochs)
def _as_epoch(row: AnyRow) -> EpochRecord:
    try:
        epoch = parse_epoch(row.content)
    except InvalidInput as error:
        raise DamagedRecord(error.message) from error
    if compute_epoch_hash(epoch) != row.hash or epoch.version != row.version:
        raise DamagedRecord("its content is not the one that was proposed: it was edited since")
    if row.effective_from is not None:
        _check_time(row.effective_from)
    return EpochRecord(
        epoch=epoch,
        hash=row.hash,
        proposed_at=row.proposed_at,
        effective_from=row.effective_from,
        activated_at=row.activated_at,
    )


def _check_time(text: str) -> None:
    """Times are compared as text, so that one spelt otherwise would begin at another moment."""
    try:
        is_ours = parse_moment(text, param="effective_from") == text
    except InvalidInput as error:
        raise DamagedRecord(error.message) from error
    if not is_ours:
        raise DamagedRecord(f"effective_from is {text}, which is not how basis writes times")
