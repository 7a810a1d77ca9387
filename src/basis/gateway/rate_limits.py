"""Requests and tokens per minute, by key: reserved at once or refused, never looked at twice.

A request counts from before its prompt is counted, whatever becomes of it; from its acceptance with
as many tokens as it may come to; when it is done with those that it came to. A sub-key counts for
its parent too. The books are in memory: a restart forgets the last minute.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, replace

from basis.gateway.keys import Customer
from basis.rules.errors import LimitExceeded
from basis.storage.key_store import KeyLimits

_WINDOW_US = 60_000_000
_KEYS_KEPT = 10_000


@dataclass(slots=True)
class _Taken:
    """One request in a key's window."""

    at_us: int
    tokens: int


class _Window:
    """What one key took in the last minute."""

    def __init__(self) -> None:
        self._taken: deque[_Taken] = deque()
        self._tokens = 0

    @property
    def requests(self) -> int:
        """How many requests count."""
        return len(self._taken)

    @property
    def tokens(self) -> int:
        """How many tokens count."""
        return self._tokens

    @property
    def is_empty(self) -> bool:
        """Whether nothing counts any more."""
        return not self._taken

    def forget_before(self, oldest_us: int) -> None:
        """Drops what is older than the window."""
        while self._taken and self._taken[0].at_us <= oldest_us:
            self._tokens -= self._taken.popleft().tokens

    def find_wait_us(self, limits: KeyLimits, *, tokens: int, now_us: int) -> int:
        """After how many microseconds the request would fit; 0 if it fits now."""
        count, held = len(self._taken), self._tokens
        wait_us = 0
        for taken in self._taken:
            if self._fits(limits, requests=count, tokens=held + tokens):
                break
            count, held = count - 1, held - taken.tokens
            wait_us = taken.at_us + _WINDOW_US - now_us
        if not self._fits(limits, requests=count, tokens=held + tokens):
            return _WINDOW_US  # not even in an empty minute
        return wait_us

    def take(self, tokens: int, *, now_us: int) -> _Taken:
        """Counts one request."""
        taken = _Taken(now_us, tokens)
        self._taken.append(taken)
        self._tokens += tokens
        return taken

    def correct(self, taken: _Taken, tokens: int) -> None:
        """A request came to other tokens than were counted."""
        if self._taken and taken.at_us >= self._taken[0].at_us:
            self._tokens += tokens - taken.tokens
        taken.tokens = tokens

    @staticmethod
    def _fits(limits: KeyLimits, *, requests: int, tokens: int) -> bool:
        most_requests, most_tokens = limits.requests_per_minute, limits.tokens_per_minute
        return (most_requests is None or requests < most_requests) and (
            most_tokens is None or tokens <= most_tokens
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """One request in the window of one of the keys that it counts for."""

    key_id: str
    limits: KeyLimits
    window: _Window
    taken: _Taken


class RateReservation:
    """What one request was counted with; `settle` corrects it once its tokens are known."""

    def __init__(self, parts: list[_Part], now_us: Callable[[], int]) -> None:
        self._parts = parts
        self._now_us = now_us

    def raise_to(self, tokens: int) -> None:
        """The request may come to `tokens`: they are counted for the key and its parent, or none.

        Raises:
            LimitExceeded: a limit of tokens would be passed; the request itself stays counted.
        """
        now_us = self._now_us()
        for part in self._parts:
            part.window.forget_before(now_us - _WINDOW_US)
            only_tokens = replace(part.limits, requests_per_minute=None)
            more = tokens - part.taken.tokens
            _require_room(part.key_id, only_tokens, part.window, tokens=more, now_us=now_us)
        for part in self._parts:
            part.window.correct(part.taken, tokens)

    def settle(self, tokens: int) -> None:
        """The request came to `tokens`; those that it did not use are free again."""
        for part in self._parts:
            part.window.correct(part.taken, tokens)
        self._parts = []


class RateBook:
    """The windows of all keys. `now_us` is a monotonic clock in microseconds."""

    def __init__(self, now_us: Callable[[], int]) -> None:
        self._now_us = now_us
        self._windows: OrderedDict[str, _Window] = OrderedDict()

    def reserve(self, customer: Customer, *, tokens: int = 0) -> RateReservation:
        """Counts a request of at most `tokens` for the key and its parent, or for none of them.

        Where tokens are limited there must be room for one of them at least.

        Raises:
            LimitExceeded: a limit would be passed; it says which and when there is room again.
        """
        now_us = self._now_us()
        found: list[tuple[str, KeyLimits, _Window]] = []
        for key_id, limits in _limited(customer):
            window = self._window(key_id)
            window.forget_before(now_us - _WINDOW_US)
            _require_room(key_id, limits, window, tokens=max(tokens, 1), now_us=now_us)
            found.append((key_id, limits, window))
        parts = [
            _Part(
                key_id=key_id,
                limits=limits,
                window=window,
                taken=window.take(tokens, now_us=now_us),
            )
            for key_id, limits, window in found
        ]
        return RateReservation(parts, self._now_us)

    def count(self, key_id: str) -> tuple[int, int]:
        """Requests and tokens that count for the key in this minute, its sub-keys' among them.

        Those of a key whose pace is not limited are not counted.
        """
        window = self._windows.get(key_id)
        if window is None:
            return 0, 0
        window.forget_before(self._now_us() - _WINDOW_US)
        return window.requests, window.tokens

    def _window(self, key_id: str) -> _Window:
        window = self._windows.get(key_id)
        if window is None:
            window = self._windows[key_id] = _Window()
            self._drop_idle()
        self._windows.move_to_end(key_id)
        return window

    def _drop_idle(self) -> None:
        """Forgets windows that hold nothing, the longest unused first; full ones are kept."""
        oldest_us = self._now_us() - _WINDOW_US
        while len(self._windows) > _KEYS_KEPT:
            key_id, window = next(iter(self._windows.items()))
            window.forget_before(oldest_us)
            if not window.is_empty:
                return
            del self._windows[key_id]


def _require_room(
    key_id: str, limits: KeyLimits, window: _Window, *, tokens: int, now_us: int
) -> None:
    most_tokens = limits.tokens_per_minute
    if most_tokens is not None and tokens > most_tokens:
        raise LimitExceeded(
            f"This request may come to {tokens} tokens and the key {key_id} may use "
            f"{most_tokens} a minute: shorten the prompt or lower max_tokens.",
            retry_after_s=60,
        )
    wait_us = window.find_wait_us(limits, tokens=tokens, now_us=now_us)
    if wait_us > 0:
        retry_after_s = -(-wait_us // 1_000_000)
        raise LimitExceeded(
            f"The key {key_id} has used up its {_in_words(limits)} a minute: "
            f"try again in {retry_after_s} s.",
            retry_after_s=retry_after_s,
        )


def _limited(customer: Customer) -> list[tuple[str, KeyLimits]]:
    """The key and its parent, as far as their pace is limited."""
    owners = [(customer.key_id, customer.limits)]
    if customer.parent_id is not None and customer.parent_limits is not None:
        owners.append((customer.parent_id, customer.parent_limits))
    return [
        (key_id, limits)
        for key_id, limits in owners
        if limits.requests_per_minute is not None or limits.tokens_per_minute is not None
    ]


def _in_words(limits: KeyLimits) -> str:
    words: list[str] = []
    if limits.requests_per_minute is not None:
        words.append(f"{limits.requests_per_minute} requests")
    if limits.tokens_per_minute is not None:
        words.append(f"{limits.tokens_per_minute} tokens")
    return " or ".join(words)
