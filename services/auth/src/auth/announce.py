"""Changes on their way to the broker's exchange `auth.events`: right after the commit, as well as it can be done.

One loop owns the publisher. A silent broker loses nothing: everyone concerned polls the log of changes each second, so
what cannot be published is dropped, and a full queue drops the newest.
"""

import queue
from collections.abc import Callable

import orjson

from servicekit.background import Stop
from servicekit.exchange import Exchange, ExchangeUnavailable, Message
from servicekit.log import get_logger
from wire.changes import Change
from wire.events import AUTH

WAITING_MOST = 1_000
AT_ONCE = 100
LOOK_EVERY = 0.5
"""Seconds between two looks whether it is time to stop."""


class Announcer:
    """Takes changes from the doors and publishes them from its own loop."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._waiting: queue.Queue[Change] = queue.Queue(WAITING_MOST)

    def announce(self, change: Change) -> None:
        """Queue the change; never waits, never fails."""
        try:
            self._waiting.put_nowait(change)
        except queue.Full:
            get_logger().warning("change.not_announced", position=change.position, reason="queue full")

    def run(self, stop: Stop) -> None:
        """Publish what is queued until asked to stop; what is still queued then goes out last."""
        publisher = self._exchange.publisher()
        try:
            while not stop.wanted:
                self._publish(publisher.publish, wait=LOOK_EVERY)
            self._publish(publisher.publish, wait=0)
        finally:
            publisher.close()

    def _publish(self, publish: Callable[[list[Message]], None], *, wait: float) -> None:
        changes = self._take(wait)
        if not changes:
            return
        try:
            publish([_message(change) for change in changes])
        except ExchangeUnavailable:
            get_logger().warning("change.not_announced", position=changes[-1].position, reason="broker unavailable")

    def _take(self, wait: float) -> list[Change]:
        taken: list[Change] = []
        try:
            taken.append(self._waiting.get(timeout=wait) if wait else self._waiting.get_nowait())
            while len(taken) < AT_ONCE:
                taken.append(self._waiting.get_nowait())
        except queue.Empty:
            pass
        return taken


def _message(change: Change) -> Message:
    return Message(
        exchange=AUTH,
        routing_key=f"{change.org}.{change.type}",
        body=orjson.dumps(change.as_dict()),
        type=str(change.type),
        message_id=f"{change.org}.{change.position}",
    )
