"""Opens a published period and believes nothing of it: signature, hashes, sizes, types.

What passes is as its publisher signed it, byte for byte, and of a size that an audit can hold.
Whether its figures are right is not decided here.
"""

from __future__ import annotations

import stat
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Final

import msgspec

from basis.audit.tables import PublishedTables, parse_tables
from basis.rules.canonical import sha256_hex
from basis.rules.errors import DamagedExport, InvalidSignature, InvalidWallet
from basis.rules.export_files import ALL_FILES
from basis.rules.export_format import (
    EXPORT_FORMAT,
    MANIFEST_FILE,
    SIGNATURE_FILE,
    SIGNATURE_KIND,
    TABLES_FILE,
)
from basis.rules.manifest import (
    FileRecord,
    Manifest,
    NumberRange,
    PeriodOfDays,
    encode_manifest,
)
from basis.rules.signatures import MAX_SIGNATURE_BYTES, parse_signature, verify_hash
from basis.rules.wallet import Wallet

_MAX_MANIFEST_BYTES: Final = 1 << 20
_MAX_TABLES_BYTES: Final = 1 << 26
_PIECE: Final = 1 << 22
_EXPECTED_FILES: Final = tuple(sorted([TABLES_FILE, *(file.name for file in ALL_FILES)]))

OnBytes = Callable[[int], None]
"""Told how many more bytes were read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """A period whose files are as they were signed."""

    folder: Path
    manifest: Manifest
    manifest_sha256: str
    signer: Wallet
    tables: PublishedTables

    @property
    def name(self) -> str:
        """How messages name it."""
        return f"export {self.manifest.number} ({self.manifest.period.name})"

    def path(self, file_name: str) -> Path:
        """Where a file of the period lies."""
        return self.folder.joinpath(file_name)


def find_exports(paths: list[Path]) -> list[Path]:
    """The folders among `paths` that hold a period, and those within the others.

    Raises:
        DamagedExport: a path has none.
    """
    found: list[Path] = []
    for path in paths:
        if path.joinpath(MANIFEST_FILE).exists():
            found.append(path)
            continue
        inner = [
            child.parent
            for child in sorted(path.glob(f"*/{MANIFEST_FILE}"))
            if not child.parent.name.startswith(".")
        ]
        if not inner:
            raise DamagedExport(f"there is no export in {path}: it has no {MANIFEST_FILE}")
        found += inner
    return found


def open_export(folder: Path, *, signer: Wallet | None, on_bytes: OnBytes) -> Export:
    """The period in `folder`, once every byte of it is found to be as it was signed.

    Raises:
        DamagedExport: a file is missing, was added, or is not as the manifest says.
        InvalidSignature: the manifest is not signed, or not by `signer`, if one is expected.
    """
    try:
        _check_names(folder)
        data = _read_small(folder.joinpath(MANIFEST_FILE), limit=_MAX_MANIFEST_BYTES)
        signature = parse_signature(
            _read_small(folder.joinpath(SIGNATURE_FILE), limit=MAX_SIGNATURE_BYTES)
        )
        digest = sha256_hex(data)
        found = verify_hash(digest, signature, kind=SIGNATURE_KIND, signer=signer)
        manifest = _parse_manifest(data, folder)
        for record in manifest.files:
            _check_file(folder.joinpath(record.name), record, on_bytes)
        tables = parse_tables(_read_small(folder.joinpath(TABLES_FILE), limit=_MAX_TABLES_BYTES))
    except OSError as error:
        raise DamagedExport(f"{folder} cannot be read: {error}") from error
    except (InvalidSignature, InvalidWallet) as error:
        raise InvalidSignature(f"{folder}: {error.message}") from error
    return Export(
        folder=folder, manifest=manifest, manifest_sha256=digest, signer=found, tables=tables
    )


def count_bytes(folder: Path) -> int:
    """How many bytes there are to read, for a progress bar; as the file system says."""
    return sum(path.stat().st_size for path in folder.iterdir() if path.is_file())


def _check_names(folder: Path) -> None:
    if not folder.is_dir():
        raise DamagedExport(f"{folder} is no folder")
    names: list[str] = []
    for path in folder.iterdir():
        if not stat.S_ISREG(path.lstat().st_mode):
            raise DamagedExport(f"{folder}: {path.name[:80]!r} is no plain file")
        names.append(path.name)
    expected = {*_EXPECTED_FILES, MANIFEST_FILE, SIGNATURE_FILE}
    for name in sorted(expected - set(names)):
        raise DamagedExport(f"{folder}: {name} is missing")
    for name in sorted(set(names) - expected):
        raise DamagedExport(f"{folder}: {name[:80]!r} is no file of an export")


def _read_small(path: Path, *, limit: int) -> bytes:
    with path.open("rb") as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise DamagedExport(f"{path} is longer than {limit} bytes")
    return data


def _check_file(path: Path, record: FileRecord, on_bytes: OnBytes) -> None:
    size = path.stat().st_size
    if size != record.bytes:
        raise DamagedExport(f"{path} has {size} bytes, but was signed with {record.bytes}")
    digest = sha256()
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            digest.update(piece)
            on_bytes(len(piece))
    if digest.hexdigest() != record.sha256:
        raise DamagedExport(
            f"{path} was changed: its SHA-256 is {digest.hexdigest()}, but was signed as "
            f"{record.sha256}"
        )


_Count = Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)]
_Hash = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
_Day = Annotated[str, msgspec.Meta(pattern="^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]
_Amount = Annotated[str, msgspec.Meta(pattern="^(0|[1-9][0-9]{0,77})$")]
_Text = Annotated[str, msgspec.Meta(max_length=200)]


class _Period(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: _Text
    since: _Day
    until: _Day


class _Range(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    after: _Count
    to: _Count


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: _Text
    bytes: _Count
    rows: _Count
    sha256: _Hash


class _Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    format: str
    number: Annotated[int, msgspec.Meta(ge=1, le=2**53 - 1)]
    period: _Period
    previous: _Hash
    chain_id: _Count
    token_symbol: _Text
    receipts: _Range
    entries: _Range
    batches: _Range
    files: Annotated[list[_File], msgspec.Meta(max_length=64)]
    opening_sha256: _Hash
    closing_sha256: _Hash
    totals: Annotated[dict[_Text, _Amount], msgspec.Meta(max_length=1_000)]
    versions: Annotated[dict[_Text, _Text], msgspec.Meta(max_length=64)]


def _parse_manifest(data: bytes, folder: Path) -> Manifest:
    try:
        raw = msgspec.json.decode(data, type=_Manifest)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise DamagedExport(f"{folder.joinpath(MANIFEST_FILE)} is no manifest: {error}") from error
    manifest = Manifest(
        number=raw.number,
        period=PeriodOfDays(name=raw.period.name, since=raw.period.since, until=raw.period.until),
        previous=raw.previous,
        chain_id=raw.chain_id,
        token_symbol=raw.token_symbol,
        receipts=NumberRange(after=raw.receipts.after, to=raw.receipts.to),
        entries=NumberRange(after=raw.entries.after, to=raw.entries.to),
        batches=NumberRange(after=raw.batches.after, to=raw.batches.to),
        files=tuple(
            FileRecord(name=file.name, bytes=file.bytes, rows=file.rows, sha256=file.sha256)
            for file in raw.files
        ),
        opening_sha256=raw.opening_sha256,
        closing_sha256=raw.closing_sha256,
        totals={asset: int(total) for asset, total in raw.totals.items()},
        versions=raw.versions,
    )
    if raw.format != EXPORT_FORMAT:
        raise DamagedExport(f"{folder} is of the format {raw.format[:40]!r}, not {EXPORT_FORMAT}")
    if encode_manifest(manifest) != data:
        raise DamagedExport(f"{folder.joinpath(MANIFEST_FILE)} is not spelt as basis writes it")
    if tuple(file.name for file in manifest.files) != _EXPECTED_FILES:
        raise DamagedExport(
            f"{folder.joinpath(MANIFEST_FILE)} names other files than an export has"
        )
    for numbers in (manifest.receipts, manifest.entries, manifest.batches):
        if numbers.to < numbers.after:
            raise DamagedExport(
                f"{folder.joinpath(MANIFEST_FILE)} covers a range that ends before it begins"
            )
    return manifest
