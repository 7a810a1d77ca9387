"""`basis worker` as its owner runs it: a process, its signals, its lines and its exit codes."""

from __future__ import annotations

import asyncio
import signal
import stat
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import msgspec
import pytest
import structlog
from orchestrator_double import OrchestratorDouble, chat_job

from basis.wire import frames
from basis.worker.board import Board
from basis.worker.exits import ExitCode
from basis.worker.state import Phase, WorkerState, advance_phase
from basis.worker.view import configure_lines, describe_state, render_panel

WALLET = "0x" + "11" * 20
NOWHERE = "http://127.0.0.1:9"  # the discard port, where nothing listens
PROGRAM = "from basis.cli.worker import app; app()"

Run = Callable[..., Awaitable[Process]]


@pytest.fixture
async def run(orchestrator: OrchestratorDouble, tmp_path: Path) -> AsyncIterator[Run]:
    """Starts `basis worker COMMAND` for the double; what still runs after the test is killed."""
    started: list[Process] = []

    async def start(command: str, *arguments: str, to: str = "") -> Process:
        common = ["--orchestrator", to or orchestrator.url, "--state-folder", str(tmp_path)]
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", PROGRAM, command, *common, *arguments, stdout=PIPE, stderr=PIPE
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def finish(process: Process) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a process that ends by itself."""
    async with asyncio.timeout(60):
        out, err = await process.communicate()
    return process.returncode or 0, out.decode(), err.decode()


async def test_run__first_signal__finishes_the_job_and_exits_zero(
    run: Run, orchestrator: OrchestratorDouble
) -> None:
    orchestrator.window_frames = 1
    process = await run("run", "--wallet", WALLET, "--runtime", "echo", "--json")
    connection = await orchestrator.connected()
    assert await connection.next_status() == frames.Status(busy_slots=0)
    await connection.send(chat_job("one two three"))
    await connection.next()
    process.send_signal(signal.SIGTERM)
    assert (await connection.next_status()).draining
    await connection.send(frames.Ack(lease_id="lease-1", seq=0))
    assert isinstance((await connection.until_end("lease-1"))[-1], frames.Done)
    code, out, err = await finish(process)
    assert (code, out) == (0, "")
    events = [msgspec.json.decode(line) for line in err.splitlines()]
    assert events[-1]["event"] == "stopped"
    (job,) = [event for event in events if event["event"] == "job"]
    assert (job["outcome"], job["output_tokens"]) == ("done", 3)


async def test_run__second_signal__stops_at_once(
    run: Run, orchestrator: OrchestratorDouble
) -> None:
    orchestrator.window_frames = 1
    process = await run("run", "--wallet", WALLET, "--runtime", "echo")
    connection = await orchestrator.connected()
    assert await connection.next_status() == frames.Status(busy_slots=0)
    await connection.send(chat_job("one two three"))
    await connection.next()
    process.send_signal(signal.SIGINT)
    assert (await connection.next_status()).draining
    process.send_signal(signal.SIGINT)
    code, _, err = await finish(process)
    assert code == ExitCode.STOPPED
    assert "stopped_at_once" in err


async def test_run__any_log__has_neither_token_nor_prompt_nor_answer(
    run: Run, orchestrator: OrchestratorDouble, tmp_path: Path
) -> None:
    process = await run("run", "--wallet", WALLET, "--runtime", "echo")
    connection = await orchestrator.connected()
    await connection.send(chat_job("xyzzy plugh"))
    await connection.until_end("lease-1")
    process.send_signal(signal.SIGTERM)
    _, _, err = await finish(process)
    (token,) = orchestrator.tokens.values()
    assert "job" in err
    assert not [secret for secret in (token, "xyzzy", "plugh") if secret in err]
    (file,) = (tmp_path / "tokens").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--wallet", "0x1234"], ExitCode.BAD_WALLET, "40 hex digits"),
        (["--wallet", WALLET, "--models", "basis-huge"], ExitCode.NO_MODEL, "no model"),
        (["--wallet", WALLET, "--runtime", "abacus"], ExitCode.USAGE, "none of auto"),
        (["--wallet", WALLET, "--models", "=x"], ExitCode.USAGE, "names no model"),
        (
            ["--wallet", WALLET, "--runtime", "ollama", "--runtime-url", NOWHERE],
            ExitCode.NO_MODEL,
            "say what ollama shall serve",
        ),
        ([], ExitCode.USAGE, "--wallet"),
    ],
)
async def test_run__something_wrong__is_one_line_and_a_named_exit_code(
    arguments: list[str], code: ExitCode, words: str, run: Run
) -> None:
    ended = await finish(await run("run", *arguments))
    assert ended[0] == code
    assert words in ended[2]
    assert "Traceback" not in ended[2]


async def test_run__refused_token__exits_with_its_code(
    run: Run, orchestrator: OrchestratorDouble
) -> None:
    orchestrator.refusals = [frames.Refused(code="bad_token", message="not yours")]
    code, _, err = await finish(await run("run", "--wallet", WALLET, "--runtime", "echo"))
    assert code == ExitCode.TOKEN_REFUSED
    assert "not yours" in err


async def test_doctor__all_well__says_so_in_json(
    run: Run, orchestrator: OrchestratorDouble
) -> None:
    process = await run(
        "doctor", "--wallet", WALLET, "--runtime", "llamacpp", "--conformance", "--json"
    )
    code, out, _ = await finish(process)
    report = msgspec.json.decode(out)
    assert (code, report["ok"], report["exit_code"]) == (0, True, 0)
    grades = {finding["check"]: finding["grade"] for finding in report["findings"]}
    expected = {"hardware", "wallet", "orchestrator", "clock", "runtime", "model basis-tiny"}
    assert expected <= set(grades)
    assert grades["repeats greedy answers"] == "ok"
    assert orchestrator.registrations == []


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--wallet", "0x1"], ExitCode.BAD_WALLET, "40 hex digits"),
        (["--models", "basis-huge"], ExitCode.NO_MODEL, "no model 'basis-huge'"),
        (
            [
                "--runtime",
                "openai",
                "--runtime-url",
                NOWHERE,
                "--models",
                "basis-tiny",
            ],
            ExitCode.NO_RUNTIME,
            "start the server",
        ),
    ],
)
async def test_doctor__something_wrong__says_what_to_fix_and_exits_with_its_code(
    arguments: list[str], code: ExitCode, words: str, run: Run
) -> None:
    ended = await finish(await run("doctor", *arguments))
    assert ended[0] == code
    assert words in ended[1]


async def test_doctor__orchestrator_away__still_looks_at_the_rest(run: Run) -> None:
    process = await run("doctor", "--runtime", "echo", to=NOWHERE)
    code, out, _ = await finish(process)
    assert code == ExitCode.UNREACHABLE
    assert "check --orchestrator" in out
    assert "hardware" in out
    assert "echo" in out


async def test_help__of_both_commands__lists_the_exit_codes(run: Run) -> None:
    for command in ("run", "doctor"):
        code, out, _ = await finish(await run(command, "--help"))
        told = " ".join(out.split())
        assert code == 0
        assert [exit_code for exit_code in ExitCode if f"{exit_code.value} " not in told] == []


def test_cli__imported__brings_no_heavy_module_with_it() -> None:
    """What keeps --help quick: commands import when they run."""
    import subprocess

    code = "import sys, basis.cli.worker; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    heavy = {"aiohttp", "msgspec", "structlog", "xllamacpp", "pynvml", "basis.worker.loop"}
    assert heavy & set(loaded) == set()


@pytest.mark.parametrize("as_json", [False, True])
def test_lines__fault_of_ours__shows_no_local_variable(
    as_json: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_lines(as_json=as_json)
    prompt = "xyzzy plugh"
    try:
        raise ZeroDivisionError(len(prompt))
    except ZeroDivisionError:
        structlog.get_logger().exception("lease_fault")
    finally:
        structlog.reset_defaults()
    shown = capsys.readouterr().err
    assert "ZeroDivisionError" in shown
    assert prompt not in shown


def test_view__any_phase__shows_state_and_why_it_is_idle() -> None:
    state = WorkerState(worker_id="host-1", orchestrator="http://o", slots=2)
    board = Board(advance_phase(state, Phase.WAITING, "no answer; trying again within 3 s"))
    rows = describe_state(board.state)
    assert rows["state"] == "waiting, 0 of 2 slots busy"
    assert rows["idle"] == "no answer; trying again within 3 s"
    assert "rewards" not in rows
    assert render_panel(board.state) is not None
