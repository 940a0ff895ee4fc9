"""How far people have read, and how far their devices have received: states that never move back."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, case, select
from sqlalchemy.dialects import postgresql, sqlite

from conversations.model import Stream
from conversations.tables import marks


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """Where one person stands in one stream; 0 where nothing is known."""

    org: str
    conversation_id: str
    user_id: str
    stream: Stream
    read_seq: int = 0
    delivered_seq: int = 0

    @property
    def key(self) -> tuple[str, str, Stream]:
        """Return whose mark it is, and where."""
        return self.conversation_id, self.user_id, self.stream


def held(
    connection: Connection, conversation_ids: Collection[str], user_ids: Collection[str]
) -> dict[tuple[str, str, Stream], Mark]:
    """Return these people's marks in these conversations, and hold them until the transaction ends."""
    query = (
        select(marks)
        .where(marks.c.conversation_id.in_(conversation_ids), marks.c.user_id.in_(user_ids))
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
        )
        for row in connection.execute(query)
    )
    return {mark.key: mark for mark in found}


def put(connection: Connection, moved: Sequence[Mark], at: datetime) -> None:
    """Store where people stand now; a mark that is further already stays where it is."""
    if not moved:
        return
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(marks)
    new = statement.excluded
    rows = [
        {
            "org": mark.org,
            "conversation_id": mark.conversation_id,
            "user_id": mark.user_id,
            "stream": mark.stream,
            "read_seq": mark.read_seq,
            "delivered_seq": mark.delivered_seq,
            "at": at,
        }
        for mark in sorted(moved, key=lambda mark: mark.key)
    ]
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["conversation_id", "user_id", "stream"],
            set_={
                "read_seq": case((new.read_seq > marks.c.read_seq, new.read_seq), else_=marks.c.read_seq),
                "delivered_seq": case(
                    (new.delivered_seq > marks.c.delivered_seq, new.delivered_seq), else_=marks.c.delivered_seq
                ),
                "at": new.at,
            },
        ),
        rows,
    )
