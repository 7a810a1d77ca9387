"""Requests that cost us work and bring nothing: quotes, and those that are refused or left by their
sender before they are jobs. To read and count a long prompt is the dearest thing that a key without
credits can have.

So a key has shares of bytes a minute for such requests: one for quotes, one for what should have
been a job, and one for what found a full queue, which is nobody's fault. As many bytes as a body
says that it has are taken of a share before it is read, so that many requests at once have no more
than one after another; what becomes a job, or came to less, gives them back.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Generator
from contextlib import contextmanager

from aiohttp import web

from basis.dispatch.allowance import Allowance
from basis.gateway.keys import Customer
from basis.rules.errors import InsufficientCredits, InvalidInput, LimitExceeded, QueueFull

_BYTES_PER_MINUTE = 8 << 20
"""Counted in some two seconds of one thread. Ours to choose."""
_LEAST_BYTES = 2_048
"""What the smallest request counts as: it is looked up, decoded, judged and answered too."""
_UNTOLD_BYTES = 256 << 10
"""Taken for a body whose length nobody tells, so that 32 of them can be read at once. Ours."""
_PERIOD_S = 60


class Purpose(enum.StrEnum):
    """What a request is for. Each has a share of its own: many quotes keep nobody from a job."""

    JOB = "requests that came to no job"
    QUOTE = "quotes"


class Watched:
    """One request while it is read and judged."""

    def __init__(self, share: Allowance, key_id: str, *, reserved_bytes: int) -> None:
        self._share = share
        self._key_id = key_id
        self._reserved_bytes = reserved_bytes
        self.is_job = False

    def become_job(self) -> None:
        """It is held and will be paid: from now on it takes nothing, and leaving it is the job's
        affair."""
        self.is_job = True
        self.settle(0)

    def settle(self, used_bytes: int) -> None:
        """It came to `used_bytes` and not to what was reserved; a second time, to so many more."""
        unused = self._reserved_bytes - used_bytes
        self._reserved_bytes = 0
        if unused > 0:
            self._share.give_back(self._key_id, cost=unused)
        elif unused < 0:
            self._share.charge(self._key_id, cost=-unused)


class UnpaidRequests:
    """The shares of all keys. Event loop's thread only."""

    def __init__(self, has_full_queue: Callable[[], bool]) -> None:
        """`has_full_queue` says whether there is a queue that a job could find full."""
        self._has_full_queue = has_full_queue
        self._shares = {purpose: _share_of(purpose.value) for purpose in Purpose}
        self._queued = _share_of("requests that found a full queue")

    @contextmanager
    def watch(
        self, request: web.Request, customer: Customer, purpose: Purpose = Purpose.JOB
    ) -> Generator[Watched]:
        """Within it a request is read, judged and answered; its body counts unless it is a job.

        Raises:
            LimitExceeded: the key's share of this minute is used up; the body was not read.
        """
        if self._has_full_queue():
            self._queued.require_any(customer.key_id)
        share = self._shares[purpose]
        reserved = min(max(_most_bytes(request), _LEAST_BYTES), _BYTES_PER_MINUTE)
        share.take(customer.key_id, cost=reserved)
        watched = Watched(share, customer.key_id, reserved_bytes=reserved)
        used = 0
        try:
            yield watched
        except QueueFull:
            self._queued.charge(customer.key_id, cost=_read_bytes(request))
            raise
        except BaseException as error:
            is_refused = isinstance(error, (InvalidInput, InsufficientCredits, LimitExceeded))
            if is_refused or not watched.is_job:
                used = _read_bytes(request)
            raise
        else:
            if not watched.is_job:
                used = _read_bytes(request)
        finally:
            watched.settle(used)


def _share_of(what: str) -> Allowance:
    return Allowance(
        _BYTES_PER_MINUTE, period_s=_PERIOD_S, what=f"bytes in a minute, with one key, of {what}"
    )


def _most_bytes(request: web.Request) -> int:
    """How many bytes the body says that it has; what is more is taken once it is read."""
    told = request.content_length
    if told is None or "Content-Encoding" in request.headers:
        return _UNTOLD_BYTES
    return min(told, request.client_max_size)


def _read_bytes(request: web.Request) -> int:
    """How many bytes a request counts as that will not be paid."""
    return max(request.content.total_bytes, _LEAST_BYTES)
