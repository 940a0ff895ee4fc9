"""Where the time comes from: passed in everywhere, real only in an app.py."""

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]
"""Returns the present moment as an aware time in UTC."""


def utc_now() -> datetime:
    """Return the real present moment."""
    return datetime.now(UTC)
