"""One house per module, for the tests that leave nothing behind in it."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
import structlog

from tests.support.house import House, open_house


@pytest.fixture(scope="package", autouse=True)
def quiet_logs() -> Iterator[None]:
    """Only errors are logged, without structlog's tables of every variable, which are slow."""
    before = structlog.get_config()
    renderer = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    errors_only = structlog.make_filtering_bound_logger(logging.ERROR)
    structlog.configure(processors=[renderer], wrapper_class=errors_only)
    yield
    structlog.configure(**before)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    """A whole network whose worker says "Hello there."; for modules that run on one loop."""
    async with open_house(tmp_path_factory.mktemp("house"), registrations_per_hour=10_000) as house:
        yield house
