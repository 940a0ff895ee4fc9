"""`store.posts`, and the storing of what was decided, as PostgreSQL does it fastest: the hot path, in plain SQL.

Two statements for a batch of any size: one looks everything up behind the fence and under the locks, one stores
entries, messages, events, record and heads, and rings. Both are prepared; their text never changes. Only a batch that
brings files has two more: one locks them, one says where they were posted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, cast

import orjson
import psycopg
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from conversations.model import (
    OUTBOX_CHANNEL,
    Answered,
    Ask,
    Audience,
    Facts,
    Kind,
    Parcel,
    Person,
    PersonKind,
    Standing,
    Status,
    Stream,
    Writes,
)
from conversations.store import attachments, posts

# See migration 0003: fences, locks and looks everything up.
LOOK_UP = "SELECT look_up_for_posting(%s, %s::uuid[], %s::uuid[], %s::uuid[], %s::uuid[])"

SAVE = """
WITH post AS MATERIALIZED (
    SELECT * FROM json_to_recordset(%(posts)s::json) AS post (
        place int, conversation_id uuid, stream text, seq bigint, at timestamptz, author_id uuid, message_id uuid,
        client_message_id uuid, digest text, body text, reply_to uuid, mentions text, priority text,
        ask_acknowledgement boolean, attachments text, staff text, portal text, session_id text, plane text)
), entry AS (
    INSERT INTO entries (conversation_id, stream, seq, org, type, at, actor_id, message_id)
    SELECT conversation_id, stream, seq, %(org)s::uuid, 'message.posted', at, author_id, message_id FROM post
), message AS (
    INSERT INTO messages (id, org, conversation_id, stream, seq, author_id, client_message_id, digest, body, reply_to,
                          mentions, priority, ask_acknowledgement, attachments, posted_at)
    SELECT message_id, %(org)s::uuid, conversation_id, stream, seq, author_id, client_message_id, digest, body,
           reply_to, mentions, priority, ask_acknowledgement, attachments, at FROM post
), parcel AS (
    INSERT INTO outbox (org, type, staff, portal)
    SELECT %(org)s::uuid, 'message.posted', staff, portal FROM post ORDER BY place
), line AS (
    INSERT INTO audit (org, at, user_id, session_id, plane, action, conversation_id, subject_id, stream, last_seq)
    SELECT %(org)s::uuid, at, author_id, session_id, plane, 'message.posted', conversation_id, message_id, stream, seq
    FROM post ORDER BY place
), moved AS (
    UPDATE conversations SET head_shared = head.head_shared, head_internal = head.head_internal,
                             shared_at = head.shared_at, internal_at = head.internal_at
    FROM json_to_recordset(%(heads)s::json) AS head (
        id uuid, head_shared bigint, head_internal bigint, shared_at timestamptz, internal_at timestamptz)
    WHERE conversations.id = head.id
)
SELECT pg_notify(%(channel)s, '')
"""


def facts(connection: Connection, org: str, asks: Sequence[Ask]) -> Facts:
    """Enter the organisation's fence, lock the conversations that are asked about and return what is known of them."""
    conversations, authors, keys = zip(*(ask.key for ask in asks), strict=True)
    answers = [ask.reply_to for ask in asks if ask.reply_to is not None]
    with _cursor(connection) as cursor:
        cursor.execute(LOOK_UP, (org, list(conversations), list(authors), list(keys), answers), prepare=True)
        found = cursor.fetchone()
    locked, audiences, people, posted, answered = (rows or () for rows in orjson.loads(found[0] if found else ""))
    return Facts(
        standings={row[0]: _standing(row) for row in locked},
        audiences={row[0]: Audience(staff=tuple(row[1] or ()), patients=tuple(row[2] or ())) for row in audiences},
        people={row[0]: Person(id=row[0], kind=PersonKind(row[1]), name=row[2], active=row[3]) for row in people},
        posted={(row[0], row[1], row[2]): (row[3], row[4]) for row in posted},
        answered={row[0]: _answered(row) for row in answered},
        files=posts.files(connection, org, asks),
    )


def save(connection: Connection, org: str, writes: Writes, lines: Sequence[Mapping[str, Any]]) -> None:
    """Store posts, and nothing but posts: of each its entry, message, event and line of the record, in order."""
    if not writes.messages:
        return
    if writes.claims:
        attachments.claim(connection, writes.claims)
    posts = [
        _post(place, message, parcel, line)
        for place, (message, parcel, line) in enumerate(zip(writes.messages, writes.parcels, lines, strict=True))
    ]
    heads = [{"id": one, **row} for one, row in writes.heads.items()]
    values = {"posts": orjson.dumps(posts).decode(), "heads": orjson.dumps(heads).decode(), "org": org}
    with _cursor(connection) as cursor:
        cursor.execute(SAVE, values | {"channel": OUTBOX_CHANNEL}, prepare=True)
    writes.clear()


def _post(place: int, message: Mapping[str, Any], parcel: Parcel, line: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **message,
        "place": place,
        "message_id": message["id"],
        "at": message["posted_at"],
        "staff": parcel.staff,
        "portal": parcel.portal,
        "session_id": line["session_id"],
        "plane": line["plane"],
    }


def _standing(row: Sequence[Any]) -> Standing:
    conversation_id, org, kind, status, head_shared, head_internal, shared_at, internal_at, patient_id = row
    return Standing(
        id=conversation_id,
        org=org,
        kind=Kind(kind),
        status=Status(status),
        head_shared=head_shared,
        head_internal=head_internal,
        shared_at=datetime.fromisoformat(shared_at),
        internal_at=None if internal_at is None else datetime.fromisoformat(internal_at),
        patient_id=patient_id,
    )


def _answered(row: Sequence[Any]) -> Answered:
    message_id, conversation_id, stream, seq, body, recalled = row
    return Answered(
        id=message_id,
        conversation_id=conversation_id,
        stream=Stream(stream),
        seq=seq,
        body=body,
        recalled=recalled,
    )


@contextmanager
def _cursor(connection: Connection) -> Iterator[psycopg.Cursor[Any]]:
    """Give psycopg's own cursor inside SQLAlchemy's transaction; what it raises is raised as SQLAlchemy does."""
    driver = cast("psycopg.Connection[Any]", connection.connection.driver_connection)
    try:
        with driver.cursor() as cursor:
            yield cursor
    except psycopg.Error as refused:
        raise DBAPIError.instance(None, None, refused, psycopg.Error, dialect=connection.dialect) from refused
