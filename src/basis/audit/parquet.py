"""Reads the Parquet files of a period in pieces of bounded size.

A file's hash says that its publisher wrote it, not that it is harmless: types, counts and the sizes
that its pages unfold to are held to bounds before anything is unfolded.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from basis.audit.folder import Export
from basis.rules.errors import DamagedExport
from basis.rules.export_columns import ColumnKind, ParquetFile

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

_MAX_GROUP_ROWS: Final = 1 << 20
_MAX_GROUP_BYTES: Final = 1 << 30
"""Of one row group, unfolded: what a process may have to hold."""
_READ_ROWS: Final = 8_192
Columns = Mapping[str, Sequence[object]]


def check_parquet(export: Export, file: ParquetFile) -> bool:
    """Whether the file's amounts are wide; its types, rows and sizes are as they may be.

    Raises:
        DamagedExport: they are not.
    """
    path = export.path(file.name)
    rows = next(record.rows for record in export.manifest.files if record.name == file.name)
    with _open(path) as opened:
        metadata = opened.metadata
        if metadata.num_rows != rows:
            raise DamagedExport(f"{path} has {metadata.num_rows} rows, but was signed with {rows}")
        for index in range(metadata.num_row_groups):
            group = metadata.row_group(index)
            if group.num_rows > _MAX_GROUP_ROWS or group.total_byte_size > _MAX_GROUP_BYTES:
                raise DamagedExport(f"{path}: row group {index} is larger than an audit may hold")
        for is_wide in (False, True):
            if _types_of(opened.schema_arrow) == _types_of(expected_schema(file, is_wide=is_wide)):
                return is_wide
    raise DamagedExport(f"{path} has other columns or types than {file.name} has")


def count_groups(path: Path) -> int:
    """How many row groups the file has."""
    with _open(path) as opened:
        return opened.num_row_groups


def count_rows(path: Path) -> int:
    """How many rows the file has."""
    with _open(path) as opened:
        return opened.metadata.num_rows


def check_statistics(path: Path, file: ParquetFile, *, groups: Sequence[int] | None = None) -> None:
    """Holds the bounds that row groups name for their columns to what the columns have.

    DuckDB skips row groups and chooses its arithmetic by them, so a publisher that names wrong ones
    could hide rows from it. Memory: one column of one row group.

    Raises:
        DamagedExport: a value is beyond the bounds, or a page cannot be read.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    with _open(path) as opened:
        chosen = range(opened.num_row_groups) if groups is None else groups
        for group, (index, column) in product(chosen, enumerate(file.columns)):
            named = opened.metadata.row_group(group).column(index).statistics
            if named is None or not named.has_min_max:
                continue
            try:
                read = opened.read_row_group(group, columns=[column.name])
                values = read.column(column.name).combine_chunks()
                if column.kind is ColumnKind.DIGEST:
                    values = values.cast(pa.binary())
                found = cast("dict[str, Any]", pc.min_max(values).as_py())
            except (pa.ArrowException, OSError) as error:
                raise DamagedExport(f"{path} cannot be read: {error}") from error
            if found["min"] is not None and not (
                named.min <= found["min"] and found["max"] <= named.max
            ):
                raise DamagedExport(
                    f"{path}: row group {group} says that its {column.name} is from {named.min} "
                    f"to {named.max}, but it is from {found['min']} to {found['max']}"
                )


def iterate_columns(
    path: Path, file: ParquetFile, *, groups: Sequence[int] | None = None
) -> Iterator[Columns]:
    """The rows as lists by column, some thousand at a time; amounts are integers, times ISO 8601.

    Raises:
        DamagedExport: a page cannot be read, or a number is negative that counts something.
    """
    import pyarrow as pa

    with _open(path) as opened:
        try:
            for batch in opened.iter_batches(batch_size=_READ_ROWS, row_groups=groups):
                yield {
                    column.name: _values(path, column.name, column.kind, batch.column(index))
                    for index, column in enumerate(file.columns)
                }
        except (pa.ArrowException, OSError) as error:
            raise DamagedExport(f"{path} cannot be read: {error}") from error


def iterate_rows(path: Path, file: ParquetFile) -> Iterator[tuple[object, ...]]:
    """The rows one by one, in the order of the file's columns."""
    for columns in iterate_columns(path, file):
        yield from zip(*columns.values(), strict=True)


def read_range(
    path: Path, file: ParquetFile, *, column: str, first: int, last: int
) -> list[tuple[object, ...]]:
    """The rows whose `column` is from `first` to `last`; row groups that have none are not read.

    Raises:
        DamagedExport: the file cannot be read.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    bounds = [(column, ">=", first), (column, "<=", last)]
    try:
        table = pq.read_table(path, filters=bounds, use_threads=False)
    except (pa.ArrowException, OSError) as error:
        raise DamagedExport(f"{path} cannot be read: {error}") from error
    values = [
        _values(path, one.name, one.kind, table.column(one.name).combine_chunks())
        for one in file.columns
    ]
    return list(zip(*values, strict=True))


def _open(path: Path) -> pq.ParquetFile:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.ParquetFile(path, memory_map=False, pre_buffer=False)
    except (pa.ArrowException, OSError) as error:
        raise DamagedExport(f"{path} is no Parquet file: {error}") from error


def expected_schema(file: ParquetFile, *, is_wide: bool) -> pa.Schema:
    """The columns that a file must have, in their order, with their types; none may be empty."""
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


def _types_of(schema: pa.Schema) -> list[tuple[str, str, bool]]:
    return [(field.name, str(field.type), field.nullable) for field in schema]


def _values(path: Path, name: str, kind: ColumnKind, array: pa.Array) -> Sequence[object]:
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.types

    if kind is ColumnKind.TIME:
        return pc.strftime(array.cast(pa.timestamp("ms")), format="%Y-%m-%dT%H:%M:%SZ").to_pylist()
    if kind in (ColumnKind.INTEGER, ColumnKind.NUMBER):
        least = cast("int | None", pc.min(array).as_py())
        if least is not None and least < 0:
            raise DamagedExport(f"{path}: {name} is {least}, but counts something")
    if kind is ColumnKind.AMOUNT and pyarrow.types.is_decimal(array.type):
        return [int(value) for value in cast("list[Decimal]", array.to_pylist())]
    return array.to_pylist()
