"""Changes on their way to the broker's exchange `auth.events`: right after the commit, as well as it can be done.

One loop owns the publisher. A silent broker loses nothing: everyone concerned polls the log of changes anyway, so
what cannot be published is dropped, and a full queue drops the newest.
"""

import queue
from collections.abc import Sequence
from contextlib import suppress

import orjson

from servicekit.background import Stop
from servicekit.exchange import Exchange, ExchangeUnavailable, Message, Publisher
from servicekit.log import get_logger
from wire.changes import Change
from wire.events import AUTH

WAITING_MOST = 1_000
AT_ONCE = 100


class Announcer:
    """Takes changes from the doors and publishes them from its own loop."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._publisher: Publisher | None = None
        self._waiting: queue.Queue[Change | None] = queue.Queue(WAITING_MOST)

    def connected(self) -> bool:
        """Tell whether the broker would take a change now (a readiness check)."""
        return self._publisher is not None and self._publisher.connected

    def announce(self, change: Change) -> None:
        """Queue the change; never waits, never fails."""
        try:
            self._waiting.put_nowait(change)
        except queue.Full:
            get_logger().warning("change.not_announced", position=change.position, reason="queue full")

    def wake(self) -> None:
        """Let the loop look whether it is time to stop; a full queue keeps it awake anyway."""
        with suppress(queue.Full):
            self._waiting.put_nowait(None)

    def run(self, stop: Stop) -> None:
        """Publish what is queued until asked to stop; what is still queued then goes out last."""
        publisher = self._publisher = self._exchange.publisher()
        try:
            while not stop.wanted:
                self._publish(publisher, [self._waiting.get(), *self._queued()])
            self._publish(publisher, self._queued())
        finally:
            publisher.close()

    def _publish(self, publisher: Publisher, taken: Sequence[Change | None]) -> None:
        changes = [change for change in taken if change is not None]
        if not changes:
            return
        try:
            publisher.publish([_message(change) for change in changes])
        except ExchangeUnavailable:
            get_logger().warning("change.not_announced", position=changes[-1].position, reason="broker unavailable")

    def _queued(self) -> list[Change | None]:
        taken: list[Change | None] = []
        with suppress(queue.Empty):
            while len(taken) < AT_ONCE:
                taken.append(self._waiting.get_nowait())
        return taken


def _message(change: Change) -> Message:
    return Message(
        exchange=AUTH,
        routing_key=f"{change.org}.{change.type}",
        body=orjson.dumps(change.as_dict()),
        type=str(change.type),
        message_id=f"{change.org}.{change.position}",
    )
