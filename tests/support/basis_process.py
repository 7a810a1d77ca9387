"""`basis` as people run it: in processes of its own, whose log lines can be waited for."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

BASIS = Path(sys.executable).with_name("basis")
_PATIENCE_S = 60.0


class BasisProcess:
    """A running `basis` command; killed at the end if it still runs."""

    def __init__(
        self, *arguments: str, folder: Path, environment: Mapping[str, str] | None = None
    ) -> None:
        """`folder` is the working directory; `environment` is added to ours."""
        self.lines: list[str] = []
        self._news = threading.Condition()
        self._has_ended = False
        self._process = subprocess.Popen(
            [str(BASIS), *arguments],
            cwd=folder,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill()

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    def wait_for(
        self, event: str, *, since: int = 0, such: Callable[[dict[str, Any]], bool] | None = None
    ) -> dict[str, Any]:
        """The first log line of `event` after the first `since` lines.

        Fails once the process has ended without it.
        """
        at = since
        with self._news:
            while True:
                for line in self.lines[at:]:
                    at += 1
                    found = _as_event(line)
                    if found.get("event") == event and (such is None or such(found)):
                        return found
                assert not self._has_ended, self.describe(f"ended without {event!r}")
                assert self._news.wait(_PATIENCE_S), self.describe(f"said no {event!r}")

    def kill(self) -> None:
        """Ends it without warning, as a power cut would."""
        self._process.kill()
        self._process.wait()
        self._reader.join()
        if self._process.stderr is not None:
            self._process.stderr.close()

    def terminate(self) -> None:
        """Asks it to drain and end, and goes on."""
        self._process.terminate()

    def stop(self) -> int:
        """Asks it to drain and end; the exit code."""
        self.terminate()
        return self.wait()

    def wait(self, *, timeout_s: float = _PATIENCE_S) -> int:
        """The exit code, once it has ended by itself."""
        code = self._process.wait(timeout_s)
        self._reader.join()
        return code

    def describe(self, what: str) -> str:
        """`what` happened, and the last lines that the process wrote."""
        return f"{self._process.args!r} {what}:\n" + "".join(self.lines[-20:])

    def _read(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            with self._news:
                self.lines.append(line)
                self._news.notify_all()
        with self._news:
            self._has_ended = True
            self._news.notify_all()


def start_orchestrator(
    folder: Path, *, port: int = 0, environment: Mapping[str, str] | None = None
) -> tuple[BasisProcess, str]:
    """A listening `basis up` over `folder`/data, and its URL."""
    process = BasisProcess(
        *("up", "--port", str(port), "--data", str(folder / "data")),
        folder=folder,
        environment=environment,
    )
    return process, str(process.wait_for("orchestrator_up")["url"])


def start_worker(folder: Path, orchestrator: str, *, slots: int = 2) -> BasisProcess:
    """A `basis worker run` of the shipped models on the embedded runtime, told to start."""
    return BasisProcess(
        *("worker", "run", "--json"),
        *("--orchestrator", orchestrator),
        *("--wallet", "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359"),
        *("--worker-id", "tiny-1"),
        *("--runtime", "llamacpp"),
        *("--models", "basis-tiny,basis-tiny-embed"),
        *("--slots", str(slots)),
        *("--state-folder", str(folder / "worker")),
        folder=folder,
    )


def run_basis(
    *arguments: str, folder: Path, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """A `basis` command that ends by itself, run to its end in `folder`."""
    return subprocess.run(
        [str(BASIS), *arguments],
        cwd=folder,
        env={**os.environ, **(environment or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=_PATIENCE_S,
    )


def create_key(folder: Path) -> str:
    """A fresh API key, of a customer that pays afterwards, for the orchestrator over
    `folder`/data."""
    words = ("--postpaid", "--data", str(folder / "data"), "--json")
    done = run_basis("key", "create", *words, folder=folder)
    assert done.returncode == 0, done.stderr
    return str(json.loads(done.stdout)["key"])


def _as_event(line: str) -> dict[str, Any]:
    if not line.startswith("{"):
        return {}
    decoded = json.loads(line)
    return decoded if isinstance(decoded, dict) else {}
