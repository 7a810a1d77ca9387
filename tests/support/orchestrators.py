"""Real orchestrators for tests: in this process on a free port, over a folder of their own."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path

import aiohttp
import msgspec
from sqlalchemy import Engine

from basis.app import RunningOrchestrator, run_orchestrator
from basis.config import (
    BillingSettings,
    DataSettings,
    JobSettings,
    ServerSettings,
    Settings,
    WorkerSettings,
)
from basis.storage.clock import now_iso
from basis.storage.database import DATABASE_FILE, for_writing, open_database
from basis.storage.key_store import store_new_key
from basis.storage.receipt_store import StoredReceipt, iterate_receipts
from basis.storage.secrets import load_hasher, new_api_key


def quick_settings(folder: Path, **changes: object) -> Settings:
    """Settings for a test; `changes` are fields of any section, by name."""
    sections = {
        "server": ServerSettings(port=0, shutdown_grace_s=1),
        "workers": WorkerSettings(),
        "jobs": JobSettings(),
        "billing": BillingSettings(),
    }
    for name, section in sections.items():
        known = {field: changes.pop(field) for field in list(changes) if hasattr(section, field)}
        sections[name] = msgspec.structs.replace(section, **known)
    assert not changes, f"no such settings: {changes}"
    return msgspec.structs.replace(Settings(), data=DataSettings(folder=str(folder)), **sections)


def make_key(folder: Path, *, user_id: str = "user-1", wallet: str = "") -> str:
    """A fresh API key of a customer that is billed afterwards."""
    engine: Engine = open_database(folder, create=True)
    key = new_api_key()
    with for_writing(engine).begin() as connection:
        store_new_key(
            connection,
            key_id=f"key_{key[-6:]}",
            secret_hash=load_hasher(folder).hash(key),
            name="test",
            user_id=user_id,
            user_wallet=wallet,
            now=now_iso(),
            credit_limit=None,
        )
    engine.dispose()
    return key


@cache
def _prepared_folder() -> tuple[str, dict[str, bytes]]:
    """A key, and the files of a data folder that knows it: migrated once, copied for each test."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        key = make_key(folder)
        return key, {path.name: path.read_bytes() for path in folder.iterdir()}


def prepare_folder(folder: Path) -> str:
    """Fills an empty data folder; the key of `user-1` that is valid there."""
    key, files = _prepared_folder()
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return key


def stored_receipts(running: RunningOrchestrator) -> list[StoredReceipt]:
    """Every receipt on record, oldest first."""
    with running.context.engine.connect() as connection:
        return list(iterate_receipts(connection))


async def settled_receipts(running: RunningOrchestrator, count: int = 1) -> list[StoredReceipt]:
    """The receipts once there are `count` of them, none is being written and no slot is taken."""
    await until(lambda: len(stored_receipts(running)) >= count)
    await running.context.background.wait(timeout_s=20)
    await until(lambda: in_flight(running) == 0)
    return stored_receipts(running)


def in_flight(running: RunningOrchestrator) -> int:
    """Slots that are taken, over all connected workers."""
    return sum(session.in_flight for session in running.context.dispatcher.sessions.values())


async def until(is_so: Callable[[], bool]) -> None:
    """Lets the loop turn until `is_so`; fails after 20 seconds."""
    async with asyncio.timeout(20):
        while not is_so():
            await next_turn()


async def next_turn() -> None:
    """Lets everything else run once."""
    await asyncio.sleep(0)


class Customer:
    """A customer with a key and an HTTP session."""

    def __init__(self, url: str, key: str) -> None:
        self.url = url
        self.key = key
        self.http = aiohttp.ClientSession(
            headers={"Authorization": f"Bearer {key}"}, timeout=aiohttp.ClientTimeout(total=30)
        )

    def post(self, path: str, **fields: object) -> aiohttp.client._RequestContextManager:
        """POSTs a JSON body."""
        return self.http.post(self.url + path, json=fields)

    def chat(self, text: str = "Hello!", **fields: object) -> aiohttp.client._RequestContextManager:
        """Asks basis-tiny in one user message."""
        body: dict[str, object] = {
            "model": "basis-tiny",
            "messages": [{"role": "user", "content": text}],
            **fields,
        }
        return self.post("/v1/chat/completions", **body)

    def get(self, path: str) -> aiohttp.client._RequestContextManager:
        """GETs a path."""
        return self.http.get(self.url + path)


@asynccontextmanager
async def orchestrator(
    folder: Path, **changes: object
) -> AsyncIterator[tuple[RunningOrchestrator, Customer]]:
    """A running orchestrator and a customer of it."""
    key = make_key(folder) if (folder / DATABASE_FILE).exists() else prepare_folder(folder)
    async with run_orchestrator(quick_settings(folder, **changes)) as running:
        customer = Customer(running.url, key)
        try:
            yield running, customer
        finally:
            await customer.http.close()
