"""The log of a stream: entries with what they show today, read by position and never by time.

The statements of reads are put together once: building one costs more than running it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import cache
from typing import Any

from sqlalchemy import (
    BindParameter,
    Connection,
    Integer,
    Row,
    Select,
    bindparam,
    case,
    func,
    insert,
    select,
    true,
    tuple_,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from conversations.model import EntryType, Sent, Stream, Writes
from conversations.store import attachments
from conversations.store.asked import Point, among, listed, often, places, planned_once, points, words
from conversations.tables import accounts, conversations, entries, marks, message_versions, messages, participants


def page(
    connection: Connection,
    *,
    conversation_id: str,
    stream: Stream,
    before: int | None,
    after: int | None,
    limit: int,
) -> list[Row[Any]]:
    """Return up to `limit` entries before or after a seq, or the newest ones, oldest first."""
    which = "before" if after is None and before is not None else "newest" if after is None else "after"
    given = {"its_conversation": conversation_id, "its_stream": stream, "at_most": limit}
    if which != "newest":
        given["its_seq"] = before if after is None else after
    found = list(planned_once(connection, _page(which), given))
    return found if which == "after" else found[::-1]


@cache
def _page(which: str) -> Select[Any]:
    query = _entries().where(
        entries.c.conversation_id == bindparam("its_conversation"), entries.c.stream == bindparam("its_stream")
    )
    if which == "after":
        query = query.where(entries.c.seq > bindparam("its_seq")).order_by(entries.c.seq)
    else:
        query = query.where(entries.c.seq < bindparam("its_seq")) if which == "before" else query
        query = query.order_by(entries.c.seq.desc())
    return query.limit(bindparam("at_most", type_=Integer()))


def at(connection: Connection, keys: Sequence[Point]) -> list[Row[Any]]:
    """Return the entries at exactly these places."""
    dialect = connection.dialect.name
    return list(planned_once(connection, _at(dialect), places(dialect, keys))) if keys else []


@cache
def _at(dialect: str) -> Select[Any]:
    asked = points(dialect)
    return _entries().join(asked, _same_stream(asked) & (entries.c.seq == asked.c.seq))


def since(connection: Connection, keys: Sequence[Point]) -> list[Row[Any]]:
    """Return every entry after these places, in seq order per stream."""
    dialect = connection.dialect.name
    return list(planned_once(connection, _since(dialect), places(dialect, keys))) if keys else []


@cache
def _since(dialect: str) -> Select[Any]:
    asked = points(dialect)
    query = _entries().join(asked, _same_stream(asked) & (entries.c.seq > asked.c.seq))
    return query.order_by(entries.c.conversation_id, entries.c.stream, entries.c.seq)


def posted(connection: Connection, message_ids: Collection[str]) -> list[Row[Any]]:
    """Return the entries that brought these messages, as they are now."""
    query = _entries().where(
        tuple_(entries.c.conversation_id, entries.c.stream, entries.c.seq).in_(
            select(messages.c.conversation_id, messages.c.stream, messages.c.seq).where(messages.c.id.in_(message_ids))
        )
    )
    return list(connection.execute(query))


def about(connection: Connection, message: Sent, kind: EntryType) -> Row[Any] | None:
    """Return the newest entry of this kind about a message."""
    query = _entries().where(
        entries.c.conversation_id == message.conversation_id,
        entries.c.stream == message.stream,
        entries.c.seq > message.seq,
        entries.c.message_id == message.id,
        entries.c.type == kind,
    )
    return connection.execute(query.order_by(entries.c.seq.desc()).limit(1)).first()


def message(connection: Connection, org: str, message_id: str) -> Sent | None:
    """Return a message to decide about."""
    row = connection.execute(select(messages).where(messages.c.id == message_id, messages.c.org == org)).first()
    return None if row is None else sent(row)


def sent(row: Row[Any]) -> Sent:
    """Read a message's row."""
    return Sent(
        id=row.id,
        conversation_id=row.conversation_id,
        stream=Stream(row.stream),
        seq=row.seq,
        author_id=row.author_id,
        version=row.version,
        posted_at=row.posted_at,
        edited_at=row.edited_at,
        recalled_at=row.recalled_at,
        ask_acknowledgement=row.ask_acknowledgement,
        reminded_at=row.reminded_at,
        forwarded=row.forwarded,
        body=row.body,
    )


def versions(connection: Connection, message_id: str) -> Sequence[Row[Any]]:
    """Return every body an edited message has had, oldest first; nothing when it was never edited."""
    query = select(message_versions).where(message_versions.c.message_id == message_id)
    return connection.execute(query.order_by(message_versions.c.version)).all()


def put_version(connection: Connection, row: dict[str, Any]) -> None:
    """Keep a body a message has had; one that is kept already stays."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    connection.execute(dialect.insert(message_versions).values(row).on_conflict_do_nothing())


def change_message(connection: Connection, message_id: str, **changed: object) -> None:
    """Store what a message is now."""
    connection.execute(update(messages).where(messages.c.id == message_id).values(**changed))


def save(connection: Connection, writes: Writes) -> None:
    """Store new entries and messages with their files, and move the heads to them."""
    if writes.claims:
        attachments.claim(connection, writes.claims)
    if writes.messages:
        connection.execute(insert(messages), writes.messages)
    if writes.entries:
        connection.execute(insert(entries), writes.entries)
    for conversation_id, row in writes.heads.items():
        connection.execute(update(conversations).where(conversations.c.id == conversation_id).values(row))


def unread(connection: Connection, user_id: str, keys: Sequence[Point]) -> dict[tuple[str, str], int]:
    """Count what others posted after these places and did not recall; streams without any are left out."""
    if not keys:
        return {}
    dialect = connection.dialect.name
    counted = often(connection, _unread(dialect), {"reader": user_id, **places(dialect, keys)})
    return {(conversation_id, stream): count for conversation_id, stream, count in map(tuple, counted)}


@cache
def _unread(dialect: str) -> Select[Any]:
    asked = points(dialect)
    return (
        select(asked.c.conversation_id, asked.c.stream, func.count())
        .join(
            messages,
            (messages.c.conversation_id == asked.c.conversation_id)
            & (messages.c.stream == asked.c.stream)
            & (messages.c.seq > asked.c.seq),
        )
        .where(messages.c.author_id != bindparam("reader"), messages.c.recalled_at.is_(None))
        .group_by(asked.c.conversation_id, asked.c.stream)
    )


def unread_of(
    connection: Connection, *, org: str, user_id: str, patient_ids: Sequence[str] | None, streams: Sequence[Stream]
) -> dict[tuple[str, str], int]:
    """Count the same in all conversations somebody takes part in, in one look."""
    dialect = connection.dialect.name
    given = {"org": org, "reader": user_id, **words(dialect, "streams", streams)}
    if patient_ids is not None:
        given |= words(dialect, "patients", patient_ids)
    counted = often(connection, _unread_of(dialect, portal=patient_ids is not None), given)
    return {(conversation_id, stream): count for conversation_id, stream, count in map(tuple, counted)}


@cache
def _unread_of(dialect: str, *, portal: bool) -> Select[Any]:
    stream = listed(dialect, "streams")
    shared = stream.c.value == Stream.SHARED
    head = case((shared, conversations.c.head_shared), else_=conversations.c.head_internal)
    joined = case((shared, participants.c.joined_shared), else_=participants.c.joined_internal)
    read = case((marks.c.unread_from <= marks.c.read_seq, marks.c.unread_from - 1), else_=marks.c.read_seq)
    seen = case((read > joined, read), else_=joined)
    reader: BindParameter[str] = bindparam("reader")
    query = (
        select(conversations.c.id, stream.c.value, func.count())
        .select_from(participants)
        .join(conversations, conversations.c.id == participants.c.conversation_id)
        .join(stream, true())
        .outerjoin(
            marks,
            (marks.c.conversation_id == conversations.c.id)
            & (marks.c.user_id == reader)
            & (marks.c.stream == stream.c.value),
        )
        .join(
            messages,
            (messages.c.conversation_id == conversations.c.id)
            & (messages.c.stream == stream.c.value)
            & (messages.c.seq > seen),
        )
        .where(participants.c.user_id == reader, participants.c.left_at.is_(None))
        .where(conversations.c.org == bindparam("org"), head > seen)
        .where(messages.c.author_id != reader, messages.c.recalled_at.is_(None))
        .group_by(conversations.c.id, stream.c.value)
    )
    return query.where(among(dialect, conversations.c.patient_id, "patients")) if portal else query


def read_marks(
    connection: Connection, conversation_ids: Collection[str], streams: Sequence[Stream]
) -> Sequence[Row[Any]]:
    """Return how far people have read in these streams."""
    dialect = connection.dialect.name
    return often(connection, _read_marks(dialect, tuple(streams)), words(dialect, "conversations", conversation_ids))


@cache
def _read_marks(dialect: str, streams: tuple[Stream, ...]) -> Select[Any]:
    mark = marks.c.conversation_id, marks.c.user_id, marks.c.stream, marks.c.read_seq, marks.c.unread_from
    return select(*mark).where(
        among(dialect, marks.c.conversation_id, "conversations"), marks.c.stream.in_(streams), marks.c.read_seq > 0
    )


def _same_stream(asked: Any) -> Any:  # noqa: ANN401 - a table of points; a condition
    return (entries.c.conversation_id == asked.c.conversation_id) & (entries.c.stream == asked.c.stream)


def _entries() -> Select[Any]:
    actor, someone, answered = accounts.alias("actor"), accounts.alias("someone"), messages.alias("answered")
    return (
        select(
            entries,
            actor.c.name.label("actor_name"),
            actor.c.kind.label("actor_kind"),
            someone.c.name.label("user_name"),
            someone.c.kind.label("user_kind"),
            messages.c.client_message_id,
            messages.c.body,
            messages.c.mentions,
            messages.c.priority,
            messages.c.ask_acknowledgement,
            messages.c.forwarded,
            messages.c.edited_at,
            messages.c.recalled_at,
            messages.c.attachments,
            answered.c.id.label("answered_id"),
            answered.c.seq.label("answered_seq"),
            answered.c.body.label("answered_body"),
            answered.c.recalled_at.label("answered_recalled_at"),
            message_versions.c.body.label("version_body"),
        )
        .select_from(entries)
        .outerjoin(actor, actor.c.id == entries.c.actor_id)
        .outerjoin(someone, someone.c.id == entries.c.user_id)
        .outerjoin(messages, messages.c.id == entries.c.message_id)
        .outerjoin(answered, answered.c.id == messages.c.reply_to)
        .outerjoin(
            message_versions,
            (message_versions.c.message_id == entries.c.message_id) & (message_versions.c.version == entries.c.version),
        )
    )
