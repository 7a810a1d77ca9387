"""The dated tables that a period's receipts name, as they were published beside them.

A table of a version that this program knows must be the one that it knows: a publisher cannot give
an old name to another table. One that it does not know may only be newer than all that it knows,
since what was published until then is known; it is taken as it was published, and named in the
verdict.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Final, Protocol, TypeVar

import msgspec

from basis.audit.boost_tables import check_boost_tables
from basis.rules.boost_tables import BOOST_TABLES, BoostTables
from basis.rules.catalog import CATALOGS, Catalog
from basis.rules.epoch_form import compute_epoch_hash, parse_epoch
from basis.rules.epochs import EPOCHS, PricingEpoch
from basis.rules.errors import DamagedExport, InvalidInput
from basis.rules.factors import TABLES, FactorTables
from basis.rules.gpus import GPU_TABLES, GpuTable
from basis.rules.offer_checks import RAILS, PriceRails
from basis.rules.points_tables import HISTORY, POINTS_TABLES, PointsTable
from basis.rules.postpaid_pricing import POSTPAID_EPOCHS, PostpaidEpoch

_MAX_POINTS_FIGURE: Final = 10**9
"""Far above any multiplier in basis points, or any memory in MiB."""

_MOMENT: Final = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z"


class _Versioned(Protocol):
    @property
    def version(self) -> str: ...


class _Dated(_Versioned, Protocol):
    @property
    def effective_from(self) -> str: ...


_Table = TypeVar("_Table", bound=_Versioned)
_DatedTable = TypeVar("_DatedTable", bound=_Dated)


class _Catalog(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    version: str
    models: list[msgspec.Raw]
    effective_from: str = ""


class PublishedActivation(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """From when on one of the operator's epochs was in force; its hash commits to all of it."""

    version: str
    hash: str
    effective_from: Annotated[str, msgspec.Meta(pattern=f"^{_MOMENT}$")]


class _Tables(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    catalogs: list[msgspec.Raw]
    epochs: list[msgspec.Raw]
    postpaid_epochs: list[PostpaidEpoch]
    factors: list[FactorTables]
    points: list[PointsTable]
    activations: list[PublishedActivation]
    activations_until: Annotated[str, msgspec.Meta(pattern=f"^({_MOMENT})?$")]
    rails: list[PriceRails]
    boosts: list[BoostTables]
    gpus: list[GpuTable]


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedTables:
    """By version. `catalogs` has None for an operator's own, of which only the name is known."""

    catalogs: Mapping[str, Catalog | None]
    epochs: Mapping[str, PricingEpoch]
    postpaid: Mapping[str, PostpaidEpoch]
    factors: Mapping[str, FactorTables]
    points: Mapping[str, PointsTable]
    activations: tuple[PublishedActivation, ...]
    """All that had begun by `activations_until`, by their times."""
    activations_until: str
    rails: tuple[PriceRails, ...]
    """Oldest first."""
    boosts: Mapping[str, BoostTables]
    gpus: Mapping[str, GpuTable]
    unknown: tuple[str, ...]
    """Tables that are newer than this program, each by kind and version."""


def parse_tables(data: bytes) -> PublishedTables:
    """The tables of a period.

    Raises:
        DamagedExport: they are no tables, one stands twice, one is not the known one of its
            version, or one is not known and not newer than all that are.
    """
    try:
        raw = msgspec.json.decode(data, type=_Tables, strict=False)
        catalogs = [_parse_catalog(catalog) for catalog in raw.catalogs]
        epochs = _by_version([parse_epoch(bytes(epoch)) for epoch in raw.epochs], known=EPOCHS)
    except (msgspec.MsgspecError, RecursionError, InvalidInput) as error:
        raise DamagedExport(f"the tables cannot be read: {error}") from error
    postpaid = _by_version(raw.postpaid_epochs, known=POSTPAID_EPOCHS)
    if not postpaid.keys() <= {one.version for one in POSTPAID_EPOCHS}:
        raise DamagedExport("an epoch from before credits is none of those that there were")
    points = _by_version(raw.points, known=POINTS_TABLES)
    for table in points.values():
        _check_points(table)
    factors = _by_version(raw.factors, known=TABLES)
    for tables in factors.values():
        _check_steps(tables)
    whole = _by_version([one for one in catalogs if isinstance(one, Catalog)], known=CATALOGS)
    names = {one: None for one in catalogs if isinstance(one, str)}
    return PublishedTables(
        catalogs={**names, **whole},
        epochs=epochs,
        postpaid=postpaid,
        factors=factors,
        points=points,
        activations=_check_activations(raw, epochs),
        activations_until=raw.activations_until,
        rails=_check_rails(raw.rails),
        boosts=check_boost_tables(_with_known(raw.boosts, known=BOOST_TABLES)),
        gpus=_with_known(raw.gpus, known=GPU_TABLES),
        unknown=(
            *_find_newer("catalog", whole.values(), known=CATALOGS),
            *_find_newer("factor tables", raw.factors, known=TABLES),
            *_find_newer("points table", raw.points, known=POINTS_TABLES),
            *_find_newer("rails", raw.rails, known=RAILS),
            *_find_newer("boost tables", raw.boosts, known=BOOST_TABLES),
            *_find_newer("order of GPUs", raw.gpus, known=GPU_TABLES),
        ),
    )


def _parse_catalog(data: msgspec.Raw) -> Catalog | str:
    """The catalog, or its name where its rows were not published."""
    head = msgspec.json.decode(data, type=_Catalog)
    return msgspec.json.decode(data, type=Catalog) if head.models else head.version


def _by_version(tables: Iterable[_Table], *, known: Iterable[_Table]) -> dict[str, _Table]:
    by_version: dict[str, _Table] = {}
    for table in tables:
        if table.version in by_version:
            raise DamagedExport(f"the table {table.version[:80]!r} stands twice")
        by_version[table.version] = table
    for table in known:
        if table.version in by_version and by_version[table.version] != table:
            raise DamagedExport(
                f"the table {table.version!r} is not the one that was published under this name"
            )
    return by_version


def _with_known(tables: Iterable[_Table], *, known: Iterable[_Table]) -> dict[str, _Table]:
    """Those published, and those that this program knows: they are in force though unnamed."""
    return {**{one.version: one for one in known}, **_by_version(tables, known=known)}


def _find_newer(
    kind: str, tables: Iterable[_DatedTable], *, known: Sequence[_DatedTable]
) -> Iterator[str]:
    """Names the tables that this program does not know, which may only be newer than those."""
    versions = {one.version for one in known}
    newest = max(one.effective_from for one in known)
    for table in tables:
        if table.version in versions:
            continue
        if table.effective_from <= newest:
            raise DamagedExport(
                f"the {kind} {table.version[:80]!r} is dated {table.effective_from[:40]!r}, but "
                f"what was published until {newest} is known, and this is not among it"
            )
        yield f"{kind} {table.version[:80]!r}"


def _check_steps(tables: FactorTables) -> None:
    """Refuses tables by which a measurement would have no factor."""
    steps = tables.uptime_steps
    targets = tables.latency_targets.values()
    numbers = [
        number
        for target in targets
        for number in (
            target.first_token_us - 1,
            target.inter_token_us - 1,
            target.per_prompt_token_us,
        )
    ]
    bounds = [bound for bound, _factor in (*steps, *tables.latency_steps)]
    factors = [factor for _bound, factor in (*steps, *tables.latency_steps)]
    if (
        not steps
        or steps[-1][0] != 0
        or min([*numbers, *bounds, tables.latency_floor, *factors], default=0) < 0
        or max([*factors, tables.latency_floor]) > 10_000
    ):
        raise DamagedExport(f"the factor tables {tables.version[:80]!r} cannot be applied")


def _check_points(table: PointsTable) -> None:
    """Refuses a table that never judged a job, or by which points would be negative or endless."""
    if table in HISTORY:
        raise DamagedExport(f"the points table {table.version!r} is history, and judged no job")
    figures = [
        figure for row in table.llm.values() for figure in (row.multiplier_bps, row.min_vram_mib)
    ]
    figures += [row.multiplier_bps for row in table.image.values()]
    if min(figures, default=0) < 0 or max(figures, default=0) > _MAX_POINTS_FIGURE:
        raise DamagedExport(f"the points table {table.version[:80]!r} cannot be applied")


def _check_activations(
    raw: _Tables, epochs: Mapping[str, PricingEpoch]
) -> tuple[PublishedActivation, ...]:
    """Refuses activations that do not follow each other, or are of other epochs than published."""
    times = [one.effective_from for one in raw.activations]
    if times != sorted(set(times)) or any(time > raw.activations_until for time in times):
        raise DamagedExport("the activations of pricing epochs do not stand in their order")
    if len({one.version for one in raw.activations}) != len(times):
        raise DamagedExport("a pricing epoch is activated twice")
    for one in raw.activations:
        epoch = epochs.get(one.version)
        if epoch is not None and compute_epoch_hash(epoch) != one.hash:
            raise DamagedExport(f"the epoch {one.version[:80]!r} is activated under another hash")
    return tuple(raw.activations)


def _check_rails(rails: list[PriceRails]) -> tuple[PriceRails, ...]:
    _by_version(rails, known=RAILS)
    times = [one.effective_from for one in rails]
    if times != sorted(set(times)) or any(
        min(one.lowest_bps, one.highest_bps) < 0 for one in rails
    ):
        raise DamagedExport("the rails of offers cannot be applied")
    return tuple(rails)
