"""Structured lines on standard error; bodies never, they are in the record."""

from __future__ import annotations

import sys

import structlog


def log_beside_answers() -> None:
    """Lines for people on standard error, of a command whose answer is on standard output."""
    structlog.configure(logger_factory=lambda *_: structlog.PrintLogger(sys.stderr))


def configure_log() -> None:
    """One JSON object a line, for every process of a server."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level, structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info, structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )  # fmt: skip
