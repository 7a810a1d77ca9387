"""The dated tables that a period's receipts name, as they are published beside them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

import msgspec

from basis.rules.boost_tables import boost_tables_of_version
from basis.rules.canonical import MAX_SAFE_INTEGER, canonical_json
from basis.rules.catalog import CATALOGS
from basis.rules.epoch_form import compute_epoch_hash, epoch_json
from basis.rules.epochs import EpochBook
from basis.rules.factors import tables_of_version
from basis.rules.gpus import gpu_table_of_version
from basis.rules.offer_checks import RAILS
from basis.rules.points_tables import points_table_of_version
from basis.rules.postpaid_pricing import postpaid_epoch_of
from basis.storage.receipt_details import ReceiptDetails


class UsedTables:
    """Collects what receipts name.

    `told_until` is up to when the periods before told of epochs: history never gets shorter.
    """

    def __init__(self, epochs: EpochBook, *, told_until: str) -> None:
        self._book = epochs
        self._catalogs: set[str] = set()
        self._epochs: set[str] = set()
        self._postpaid: set[str] = set()
        self._factors: set[str] = set()
        self._points: set[str] = set()
        self._newest_lock = told_until
        self._boosts: set[str] = set()

    def add(self, details: ReceiptDetails) -> None:
        """Takes the tables of one receipt."""
        versions = details.versions
        self._catalogs.add(versions.catalog)
        (self._postpaid if details.charge is None else self._epochs).add(versions.pricing)
        if details.charge is not None:
            self._newest_lock = max(self._newest_lock, details.charge.locked_at)
        self._factors.add(versions.factors)
        if details.points is not None:
            self._points.add(details.points.table)

    @property
    def activations_until(self) -> str:
        """The newest lock of a price up to the end of this period; "" if there was none yet."""
        return self._newest_lock

    def add_boosts(self, versions: Iterable[str]) -> None:
        """Takes boost tables by their versions."""
        self._boosts.update(versions)

    def encode(self) -> bytes:
        """The file of all of them: canonical JSON, each list sorted by version.

        An operator's own catalog is named without its rows: it is on no record but by its digest.
        `activations` are all of the operator's epochs that had begun when the newest price was
        locked, in this period or before, at `activationsUntil`, whether a receipt names them or
        not.

        Raises:
            InvalidInput: a table was never published.
        """
        boosts = [boost_tables_of_version(version) for version in sorted(self._boosts)]
        gpus = sorted({tables.gpus_version for tables in boosts})
        content: dict[str, object] = {
            "catalogs": [_catalog_json(version) for version in sorted(self._catalogs)],
            "epochs": [
                epoch_json(self._book.of_version(version)) for version in sorted(self._epochs)
            ],
            "activations": [
                {
                    "version": one.epoch.version,
                    "hash": compute_epoch_hash(one.epoch),
                    "effectiveFrom": one.effective_from,
                }
                for one in self._book.activated_until(self._newest_lock)
            ],
            "activationsUntil": self._newest_lock,
            "rails": _all(RAILS),
            "postpaidEpochs": _all(map(postpaid_epoch_of, sorted(self._postpaid))),
            "factors": _all(map(tables_of_version, sorted(self._factors))),
            "points": _all(map(points_table_of_version, sorted(self._points))),
            "boosts": _all(boosts),
            "gpus": _all(map(gpu_table_of_version, gpus)),
        }
        return canonical_json(content)


def _catalog_json(version: str) -> object:
    published = next((one for one in CATALOGS if one.version == version), None)
    return _as_json(published) if published is not None else {"version": version, "models": []}


def _all(tables: Iterable[object]) -> list[object]:
    return [_as_json(table) for table in tables]


def _as_json(table: object) -> object:
    return _with_safe_integers(msgspec.to_builtins(table))


def _with_safe_integers(value: object) -> object:
    """The same, with integers beyond 2^53 - 1 as decimal strings."""
    if isinstance(value, int) and abs(value) > MAX_SAFE_INTEGER:
        return str(value)
    if isinstance(value, dict):
        members = cast("dict[str, object]", value)
        return {name: _with_safe_integers(member) for name, member in members.items()}
    if isinstance(value, list | tuple):
        return [_with_safe_integers(item) for item in cast("list[object]", value)]
    return value
