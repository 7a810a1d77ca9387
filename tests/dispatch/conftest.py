"""Quiet logs for the tests that run a whole orchestrator."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import settings

settings.register_profile("dispatch", derandomize=True, deadline=None, max_examples=100)
settings.load_profile("dispatch")


@pytest.fixture(scope="package", autouse=True)
def quiet_logs() -> Iterator[None]:
    """Only errors are logged."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    yield
    structlog.configure(**before)
