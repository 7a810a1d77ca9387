"""Forges published periods as their own publisher could: consistent, hashed and signed anew."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from basis.audit.audit import AuditOptions, AuditVerdict, Watcher, audit
from basis.audit.parquet import expected_schema
from basis.rules.canonical import canonical_json
from basis.rules.export_context import PHASES
from basis.rules.export_files import ALL_FILES
from basis.rules.export_format import RECEIPTS, SIGNATURE_KIND, STANDING, STANDINGS
from basis.rules.phase_file import PHASE_FILE_KIND
from basis.rules.signatures import FileSignature, encode_signature
from basis.storage.publisher_key import PublisherKey

KEY = PublisherKey(hashlib.sha256(b"a publisher of the tests").digest())
Rows = list[dict[str, Any]]


def sign(sha256: str) -> FileSignature:
    """The publisher's signature over a manifest of this hash."""
    return KEY.sign_file_hash(kind=SIGNATURE_KIND, sha256=sha256)


def audit_by(engine: str, *folders: Path, jobs: int = 1) -> AuditVerdict:
    """The verdict of one engine, `rules` or `sql`, or of `both`."""
    options = AuditOptions(
        has_reference=engine != "sql", has_sql=engine != "rules", jobs=jobs, memory_mib=512
    )
    return audit(list(folders), options, Watcher())


def forge_rows(
    folder: Path, name: str, change: Callable[[Rows], Rows | None], *, is_wide: bool = False
) -> None:
    """Rewrites a Parquet file with its rows changed, and signs the period anew."""
    rows = pq.read_table(folder / name).to_pylist()
    changed = change(rows)
    rows = rows if changed is None else changed
    write_rows(folder, name, rows, is_wide=is_wide)
    resign(folder, rows={name: len(rows)})


def read_receipts(folder: Path) -> Rows:
    """The receipts of a period, each with what its standing says."""
    rows = pq.read_table(folder / RECEIPTS.name).to_pylist()
    standings = pq.read_table(folder / STANDINGS.name).to_pylist()
    return [standings[row["standing_number"] - 1] | row for row in rows]


def forge_receipts(
    folder: Path, change: Callable[[Rows], Rows | None], *, is_wide: bool = False
) -> None:
    """Rewrites the receipts with their standings, numbered anew, and signs the period anew."""
    rows = read_receipts(folder)
    changed = change(rows)
    rows = rows if changed is None else changed
    numbers: dict[tuple[Any, ...], int] = {}
    for row in rows:
        key = tuple(row[name] for name in STANDING)
        row["standing_number"] = numbers.setdefault(key, len(numbers) + 1)
    standings = [
        {"number": number, **dict(zip(STANDING, key, strict=True))}
        for key, number in numbers.items()
    ]
    write_rows(folder, RECEIPTS.name, rows, is_wide=is_wide)
    write_rows(folder, STANDINGS.name, standings, is_wide=False)
    resign(folder, rows={RECEIPTS.name: len(rows), STANDINGS.name: len(standings)})


def forge_tables(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Changes the published tables, and signs the period anew."""
    tables = json.loads((folder / "tables.json").read_text())
    change(tables)
    (folder / "tables.json").write_bytes(canonical_json(tables))
    resign(folder)


def write_rows(folder: Path, name: str, rows: Rows, *, is_wide: bool) -> None:
    """Writes a Parquet file of an export with these rows."""
    file = next(file for file in ALL_FILES if file.name == name)
    schema = expected_schema(file, is_wide=is_wide)
    table = pa.Table.from_pylist(rows, schema=schema)
    pq.write_table(table, folder / name, compression="lz4", store_schema=False)


def forge_phase(
    folder: Path,
    phase_id: str,
    change: Callable[[dict[str, Any]], None],
    *,
    key: PublisherKey = KEY,
) -> None:
    """Changes the published file of a phase, and signs it and the period anew."""

    def change_file(rows: Rows) -> None:
        row = next(row for row in rows if row["phase"] == phase_id)
        document = json.loads(row["file"])
        change(document)
        row["file"] = canonical_json(document).decode() + "\n"
        digest = hashlib.sha256(row["file"].encode()).hexdigest()
        signature = key.sign_file_hash(kind=PHASE_FILE_KIND, sha256=digest)
        row["signature"] = encode_signature(signature).decode()

    forge_rows(folder, PHASES.name, change_file)


def resign(
    folder: Path,
    *,
    rows: dict[str, int] | None = None,
    change: Callable[[dict[str, Any]], None] = lambda _manifest: None,
) -> str:
    """Hashes every file anew, changes the manifest and signs it; the manifest's hash."""
    manifest = json.loads((folder / "manifest.json").read_text())
    for file in manifest["files"]:
        data = (folder / file["name"]).read_bytes()
        file["bytes"] = len(data)
        file["sha256"] = hashlib.sha256(data).hexdigest()
        file["rows"] = (rows or {}).get(file["name"], file["rows"])
    change(manifest)
    data = canonical_json(manifest)
    (folder / "manifest.json").write_bytes(data)
    digest = hashlib.sha256(data).hexdigest()
    (folder / "manifest.sig.json").write_bytes(encode_signature(sign(digest)))
    return digest


def rechain(folders: list[Path]) -> None:
    """Lets each period follow from the one before, as it is now."""
    previous = resign(folders[0])
    for folder in folders[1:]:

        def follow(manifest: dict[str, Any], previous: str = previous) -> None:
            manifest["previous"] = previous

        previous = resign(folder, change=follow)
