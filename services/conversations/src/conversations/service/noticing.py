"""Who is to be told on their devices that something is new: asked by gateways, in nobody's name but their own plane's.

* A message somebody is to be told of is answered once on each plane, whichever gateway asks first; after a day it is
  forgotten that it was. Of most messages nobody is told, and nothing is written.
* Whoever may not hear it, wrote it, has read it by then, or wants no such notice is not told.
* A session that ends takes its subscriptions with it, and so does anything taken away from a person. What was missed
  of that while no conversations ran ends with the subscription's own time.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Any, Final

from sqlalchemy import Engine, Row
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolExhausted

from conversations.service.desk import again_after_a_lost_race
from conversations.service.shapes import Shape
from conversations.store import fence, push
from servicekit.background import Stop
from servicekit.clock import Clock
from servicekit.database import transaction
from servicekit.log import failure, get_logger
from wire.changes import Change
from wire.claims import Plane

log = get_logger()

TOLD_FOR: Final = timedelta(days=1)
"""How long it is kept that people were told; gateways ask within minutes."""
REFRESHED_WITHIN: Final = timedelta(days=30)
"""The page refreshes its subscription whenever it is opened."""
LOOK_EVERY_S: Final = 0.5


class Noticing:
    """Answers gateways, and ends what has ended; `run` is a loop for `servicekit.background`."""

    def __init__(self, database: Engine, *, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._ended: deque[Change] = deque()

    def addressees(self, plane: Plane, messages: Mapping[str, Collection[str]]) -> list[Shape]:
        """Return whom to tell of these messages, by organisation; each browser once."""
        return [each for org, ids in messages.items() for each in self._of(plane, org, ids)]

    def gone(self, plane: Plane, subscriptions: Mapping[str, Collection[str]]) -> None:
        """Forget subscriptions, by organisation."""
        for org, ids in subscriptions.items():
            again_after_a_lost_race(partial(self._forget, plane, org, ids))

    def hear(self, change: Change) -> None:
        """Note what auth tells; it is acted on a moment later, as auth's news must not wait for a database."""
        if change.session_id is not None or change.tokens_before is not None:
            self._ended.append(change)

    def run(self, stop: Stop) -> None:
        """End what has ended until asked to stop; while the database is away it is tried again."""
        while not stop.wait(LOOK_EVERY_S):
            try:
                self.end()
            except (DBAPIError, PoolExhausted) as away:
                log.warning("push.ending_put_off", **failure(away))

    def end(self) -> None:
        """End the subscriptions of every session that ended and everybody from whom something was taken."""
        while self._ended:
            change = self._ended[0]
            with transaction(self._database) as connection:
                fence.enter(connection, change.org)
                if change.session_id is not None:
                    push.end_session(connection, change.org, change.session_id)
                else:
                    push.end_user(connection, change.org, change.user_id)
            self._ended.popleft()

    def _of(self, plane: Plane, org: str, ids: Collection[str]) -> list[Shape]:
        return again_after_a_lost_race(partial(self._told_now, plane, org, ids))

    def _told_now(self, plane: Plane, org: str, ids: Collection[str]) -> list[Shape]:
        now = self._clock()
        with transaction(self._database) as connection:
            fence.enter(connection, org)
            found = push.addressees(connection, org, plane, ids, now - REFRESHED_WITHIN)
            wanted = [row for row in found if _wanted(row)]
            if not wanted:
                return []
            push.forget_told(connection, org, now - TOLD_FOR)
            fresh = push.claim(connection, org, plane, {row.message_id for row in wanted}, now)
        return _each_once(org, [row for row in wanted if row.message_id in fresh])

    def _forget(self, plane: Plane, org: str, ids: Collection[str]) -> None:
        with transaction(self._database) as connection:
            fence.enter(connection, org)
            push.forget_gone(connection, org, plane, ids)


def _wanted(row: Row[Any]) -> bool:
    if row.notify == "mentions":
        return row.user_id in json.loads(row.mentions)
    return bool(row.notify != "none")


def _each_once(org: str, rows: Sequence[Row[Any]]) -> list[Shape]:
    urgent = {row.id for row in rows if row.priority == "urgent"}
    endpoints = {row.id: row.endpoint for row in rows}
    return [
        {"subscription_id": one, "org": org, "endpoint": endpoint, "urgent": one in urgent}
        for one, endpoint in endpoints.items()
    ]
