"""Publishes a period: Parquet files, a signed manifest, and the hash of the manifest before.

All of it is written to a folder beside its place, made durable, recorded as published, and only
then put in place by one rename. So a kill at any moment leaves either nothing under the period's
name or all of it; and if it comes between record and rename, the next call writes the same bytes
again from the recorded numbers and puts them in place.
Source: docs/reference/export.md; docs/decisions/0015-export.md.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, Engine

from basis.accounting.export_content import PeriodContent, write_content
from basis.accounting.export_cut import Cut, cut_of, find_cut, validate_next
from basis.accounting.export_ledger import hash_balances
from basis.accounting.export_phases import Sign
from basis.rules.canonical import sha256_hex
from basis.rules.errors import Conflict, Misconfigured
from basis.rules.export_format import (
    MANIFEST_FILE,
    NO_EXPORT,
    SIGNATURE_FILE,
    SIGNATURE_KIND,
)
from basis.rules.manifest import Manifest, PeriodOfDays, encode_manifest
from basis.rules.receipt import CHAIN_ID
from basis.rules.signatures import encode_signature
from basis.rules.units import BASIS
from basis.storage.database import begin_write
from basis.storage.export_store import ExportRecord, load_exports, store_export

Progress = Callable[[int, int], None]
"""Told how many receipts are done, and of how many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A period that is in its place. `is_new` is false if it was there before the call."""

    record: ExportRecord
    folder: Path
    receipts: int
    is_new: bool


def export_period(
    engine: Engine,
    period: PeriodOfDays,
    *,
    out: Path,
    sign: Sign,
    version: str,
    now: str,
    on_progress: Progress | None = None,
) -> Published:
    """Puts the period in a folder of its name under `out`; a repeat changes nothing.

    `version` is this program's; `now` is the wall clock's time.

    Raises:
        InvalidInput: the period is not over yet, or an amount is too large to publish.
        Conflict: it does not follow the last one, another folder is in its place, or a repeat
            comes out otherwise than what was published.
        DamagedRecord: a record cannot be published as it is.
        Misconfigured: `out` cannot be written.
        StorageUnavailable: another process kept the write lock.
    """
    target = out.joinpath(period.name)
    try:
        with _drafting(out, period.name) as draft:
            with engine.connect() as connection:
                plan = _plan(connection, period, now=now)
                if target.exists():
                    return _found_in_place(plan, target)
                content = write_content(
                    connection,
                    draft,
                    cut=plan.cut,
                    previous=plan.previous,
                    sign=sign,
                    on_progress=on_progress,
                )
            manifest = _make_manifest(plan, content, version=version)
            data = encode_manifest(manifest)
            digest = sha256_hex(data)
            _write(draft.joinpath(MANIFEST_FILE), data)
            signature = encode_signature(sign(kind=SIGNATURE_KIND, sha256=digest))
            _write(draft.joinpath(SIGNATURE_FILE), signature)
            _sync(draft)
            record = _record(
                engine,
                plan,
                manifest,
                activations_until=content.activations_until,
                digest=digest,
                now=now,
            )
            draft.rename(target)
            _sync(out)
    except OSError as error:
        raise Misconfigured(f"{target} cannot be written: {error}") from error
    receipts = manifest.receipts.to - manifest.receipts.after
    return Published(record=record, folder=target, receipts=receipts, is_new=True)


@contextmanager
def _drafting(out: Path, name: str) -> Generator[Path]:
    """An empty folder to write in, which no other process writes in; gone at the end.

    What a killed process left in it is thrown away. The lock ends with the process that has it.

    Raises:
        Conflict: another process is exporting this period.
    """
    draft = out.joinpath(f".{name}.draft")
    draft.mkdir(parents=True, exist_ok=True)
    handle = os.open(draft, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Conflict(f"another process is exporting {name} into {out}") from error
        for left_over in draft.iterdir():
            left_over.unlink()
        try:
            yield draft
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    finally:
        os.close(handle)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    period: PeriodOfDays
    previous: ExportRecord | None
    recorded: ExportRecord | None
    """What is on record of this very period, if it was published before."""
    cut: Cut


def _plan(connection: Connection, period: PeriodOfDays, *, now: str) -> _Plan:
    previous: ExportRecord | None = None
    for record in load_exports(connection):
        if (record.since, record.until) == (period.since, period.until):
            cut = cut_of(record, previous=previous)
            return _Plan(period=period, previous=previous, recorded=record, cut=cut)
        previous = record
    validate_next(connection, period, previous=previous, now=now)
    cut = find_cut(connection, previous=previous, until=period.until)
    return _Plan(period=period, previous=previous, recorded=None, cut=cut)


def _found_in_place(plan: _Plan, target: Path) -> Published:
    path = target.joinpath(MANIFEST_FILE)
    found = sha256_hex(path.read_bytes()) if path.is_file() else ""
    if plan.recorded is None or found != plan.recorded.manifest_hash:
        raise Conflict(
            f"{target} is there already and is not what was published of {plan.period.name}: "
            f"move it away, or name another folder with --out"
        )
    receipts = plan.cut.receipts.to - plan.cut.receipts.after
    return Published(record=plan.recorded, folder=target, receipts=receipts, is_new=False)


def _make_manifest(plan: _Plan, content: PeriodContent, *, version: str) -> Manifest:
    return Manifest(
        number=plan.previous.number + 1 if plan.previous is not None else 1,
        period=plan.period,
        previous=plan.previous.manifest_hash if plan.previous is not None else NO_EXPORT,
        chain_id=CHAIN_ID,
        token_symbol=BASIS.symbol,
        receipts=plan.cut.receipts,
        entries=plan.cut.entries,
        batches=plan.cut.batches,
        files=content.files,
        opening_sha256=hash_balances(content.opening),
        closing_sha256=hash_balances(content.closing),
        totals=content.totals,
        versions={"basis": version},
    )


def _record(
    engine: Engine,
    plan: _Plan,
    manifest: Manifest,
    *,
    activations_until: str,
    digest: str,
    now: str,
) -> ExportRecord:
    if plan.recorded is not None:
        if digest != plan.recorded.manifest_hash:
            raise Conflict(
                f"{plan.period.name} was published with the manifest "
                f"{plan.recorded.manifest_hash}, but comes out as {digest} now: another version "
                f"of basis wrote it, or the records were changed; nothing was written"
            )
        return plan.recorded
    record = ExportRecord(
        number=manifest.number,
        name=plan.period.name,
        since=plan.period.since,
        until=plan.period.until,
        receipts_to=manifest.receipts.to,
        entries_to=manifest.entries.to,
        batches_to=manifest.batches.to,
        previous_hash=manifest.previous,
        manifest_hash=digest,
        closing_hash=manifest.closing_sha256,
        activations_until=activations_until,
        created_at=now,
    )
    with begin_write(engine) as connection:
        store_export(connection, record)
    return record


def _write(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
