"""What people were writing when they last stopped: one text for each person, conversation and stream."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, delete, exists, select
from sqlalchemy.dialects import postgresql, sqlite

from conversations.tables import drafts, messages

KEY = ("user_id", "conversation_id", "stream")


def put(connection: Connection, row: Mapping[str, Any]) -> None:
    """Keep a draft in place of the one before."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    changed = {name: value for name, value in row.items() if name not in KEY}
    connection.execute(
        dialect.insert(drafts).values(dict(row)).on_conflict_do_update(index_elements=list(KEY), set_=changed)
    )


def forget(connection: Connection, user_id: str, conversation_id: str, stream: str) -> None:
    """Forget a draft."""
    mine = drafts.c.user_id == user_id, drafts.c.conversation_id == conversation_id
    connection.execute(delete(drafts).where(*mine, drafts.c.stream == stream))


def of(connection: Connection, user_id: str, streams: Collection[str]) -> Sequence[Row[Any]]:
    """Return a person's drafts, the newest first; what they posted after one of them, that one was."""
    connection.execute(delete(drafts).where(drafts.c.user_id == user_id, _was_posted()))
    query = select(drafts).where(drafts.c.user_id == user_id, drafts.c.stream.in_(streams))
    return connection.execute(query.order_by(drafts.c.updated_at.desc(), drafts.c.conversation_id)).all()


def _was_posted() -> Any:  # noqa: ANN401 - a condition
    return exists(
        select(messages.c.id).where(
            messages.c.conversation_id == drafts.c.conversation_id,
            messages.c.stream == drafts.c.stream,
            messages.c.seq > drafts.c.head,
            messages.c.author_id == drafts.c.user_id,
        )
    )
