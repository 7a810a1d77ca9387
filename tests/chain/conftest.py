"""One chain per module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.anvil import Anvil


@pytest.fixture(scope="module")
def anvil() -> Iterator[Anvil]:
    """A fresh chain that mines each transaction at once."""
    with Anvil() as node:
        yield node
