"""Keeping messages unread for later: from one entry on, until one next reads there.

What others see of one's reading never moves back: it is only the caller's own count that changes.
"""

from __future__ import annotations

from dataclasses import replace

from conversations.model import Action, Stream
from conversations.policy import require_hearing
from conversations.service.announcing import announce_to_oneself
from conversations.service.desk import Desk, Work
from conversations.service.showing import member_of
from conversations.store import marks
from wire.claims import Claims


class Unreading:
    """Keeps messages unread."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def unread(self, claims: Claims, conversation_id: str, stream: Stream, seq: int) -> None:
        """Count what others posted from `seq` on as unread by the caller."""
        self._desk.do(
            claims,
            Action.MARKED_UNREAD,
            lambda work: _unread(work, conversation_id, stream, seq),
            conversation_id=conversation_id,
        )


def _unread(work: Work, conversation_id: str, stream: Stream, seq: int) -> None:
    standing, audience = member_of(work.connection, work.claims, conversation_id)
    require_hearing(work.claims, standing, stream)
    key = conversation_id, work.claims.user_id, stream
    before = marks.held(work.connection, {key}, org=work.org, at=work.at)[key]
    now = replace(before, unread_from=max(1, min(seq, standing.head(stream))))
    if now != before:
        marks.put(work.connection, [now], work.at)
    work.record(Action.MARKED_UNREAD, conversation_id, stream=stream, first_seq=now.unread_from)
    announce_to_oneself(work, conversation_id, audience)
