# What Basis uses of pyarrow.parquet.

from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pyarrow import RecordBatch, Schema, Table

class Statistics:
    has_min_max: bool
    min: Any
    max: Any

class ColumnChunkMetaData:
    statistics: Statistics | None

class RowGroupMetaData:
    num_rows: int
    total_byte_size: int
    def column(self, index: int) -> ColumnChunkMetaData: ...

class FileMetaData:
    num_rows: int
    num_row_groups: int
    def row_group(self, index: int) -> RowGroupMetaData: ...

class ParquetFile:
    metadata: FileMetaData
    schema_arrow: Schema
    num_row_groups: int
    def __init__(
        self, source: Path, *, memory_map: bool = False, pre_buffer: bool = False
    ) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...
    def read_row_group(self, index: int, columns: Sequence[str] | None = None) -> Table: ...
    def iter_batches(
        self,
        batch_size: int = 65_536,
        row_groups: Sequence[int] | None = None,
        columns: Sequence[str] | None = None,
    ) -> Iterator[RecordBatch]: ...

class ParquetWriter:
    def __init__(
        self,
        where: Path,
        schema: Schema,
        *,
        compression: str,
        use_dictionary: list[str],
        column_encoding: dict[str, str] | None,
        store_schema: bool,
    ) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...
    def write_table(self, table: Table, row_group_size: int) -> None: ...
    def close(self) -> None: ...

def read_metadata(where: Path) -> FileMetaData: ...
def read_table(
    source: Path,
    *,
    columns: Sequence[str] | None = None,
    filters: Sequence[tuple[str, str, int]] | None = None,
    use_threads: bool = True,
) -> Table: ...
