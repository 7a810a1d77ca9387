"""How events are logged: with fields, to stderr, as JSON or for a person's eyes."""

from __future__ import annotations

import logging
import sys

import structlog

from basis.config import LogSettings


def configure_logs(settings: LogSettings) -> None:
    """Sets structlog up for this process."""
    is_console = settings.format == "console" or (settings.format == "auto" and sys.stderr.isatty())
    # Tracebacks are plain: structlog's pretty ones show local variables, prompts among them.
    plain = structlog.dev.plain_traceback
    renderers = (
        [structlog.dev.ConsoleRenderer(exception_formatter=plain)]
        if is_console
        else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
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
