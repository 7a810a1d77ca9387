"""The second recomputation: the same periods by DuckDB, in SQL and 128-bit integers.

It has its own formulas, reads the files by itself, and may use no file but those of the exports.
Hashes and the steps of batches are the reference's alone; what is summed, multiplied or joined is
computed here again.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from basis.audit.difference import Difference
from basis.audit.folder import Export
from basis.audit.sql_boosts import BoostQueries
from basis.audit.sql_entries import EntryQueries
from basis.audit.sql_eras import check_eras
from basis.audit.sql_jobs import SeenJobs
from basis.audit.sql_ledger import LedgerQueries
from basis.audit.sql_numbers import Numbers, quote, quote_path
from basis.audit.sql_offers import OfferQueries
from basis.audit.sql_phase_points import check_phase_points, prepare_phases
from basis.audit.sql_phases import PhaseQueries
from basis.audit.sql_receipts import ReceiptQueries
from basis.audit.sql_snapshots import check_snapshot_history
from basis.audit.sql_standings import check_named, check_standings
from basis.rules.errors import DamagedExport
from basis.rules.export_files import ALL_FILES
from basis.rules.export_format import RECEIPTS

if TYPE_CHECKING:
    import duckdb

OnSteps = Callable[[int], None]
"""Told how many more steps are done."""
STEPS_PER_EXPORT = 17
Wide = dict[str, bool]
"""File -> whether its amounts are DECIMAL(38,0)."""


def check_by_sql(
    exports: Sequence[tuple[Export, Wide]],
    *,
    threads: int,
    memory_mib: int,
    on_steps: OnSteps,
) -> int:
    """Recomputes periods that stand in their order; how many receipts they have.

    Raises:
        Difference: the first figure that is not the one that follows.
        DamagedExport: DuckDB cannot read a file.
    """
    receipts = 0
    earlier: list[Export] = []
    with _connect([export for export, _wide in exports], threads, memory_mib) as connection:
        prepare_phases(connection)
        jobs = SeenJobs()
        for export, wide in exports:
            _check_period(connection, export, wide, earlier, jobs, on_steps)
            receipts += export.manifest.receipts.to - export.manifest.receipts.after
            earlier.append(export)
        _run(earlier[-1], lambda: check_phase_points(connection, earlier))
    return receipts


def _check_period(
    connection: duckdb.DuckDBPyConnection,
    export: Export,
    wide: Wide,
    earlier: list[Export],
    jobs: SeenJobs,
    on_steps: OnSteps,
) -> None:
    """Recomputes one period: prices and figures of receipts beside what is summed and joined.

    Each takes half of the time, and what one does on a single core the other fills up.
    """
    numbers = Numbers(is_wide=wide[RECEIPTS.name])
    receipts = ReceiptQueries(connection, export, numbers)
    for step in (
        lambda: _open_views(connection, export),
        receipts.check_count,
        lambda: check_standings(connection),
    ):
        _run(export, step)
        on_steps(1)
    with connection.cursor() as own, ThreadPoolExecutor(max_workers=1) as beside:
        figures = beside.submit(_run, export, lambda: _check_figures(own, export, numbers))
        try:
            for step in _steps(connection, export, receipts, earlier, jobs):
                _run(export, step)
                on_steps(1)
        except Exception:
            figures.result()  # What is wrong with a figure is named first.
            raise
        except BaseException:
            own.interrupt()
            raise
        figures.result()
        on_steps(2)


def _check_figures(connection: duckdb.DuckDBPyConnection, export: Export, numbers: Numbers) -> None:
    """Proves the locks of prices, then every figure of every receipt."""
    OfferQueries(connection, export).check()
    ReceiptQueries(connection, export, numbers).check_figures()


def _open_views(connection: duckdb.DuckDBPyConnection, export: Export) -> None:
    for file in ALL_FILES:
        view = file.name.removesuffix(".parquet")
        path = quote_path(str(export.path(file.name).absolute()))
        connection.execute(
            f"CREATE OR REPLACE VIEW {view} AS "
            f"SELECT * FROM read_parquet({path}, file_row_number = true)"
        )


def _steps(
    connection: duckdb.DuckDBPyConnection,
    export: Export,
    receipts: ReceiptQueries,
    earlier: list[Export],
    jobs: SeenJobs,
) -> Iterator[Callable[[], None]]:
    """All but the figures of receipts, once these have begun."""
    ledger = LedgerQueries(connection, export)
    yield lambda: jobs.check_period(connection, export, earlier)
    yield lambda: check_eras(connection, export, earlier)
    yield receipts.check_verdicts
    yield receipts.check_penalties
    yield BoostQueries(connection, export).check
    yield lambda: check_snapshot_history(connection, export)
    yield lambda: ledger.check_batches(earlier)
    yield lambda: check_named(connection)
    yield ledger.check_entries
    yield EntryQueries(connection, export).check
    yield ledger.check_balances
    yield PhaseQueries(connection, export).check


def _run(export: Export, step: Callable[[], None]) -> None:
    import duckdb

    try:
        step()
    except (duckdb.OutOfRangeException, duckdb.ConversionException) as error:
        raise Difference(
            f"{export.name}: a figure is beyond 128 bits, so it cannot be right: {error}"
        ) from error
    except duckdb.Error as error:
        raise DamagedExport(f"{export.folder} cannot be read by DuckDB: {error}") from error


@contextmanager
def _connect(
    exports: Sequence[Export], threads: int, memory_mib: int
) -> Generator[duckdb.DuckDBPyConnection]:
    """A database in memory that can read the folders of the exports, and nothing else."""
    import duckdb

    config: dict[str, Any] = {
        "threads": threads,
        "memory_limit": f"{memory_mib}MiB",
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "preserve_insertion_order": False,
    }
    folders = ", ".join(quote(f"{export.folder.absolute()}/") for export in exports)
    connection = duckdb.connect(":memory:", config=config)
    try:
        connection.execute(f"SET allowed_directories = [{folders}]")
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
        yield connection
    finally:
        connection.close()
