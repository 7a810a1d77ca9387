"""The shipped model behind llama.cpp's own server, and the meters of its two vocabulary files."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import settings

from basis.metering.meter import Meter, load_meter
from tests.metering.llama import LlamaServer

settings.register_profile("metering", derandomize=True, deadline=None, max_examples=100)
settings.load_profile("metering")


@pytest.fixture(scope="session")
def llama() -> Iterator[LlamaServer]:
    """A server over basis-tiny.gguf."""
    server = LlamaServer()
    yield server
    server.close()


@pytest.fixture(scope="session")
def meter() -> Meter:
    """The meter that the catalog names for basis-tiny."""
    return load_meter("shipped:basis-tiny.gguf")
