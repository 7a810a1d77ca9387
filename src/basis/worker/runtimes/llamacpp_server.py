"""llama.cpp's server by the optional wheel `xllamacpp`, in a process of its own on the loopback."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import sys
from importlib import metadata

import msgspec

from basis.worker.exits import ExitCode, WorkerStop
from basis.worker.runtimes.llamacpp_process import ServerPlan, Started

_WHEEL = "xllamacpp"
_TINY_FILE_BYTES = 32 << 20
"""Up to this size one thread is faster than several: a layer is over before they have met. On two
busy cores the shipped model wrote 4,100 tokens/s with one thread, and 23 to 3,700 with two."""

_INSTALL = "install it: pip install 'basis[llamacpp]', or choose another one with --runtime"


def is_installed() -> bool:
    """Whether the wheel is there."""
    return importlib.util.find_spec(_WHEEL) is not None


def load_version() -> str:
    """The version of the installed wheel.

    Raises:
        WorkerStop: it is not installed.
    """
    if not is_installed():
        raise WorkerStop(ExitCode.NO_RUNTIME, f"the embedded runtime is missing; {_INSTALL}")
    return metadata.version(_WHEEL)


def choose_threads(file_bytes: int) -> int:
    """How many threads to compute with; 0 leaves it to llama.cpp."""
    return 1 if file_bytes <= _TINY_FILE_BYTES else 0


class EmbeddedServer:
    """A running server for one model file."""

    def __init__(self, process: asyncio.subprocess.Process, *, url: str) -> None:
        self._process = process
        self.url = url

    @property
    def is_alive(self) -> bool:
        """Whether its process still runs."""
        return self._process.returncode is None

    async def close(self) -> None:
        """Frees the model and its port at once; running requests break off."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self._process.communicate()  # it also closes the pipes


async def open_server(plan: ServerPlan) -> EmbeddedServer:
    """Loads the model, however long it takes.

    Raises:
        WorkerStop: the wheel does not run here, or the model cannot be loaded.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "basis.worker.runtimes.llamacpp_process",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    server = EmbeddedServer(process, url="")
    try:
        started = await _hand_over(process, plan)
        server.url = _require_url(started, plan)
    except BaseException:
        await server.close()
        raise
    return server


async def _hand_over(process: asyncio.subprocess.Process, plan: ServerPlan) -> Started:
    if process.stdin is None or process.stdout is None:
        return Started(load_error="the process has no pipes")
    process.stdin.write(msgspec.json.encode(plan) + b"\n")
    line = await process.stdout.readline()
    try:
        return msgspec.json.decode(line, type=Started)
    except msgspec.DecodeError:
        return Started(load_error="the process ended while loading")


def _require_url(started: Started, plan: ServerPlan) -> str:
    if started.import_error:
        raise WorkerStop(
            ExitCode.NO_RUNTIME,
            f"the embedded runtime does not run here ({started.import_error}); {_INSTALL}",
        )
    if not started.url:
        raise WorkerStop(
            ExitCode.NO_MODEL,
            f"llama.cpp cannot load {plan.path} ({started.load_error}); is the file whole, and "
            f"do {plan.slots} x {plan.context_tokens} tokens of context fit into memory?",
        )
    return started.url
