"""Writes one Parquet file of an export: the same rows give the same bytes.

Rows go out in groups of a fixed size, so memory stays flat. Amounts are kept as 64-bit integers,
which every reader adds fastest; from the first one that needs more, the whole file is written anew
with DECIMAL(38,0), so that each file has one type for all of its amounts.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from hashlib import file_digest
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from basis.rules.errors import DamagedRecord, InvalidInput
from basis.rules.export_columns import ColumnKind, ParquetFile
from basis.rules.export_format import AMOUNT_LIMIT
from basis.rules.manifest import FileRecord

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

ROW_GROUP: Final = 122_880
"""Rows of one group: what DuckDB reads as one piece of work."""
_COMPRESSION: Final = "lz4"
_ENCODINGS: Final = {
    ColumnKind.NUMBER: "DELTA_BINARY_PACKED",
    ColumnKind.TIME: "DELTA_BINARY_PACKED",
    ColumnKind.ID: "DELTA_LENGTH_BYTE_ARRAY",
    ColumnKind.DIGEST: "PLAIN",
}
"""Of a column of this kind, in place of a dictionary."""
_NARROW_LIMIT: Final = 2**63
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)

Value = int | str | bool


class ExportFile:
    """One file being written in `folder`; `close` makes it durable."""

    def __init__(self, folder: Path, file: ParquetFile) -> None:
        self._path = folder.joinpath(file.name)
        self._file = file
        self._is_wide = False
        self._held: dict[str, list[Value]] = {column.name: [] for column in file.columns}
        self._first = file.columns[0].name
        self._rows = 0
        self._writer = self._open(self._path)

    def add(self, row: Mapping[str, Value]) -> None:
        """Appends a row, which has every column of the file: digests as hex, times as ISO 8601.

        Raises:
            InvalidInput: an amount needs more than 128 bits.
            DamagedRecord: a digest, time or integer is none.
        """
        for name, values in self._held.items():
            values.append(row[name])
        if len(self._held[self._first]) >= ROW_GROUP:
            self._flush()

    def close(self) -> FileRecord:
        """What the manifest says of the file, which is durable now."""
        if self._held[self._first] or not self._rows:
            self._flush()
        self._writer.close()
        with self._path.open("rb") as written:
            os.fsync(written.fileno())
            digest = file_digest(written, "sha256").hexdigest()
        return FileRecord(
            name=self._file.name, bytes=self._path.stat().st_size, rows=self._rows, sha256=digest
        )

    def _flush(self) -> None:
        amounts = self._file.names(ColumnKind.AMOUNT)
        largest = max(
            (abs(cast("int", value)) for name in amounts for value in self._held[name]), default=0
        )
        if largest >= AMOUNT_LIMIT:
            raise InvalidInput(
                f"an amount of {largest} base units is on record, which 128 bits cannot publish: "
                f"the largest is {AMOUNT_LIMIT - 1}",
                param="amount",
            )
        if largest >= _NARROW_LIMIT and not self._is_wide:
            self._widen()
        table = _make_table(self._file, self._held, is_wide=self._is_wide)
        self._writer.write_table(table, row_group_size=ROW_GROUP)
        self._rows += table.num_rows
        for values in self._held.values():
            values.clear()

    def _widen(self) -> None:
        """Writes what is there anew, with room for larger amounts."""
        import pyarrow.parquet as pq

        self._writer.close()
        narrow = self._path.with_name(f".{self._path.name}.narrow")
        self._path.rename(narrow)
        self._is_wide = True
        self._writer = self._open(self._path)
        schema = _make_schema(self._file, is_wide=True)
        with pq.ParquetFile(narrow) as written:
            for index in range(written.num_row_groups):
                group = written.read_row_group(index).cast(schema)
                self._writer.write_table(group, row_group_size=ROW_GROUP)
        narrow.unlink()

    def _open(self, path: Path) -> pq.ParquetWriter:
        return open_writer(path, self._file, is_wide=self._is_wide)


def open_writer(path: Path, file: ParquetFile, *, is_wide: bool) -> pq.ParquetWriter:
    """A writer of the file's columns, each encoded by what it holds.

    Numbers that rise and times are kept as differences, which are a tenth of the size and read four
    times as fast. No two ids or digests are alike, so a dictionary would only be in the way; ids
    have their lengths first, and are read twice as fast.
    """
    import pyarrow.parquet as pq

    own = {
        column.name: encoding
        for column in file.columns
        if (encoding := _ENCODINGS.get(column.kind)) is not None
    }
    return pq.ParquetWriter(
        path,
        _make_schema(file, is_wide=is_wide),
        compression=_COMPRESSION,
        use_dictionary=[column.name for column in file.columns if column.name not in own],
        column_encoding=own or None,
        store_schema=False,
    )


def _make_schema(file: ParquetFile, *, is_wide: bool) -> pa.Schema:
    import pyarrow as pa

    types: dict[ColumnKind, pa.DataType] = {
        ColumnKind.INTEGER: pa.int64(),
        ColumnKind.NUMBER: pa.int64(),
        ColumnKind.AMOUNT: pa.decimal128(38, 0) if is_wide else pa.int64(),
        ColumnKind.TEXT: pa.string(),
        ColumnKind.ID: pa.string(),
        ColumnKind.DIGEST: pa.binary(32),
        ColumnKind.TIME: pa.timestamp("ms", tz="UTC"),
        ColumnKind.FLAG: pa.bool_(),
    }
    return pa.schema(
        [pa.field(column.name, types[column.kind], nullable=False) for column in file.columns]
    )


def _make_table(
    file: ParquetFile, held: Mapping[str, Sequence[Value]], *, is_wide: bool
) -> pa.Table:
    import pyarrow as pa

    readers: dict[ColumnKind, Callable[[Value], object]] = {
        ColumnKind.DIGEST: _read_digest,
        ColumnKind.TIME: _read_millis,
    }
    if is_wide:
        readers[ColumnKind.AMOUNT] = Decimal
    schema = _make_schema(file, is_wide=is_wide)
    arrays: list[pa.Array] = []
    for column in file.columns:
        values: Sequence[object] = held[column.name]
        reader = readers.get(column.kind)
        if reader is not None:
            values = [reader(value) for value in held[column.name]]
        try:
            array = pa.array(values, type=schema.field(column.name).type)
        except (pa.ArrowException, OverflowError, TypeError) as error:
            raise DamagedRecord(f"{column.name} cannot be published: {error}") from error
        arrays.append(array)
    return pa.Table.from_arrays(arrays, schema=schema)


def _read_digest(value: Value) -> bytes:
    try:
        digest = bytes.fromhex(str(value))
    except ValueError:
        digest = b""
    if len(digest) != 32 or digest.hex() != value:
        raise DamagedRecord(f"{str(value)[:80]!r} is no hash in lower-case hex")
    return digest


def _read_millis(value: Value) -> int:
    """Milliseconds since 1970 of a time as it is recorded."""
    text = str(value)
    try:
        time = datetime.fromisoformat(text)
        millis = (time - _EPOCH) // _MILLISECOND
    except (ValueError, TypeError) as error:
        raise DamagedRecord(f"{text[:40]!r} is no time") from error
    if time.isoformat(timespec="milliseconds").replace("+00:00", "Z") != text:
        raise DamagedRecord(f"{text[:40]!r} is no time as basis writes it")
    return millis
