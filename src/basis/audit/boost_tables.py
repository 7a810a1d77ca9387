"""The boost tables that were published with a period: what applies when, for both engines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from basis.rules.boost_tables import BoostRule, BoostTables
from basis.rules.boosts import MAX_GPU_LIMIT
from basis.rules.dates import parse_instant
from basis.rules.errors import DamagedExport, InvalidInput
from basis.rules.holdings import MAX_DECIMALS, Measure

MOST_HELD: Final = 10**38 - 1
"""No rule may tell apart holdings above it: 128 bits hold it."""


def check_boost_tables(by_version: Mapping[str, BoostTables]) -> dict[str, BoostTables]:
    """The same, once each of them can be applied.

    Raises:
        DamagedExport: one cannot.
    """
    for tables in by_version.values():
        measures = [rule.measure for rule in tables.rules]
        if len(set(measures)) < len(measures) or not all(map(_is_usable, tables.rules)):
            raise DamagedExport(f"the boost tables {tables.version[:80]!r} cannot be applied")
        _instant(tables.effective_from)
    return dict(by_version)


def tables_at(by_version: Mapping[str, BoostTables], at: str) -> BoostTables | None:
    """The set for jobs accepted at this instant; None before there was one."""
    begun = [one for one in by_version.values() if _instant(one.effective_from) <= at]
    return max(begun, key=lambda one: _instant(one.effective_from), default=None)


def rule_at(tables: BoostTables, measure: Measure, at: str) -> BoostRule | None:
    """How `measure` boosts jobs accepted at this instant; None where it does not."""
    for rule in tables.rules:
        is_open = not rule.effective_until or at < _instant(rule.effective_until)
        if rule.measure is measure and _instant(rule.effective_from) <= at and is_open:
            return rule
    return None


def table_dates(by_version: Mapping[str, BoostTables]) -> set[str]:
    """The instants at which another table or rule may come to apply."""
    dates = {tables.effective_from for tables in by_version.values()}
    for tables in by_version.values():
        for rule in tables.rules:
            dates |= {rule.effective_from, rule.effective_until}
    return {_instant(date) for date in dates - {""}}


def _is_usable(rule: BoostRule) -> bool:
    figures = [bps for _at_least, bps in rule.steps]
    steps = [at_least for at_least, _bps in rule.steps]
    _instant(rule.effective_from)
    if rule.effective_until:
        _instant(rule.effective_until)
    return (
        0 <= rule.decimals <= MAX_DECIMALS
        and rule.unit_raw > 0
        and 0 <= rule.gpus_per_unit <= MAX_GPU_LIMIT
        and rule.unit_raw * (MAX_GPU_LIMIT + 1) <= MOST_HELD
        and all(10_000 <= bps <= 10**6 for bps in figures)
        and all(0 < at_least <= MOST_HELD for at_least in steps)
        and steps == sorted(set(steps), reverse=True)
    )


def _instant(date: str) -> str:
    try:
        return parse_instant(date, param="effective_from")
    except InvalidInput as error:
        raise DamagedExport(f"the boost tables cannot be read: {error.message}") from error
