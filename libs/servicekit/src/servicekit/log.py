"""Structured log: one JSON object a line on standard error, events by name, ids only.

Never a body, a person's name or a token: callers pass ids; whatever else an exception says is kept out by logging its
type and place instead of its message (`failure`).
"""

import logging
import sys
import traceback
from typing import Any, cast

import structlog

Logger = structlog.stdlib.BoundLogger


def configure(service: str, level: str = "INFO") -> None:
    """Send the log of this process to standard error, each line marked with `service`."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
            _marked(service),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level.upper())),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )


def get_logger() -> Logger:
    """Return a logger; `log.info("message.stored", conversation=…, seq=…)`."""
    return cast("Logger", structlog.get_logger())


def failure(error: BaseException) -> dict[str, Any]:
    """Return what may be logged of an exception: its type and where it was raised, never its message."""
    frames = traceback.extract_tb(error.__traceback__)
    places = [f"{frame.filename.rsplit('/src/', 1)[-1]}:{frame.lineno}" for frame in frames[-6:]]
    return {"error": type(error).__name__, "at_code": places}


def _marked(service: str) -> structlog.typing.Processor:
    def mark(_logger: Any, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:  # noqa: ANN401 - structlog's signature
        event["service"] = service
        return event

    return mark
