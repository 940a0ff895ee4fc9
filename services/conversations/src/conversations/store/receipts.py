"""When each person's device got a message, and when they read it: from the moves of their marks."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Label, Row, Select, and_, insert, select

from conversations.model import Sent, StateType
from conversations.store.marks import Mark
from conversations.tables import mark_moves, marks

KINDS = {StateType.READ: "read", StateType.DELIVERED: "delivered"}


def put(connection: Connection, moves: Sequence[tuple[Mark, StateType, int]], at: datetime) -> None:
    """Keep when marks moved, and how far."""
    rows = [
        {
            "conversation_id": mark.conversation_id,
            "user_id": mark.user_id,
            "stream": mark.stream,
            "kind": KINDS[kind],
            "seq": seq,
            "org": mark.org,
            "at": at,
        }
        for mark, kind, seq in moves
    ]
    if rows:
        connection.execute(insert(mark_moves).inline(), rows)


def of(connection: Connection, message: Sent) -> Sequence[Row[Any]]:
    """Return of everybody with a mark there when they got the message and when they read it.

    The time is that of the first move to it or past it; null where there was none, or none was kept: the mark itself
    knows its last move only, and its time is not the message's.
    """
    query: Select[Any] = select(marks.c.user_id, _first(message, "delivered"), _first(message, "read")).where(
        marks.c.conversation_id == message.conversation_id, marks.c.stream == message.stream
    )
    return connection.execute(query).all()


def _first(message: Sent, kind: str) -> Label[Any]:
    return (
        select(mark_moves.c.at)
        .where(
            and_(
                mark_moves.c.conversation_id == marks.c.conversation_id,
                mark_moves.c.user_id == marks.c.user_id,
                mark_moves.c.stream == marks.c.stream,
                mark_moves.c.kind == kind,
                mark_moves.c.seq >= message.seq,
            )
        )
        .order_by(mark_moves.c.seq)
        .limit(1)
        .correlate(marks)
        .scalar_subquery()
        .label(f"{kind}_at")
    )
