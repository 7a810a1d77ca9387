"""The manifest of an export: what it covers, the hash of each file, and of the manifest before.

Its bytes are canonical JSON, so that it has one spelling and one hash; whoever has that hash can
tell whether a single byte of the period was changed. Pure: files are others' business.
Source: docs/reference/export.md.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from basis.rules.canonical import canonical_json, sha256_hex
from basis.rules.export_format import EXPORT_FORMAT


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodOfDays:
    """Days in UTC as ISO 8601 dates; `until` is the first one that is not in it."""

    name: str
    since: str
    until: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberRange:
    """Records numbered above `after`, up to `to`; none if they are equal."""

    after: int
    to: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRecord:
    """One file: its size in bytes, its rows (0 for a file that is no table), its SHA-256."""

    name: str
    bytes: int
    rows: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """All of it. `number` counts the exports of a network from 1; `files` are sorted by name.

    `entries` numbers those that are not a job's: a job's entry goes with its receipt. `totals` is
    the sum of all that was added to some account, by asset.
    """

    number: int
    period: PeriodOfDays
    previous: str
    chain_id: int
    token_symbol: str
    receipts: NumberRange
    entries: NumberRange
    batches: NumberRange
    files: tuple[FileRecord, ...]
    opening_sha256: str
    closing_sha256: str
    totals: Mapping[str, int]
    versions: Mapping[str, str]


def encode_manifest(manifest: Manifest) -> bytes:
    """The bytes of the manifest's file."""
    return canonical_json(
        {
            "format": EXPORT_FORMAT,
            "number": manifest.number,
            "period": {
                "name": manifest.period.name,
                "since": manifest.period.since,
                "until": manifest.period.until,
            },
            "previous": manifest.previous,
            "chainId": manifest.chain_id,
            "tokenSymbol": manifest.token_symbol,
            "receipts": _range_json(manifest.receipts),
            "entries": _range_json(manifest.entries),
            "batches": _range_json(manifest.batches),
            "files": [
                {
                    "name": file.name,
                    "bytes": file.bytes,
                    "rows": file.rows,
                    "sha256": file.sha256,
                }
                for file in manifest.files
            ],
            "openingSha256": manifest.opening_sha256,
            "closingSha256": manifest.closing_sha256,
            "totals": {asset: str(total) for asset, total in manifest.totals.items()},
            "versions": dict(manifest.versions),
        }
    )


def compute_manifest_hash(manifest: Manifest) -> str:
    """What the next manifest names as `previous`, and what is signed."""
    return sha256_hex(encode_manifest(manifest))


def _range_json(numbers: NumberRange) -> dict[str, int]:
    return {"after": numbers.after, "to": numbers.to}


def compute_balances_hash(balances: Iterable[tuple[str, str, int]]) -> str:
    """The SHA-256 over one line of canonical JSON for each (account, asset, amount).

    They must be sorted by account and asset, and none may be zero.
    """
    digest = hashlib.sha256()
    for account, asset, amount_raw in balances:
        digest.update(canonical_json([account, asset, str(amount_raw)]) + b"\n")
    return digest.hexdigest()
