"""Who got a message, who read it and who acknowledged it, each with the time: for staff, and on the record.

Also reminding those who have not acknowledged: they alone are told, and not more often than every five minutes.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from math import ceil
from typing import Final

from conversations.model import Action, Audience, Sent, Standing, StateType
from conversations.policy import require_hearing, require_reminding, require_staff
from conversations.service import shapes
from conversations.service.changing import locked_message
from conversations.service.desk import Desk, Work
from conversations.service.shapes import Shape
from conversations.service.showing import member_of
from conversations.store import acknowledgements, directory, receipts, timeline
from wire.claims import Claims
from wire.problems import NotFound, RateLimited
from wire.times import to_wire

REMIND_AGAIN_AFTER: Final = timedelta(minutes=5)


class Receipts:
    """Tells what became of a message, and reminds."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def of(self, claims: Claims, message_id: str) -> Shape:
        """Return everybody's receipt of a message but its author's."""
        return self._desk.do(claims, Action.RECEIPTS_READ, lambda work: _of(work, message_id))

    def remind(self, claims: Claims, message_id: str) -> Shape:
        """Remind those who have not acknowledged; returns their ids. RateLimited when they just were."""
        return self._desk.do(claims, Action.REMINDED, lambda work: _remind(work, message_id))


def _of(work: Work, message_id: str) -> Shape:
    require_staff(work.claims)
    message = timeline.message(work.connection, work.org, message_id)
    if message is None:
        raise NotFound
    standing, audience = member_of(work.connection, work.claims, message.conversation_id)
    require_hearing(work.claims, standing, message.stream)
    reached = {row.user_id: row for row in receipts.of(work.connection, message)}
    given = {one.user_id: one.at for one in acknowledgements.of(work.connection, [message.id]).get(message.id, ())}
    heard = audience.may_hear(message.stream).without(message.author_id)
    people = directory.people(work.connection, work.org, [*heard.staff, *heard.patients])
    work.record(Action.RECEIPTS_READ, standing.id, subject_id=message.id, stream=message.stream)
    return {
        "items": [
            {
                "user": shapes.person(person),
                "delivered_at": _earliest(reached.get(person.id), given.get(person.id), "delivered_at", "read_at"),
                "read_at": _earliest(reached.get(person.id), given.get(person.id), "read_at"),
                "acknowledged_at": _told(given.get(person.id)),
            }
            for person in sorted(people.values(), key=lambda one: (one.name, one.id))
        ]
    }


def _earliest(row: object, acknowledged: datetime | None, *names: str) -> str | None:
    """Return the first of these times: who read it has got it, and who acknowledged it has read it."""
    times = [getattr(row, name, None) for name in names] + [acknowledged]
    return _told(min((time for time in times if time is not None), default=None))


def _told(at: datetime | None) -> str | None:
    return None if at is None else to_wire(at)


def _remind(work: Work, message_id: str) -> Shape:
    message, standing, audience = locked_message(work, message_id)
    require_reminding(work.claims, message)
    _require_patience(work, message)
    waiting = _not_acknowledged(work, message, audience)
    timeline.change_message(work.connection, message.id, reminded_at=work.at)
    work.tell(StateType.REMINDER, _reminder(work, message, standing), waiting)
    work.record(Action.REMINDED, standing.id, subject_id=message.id, stream=message.stream)
    return {"reminded": sorted([*waiting.staff, *waiting.patients])}


def _require_patience(work: Work, message: Sent) -> None:
    if message.reminded_at is None:
        return
    left = (message.reminded_at + REMIND_AGAIN_AFTER - work.at).total_seconds()
    if left > 0:
        raise RateLimited("They were reminded a moment ago.", retry_after=ceil(left))


def _not_acknowledged(work: Work, message: Sent, audience: Audience) -> Audience:
    given = {one.user_id for one in acknowledgements.of(work.connection, [message.id]).get(message.id, ())}
    asked = audience.may_hear(message.stream)
    return asked.among({*asked.staff, *asked.patients} - given - {message.author_id, work.claims.user_id})


def _reminder(work: Work, message: Sent, standing: Standing) -> Shape:
    me = work.me()
    return {
        "conversation_id": standing.id,
        "stream": message.stream,
        "seq": message.seq,
        "message_id": message.id,
        "user": {"id": me.id, "name": me.name},
    }
