"""Puts periods into their order, and holds each to the one before: no gap, no overlap."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from basis.audit.folder import Export
from basis.rules.errors import DamagedExport
from basis.rules.export_format import NO_EXPORT
from basis.rules.manifest import Manifest


def order_exports(exports: Sequence[Export]) -> list[Export]:
    """The periods as they follow each other; the first one given may be any of the network's.

    Raises:
        DamagedExport: one is missing or stands twice, or does not follow from the one before.
    """
    ordered = sorted(exports, key=lambda export: export.manifest.number)
    for export in ordered[:1]:
        _check_first(export)
    for before, after in pairwise(ordered):
        _check_next(before, after)
    return ordered


def _check_first(export: Export) -> None:
    manifest = export.manifest
    begins = {manifest.receipts.after, manifest.entries.after, manifest.batches.after}
    if manifest.number == 1 and (manifest.previous != NO_EXPORT or begins != {0}):
        raise DamagedExport(f"{export.name} is the first, but does not begin with the first record")
    if manifest.number != 1 and manifest.previous == NO_EXPORT:
        raise DamagedExport(f"{export.name} names no period before it")


def _check_next(before: Export, after: Export) -> None:
    old, new = before.manifest, after.manifest
    if new.number == old.number:
        raise DamagedExport(f"{before.folder} and {after.folder} are both export {new.number}")
    if new.number != old.number + 1:
        raise DamagedExport(
            f"export {old.number + 1} is missing between {before.name} and {after.name}"
        )
    if new.previous != before.manifest_sha256:
        raise DamagedExport(
            f"{after.name} follows the manifest {new.previous}, but {before.name} has "
            f"{before.manifest_sha256}"
        )
    if after.signer != before.signer:
        raise DamagedExport(
            f"{after.name} is signed by {after.signer}, but {before.name} by {before.signer}: "
            f"audit them apart, once you know that the publisher has changed its key"
        )
    _check_epochs(before, after)
    for what, ended, begins in _seams(old, new):
        if ended != begins:
            raise DamagedExport(
                f"{after.name} begins its {what} at {begins}, but {before.name} ended at {ended}"
            )


def _check_epochs(before: Export, after: Export) -> None:
    """Refuses another history of pricing epochs than the period before told.

    Each history holds all of the one before, so that none can be told anew later.
    """
    old, new = before.tables, after.tables
    told = len(old.activations)
    added = new.activations[told : told + 1]
    if new.activations_until < old.activations_until:
        raise DamagedExport(
            f"{after.name} tells of pricing epochs up to {new.activations_until or 'no time'}, but "
            f"{before.name} up to {old.activations_until}: history never gets shorter"
        )
    if new.activations[:told] != old.activations or any(
        one.effective_from <= old.activations_until for one in added
    ):
        raise DamagedExport(
            f"{after.name} says otherwise than {before.name} which pricing epochs were in force"
        )


def _seams(old: Manifest, new: Manifest) -> list[tuple[str, object, object]]:
    return [
        ("days", old.period.until, new.period.since),
        ("receipts", old.receipts.to, new.receipts.after),
        ("entries", old.entries.to, new.entries.after),
        ("batches", old.batches.to, new.batches.after),
        ("balances", old.closing_sha256, new.opening_sha256),
        ("chain", old.chain_id, new.chain_id),
        ("token", old.token_symbol, new.token_symbol),
    ]
