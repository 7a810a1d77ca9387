"""`basis worker`: what its owner typed wrong is said in one line and a named exit code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.basis_process import run_basis, start_orchestrator
from tests.support.books import ALICE

NOWHERE = ("--orchestrator", "http://127.0.0.1:9", "--runtime", "echo", "--models", "basis-echo")
RUN = ("worker", "run", "--wallet", ALICE, "--state-folder", "state")


@pytest.mark.parametrize(
    ("words", "code", "named"),
    [
        (("worker", "run", *NOWHERE, "--wallet", "0x12"), 10, "0x12"),
        (("worker", "run", *NOWHERE, "--wallet", ALICE.swapcase().replace("X", "x", 1)), 10, "x"),
        ((*RUN, *NOWHERE, "--slots", "0"), 2, "--slots"),
        ((*RUN, *NOWHERE, "--runtime", "abacus"), 2, "abacus"),
        ((*RUN, *NOWHERE, "--orchestrator", "ftp://x"), 2, "ftp://x"),
    ],
)
def test_worker_run__wrong_input__ends_at_once_with_its_code(
    tmp_path: Path, words: tuple[str, ...], code: int, named: str
) -> None:
    done = run_basis(*words, folder=tmp_path)

    assert done.returncode == code, done.stderr
    assert named in done.stderr
    assert "Traceback" not in done.stderr


def test_worker_doctor__orchestrator_unreachable__exits_with_14(tmp_path: Path) -> None:
    done = run_basis(
        "worker", "doctor", *NOWHERE, "--state-folder", "state", "--json", folder=tmp_path
    )

    assert done.returncode == 14, done.stderr
    assert "127.0.0.1:9" in done.stdout
    assert json.loads(done.stdout)


def test_worker_doctor__all_well__exits_with_0_and_registers_nothing(tmp_path: Path) -> None:
    orchestrator, url = start_orchestrator(tmp_path)
    with orchestrator:
        words = ("--orchestrator", url, "--runtime", "llamacpp", "--models", "basis-tiny")
        done = run_basis(
            *("worker", "doctor", *words, "--wallet", ALICE, "--state-folder", "state"),
            *("--json",),
            folder=tmp_path,
        )
        said = "".join(orchestrator.lines)

    assert done.returncode == 0, done.stdout
    assert json.loads(done.stdout)
    assert "worker_online" not in said
