"""A worker that a real orchestrator will not have ends at once, with the code that says why."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from basis.worker.exits import ExitCode
from basis.worker.identity import TokenFile
from tests.support.basis_process import BasisProcess, run_basis, start_orchestrator

WALLET = "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359"
STRICT = {"BASIS_WORKERS_MAX_MODELS": "1", "BASIS_WORKERS_MAX_SLOTS": "2"}


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An orchestrator that takes one model and two slots of a worker."""
    folder = tmp_path_factory.mktemp("strict")
    process, url = start_orchestrator(folder, environment=STRICT)
    with process:
        yield url


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (("--worker-id", "a b"), ExitCode.USAGE, "--worker-id is 'a b'"),
        (("--models", "gpt-9"), ExitCode.NO_MODEL, "no model 'gpt-9'"),
        (("--runtime", "llamacpp"), ExitCode.NO_MODEL, "models lists 2: expected 1 to 1"),
        (("--wallet", "0x12"), ExitCode.BAD_WALLET, "40 hex digits"),
        (("--slots", "3"), ExitCode.USAGE, "slots must be 1 to 2"),
    ],
    ids=["worker id", "unknown model", "too many models", "wallet", "slots"],
)
def test_run__refused_for_good__ends_with_its_code_and_one_clear_line(
    tmp_path: Path, url: str, options: tuple[str, ...], code: ExitCode, words: str
) -> None:
    typed = {
        "--runtime": "echo",
        "--wallet": WALLET,
        **dict(zip(options[::2], options[1::2], strict=True)),
    }
    done = run_basis(
        *("worker", "run", "--json", "--orchestrator", url, "--state-folder", str(tmp_path)),
        *(part for option in typed.items() for part in option),
        folder=tmp_path,
    )

    assert done.returncode == code
    (line,) = [line for line in done.stderr.splitlines() if not line.startswith("{")]
    assert words in line


def test_run__token_of_another_worker__ends_with_its_code(tmp_path: Path, url: str) -> None:
    typed = (
        *("worker", "run", "--json", "--orchestrator", url, "--wallet", WALLET),
        *("--runtime", "echo", "--worker-id", "echo-1", "--state-folder", str(tmp_path)),
    )
    with BasisProcess(*typed, folder=tmp_path) as first:
        first.wait_for("connected")
        assert first.stop() == ExitCode.OK
    TokenFile(tmp_path, orchestrator=url, worker_id="echo-1").store("wt-basis-of-another")

    done = run_basis(*typed, folder=tmp_path)

    assert done.returncode == ExitCode.TOKEN_REFUSED
    assert "the token is not that of worker 'echo-1'" in done.stderr
