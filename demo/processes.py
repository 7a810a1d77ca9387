"""The processes of the demo: an orchestrator, three workers and an Ollama double, each its own."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

BASIS = str(Path(sys.executable).with_name("basis"))
_START_TIMEOUT_S = 60.0
_STOP_TIMEOUT_S = 20.0
_POLL_S = 0.05

WALLETS = (
    "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
    "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
    "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
)
"""EIP-55's own examples: nobody's rewards."""


class DemoFailed(Exception):
    """Something that the demo needs did not come about; the message says what and where to look."""


@dataclass(slots=True)
class Processes:
    """Starts processes with their output in `folder`/logs, and stops what it started."""

    folder: Path
    _running: dict[str, subprocess.Popen[bytes]] = field(
        default_factory=dict[str, "subprocess.Popen[bytes]"]
    )

    def start(self, name: str, command: Sequence[str]) -> subprocess.Popen[bytes]:
        """Starts `command`; its output goes to logs/`name`.log."""
        log = self.log_of(name)
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as output:
            process = subprocess.Popen(
                list(command), stdout=output, stderr=output, stdin=subprocess.DEVNULL
            )
        self._running[name] = process
        return process

    def log_of(self, name: str) -> Path:
        """Where the output of `name` is."""
        return self.folder / "logs" / f"{name}.log"

    def require_alive(self) -> None:
        """Raises DemoFailed if a process has ended by itself."""
        for name, process in self._running.items():
            if process.poll() is not None:
                tail = self.log_of(name).read_text(errors="replace")[-600:]
                raise DemoFailed(f"{name} ended with {process.returncode}:\n{tail}")

    def kill(self, name: str) -> None:
        """Kills without warning, as a power cut would."""
        process = self._running.pop(name)
        process.kill()
        process.wait()

    def stop(self, name: str) -> int:
        """Asks to drain and end; the exit code."""
        process = self._running.pop(name)
        process.send_signal(signal.SIGTERM)
        try:
            return process.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()

    def stop_all(self) -> dict[str, int]:
        """Ends what still runs, newest first; the exit code of each."""
        codes: dict[str, int] = {}
        for name in reversed(list(self._running)):
            with contextlib.suppress(ProcessLookupError):
                codes[name] = self.stop(name)
        return codes


def run_basis(*arguments: str) -> object:
    """The JSON that a `basis` command prints.

    Raises:
        DemoFailed: it ended with an error.
    """
    done = subprocess.run([BASIS, *arguments, "--json"], capture_output=True, check=False)
    if done.returncode != 0:
        raise DemoFailed(
            f"basis {' '.join(arguments)}: {done.stderr.decode()}{done.stdout.decode()}"
        )
    return json.loads(done.stdout)


def start_orchestrator(processes: Processes, data: Path) -> str:
    """The URL of a fresh orchestrator over `data`."""
    ready = processes.folder / "orchestrator.url"
    command = [BASIS, "up", "--port", "0", "--data", str(data), "--ready-file", str(ready)]
    processes.start("orchestrator", command)
    return _wait_for_text(processes, ready)


def start_ollama_double(processes: Processes, gguf: Path) -> tuple[str, str]:
    """URL and manifest digest of an Ollama double that serves `gguf` as `tiny:latest`."""
    module = "basis.worker.runtimes.ollama_double"
    command = [sys.executable, "-m", module, "--model", f"tiny={gguf}", "--port", "0"]
    processes.start("ollama-double", command)
    log = processes.log_of("ollama-double")
    told = json.loads(_wait_for_text(processes, log, beginning="{"))
    return str(told["url"]), str(told["models"]["tiny:latest"])


def start_worker(
    processes: Processes, number: int, orchestrator: str, *runtime_options: str
) -> str:
    """Starts worker `number` (from 1) with a wallet of its own; its worker id."""
    worker_id = f"demo-worker-{number}"
    processes.start(
        worker_id,
        [
            *(BASIS, "worker", "run", "--json"),
            *("--orchestrator", orchestrator),
            *("--worker-id", worker_id),
            *("--wallet", WALLETS[number - 1]),
            *("--state-folder", str(processes.folder / worker_id)),
            *runtime_options,
        ],
    )
    return worker_id


def wait_for_workers(processes: Processes, orchestrator: str, count: int) -> None:
    """Until `count` workers are online."""
    deadline = time.monotonic() + _START_TIMEOUT_S
    while time.monotonic() < deadline:
        processes.require_alive()
        with contextlib.suppress(URLError), urlopen(f"{orchestrator}/api/workers") as answer:  # noqa: S310 - our own loopback URL
            workers = json.load(answer)["workers"]
            if sum(worker["state"] == "online" for worker in workers) >= count:
                return
        time.sleep(_POLL_S)
    raise DemoFailed(f"{count} workers did not come online; see {processes.folder / 'logs'}")


def _wait_for_text(processes: Processes, path: Path, *, beginning: str = "") -> str:
    """The first whole line of a file that begins so."""
    deadline = time.monotonic() + _START_TIMEOUT_S
    while time.monotonic() < deadline:
        processes.require_alive()
        text = path.read_text(errors="replace") if path.is_file() else ""
        for line in text.splitlines(keepends=True):
            if line.startswith(beginning) and line.endswith("\n"):
                return line.strip()
        time.sleep(_POLL_S)
    raise DemoFailed(f"{path.name} was not written in {_START_TIMEOUT_S:.0f} s")
