"""Open jobs whose records were damaged: told to the operator once each, and counted until the next
start. Their credits stay held, and everything else goes on."""

from __future__ import annotations

from collections.abc import Iterable

import structlog

from basis.rules.errors import DamagedRecord

_log = structlog.get_logger(__name__)
_MOST_KEPT = 10_000
"""Messages that are remembered so that none is logged twice."""


class DamagedJobs:
    """What could not be closed since the start. Event loop's thread only."""

    def __init__(self) -> None:
        self._messages: set[str] = set()

    @property
    def count(self) -> int:
        """How many jobs."""
        return len(self._messages)

    def note(self, damaged: Iterable[DamagedRecord]) -> None:
        """Logs those that are new."""
        for error in damaged:
            if error.message not in self._messages and self.count < _MOST_KEPT:
                self._messages.add(error.message)
                _log.error("open_job_damaged", error=error.message)
