"""What the other services read: the log of changes and the accounts, without e-mail addresses and passwords.

A reader that holds position n asks for what comes after it; one that begins reads the accounts first, remembers the
position of their first page, and goes on from there. Nothing falls in between.
"""

from datetime import timedelta
from typing import Any

from sqlalchemy import Engine

from auth import store
from servicekit.clock import Clock
from servicekit.database import transaction

RECENT = timedelta(minutes=15)
"""How far back a reader without a position is told of changes: longer than any access token lives."""


class Directory:
    """Changes and accounts, for our own services."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock

    def changes(self, *, after: int | None, limit: int) -> dict[str, Any]:
        """Return `{items, position}`: what follows `after`, or without it the last 15 minutes up to now."""
        with transaction(self._engine) as connection:
            if after is None:
                head = store.head(connection)
                recent = store.changes_since(connection, self._clock() - RECENT, head)
                return {"items": recent, "position": head}
            items = store.changes_after(connection, after, limit)
        return {"items": items, "position": items[-1]["position"] if items else after}

    def accounts(self, *, after: str | None, limit: int) -> dict[str, Any]:
        """Return `{items, next, position}`: a page of all accounts by id, at least as new as `position`."""
        with transaction(self._engine) as connection:
            position = store.head(connection)
            found = store.all_accounts(connection, after=after, limit=limit + 1)
        items = [account.listed().as_dict() for account in found[:limit]]
        return {"items": items, "next": items[-1]["id"] if len(found) > limit else None, "position": position}
