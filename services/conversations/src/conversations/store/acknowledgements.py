"""Who acknowledged the messages that asked for it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Connection, Select, insert, select

from conversations.store.asked import among, words
from conversations.tables import acknowledgements


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledged:
    """One person's acknowledgement, and the seq of the entry that says so."""

    user_id: str
    at: datetime
    seq: int


def of(connection: Connection, message_ids: Collection[str]) -> Mapping[str, Sequence[Acknowledged]]:
    """Return by message who acknowledged it, in the order in which they did."""
    found: defaultdict[str, list[Acknowledged]] = defaultdict(list)
    if not message_ids:
        return found
    dialect = connection.dialect.name
    for row in connection.execute(_of(dialect), words(dialect, "messages", message_ids)):
        found[row.message_id].append(Acknowledged(user_id=row.user_id, at=row.at, seq=row.seq))
    return found


@cache
def _of(dialect: str) -> Select[Any]:
    query = select(acknowledgements).where(among(dialect, acknowledgements.c.message_id, "messages"))
    return query.order_by(acknowledgements.c.message_id, acknowledgements.c.seq)


def put(connection: Connection, *, message_id: str, user_id: str, org: str, seq: int, at: datetime) -> None:
    """Store that somebody acknowledged; the conversation's lock keeps it from being stored twice."""
    row = {"message_id": message_id, "user_id": user_id, "org": org, "seq": seq, "at": at}
    connection.execute(insert(acknowledgements).values(row))
