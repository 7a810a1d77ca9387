"""Which tables and snapshots count when: all time, cut where something else begins to count."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from basis.audit.boost_records import Snapshot
from basis.audit.boost_tables import rule_at, table_dates, tables_at
from basis.audit.tables import PublishedTables
from basis.rules.boost_tables import BoostTables
from basis.rules.holdings import Measure


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """From an instant up to, and without, another; "" is no bound. What counts does not change."""

    since: str
    until: str
    tables: BoostTables | None
    snapshots: Mapping[Measure, Snapshot]


def cut_windows(tables: PublishedTables, snapshots: Sequence[Snapshot]) -> list[Window]:
    """The windows of all time, in their order; `snapshots` stand by number."""
    bounds = sorted(table_dates(tables.boosts) | {one.effective_at for one in snapshots})
    return [
        _window(tables, snapshots, since, until)
        for since, until in zip(["", *bounds], [*bounds, ""], strict=True)
    ]


def _window(
    tables: PublishedTables, snapshots: Sequence[Snapshot], since: str, until: str
) -> Window:
    in_force = tables_at(tables.boosts, since)
    counted: dict[Measure, Snapshot] = {}
    for snapshot in snapshots:
        if in_force is None or rule_at(in_force, snapshot.measure, since) is None:
            continue
        if snapshot.effective_at <= since:
            counted[snapshot.measure] = snapshot  # the newest of those that have begun
    return Window(since=since, until=until, tables=in_force, snapshots=counted)
