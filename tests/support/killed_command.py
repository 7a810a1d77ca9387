"""Runs a `basis` command that kills itself (kill -9) just before its N-th durable step.

    python -m tests.support.killed_command N ARGUMENTS...

A step is a statement that writes, a commit, or a rename that puts a file in its place: between any
two of them a real crash could come. A command with fewer steps ends by itself.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import Engine, event

from basis.cli.main import run

_WRITES = ("INSERT", "UPDATE", "DELETE", "CREATE", "COMMIT")
_ROOT = Path(__file__).parents[2]


class _Countdown:
    """Counts durable steps down to the one that does not happen any more."""

    def __init__(self, steps: int) -> None:
        self._left = steps

    def step(self) -> None:
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def on_statement(
        self, _connection: object, _cursor: object, statement: str, *_: object
    ) -> None:
        if statement.lstrip().upper().startswith(_WRITES):
            self.step()

    def on_commit(self, _connection: object) -> None:
        self.step()

    def on_audit(self, name: str, _arguments: tuple[object, ...]) -> None:
        if name in {"os.rename", "os.link"}:
            self.step()


def run_killed(folder: Path, step: int, *arguments: str) -> bool:
    """Whether the command came to its end, rather than to the kill before its `step`-th step."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.killed_command", str(step), *arguments],
        cwd=_ROOT,
        env={**os.environ, "BASIS_DATA_FOLDER": str(folder)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode in {0, -signal.SIGKILL}, done.stderr
    return done.returncode == 0


def main(step: str, arguments: Sequence[str]) -> None:
    """Runs the command in this process, until it ends or is killed."""
    countdown = _Countdown(int(step))
    event.listen(Engine, "before_cursor_execute", countdown.on_statement)
    event.listen(Engine, "commit", countdown.on_commit)
    sys.addaudithook(countdown.on_audit)
    sys.argv = ["basis", *arguments]
    run()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
