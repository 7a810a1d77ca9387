"""How many postings a second does the ledger make durable, with many callers at once?

`python -m bench.ledger`: so many callers hand entries to the orchestrator's own writer, one each,
and hand over the next when the last is durable (SQLite, WAL, synchronous=FULL, one fsync a group).
In the same run the same rows go through plain `sqlite3.executemany`, in groups of the same size,
into tables of the same schema, without any of what a ledger adds: no look for repeats, no chart, no
balances. The ratio of the two says what those cost. Entries are made before the clock starts;
what making one takes is printed beside.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from sqlalchemy import Connection

from basis.rules.errors import BasisError
from basis.rules.ledger import AccountPath, Entry, Posting, make_entry
from basis.rules.wallet import parse_wallet
from basis.storage.database import DATABASE_FILE, open_database
from basis.storage.ledger_store import store_entries
from basis.storage.writer import GroupCommitWriter

_NOW = "2026-11-23T12:00:00.000Z"
_GROUP = 1_024
"""As many as the writer commits at once."""
_Row = tuple[int | str, ...]
_WALLETS = tuple(parse_wallet(f"0x{number:040x}") for number in range(1, 501))
_CUSTOMERS = 200


@dataclass(frozen=True, slots=True)
class EntryWrite:
    """One entry of one caller."""

    entry: Entry

    @classmethod
    def apply_group(
        cls, connection: Connection, writes: Sequence[object]
    ) -> Sequence[BasisError | None]:
        """Books all entries of the group; refuses none."""
        entries = [write.entry for write in writes if isinstance(write, cls)]
        store_entries(connection, entries, now=_NOW)
        return [None] * len(writes)


def make_job_entry(number: int) -> Entry:
    """An entry as a completed job leaves it: nine postings in three assets."""
    wallet = _WALLETS[number % len(_WALLETS)]
    rows = (
        (f"customer/user-{number % _CUSTOMERS}", "CREDIT", -1_234_567),
        ("network/exchange", "CREDIT", 1_234_567),
        ("network/exchange", "BASIS", -(10**18)),
        (f"reward/pending/{wallet}", "BASIS", 8 * 10**17),
        ("network/fee", "BASIS", 10**17),
        ("network/unearned", "BASIS", 10**17 - 3),
        ("network/dust", "BASIS", 3),
        ("points/issued", "LLAMA", -5_000),
        (f"points/earned/{wallet}", "LLAMA", 5_000),
    )
    return make_entry(
        kind="job_completed",
        cause=f"job_{number:026}",
        postings=[
            Posting(account=AccountPath(account), asset=asset, amount_raw=amount_raw)
            for account, asset, amount_raw in rows
        ],
    )


def main() -> None:
    """Measures in turns, prints medians and spread."""
    parser = argparse.ArgumentParser(prog="python -m bench.ledger", description=__doc__)
    parser.add_argument("--entries", type=int, default=40_000, help="entries of one turn")
    parser.add_argument("--callers", type=int, default=2_048, help="callers at once")
    parser.add_argument("--turns", type=int, default=5)
    options = parser.parse_args()
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, "
        f"SQLite {sqlite3.sqlite_version}; {options.turns} turns of {options.entries} entries, "
        f"{options.callers} callers"
    )
    began = time.perf_counter()
    entries = [make_job_entry(number) for number in range(options.entries)]
    making_s = time.perf_counter() - began
    postings = sum(len(entry.postings) for entry in entries)
    ledger: list[float] = []
    plain: list[float] = []
    with tempfile.TemporaryDirectory(prefix="basis-bench-") as name:
        for turn in range(options.turns):
            folder = Path(name) / str(turn)
            ledger.append(postings / _book(folder, entries, callers=options.callers))
            plain.append(postings / _append(folder, entries))
    _print("ledger, by group commit", ledger)
    _print("plain executemany", plain)
    ratios = [mine / theirs for mine, theirs in zip(ledger, plain, strict=True)]
    print(f"ratio: {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")
    print(f"making the entries beforehand: {making_s / postings * 1e6:.1f} us a posting")


def _book(folder: Path, entries: Sequence[Entry], *, callers: int) -> float:
    """Seconds until every entry is durable."""
    engine = open_database(folder, create=True)
    writer = GroupCommitWriter(engine)
    writer.start()
    began = time.perf_counter()
    asyncio.run(_call(writer, entries, callers=callers))
    taken_s = time.perf_counter() - began
    writer.stop()
    engine.dispose()
    return taken_s


async def _call(writer: GroupCommitWriter, entries: Sequence[Entry], *, callers: int) -> None:
    numbers = count()

    async def caller() -> None:
        while (number := next(numbers)) < len(entries):
            await writer.write_grouped(EntryWrite(entries[number]))

    await asyncio.gather(*(caller() for _caller in range(callers)))


def _append(folder: Path, entries: Sequence[Entry]) -> float:
    """Seconds until the rows of the same entries are durable in an empty copy of the tables."""
    with closing(sqlite3.connect(folder / DATABASE_FILE)) as booked:
        schema = [
            row[0]
            for row in booked.execute(
                "SELECT sql FROM sqlite_master WHERE tbl_name IN ('ledger_entries', "
                "'ledger_postings') AND sql IS NOT NULL ORDER BY type DESC"
            )
        ]
    with closing(sqlite3.connect(folder / "plain.sqlite3", isolation_level=None)) as plain:
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "wal_autocheckpoint=4000"):
            plain.execute(f"PRAGMA {pragma}")
        for statement in schema:
            plain.execute(statement)
        began = time.perf_counter()
        for heads, postings in _grouped_rows(entries):
            plain.execute("BEGIN IMMEDIATE")
            plain.executemany("INSERT INTO ledger_entries VALUES (?, ?, ?, ?, ?)", heads)
            plain.executemany("INSERT INTO ledger_postings VALUES (?, ?, ?, ?)", postings)
            plain.execute("COMMIT")
        return time.perf_counter() - began


def _grouped_rows(entries: Sequence[Entry]) -> Iterator[tuple[list[_Row], list[_Row]]]:
    for start in range(0, len(entries), _GROUP):
        some = list(enumerate(entries[start : start + _GROUP], start + 1))
        yield (
            [(seq, entry.id, entry.kind, entry.cause, _NOW) for seq, entry in some],
            [
                (seq, posting.account, posting.asset, str(posting.amount_raw))
                for seq, entry in some
                for posting in entry.postings
            ],
        )


def _print(what: str, rates: Sequence[float]) -> None:
    print(
        f"{what}: {statistics.median(rates):,.0f} postings/s "
        f"({min(rates):,.0f} to {max(rates):,.0f})"
    )


if __name__ == "__main__":
    main()
