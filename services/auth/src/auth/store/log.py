"""The log of changes."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select, update

from auth.tables import (
    changes,
    counters,
)
from wire.changes import Change


def next_position(connection: Connection) -> int:
    """Return the next change's position; nobody else gets one until this transaction ends."""
    step = update(counters).where(counters.c.name == "changes").values(value=counters.c.value + 1)
    return int(connection.execute(step.returning(counters.c.value)).scalar_one())


def head(connection: Connection) -> int:
    """Return the position of the newest change."""
    return int(connection.execute(select(counters.c.value).where(counters.c.name == "changes")).scalar_one())


def add_change(connection: Connection, change: Change, at: datetime) -> None:
    """Store a change under the position it holds."""
    connection.execute(insert(changes).values(position=change.position, at=at, body=change.as_dict()))


def changes_after(connection: Connection, position: int, limit: int) -> list[dict[str, Any]]:
    """Return the changes that follow a position, in order."""
    query = select(changes.c.body).where(changes.c.position > position).order_by(changes.c.position).limit(limit)
    return list(connection.execute(query).scalars())


def changes_since(connection: Connection, since: datetime, up_to: int) -> list[dict[str, Any]]:
    """Return the changes since a moment, in order, none beyond the position `up_to`."""
    query = select(changes.c.body).where(changes.c.at >= since, changes.c.position <= up_to)
    return list(connection.execute(query.order_by(changes.c.position)).scalars())
