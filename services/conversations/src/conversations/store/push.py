"""Which browsers are told that something is new, and of which messages they were told."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, case, delete, func, literal, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from conversations.model import PersonKind, Stream
from conversations.store.asked import among, planned_once, words
from conversations.store.conversations import TAKES_PART, WHOEVER_JOINED
from conversations.tables import marks, messages, participants, preferences, push_notices, push_subscriptions
from wire.claims import Plane


def put(connection: Connection, row: Mapping[str, Any]) -> None:
    """Keep a subscription; the browser of an address belongs to whoever used it last."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    changed = {name: row[name] for name in ("user_id", "plane", "session_id", "at")}
    connection.execute(
        dialect.insert(push_subscriptions)
        .values(dict(row))
        .on_conflict_do_update(index_elements=["org", "digest"], set_=changed)
    )


def keep_newest(connection: Connection, user_id: str, most: int) -> None:
    """Forget a person's oldest subscriptions beyond so many."""
    newest = (
        select(push_subscriptions.c.id)
        .where(push_subscriptions.c.user_id == user_id)
        .order_by(push_subscriptions.c.at.desc(), push_subscriptions.c.id.desc())
        .limit(most)
    )
    theirs = push_subscriptions.c.user_id == user_id
    connection.execute(delete(push_subscriptions).where(theirs, push_subscriptions.c.id.not_in(newest)))


def forget(connection: Connection, user_id: str, digest: str) -> None:
    """Forget one of a person's subscriptions."""
    connection.execute(
        delete(push_subscriptions).where(push_subscriptions.c.user_id == user_id, push_subscriptions.c.digest == digest)
    )


def forget_gone(connection: Connection, org: str, plane: Plane, ids: Collection[str]) -> None:
    """Forget subscriptions whose browser took its address back."""
    connection.execute(
        delete(push_subscriptions).where(
            push_subscriptions.c.org == org, push_subscriptions.c.plane == plane, push_subscriptions.c.id.in_(ids)
        )
    )


def end_session(connection: Connection, org: str, session_id: str) -> None:
    """Forget what was subscribed in a session."""
    connection.execute(
        delete(push_subscriptions).where(push_subscriptions.c.org == org, push_subscriptions.c.session_id == session_id)
    )


def end_user(connection: Connection, org: str, user_id: str) -> None:
    """Forget everything a person subscribed."""
    connection.execute(
        delete(push_subscriptions).where(push_subscriptions.c.org == org, push_subscriptions.c.user_id == user_id)
    )


def claim(connection: Connection, org: str, plane: Plane, ids: Collection[str], at: datetime) -> set[str]:
    """Return which of these messages nobody was told of yet on this plane; from now on they count as told."""
    known = select(
        messages.c.id,
        literal(str(plane)),
        messages.c.org,
        literal(at, push_notices.c.at.type),
    ).where(messages.c.org == org, messages.c.id.in_(ids), messages.c.recalled_at.is_(None))
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement = (
        dialect.insert(push_notices)
        .from_select(["message_id", "plane", "org", "at"], known)
        .on_conflict_do_nothing(index_elements=["message_id", "plane"])
        .returning(push_notices.c.message_id)
    )
    return set(connection.execute(statement).scalars())


def forget_told(connection: Connection, org: str, before: datetime) -> None:
    """Forget of which messages people were told before a moment: they are asked about no more."""
    connection.execute(delete(push_notices).where(push_notices.c.org == org, push_notices.c.at < before))


def addressees(
    connection: Connection, org: str, plane: Plane, ids: Collection[str], since: datetime
) -> Sequence[Row[Any]]:
    """Return each subscription, refreshed since then, of all who may hear one of these messages and have not read it.

    With the message's id, priority and mentions and what the person prefers there; who that leaves is for the use case.
    """
    dialect = connection.dialect.name
    kind = PersonKind.STAFF if plane is Plane.STAFF else PersonKind.PATIENT
    joined = case(
        (messages.c.stream == Stream.SHARED, participants.c.joined_shared), else_=participants.c.joined_internal
    )
    heard = or_(messages.c.stream == Stream.SHARED, literal(plane is Plane.STAFF))
    query: Select[Any] = (
        select(
            push_subscriptions.c.id,
            push_subscriptions.c.endpoint,
            push_subscriptions.c.user_id,
            messages.c.id.label("message_id"),
            messages.c.priority,
            messages.c.mentions,
            func.coalesce(preferences.c.notify, "all").label("notify"),
        )
        .select_from(
            WHOEVER_JOINED.join(messages, messages.c.conversation_id == participants.c.conversation_id)
            .join(push_subscriptions, push_subscriptions.c.user_id == participants.c.user_id)
            .outerjoin(
                preferences,
                (preferences.c.user_id == participants.c.user_id)
                & (preferences.c.conversation_id == participants.c.conversation_id),
            )
            .outerjoin(
                marks,
                (marks.c.conversation_id == participants.c.conversation_id)
                & (marks.c.user_id == participants.c.user_id)
                & (marks.c.stream == messages.c.stream),
            )
        )
        .where(
            messages.c.org == org,
            among(dialect, messages.c.id, "asked"),
            TAKES_PART,
            participants.c.kind == kind,
            heard,
        )
        .where(push_subscriptions.c.org == org, push_subscriptions.c.plane == plane, push_subscriptions.c.at >= since)
        .where(participants.c.user_id != messages.c.author_id, joined < messages.c.seq)
        .where(func.coalesce(marks.c.read_seq, 0) < messages.c.seq)
        .order_by(push_subscriptions.c.id)
    )
    return planned_once(connection, query, words(dialect, "asked", ids))
