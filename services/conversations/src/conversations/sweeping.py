"""Removes files that nobody wants: uploaded and not posted for a day, begun and never finished, given up.

* It runs beside the doors of every replica: a file is locked by whoever sweeps it, and passed over by the others.
* What is removed is marked first, its bytes go next, its row last: whoever dies in between leaves a mark, and the next
  round goes on from there.
* A few at a time, with pauses: it competes with nobody.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from prometheus_client import Counter
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolExhausted

from conversations.files.storage import Storage
from conversations.service.filing import remove_bytes
from conversations.store import attachments
from servicekit.background import Stop
from servicekit.clock import Clock
from servicekit.database import transaction
from servicekit.log import failure, get_logger
from wire.problems import Unavailable

log = get_logger()

ORPHANED_AFTER: Final = timedelta(hours=24)
STUCK_AFTER: Final = timedelta(hours=1)
"""Far longer than any upload takes, and than giving one up does."""
EVERY_S: Final = 600.0
AT_ONCE: Final = 100

SWEPT = Counter("messages_files_swept_total", "Files removed because nobody posted them, or their upload never ended.")


class Sweeping:
    """Sweeps; `run` is a loop for `servicekit.background`."""

    def __init__(self, database: Engine, storage: Storage, *, clock: Clock) -> None:
        self._database = database
        self._storage = storage
        self._clock = clock

    def run(self, stop: Stop) -> None:
        """Sweep every ten minutes until asked to stop."""
        while not stop.wait(EVERY_S):
            try:
                while not stop.wanted and self.sweep() == AT_ONCE:
                    pass
                self._storage.tidy(self._clock() - ORPHANED_AFTER)
            except (Unavailable, DBAPIError, PoolExhausted) as away:
                log.warning("sweeping.put_off", **failure(away))

    def sweep(self) -> int:
        """Remove what is due, `AT_ONCE` files at most; returns how many there were. Unavailable or DBAPIError."""
        now = self._clock()
        with transaction(self._database) as connection:
            found = attachments.sweep(
                connection, orphaned_before=now - ORPHANED_AFTER, stuck_before=now - STUCK_AFTER, limit=AT_ONCE
            )
        for _, place in found:
            remove_bytes(self._storage, place)
        if found:
            with transaction(self._database) as connection:
                attachments.forget_swept(connection, [attachment_id for attachment_id, _ in found])
            SWEPT.inc(len(found))
            log.info("files.swept", files=len(found))
        return len(found)
