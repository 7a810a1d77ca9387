"""The whole audit: opens published periods, chains them, and recomputes them twice.

It trusts the publisher for what cannot be derived: token counts, measured times, what the worker
claims of its hardware, who paid for credits, that holdings are what the chain says, and which of an
owner's workers were linked when a boost was assigned. It does not ask what a status or a reason
can be: `basis recompute` does, over the whole data folder. A publisher that rewrites every
record consistently has other books, not wrong ones: only a manifest hash that somebody else has
kept tells them apart.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from basis.audit.chain import order_exports
from basis.audit.difference import Difference
from basis.audit.folder import Export, count_bytes, find_exports, open_export
from basis.audit.parquet import check_parquet
from basis.audit.reference import ReferenceResult, check_by_reference
from basis.audit.sql import STEPS_PER_EXPORT, check_by_sql
from basis.rules.export_files import ALL_FILES
from basis.rules.wallet import Wallet

_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditOptions:
    """How to audit. Each engine can be left out; `jobs` is how many processes and threads."""

    signer: Wallet | None = None
    has_reference: bool = True
    has_sql: bool = True
    jobs: int = 1
    memory_mib: int = 4_096


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineFinding:
    """What one engine found; `difference` is None where every figure is equal."""

    receipts: int
    difference: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditVerdict:
    """What the audit found. An engine that was left out is None.

    `first` and `last` name the periods; `is_whole` says whether they begin with the network's
    first record. `given` counts entries whose cause is outside of any export, by kind;
    `phases` says of each phase that is shared out how many of its receipts are here;
    `unknown_tables` are newer than this program, and taken as they were published.
    """

    first: str
    last: str
    exports: int
    is_whole: bool
    signer: Wallet
    manifest_sha256: str
    receipts: int
    batches: int | None
    entries: int | None
    given: dict[str, int]
    phases: tuple[str, ...]
    unknown_tables: tuple[str, ...]
    reference: EngineFinding | None
    sql: EngineFinding | None

    @property
    def is_equal(self) -> bool:
        """Whether every engine that was asked found every figure equal."""
        return not self.differences

    @property
    def differences(self) -> list[str]:
        """What was found, once where both engines say the same."""
        found = [
            engine.difference
            for engine in (self.reference, self.sql)
            if engine is not None and engine.difference is not None
        ]
        return list(dict.fromkeys(found))


class Watcher:
    """Is told how far the audit has come; this one does not listen."""

    def begin(self, what: str, total: int) -> None:
        """A part of the work begins, of `total` pieces."""

    def advance(self, pieces: int) -> None:
        """So many more pieces of it are done."""


def audit(paths: Sequence[Path], options: AuditOptions, watcher: Watcher) -> AuditVerdict:
    """Audits the periods in `paths`, each a period's folder or a folder of such.

    Raises:
        DamagedExport: a file or period is missing, or not as it was signed.
        InvalidSignature: a manifest is not signed, or not by the signer that is expected.
    """
    exports = _open(list(paths), options, watcher)
    wide = [
        (export, {file.name: check_parquet(export, file) for file in ALL_FILES})
        for export in exports
    ]
    total = sum(one.manifest.receipts.to - one.manifest.receipts.after for one in exports)
    result: ReferenceResult | None = None
    reference = sql = None
    if options.has_reference:
        watcher.begin("recomputing by the rules", total)
        result, difference = _attempt(
            lambda: check_by_reference(exports, jobs=options.jobs, on_receipts=watcher.advance)
        )
        reference = EngineFinding(receipts=total, difference=difference)
    if options.has_sql:
        watcher.begin("recomputing by SQL", len(exports) * STEPS_PER_EXPORT)
        _receipts, difference = _attempt(
            lambda: check_by_sql(
                wide,
                threads=options.jobs,
                memory_mib=options.memory_mib,
                on_steps=watcher.advance,
            )
        )
        sql = EngineFinding(receipts=total, difference=difference)
    return AuditVerdict(
        first=exports[0].manifest.period.since,
        last=exports[-1].manifest.period.until,
        exports=len(exports),
        is_whole=exports[0].manifest.number == 1,
        signer=exports[0].signer,
        manifest_sha256=exports[-1].manifest_sha256,
        receipts=total,
        batches=result.batches if result is not None else None,
        entries=result.entries if result is not None else None,
        given=result.given if result is not None else {},
        phases=result.phases if result is not None else (),
        unknown_tables=tuple(sorted({name for one in exports for name in one.tables.unknown})),
        reference=reference,
        sql=sql,
    )


def _open(paths: list[Path], options: AuditOptions, watcher: Watcher) -> list[Export]:
    folders = find_exports(paths)
    watcher.begin("checking signatures and hashes", sum(map(count_bytes, folders)))
    return order_exports(
        [open_export(folder, signer=options.signer, on_bytes=watcher.advance) for folder in folders]
    )


def _attempt(engine: Callable[[], _Result]) -> tuple[_Result | None, str | None]:
    try:
        return engine(), None
    except Difference as found:
        return None, str(found)
