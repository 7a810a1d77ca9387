"""How the worker program ends: its exit codes, and the error that carries one."""

from __future__ import annotations

import enum

from basis.rules.errors import Misconfigured


class ExitCode(enum.IntEnum):
    """Exit codes of `basis worker run` and `basis worker doctor`. They are stable."""

    OK = 0
    USAGE = 2
    BAD_WALLET = 10
    NO_RUNTIME = 11
    NO_MODEL = 12
    TOKEN_REFUSED = 13
    UNREACHABLE = 14
    WRONG_DIGEST = 15
    PROTOCOL = 16
    STOPPED = 130

    @property
    def meaning(self) -> str:
        """What the code says, in one line."""
        return _MEANINGS[self]


_MEANINGS = {
    ExitCode.OK: "done, or drained after SIGTERM",
    ExitCode.USAGE: "an option is missing or cannot be read",
    ExitCode.BAD_WALLET: "the wallet is no EVM address, or its checksum is wrong",
    ExitCode.NO_RUNTIME: "the runtime is not installed, not running or cannot start",
    ExitCode.NO_MODEL: "a model is not in the catalog, or the runtime does not have it",
    ExitCode.TOKEN_REFUSED: "the token was refused, or another worker holds this worker id",
    ExitCode.UNREACHABLE: "the orchestrator does not answer (doctor only; run keeps trying)",
    ExitCode.WRONG_DIGEST: "a model's artefact is not one that the catalog accepts",
    ExitCode.PROTOCOL: "no orchestrator at the address, or one of another protocol",
    ExitCode.STOPPED: "stopped at once by a second signal; running jobs were dropped",
}


class WorkerStop(Misconfigured):
    """The worker cannot go on until its owner does what the message says."""

    code = "worker_stop"

    def __init__(self, exit_code: ExitCode, message: str) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def describe_exit_codes() -> str:
    """The table of exit codes for `--help`, one line each."""
    return "\n".join(f"{code.value:>4}  {code.meaning}" for code in ExitCode)
