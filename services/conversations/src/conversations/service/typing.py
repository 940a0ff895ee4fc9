"""Who is writing: told at once, stored nowhere, and the first thing to be dropped when there is too much to tell."""

from __future__ import annotations

from conversations.model import Action, Parcel, StateType, Stream
from conversations.policy import require_hearing
from conversations.service import shapes
from conversations.service.desk import Desk, Work
from conversations.service.fleeting import Fleeting
from conversations.service.ledger import parcel_of
from conversations.service.showing import member_of
from wire.claims import Claims


class Typing:
    """Tells who is writing."""

    def __init__(self, desk: Desk, fleeting: Fleeting) -> None:
        self._desk = desk
        self._fleeting = fleeting

    def tell(self, claims: Claims, conversation_id: str, stream: Stream, *, active: bool) -> None:
        """Tell everybody else in the conversation, soon or never."""

        def use_case(work: Work) -> list[tuple[str, Parcel]]:
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
            return [] if parcel is None else [(event_id, parcel)]

        self._fleeting.tell(self._desk.do(claims, Action.TYPED, use_case, conversation_id=conversation_id))
