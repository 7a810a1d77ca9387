"""Names that people choose: what a worker may be called. One rule for both ends of the link."""

from __future__ import annotations

import re

from basis.rules.errors import InvalidInput
from basis.rules.job import WorkerId

_WORKER_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_LONGEST_SHOWN = 80


def parse_worker_id(text: str, *, param: str = "worker_id") -> WorkerId:
    """The id of a worker.

    Raises:
        InvalidInput: empty, longer than 64, or with anything that would not fit a path or a log.
    """
    if not _WORKER_ID.fullmatch(text):
        raise InvalidInput(
            f"{param} is {text[:_LONGEST_SHOWN]!r}: expected 1 to 64 letters, digits, "
            f"'.', '_' or '-', beginning with a letter or digit",
            param=param,
        )
    return WorkerId(text)
