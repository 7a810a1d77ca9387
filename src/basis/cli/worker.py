"""`basis worker run` and `basis worker doctor`: the program of a GPU machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from basis.cli import earnings

_EXIT_CODES = (
    "Exit codes: 0 done or drained, 2 wrong usage, 10 bad wallet, 11 runtime missing, "
    "12 model unknown or not available, 13 token refused or worker id taken, "
    "14 orchestrator unreachable (doctor only; run keeps trying), 15 digest mismatch, "
    "16 no orchestrator there or protocols differ, 130 stopped at once by a second signal."
)
_STATE_FOLDER = Path("~/.basis/worker")
_RUNTIMES = "auto, llamacpp, ollama, vllm, openai or echo"

app = typer.Typer(
    help="Lend this machine to the network: run a worker, check that one could, see its earnings.",
    epilog=_EXIT_CODES,
    no_args_is_help=True,
)
app.command(name="earnings")(earnings.earnings)

Orchestrator = Annotated[
    str, typer.Option(envvar="BASIS_ORCHESTRATOR", help="Address of the orchestrator.")
]
WorkerId = Annotated[
    str, typer.Option(help="Stable name of this worker; made once and kept if not given.")
]
RuntimeOption = Annotated[str, typer.Option(help=f"What answers the jobs: {_RUNTIMES}.")]
RuntimeUrl = Annotated[
    str, typer.Option(help="Address of a runtime that runs elsewhere (ollama, vllm, openai).")
]
RuntimeKey = Annotated[
    str, typer.Option(envvar="BASIS_RUNTIME_KEY", help="API key of that runtime, if it has one.")
]
Models = Annotated[
    list[str],
    typer.Option(
        "--models",
        help="NAME or NAME=LOCAL, LOCAL being the runtime's tag or a path; repeat or use commas.",
    ),
]
Slots = Annotated[int, typer.Option(min=1, max=256, help="Jobs at the same time.")]
ContextTokens = Annotated[
    int, typer.Option(min=0, help="Most tokens of context per slot; 0 leaves it to the catalog.")
]
StateFolder = Annotated[Path, typer.Option(help="Where the worker's id and token are kept.")]


@app.command(epilog=_EXIT_CODES)
def run(
    orchestrator: Orchestrator,
    wallet: Annotated[str, typer.Option(help="EVM address that the rewards go to.")],
    worker_id: WorkerId = "",
    runtime: RuntimeOption = "auto",
    runtime_url: RuntimeUrl = "",
    runtime_key: RuntimeKey = "",
    models: Models = [],  # noqa: B006 - typer's way of saying that it may be repeated
    slots: Slots = 1,
    context_tokens: ContextTokens = 0,
    state_folder: StateFolder = _STATE_FOLDER,
    json: Annotated[bool, typer.Option("--json", help="Log lines as JSON, no panel.")] = False,
) -> None:
    """Serve jobs until stopped.

    SIGTERM or Ctrl-C finishes the running jobs first; a second one drops them.
    """
    from basis.worker.exits import WorkerStop
    from basis.worker.program import run_blocking
    from basis.worker.settings import read_settings, read_wallet

    try:
        payee = read_wallet(wallet)
        settings = read_settings(
            orchestrator=orchestrator,
            worker_id=worker_id,
            runtime=runtime,
            runtime_url=runtime_url,
            runtime_key=runtime_key,
            models=models,
            slots=slots,
            context_tokens=context_tokens,
            state_folder=state_folder,
        )
        code = run_blocking(settings, wallet=payee, as_json=json)
    except WorkerStop as stop:
        typer.echo(f"basis worker: {stop.message}", err=True)
        raise typer.Exit(stop.exit_code) from stop
    raise typer.Exit(code)


@app.command(epilog=_EXIT_CODES)
def doctor(
    orchestrator: Orchestrator,
    wallet: Annotated[str, typer.Option(help="EVM address to check.")] = "",
    worker_id: WorkerId = "",
    runtime: RuntimeOption = "auto",
    runtime_url: RuntimeUrl = "",
    runtime_key: RuntimeKey = "",
    models: Models = [],  # noqa: B006 - typer's way of saying that it may be repeated
    slots: Slots = 1,
    context_tokens: ContextTokens = 0,
    state_folder: StateFolder = _STATE_FOLDER,
    conformance: Annotated[
        bool, typer.Option("--conformance", help="Also hold the runtime to the whole suite.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Findings as JSON on stdout.")] = False,
) -> None:
    """Check runtime, models, digests, orchestrator and clock, and say what to fix.

    It registers nothing and changes nothing; it exits with the code of the first fault.
    """
    from basis.worker.exits import WorkerStop
    from basis.worker.program import examine_blocking
    from basis.worker.settings import read_settings

    try:
        settings = read_settings(
            orchestrator=orchestrator,
            worker_id=worker_id,
            runtime=runtime,
            runtime_url=runtime_url,
            runtime_key=runtime_key,
            models=models,
            slots=slots,
            context_tokens=context_tokens,
            state_folder=state_folder,
        )
    except WorkerStop as stop:
        typer.echo(f"basis worker: {stop.message}", err=True)
        raise typer.Exit(stop.exit_code) from stop
    code = examine_blocking(settings, wallet=wallet, conformance=conformance, as_json=json)
    raise typer.Exit(code)
