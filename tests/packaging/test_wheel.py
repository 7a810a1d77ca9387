"""The built wheel, installed as a worker's owner would: without any of the server's parts."""

from __future__ import annotations

import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's wheel, built from this checkout."""
    target = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(target)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return next(target.glob("basis-*.whl"))


@pytest.fixture(scope="module")
def worker_venv(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with the wheel and requirements/worker.txt; its bin folder."""
    folder = tmp_path_factory.mktemp("worker")
    venv.create(folder, with_pip=True)
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet"]
    locked = ["--require-hashes", "-r", str(ROOT / "requirements" / "worker.txt")]
    subprocess.run([*pip, *locked], check=True, capture_output=True)
    subprocess.run([*pip, "--no-deps", str(wheel)], check=True, capture_output=True)
    return folder / "bin"


def test_wheel__is_built__holds_models_migrations_and_type_marker(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {
        "basis/py.typed",
        "basis/artefacts/basis-tiny.gguf",
        "basis/artefacts/basis-tiny.tokenizer.json",
        "basis/storage/migrations/env.py",
        "basis/storage/migrations/versions/0001_first_schema.py",
    } <= names


@pytest.mark.timeout(300)
def test_worker_install__has_no_server_parts__and_starts(worker_venv: Path) -> None:
    freeze = [str(worker_venv / "python"), "-m", "pip", "list", "--format=freeze"]
    installed = subprocess.run(freeze, check=True, capture_output=True, text=True).stdout.lower()
    for part in ("sqlalchemy", "alembic", "tokenizers", "jinja2", "torch", "prometheus"):
        assert part not in installed
    command = [str(worker_venv / "basis"), "worker", "run", "--wallet", "0x12"]
    address = ["--orchestrator", "http://127.0.0.1:9"]
    done = subprocess.run([*command, *address], capture_output=True, text=True, check=False)
    assert done.returncode == 10
    assert "0x12" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.timeout(300)
def test_worker_install__orchestrator_asked_for__says_what_to_install(worker_venv: Path) -> None:
    done = subprocess.run(
        [str(worker_venv / "basis"), "key", "list"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 6
    assert "basis[server]" in done.stderr
