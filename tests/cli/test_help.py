"""Help is there for every command, quick, and loads nothing that it does not need."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from basis import __version__
from basis.cli.exits import EXIT_CODES
from basis.cli.main import app
from tests.cli.conftest import Command
from tests.support.basis_process import BASIS, run_basis

NOUNS = {
    "worker": ["run", "doctor", "earnings"],
    "offer": ["list", "make", "send", "sign", "withdraw"],
    "key": ["create", "list", "show", "limit", "revoke"],
    "account": [
        "list",
        "show",
        "top-up",
        "take-back",
        "limit",
        "usage",
        "statement",
        "unassigned",
        "assign",
        "returns",
    ],
    "pricing": ["show", "propose", "activate"],
    "model": ["list", "show", "add"],
    "receipt": ["show", "list"],
    "explain": ["job"],
    "batch": ["close", "list", "show", "fail", "retry"],
    "boost": ["snapshot", "import", "show", "list"],
    "phase": [
        *("open", "close", "exclude", "appeal", "resolve", "final"),
        *("publish", "vest", "show", "suspects", "verify"),
    ],
    "publisher": ["show", "new"],
    "ledger": ["accounts", "statement", "entry", "rebuild", "adjust", "reverse"],
    "settings": ["show"],
}
COMMANDS: list[tuple[str, ...]] = [
    (),
    ("up",),
    ("recompute",),
    ("export",),
    ("audit",),
    *((noun,) for noun in NOUNS),
    *((noun, verb) for noun, verbs in NOUNS.items() for verb in verbs),
]
HEAVY = {
    "aiohttp",
    "sqlalchemy",
    "alembic",
    "uvloop",
    "tokenizers",
    "gguf",
    "jinja2",
    "xllamacpp",
    "web3",
    "eth_account",
    "duckdb",
    "pyarrow",
}
MOST_CPU_S = 1.0


def test_commands__listed_here__are_all_that_there_are() -> None:
    mounted = {
        group.name: sorted(
            command.name or getattr(command.callback, "__name__", "")
            for command in group.typer_instance.registered_commands
        )
        for group in app.registered_groups
        if group.typer_instance is not None
    }

    assert mounted == {noun: sorted(verbs) for noun, verbs in NOUNS.items()}
    top_level = {command.name for command in app.registered_commands}
    assert top_level == {"up", "recompute", "export", "audit"}


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_help__each_command__explains_itself(basis: Command, words: tuple[str, ...]) -> None:
    outcome = basis(*words, "--help")

    assert outcome.code == 0
    assert "Usage: " in outcome.out
    assert " ".join(words) in outcome.out
    assert "--help" in outcome.out


@pytest.mark.parametrize("words", [(), ("worker",), ("key", "create"), ("up",)], ids=" ".join)
def test_help__in_a_process_of_its_own__takes_less_than_a_second(words: tuple[str, ...]) -> None:
    """By the processor's clock, so that a busy machine does not make it fail."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([BASIS, *words, "--help"], capture_output=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)

    assert " ".join(("Usage: basis", *words)).encode() in done.stdout
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < MOST_CPU_S


@pytest.mark.parametrize("words", [(), ("up",), ("worker", "run"), ("batch",)], ids=" ".join)
def test_help__in_a_process_of_its_own__loads_nothing_heavy(words: tuple[str, ...]) -> None:
    script = (
        "import json, sys\n"
        "from basis.cli.main import run\n"
        f"sys.argv = ['basis', *{list(words)!r}, '--help']\n"
        "try:\n    run()\nexcept SystemExit:\n    pass\n"
        "print(json.dumps(sorted(sys.modules)), file=sys.stderr)\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )

    loaded = {name.partition(".")[0] for name in json.loads(done.stderr)}
    assert not loaded & HEAVY


def test_help__of_the_whole__names_the_exit_codes(basis: Command) -> None:
    printed = " ".join(basis("--help").out.split())

    for code in ("0 done", "3 wrong input", "4 not found", "8 a recompute found a difference"):
        assert code in EXIT_CODES
        assert code in printed


def test_version__in_a_process_of_its_own__is_the_packages(tmp_path: Path) -> None:
    done = run_basis("--version", folder=tmp_path)

    assert (done.returncode, done.stdout) == (0, f"{__version__}\n")


@pytest.mark.parametrize(
    "words",
    [
        ("nonsense",),
        ("key", "nonsense"),
        ("key", "list", "--nonsense"),
        ("key", "revoke"),
        ("receipt", "show"),
        ("receipt", "list", "--limit", "0"),
        ("receipt", "list", "--limit", "many"),
        ("batch", "fail", "1"),
        ("model", "add", "x"),
        ("up", "--port", "http"),
        ("worker", "run"),
    ],
    ids=" ".join,
)
def test_usage__wrong__exits_with_2_and_says_so_on_stderr(
    basis: Command, words: tuple[str, ...]
) -> None:
    outcome = basis(*words)

    assert (outcome.code, outcome.out) == (2, "")
    assert "Usage: " in outcome.err
