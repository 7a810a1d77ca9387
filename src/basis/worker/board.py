"""Where the running parts of the worker put what happens, for the view and the log."""

from __future__ import annotations

import structlog

from basis.worker.state import WorkerState


class Board:
    """The current state and the log. Events carry fields, never prompts, answers or tokens."""

    def __init__(self, state: WorkerState) -> None:
        self.state = state
        self._log: structlog.typing.FilteringBoundLogger = structlog.get_logger("basis.worker")

    def note(self, event: str, **fields: object) -> None:
        """Writes one line about something that went as it should."""
        self._log.info(event, **fields)

    def warn(self, event: str, **fields: object) -> None:
        """Writes one line about something that the owner may want to look into."""
        self._log.warning(event, **fields)
