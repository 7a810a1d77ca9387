"""An address as it may be shown: a name and a password, or a key, may stand in it."""

from __future__ import annotations

import re

_LONGEST_SHOWN = 200
_QUERY = re.compile(r"[?#]")


def shown_address(url: str) -> str:
    """`url` without its user, password, query and fragment, whether or not it is well formed.

    Up to the last `@` nothing is shown but the scheme: a password may hold any other mark.
    """
    scheme, mark, rest = url.strip().partition("://")
    if not mark:
        scheme, rest = "", scheme
    shown = _QUERY.split(rest.rpartition("@")[2], maxsplit=1)[0]
    return (scheme + mark + shown)[:_LONGEST_SHOWN]
