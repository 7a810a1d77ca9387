"""What the owner of a worker chooses, parsed from the command line and checked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from basis.limits import Host
from basis.rules.errors import InvalidInput, InvalidWallet
from basis.rules.job import WorkerId
from basis.rules.names import parse_worker_id
from basis.rules.wallet import Wallet, parse_wallet
from basis.worker.exits import ExitCode, WorkerStop
from basis.worker.identity import load_worker_id
from basis.worker.shown_address import shown_address

DEFAULT_STATE_FOLDER = Path("~/.basis/worker")
AUTO = "auto"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelChoice:
    """A network name and what the runtime calls it: a tag, a path, or "" for the default."""

    model: str
    local: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSettings:
    """Everything that one worker process is told.

    `runtime_url` is for runtimes that run elsewhere ("" is the runtime's usual address);
    `context_tokens` caps a slot's context, 0 leaves it to the catalog and the model.
    """

    orchestrator: str
    worker_id: str
    runtime: str = AUTO
    runtime_url: str = ""
    runtime_key: str = field(default="", repr=False)
    models: tuple[ModelChoice, ...] = ()
    slots: int = 1
    context_tokens: int = 0
    state_folder: Path = DEFAULT_STATE_FOLDER
    backoff_first_s: float = 0.5
    backoff_most_s: float = 30.0


def parse_models(texts: Iterable[str]) -> tuple[ModelChoice, ...]:
    """Choices from `name`, `name=local` and comma-separated lists of them, in their order.

    Raises:
        WorkerStop: an empty name, or one name with two different local names.
    """
    chosen: dict[str, ModelChoice] = {}
    for part in (part.strip() for text in texts for part in text.split(",")):
        if not part:
            continue
        name, _, local = (piece.strip() for piece in part.partition("="))
        choice = ModelChoice(model=name, local=local)
        if not name:
            raise WorkerStop(
                ExitCode.USAGE, f"--models {part!r} names no model; write NAME or NAME=LOCAL"
            )
        if chosen.setdefault(name, choice) != choice:
            raise WorkerStop(ExitCode.USAGE, f"--models maps {name!r} twice; keep one of the two")
    return tuple(chosen.values())


def read_wallet(text: str) -> Wallet:
    """The address to pay.

    Raises:
        WorkerStop: it is none.
    """
    try:
        return parse_wallet(text.strip(), param="--wallet")
    except InvalidWallet as error:
        raise WorkerStop(ExitCode.BAD_WALLET, error.message) from error


def parse_url(text: str, *, option: str) -> str:
    """An http or https address without a slash at its end.

    Raises:
        WorkerStop: another scheme, no host or one that cannot be, or more than host, port and path.
    """
    url = text.strip()
    if not _is_http_address(url):
        raise WorkerStop(
            ExitCode.USAGE,
            f"{option} is {shown_address(text)!r}; write an address like https://example.org",
        )
    return url.rstrip("/")


def _is_http_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:  # an open bracket, or a port beyond 65535
        return False
    return (
        parts.scheme in {"http", "https"}
        and Host().admits(parts.hostname)
        and port != 0
        and not (parts.query or parts.fragment)
    )


def read_worker_id(text: str, *, param: str) -> WorkerId:
    """The id of this worker; `param` is where it was written.

    Raises:
        WorkerStop: no orchestrator would take it.
    """
    try:
        return parse_worker_id(text.strip(), param=param)
    except InvalidInput as error:
        raise WorkerStop(ExitCode.USAGE, error.message) from error


def is_exposed(url: str) -> bool:
    """Whether what is sent to `url` crosses a network unencrypted."""
    parts = urlsplit(url)
    return parts.scheme == "http" and parts.hostname not in {"127.0.0.1", "::1", "localhost"}


def read_settings(
    *,
    orchestrator: str,
    worker_id: str,
    runtime: str,
    runtime_url: str,
    runtime_key: str,
    models: Iterable[str],
    slots: int,
    context_tokens: int,
    state_folder: Path,
) -> WorkerSettings:
    """Settings from what was typed; a worker id that was not given is the one kept in the folder.

    Raises:
        WorkerStop: something that was typed cannot be read.
    """
    try:
        folder = state_folder.expanduser()
    except RuntimeError as error:
        raise WorkerStop(
            ExitCode.USAGE, f"--state-folder is {str(state_folder)[:90]!r}: there is no such user"
        ) from error
    known_as = (
        read_worker_id(worker_id, param="--worker-id")
        if worker_id.strip()
        else read_worker_id(load_worker_id(folder), param=f"the id kept in {folder}")
    )
    return WorkerSettings(
        orchestrator=parse_url(orchestrator, option="--orchestrator"),
        worker_id=known_as,
        runtime=runtime,
        runtime_url=parse_url(runtime_url, option="--runtime-url") if runtime_url else "",
        runtime_key=runtime_key,
        models=parse_models(models),
        slots=slots,
        context_tokens=context_tokens,
        state_folder=folder,
    )
