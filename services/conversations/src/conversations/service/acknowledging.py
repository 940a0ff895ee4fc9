"""Acknowledging a message that asks for it: an entry of its stream, so that everybody learns of it, once per person.

Who acknowledged shows with the message ever after; saying it again brings the first entry back.
"""

from __future__ import annotations

from conversations.model import Action, EntryType
from conversations.policy import require_acknowledging
from conversations.service.changing import locked_message
from conversations.service.desk import Desk, Work
from conversations.service.entries import shown_one
from conversations.service.shapes import Shape
from conversations.store import acknowledgements, timeline
from wire.claims import Claims


class Acknowledging:
    """Takes acknowledgements."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def acknowledge(self, claims: Claims, message_id: str) -> Shape:
        """Acknowledge a message; the entry that says so comes back, also for a repeat."""
        return self._desk.do(claims, Action.ACKNOWLEDGED, lambda work: _acknowledge(work, message_id))


def _acknowledge(work: Work, message_id: str) -> Shape:
    message, standing, audience = locked_message(work, message_id)
    before = acknowledgements.of(work.connection, [message.id]).get(message.id, ())
    mine = next((one for one in before if one.user_id == work.claims.user_id), None)
    if mine is not None:
        # Before anything else: whose answer was lost learns that it is stored, though it was recalled meanwhile.
        return shown_one(work.connection, timeline.at(work.connection, [(standing.id, message.stream, mine.seq)])[0])
    require_acknowledging(work.claims, message)
    entry = work.ledger(standing, audience).append(
        message.stream, EntryType.ACKNOWLEDGED, work.me(), {"message_id": message.id}, message_id=message.id
    )
    acknowledgements.put(
        work.connection,
        message_id=message.id,
        user_id=work.claims.user_id,
        org=work.org,
        seq=entry["seq"],
        at=work.at,
    )
    work.record(Action.ACKNOWLEDGED, standing.id, subject_id=message.id, stream=message.stream, last_seq=entry["seq"])
    return entry
