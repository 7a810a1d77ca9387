"""`make demo` tells its whole story: three workers, 200 requests, a kill, a batch, a recompute."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_demo__on_this_machine__holds_every_check(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "demo"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "every check held" in done.stdout
    assert "FAILS" not in done.stdout
    assert (tmp_path / ".demo" / "data").is_dir()
