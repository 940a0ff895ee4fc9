"""Who is writing: told at once, stored nowhere, and the first thing to be dropped when there is too much to tell."""

from __future__ import annotations

from collections import deque
from threading import Event

from conversations.model import Action, StateType, Stream
from conversations.policy import require_hearing
from conversations.service import shapes
from conversations.service.desk import Desk, Work
from conversations.service.ledger import parcel_of
from conversations.service.showing import member_of
from servicekit.background import Stop
from servicekit.exchange import Exchange, ExchangeUnavailable, Message
from wire.claims import Claims, Plane
from wire.events import MESSAGES, join_batch, routing_key

WAITING_AT_MOST = 1_000


class Typing:
    """Tells who is writing, straight over the exchange."""

    def __init__(self, desk: Desk, exchange: Exchange) -> None:
        self._desk = desk
        self._exchange = exchange
        self._waiting: deque[Message] = deque(maxlen=WAITING_AT_MOST)
        self._filled = Event()

    def tell(self, claims: Claims, conversation_id: str, stream: Stream, *, active: bool) -> None:
        """Tell everybody else in the conversation, soon or never."""

        def use_case(work: Work) -> list[Message]:
            standing, audience = member_of(work.connection, claims, conversation_id)
            require_hearing(claims, standing, stream)
            me = shapes.person(work.me())
            body = {
                "conversation_id": conversation_id,
                "stream": stream,
                "user": {"id": me["id"], "name": me["name"]},
                "active": active,
            }
            heard = audience.may_hear(stream).without(claims.user_id)
            event_id = work.new_id()
            parcel = parcel_of(event_id, work.org, StateType.TYPING, body, heard)
            encoded = {} if parcel is None else {Plane.STAFF: parcel.staff, Plane.PORTAL: parcel.portal}
            return [
                Message(
                    exchange=MESSAGES,
                    routing_key=routing_key(plane, work.org, StateType.TYPING),
                    body=join_batch([event.encode()]),
                    type=StateType.TYPING,
                    message_id=event_id,
                )
                for plane, event in encoded.items()
                if event is not None
            ]

        self._waiting.extend(self._desk.do(claims, Action.TYPED, use_case, conversation_id=conversation_id))
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
                    continue  # nobody misses who was typing a while ago
        finally:
            publisher.close()

    def wake(self) -> None:
        """Let `run` look around."""
        self._filled.set()
