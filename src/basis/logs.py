"""How events are logged: with fields, to stderr, as JSON or for a person's eyes."""

from __future__ import annotations

import logging
import sys

import structlog

from basis.config import LogSettings
from basis.tracebacks import format_plainly, write_plainly


def configure_logs(settings: LogSettings) -> None:
    """Sets structlog up for this process."""
    is_console = settings.format == "console" or (settings.format == "auto" and sys.stderr.isatty())
    # structlog's own tracebacks show messages and local variables, prompts among them.
    renderers = (
        [structlog.dev.ConsoleRenderer(exception_formatter=write_plainly)]
        if is_console
        else [
            structlog.processors.ExceptionRenderer(format_plainly),
            structlog.processors.JSONRenderer(),
        ]
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *renderers,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(
            getattr(logging, settings.level.upper())
        ),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
