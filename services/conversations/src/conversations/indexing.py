"""Gathers the words of messages that were posted, edited or recalled, so that searching finds them; on PostgreSQL.

* Posting waits for none of it: a message is found within a second, by the next search at the latest unless hundreds
  came in between.
* It runs beside the doors of every replica; within an organisation one of them is at it at a time.
"""

from __future__ import annotations

from typing import Final

from prometheus_client import Counter
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolExhausted

from conversations.store import fence, searching
from servicekit.background import Stop
from servicekit.database import transaction
from servicekit.log import failure, get_logger
from wire.problems import Unavailable

log = get_logger()

EVERY_S: Final = 0.5
AT_ONCE: Final = 500

GATHERED = Counter("messages_search_gathered_total", "Messages whose words were gathered, so that search finds them.")


class Indexing:
    """Gathers; `run` is a loop for `servicekit.background`."""

    def __init__(self, database: Engine) -> None:
        self._database = database

    def run(self, stop: Stop) -> None:
        """Gather twice a second until asked to stop."""
        while not stop.wait(EVERY_S):
            try:
                while not stop.wanted and self.gather():
                    pass
            except (Unavailable, DBAPIError, PoolExhausted) as away:
                log.warning("indexing.put_off", **failure(away))

    def gather(self) -> int:
        """Gather the words of some messages, of one organisation; returns of how many. Unavailable or DBAPIError."""
        with transaction(self._database) as connection:
            org = searching.behind(connection)
            if org is None:
                return 0
            fence.enter(connection, org)
            count = searching.gather(connection, org, at_most=AT_ONCE)
        GATHERED.inc(count)
        return count
