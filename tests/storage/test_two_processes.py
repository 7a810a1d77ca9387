"""The orchestrator and a command of the operator's write at once: no deadlock, nothing lost."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from sqlalchemy import Engine

from basis.rules.ledger import fold_balances
from basis.storage.ledger_store import iterate_entries, load_balances

SCRIPT = Path(__file__).with_name("concurrent_writer.py")
COUNT = 60


def test_two_processes__writing_at_once__lose_no_balance(folder: Path, engine: Engine) -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, str(SCRIPT), str(folder), name, str(COUNT)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in ("orchestrator", "operator")
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"

    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in processes:
        process.communicate(timeout=60)

    assert [process.returncode for process in processes] == [0, 0]
    with engine.connect() as connection:
        entries = list(iterate_entries(connection))
        shared = COUNT // 3
        assert len(entries) == 2 * COUNT - shared
        assert load_balances(connection) == fold_balances(entries)
        assert load_balances(connection)[entries[0].postings[1].account, "BASIS"] == len(entries)
