"""How far people have read, and how far their devices have received: states that never move back."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, select, tuple_, update
from sqlalchemy.dialects import postgresql, sqlite

from conversations.model import Stream
from conversations.tables import marks

Key = tuple[str, str, Stream]
"""A conversation's id, a person's id and a stream."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """Where one person stands in one stream; 0 where nothing is known."""

    org: str
    conversation_id: str
    user_id: str
    stream: Stream
    read_seq: int = 0
    delivered_seq: int = 0
    unread_from: int | None = None
    """From which entry on the person wants to have read nothing, until they next read there."""

    @property
    def key(self) -> Key:
        """Return whose mark it is, and where."""
        return self.conversation_id, self.user_id, self.stream


def held(connection: Connection, keys: Collection[Key], *, org: str, at: datetime) -> dict[Key, Mark]:
    """Return these marks, and hold them until the transaction ends; one that is not there yet begins at 0.

    It is stored at once, since only what is stored can be held: of two devices that tell their first mark at the same
    moment, the second sees what the first one told.
    """
    if not keys:
        return {}
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    fresh = [Mark(org=org, conversation_id=one, user_id=two, stream=three) for one, two, three in sorted(keys)]
    connection.execute(dialect.insert(marks).on_conflict_do_nothing(), [_row(mark, at) for mark in fresh])
    query = (
        select(marks)
        .where(tuple_(marks.c.conversation_id, marks.c.user_id, marks.c.stream).in_(keys))
        .order_by(marks.c.conversation_id, marks.c.user_id, marks.c.stream)
        .with_for_update()
    )
    found = (
        Mark(
            org=row.org,
            conversation_id=row.conversation_id,
            user_id=row.user_id,
            stream=Stream(row.stream),
            read_seq=row.read_seq,
            delivered_seq=row.delivered_seq,
            unread_from=row.unread_from,
        )
        for row in connection.execute(query)
    )
    return {mark.key: mark for mark in found}


def put(connection: Connection, moved: Sequence[Mark], at: datetime) -> None:
    """Store where people stand now; the marks are held by this transaction."""
    if not moved:
        return
    statement = (
        update(marks)
        .where(
            marks.c.conversation_id == bindparam("its_conversation"),
            marks.c.user_id == bindparam("its_user"),
            marks.c.stream == bindparam("its_stream"),
        )
        .values(
            read_seq=bindparam("now_read"),
            delivered_seq=bindparam("now_delivered"),
            unread_from=bindparam("now_unread_from"),
            at=at,
        )
    )
    connection.execute(
        statement,
        [
            {
                "its_conversation": mark.conversation_id,
                "its_user": mark.user_id,
                "its_stream": mark.stream,
                "now_read": mark.read_seq,
                "now_delivered": mark.delivered_seq,
                "now_unread_from": mark.unread_from,
            }
            for mark in moved
        ],
    )


def _row(mark: Mark, at: datetime) -> dict[str, object]:
    return {
        "org": mark.org,
        "conversation_id": mark.conversation_id,
        "user_id": mark.user_id,
        "stream": mark.stream,
        "read_seq": mark.read_seq,
        "delivered_seq": mark.delivered_seq,
        "at": at,
    }
