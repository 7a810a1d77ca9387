"""Requests that cost us work and bring nothing: quotes, and those that are refused or left by their
sender before they are jobs. To read and count a long prompt is the dearest thing that a key without
credits can have.

So a key has a share of bytes a minute for such requests; what becomes a job takes none of it.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from aiohttp import web

from basis.dispatch.allowance import Allowance
from basis.gateway.keys import Customer
from basis.rules.errors import InsufficientCredits, InvalidInput, LimitExceeded

_BYTES_PER_MINUTE = 8 << 20
"""Counted in some two seconds of one thread. Ours to choose."""
_LEAST_BYTES = 2_048
"""What the smallest request counts as: it is looked up, decoded, judged and answered too."""
_PERIOD_S = 60


class Watched:
    """One request while it is read and judged."""

    is_job = False
    """Set once it is accepted: leaving it then is the job's affair."""


class UnpaidRequests:
    """The shares of all keys. Event loop's thread only."""

    def __init__(self) -> None:
        self._share = Allowance(
            _BYTES_PER_MINUTE,
            period_s=_PERIOD_S,
            what="bytes in a minute, with one key, of requests that came to no job",
        )

    @contextmanager
    def watch(self, request: web.Request, customer: Customer) -> Generator[Watched]:
        """Within it a request is read, judged and answered; its body counts if it is refused.

        Raises:
            LimitExceeded: the key's share of this minute is used up; the body was not read.
        """
        self._share.require_any(customer.key_id)
        watched = Watched()
        try:
            yield watched
        except BaseException as error:
            is_refused = isinstance(error, (InvalidInput, InsufficientCredits, LimitExceeded))
            if is_refused or not watched.is_job:
                self.count(request, customer)
            raise

    def count(self, request: web.Request, customer: Customer) -> None:
        """Counts a request that was answered and will not be paid."""
        read_bytes = request.content.total_bytes
        self._share.charge(customer.key_id, cost=max(read_bytes, _LEAST_BYTES))
