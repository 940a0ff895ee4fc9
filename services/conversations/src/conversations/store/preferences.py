"""What people prefer for themselves about a conversation: pinned, quiet, put away."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, bindparam, exists, select
from sqlalchemy.dialects import postgresql, sqlite

from conversations.tables import conversations, preferences


def of(connection: Connection, user_id: str) -> Sequence[Row[Any]]:
    """Return a person's preferences, with the heads of the conversations they are about."""
    query = (
        select(preferences, conversations.c.head_shared, conversations.c.head_internal)
        .join(conversations, conversations.c.id == preferences.c.conversation_id)
        .where(preferences.c.user_id == user_id)
        .order_by(preferences.c.conversation_id)
    )
    return connection.execute(query).all()


def put(connection: Connection, key: Mapping[str, str], changed: Mapping[str, object]) -> Row[Any]:
    """Store what is preferred now, `key` saying by whom and about what; returns the whole row."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(preferences).values({**key, **changed})
    stored = statement.on_conflict_do_update(
        index_elements=["user_id", "conversation_id"], set_=dict(changed) or {"org": key["org"]}
    )
    return connection.execute(stored.returning(preferences)).one()


def put_away(*, portal: bool) -> ColumnElement[bool]:
    """Filter: archived by the caller (`its_user`), and nothing has been said there since that the caller may hear."""
    quiet = preferences.c.archived_shared >= conversations.c.head_shared
    if not portal:
        quiet &= preferences.c.archived_internal >= conversations.c.head_internal
    return exists(
        select(preferences.c.user_id).where(
            preferences.c.user_id == bindparam("its_user"),
            preferences.c.conversation_id == conversations.c.id,
            quiet,
        )
    )
