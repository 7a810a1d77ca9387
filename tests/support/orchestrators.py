"""Real orchestrators for tests: in this process on a free port, over a folder of their own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import msgspec
from sqlalchemy import Engine

from basis.app import RunningOrchestrator, run_orchestrator
from basis.config import DataSettings, JobSettings, ServerSettings, Settings, WorkerSettings
from basis.storage.clock import now_iso
from basis.storage.database import for_writing, open_database
from basis.storage.key_store import store_new_key
from basis.storage.secrets import load_hasher, new_api_key


def quick_settings(folder: Path, **changes: object) -> Settings:
    """Settings for a test; `changes` are fields of any section, by name."""
    sections = {
        "server": ServerSettings(port=0, shutdown_grace_s=1),
        "workers": WorkerSettings(),
        "jobs": JobSettings(),
    }
    for name, section in sections.items():
        known = {field: changes.pop(field) for field in list(changes) if hasattr(section, field)}
        sections[name] = msgspec.structs.replace(section, **known)
    assert not changes, f"no such settings: {changes}"
    return msgspec.structs.replace(
        Settings(), data=DataSettings(folder=str(folder)), **sections
    )


def make_key(folder: Path, *, user_id: str = "user-1", wallet: str = "") -> str:
    """A fresh API key of a customer."""
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
        )
    engine.dispose()
    return key


class Customer:
    """A customer with a key and an HTTP session."""

    def __init__(self, url: str, key: str) -> None:
        self.url = url
        self.key = key
        self.http = aiohttp.ClientSession(headers={"Authorization": f"Bearer {key}"})

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
    key = make_key(folder)
    async with run_orchestrator(quick_settings(folder, **changes)) as running:
        customer = Customer(running.url, key)
        try:
            yield running, customer
        finally:
            await customer.http.close()
