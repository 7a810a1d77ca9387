"""Which HTTP answers pass by themselves, and how long one of them asks us to wait."""

from __future__ import annotations

import re

_PASSING_CLIENT_ERRORS = frozenset({408, 425, 429})
_LONGEST_WAIT_S = 3_600


def is_passing(status: int) -> bool:
    """Whether an orchestrator, or a proxy before it, answers so while it is away or busy.

    Every status from 500 on counts: proxies have numbers of their own, as Cloudflare's 520 to 530.
    """
    return status >= 500 or status in _PASSING_CLIENT_ERRORS


def read_retry_after(text: str) -> float:
    """The seconds of a Retry-After header, an hour at most; 0 where it names none."""
    return min(int(text), _LONGEST_WAIT_S) if re.fullmatch(r"[0-9]{1,9}", text) else 0
