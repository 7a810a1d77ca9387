"""A process that books entries of its own and some that another process books too.

`concurrent_writer.py FOLDER NAME COUNT`: prints `ready`, waits for a line, writes, ends.
"""

from __future__ import annotations

import sys
from pathlib import Path

from basis.rules.ledger import AccountPath, Posting, make_entry
from basis.storage.database import for_writing, open_database
from basis.storage.ledger_store import load_balances, store_entries


def main(folder: Path, name: str, count: int) -> None:
    """Books `count` entries, one transaction each."""
    engine = for_writing(open_database(folder, create=False))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    for number in range(count):
        # Every third entry is the other process's as well, and must count once.
        cause = f"both-{number}" if number % 3 == 0 else f"{name}-{number}"
        entry = make_entry(
            kind="transfer",
            cause=cause,
            postings=[
                Posting(account=AccountPath("customer/user-1"), asset="BASIS", amount_raw=-1),
                Posting(account=AccountPath("network/fee"), asset="BASIS", amount_raw=1),
            ],
        )
        with engine.begin() as connection:
            # Reads before it writes: in a deferred transaction this is what deadlocks.
            load_balances(connection)
            store_entries(connection, [entry], now="2026-11-21T12:00:00.000Z")
    engine.dispose()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
