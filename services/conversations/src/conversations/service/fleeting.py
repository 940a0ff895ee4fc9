"""What is worth something now or never: told straight over the exchange, stored nowhere, dropped when it is too much.

Promises: nobody waits for it; while the broker is away nothing is kept for later; beyond what may wait the oldest goes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from threading import Event

from prometheus_client import Counter

from conversations.model import Parcel
from servicekit.background import Stop
from servicekit.exchange import Exchange, ExchangeUnavailable, Message
from wire.claims import Plane
from wire.events import MESSAGES, join_batch, routing_key

WAITING_AT_MOST = 1_000

DROPPED = Counter(
    "messages_fleeting_dropped_total", "Typing and presence signs that were not told: too many, or no broker."
)


class Fleeting:
    """Signs on their way to the exchange."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._waiting: deque[Message] = deque(maxlen=WAITING_AT_MOST)
        self._filled = Event()

    def tell(self, parcels: Iterable[tuple[str, Parcel]]) -> None:
        """Tell each of these, named by the id of its event, soon or never."""
        messages = [message for event_id, parcel in parcels for message in _messages(event_id, parcel)]
        DROPPED.inc(max(0, len(self._waiting) + len(messages) - WAITING_AT_MOST))
        self._waiting.extend(messages)
        self._filled.set()

    def run(self, stop: Stop) -> None:
        """Publish what waits until asked to end."""
        publisher = self._exchange.publisher()
        try:
            while not stop.wanted:
                self._filled.wait()
                self._filled.clear()
                waiting = [self._waiting.popleft() for _ in range(len(self._waiting))]
                try:
                    if waiting:
                        publisher.publish(waiting)
                except ExchangeUnavailable:
                    DROPPED.inc(len(waiting))
        finally:
            publisher.close()

    def wake(self) -> None:
        """Let `run` look around."""
        self._filled.set()


def _messages(event_id: str, parcel: Parcel) -> list[Message]:
    return [
        Message(
            exchange=MESSAGES,
            routing_key=routing_key(plane, parcel.org, parcel.type),
            body=join_batch([event.encode()]),
            type=parcel.type,
            message_id=event_id,
        )
        for plane, event in ((Plane.STAFF, parcel.staff), (Plane.PORTAL, parcel.portal))
        if event is not None
    ]
