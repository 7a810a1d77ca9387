"""The process that holds llama.cpp's server: started by `llamacpp_server`, never by people.

It is a process of its own because the wheel's server, when closed soon after it was opened, can
wait for ever with the interpreter's lock held, and because a fault in native code must not take
the worker's other jobs with it. Nothing is closed here: the process is killed, or ends when its
standard input does, as it does when the worker dies.

Standard input brings one line, a `ServerPlan`; standard output answers one line, a `Started`.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
from types import ModuleType

import msgspec

_ALL_LAYERS = 9_999
"""More layers than any model has: all of them go to the GPU."""

_SMALLEST_BATCH = 512
"""llama.cpp's own physical batch in tokens."""


class ServerPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What to load and how. `context_tokens` is of one slot; 0 threads leaves it to llama.cpp."""

    path: str
    slots: int
    context_tokens: int
    embeds: bool
    api_key: str
    threads: int = 0


class Started(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where the server listens, or why there is none."""

    url: str = ""
    import_error: str = ""
    load_error: str = ""


def main() -> None:
    """Serves one model until standard input ends."""
    # A signal to the whole group is the worker's to handle: it may have jobs to finish first.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    plan = msgspec.json.decode(sys.stdin.buffer.readline(), type=ServerPlan)
    started, server = _start(plan)
    sys.stdout.buffer.write(msgspec.json.encode(started) + b"\n")
    sys.stdout.buffer.flush()
    if server is not None:
        sys.stdin.buffer.read()
    os._exit(0)  # without the destructors, which are what hangs


def _start(plan: ServerPlan) -> tuple[Started, object]:
    try:
        library = importlib.import_module("xllamacpp")
    except ImportError as error:
        return Started(import_error=str(error)), None
    try:
        server = library.Server(_parameters(library, plan))
    except RuntimeError as error:
        return Started(load_error=str(error)), None
    return Started(url=str(server.listening_address)), server


def _parameters(library: ModuleType, plan: ServerPlan) -> object:
    parameters = library.CommonParams()
    parameters.model.path = plan.path
    parameters.port = 0
    parameters.api_keys = [plan.api_key]
    parameters.n_parallel = plan.slots
    parameters.n_ctx = plan.slots * plan.context_tokens  # the server splits it over its slots
    parameters.n_gpu_layers = _ALL_LAYERS if _has_gpu(library) else 0
    if plan.threads:
        parameters.cpuparams.n_threads = plan.threads
        parameters.cpuparams_batch.n_threads = plan.threads
    parameters.verbosity = -1
    parameters.warmup = False
    parameters.ui = False
    parameters.endpoint_slots = True
    if plan.embeds:
        parameters.embedding = True
        parameters.pooling_type = library.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
        # An embedding's whole input must fit into one physical batch.
        parameters.n_ubatch = max(_SMALLEST_BATCH, plan.context_tokens)
        parameters.n_batch = max(parameters.n_batch, parameters.n_ubatch)
    return parameters


def _has_gpu(library: ModuleType) -> bool:
    return any("GPU" in str(device["type"]) for device in library.get_device_info())


if __name__ == "__main__":
    main()
