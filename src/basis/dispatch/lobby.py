"""Where links wait until they have said hello: so many in all, so many from one address."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager

from basis.rules.errors import Overloaded

_RETRY_AFTER_S = 5


class Lobby:
    """Bounds what strangers can hold open. Event loop's thread only."""

    def __init__(self, *, max_links: int, max_links_per_address: int) -> None:
        self._max_links = max_links
        self._max_links_per_address = max_links_per_address
        self._by_address: Counter[str] = Counter()

    @contextmanager
    def place(self, address: str) -> Generator[None]:
        """A place for one link from `address`, as `address_group` tells it.

        Raises:
            Overloaded: all places, or all of this address, are taken.
        """
        if (
            self._by_address[address] >= self._max_links_per_address
            or self._by_address.total() >= self._max_links
        ):
            raise Overloaded(
                "too many links have not said hello yet: try again later",
                retry_after_s=_RETRY_AFTER_S,
            )
        self._by_address[address] += 1
        try:
            yield
        finally:
            self._by_address[address] -= 1
            if not self._by_address[address]:
                del self._by_address[address]
