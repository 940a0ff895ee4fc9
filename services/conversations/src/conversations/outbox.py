"""What was stored and must be told: rows written in the transaction that stored it, and sent by the relay afterwards.

* A row is one event, encoded once for each plane with that plane's audience only; a plane that hears nothing has null.
* Within a conversation, ids ascend in the order of the commits, since they are taken under its lock.
* Whoever commits rows rings: on PostgreSQL by NOTIFY on `CHANNEL` in the same transaction, on SQLite by the `Bell`.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

from sqlalchemy import Connection, insert, text

from conversations.model import OUTBOX_CHANNEL, Parcel
from conversations.tables import outbox

CHANNEL = OUTBOX_CHANNEL
"""What the relay listens to on PostgreSQL."""


class Bell:
    """Wakes the relay of the same process after a commit; missing a ring only costs it the wait for its next look."""

    def __init__(self) -> None:
        self._rung = threading.Event()

    def ring(self) -> None:
        """Wake whoever waits, or the next one who will."""
        self._rung.set()

    def wait(self, seconds: float) -> bool:
        """Wait for a ring; tell whether there was one."""
        rung = self._rung.wait(seconds)
        self._rung.clear()
        return rung


def put(connection: Connection, parcels: Sequence[Parcel]) -> None:
    """Store parcels in this order and ring on commit."""
    if not parcels:
        return
    rows = [{"org": one.org, "type": one.type, "staff": one.staff, "portal": one.portal} for one in parcels]
    connection.execute(insert(outbox).inline(), rows)
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"NOTIFY {CHANNEL}"))
