"""A large export without a network: jobs judged by the real rules, then multiplied.

Some ten thousand different jobs are judged, booked and turned into rows exactly as an orchestrator
does it. Each of these rows then stands for many jobs, with a number, a customer, a worker, an id, a
time and a hash of its own. The audits that are measured check all of them, by both engines.
"""

from __future__ import annotations

from hashlib import file_digest, sha256
from pathlib import Path

import duckdb
import pyarrow.parquet as pq

from basis.rules.export_format import (
    MANIFEST_FILE,
    NO_EXPORT,
    SIGNATURE_FILE,
    SIGNATURE_KIND,
)
from basis.rules.manifest import (
    FileRecord,
    Manifest,
    NumberRange,
    PeriodOfDays,
    compute_balances_hash,
    compute_manifest_hash,
    encode_manifest,
)
from basis.rules.receipt import CHAIN_ID
from basis.rules.signatures import encode_signature
from basis.storage.publisher_key import PublisherKey
from bench.synthetic_batches import close_balances, write_batches
from bench.synthetic_receipts import write_receipts, write_shapes


def make_export(folder: Path, *, receipts: int, shapes: int = 20_000) -> None:
    """A period of so many receipts in `folder`, signed with a key of its own."""
    folder.mkdir(parents=True)
    write_shapes(folder, shapes)
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        write_receipts(connection, folder, receipts)
        moves, last_entry = write_batches(connection, folder)
        closing, totals = close_balances(connection, moves)
    batches = len(moves)
    files: list[FileRecord] = []
    for path in sorted(folder.iterdir()):
        rows = pq.read_metadata(path).num_rows if path.suffix == ".parquet" else 0
        with path.open("rb") as file:
            digest = file_digest(file, "sha256").hexdigest()
        files.append(
            FileRecord(name=path.name, bytes=path.stat().st_size, rows=rows, sha256=digest)
        )
    manifest = Manifest(
        number=1,
        period=PeriodOfDays(name="2026-11", since="2026-11-01", until="2026-12-01"),
        previous=NO_EXPORT,
        chain_id=CHAIN_ID,
        token_symbol="BASIS",
        receipts=NumberRange(after=0, to=receipts),
        entries=NumberRange(after=0, to=last_entry),
        batches=NumberRange(after=0, to=batches),
        files=tuple(files),
        opening_sha256=compute_balances_hash(()),
        closing_sha256=compute_balances_hash(closing),
        totals=totals,
        versions={"basis": "bench"},
    )
    (folder / MANIFEST_FILE).write_bytes(encode_manifest(manifest))
    key = PublisherKey(sha256(b"bench").digest())
    signature = key.sign_file_hash(kind=SIGNATURE_KIND, sha256=compute_manifest_hash(manifest))
    (folder / SIGNATURE_FILE).write_bytes(encode_signature(signature))
