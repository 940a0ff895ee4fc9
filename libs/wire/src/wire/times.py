"""Times as they cross a process: RFC 3339 in UTC with milliseconds."""

from datetime import UTC, datetime


def to_wire(moment: datetime) -> str:
    """Return `2026-11-22T08:00:00.000Z` for an aware `moment`; a naive one raises ValueError."""
    if moment.tzinfo is None:
        raise ValueError("a time without a zone cannot cross a process")
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def from_wire(text: str) -> datetime:
    """Return the aware time that `text` tells; ValueError when it tells none, or none with a zone."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a time without a zone cannot cross a process")
    try:
        return moment.astimezone(UTC)
    except OverflowError as beyond:
        raise ValueError("a time beyond all calendars") from beyond
