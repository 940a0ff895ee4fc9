"""Files: what is known of each, from its arrival to the message it was posted with; their bytes lie elsewhere.

A file is `arriving` until its bytes are kept, then `ready`, and `leaving` from when it is given up until its bytes are
gone: whoever dies in between leaves a row that says what is left to do.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, and_, bindparam, delete, func, insert, or_, select, text, update

from conversations.model import File, FileState, Sent, Stream
from conversations.store.asked import among, words
from conversations.tables import accounts, attachments, messages
from wire.ids import Ids

SWEEP = text("SELECT set_config('app.sweeping', 'on', true)")

CLAIM = (
    update(attachments)
    .where(attachments.c.id == bindparam("its_id"), attachments.c.org == bindparam("its_org"))
    .values({name: bindparam(name) for name in ("conversation_id", "stream", "seq", "message_id", "position")})
)


def put(connection: Connection, row: Mapping[str, Any]) -> None:
    """Store that a file arrives."""
    connection.execute(insert(attachments).values(row))


def arrived(connection: Connection, org: str, attachment_id: str) -> bool:
    """Store that a file's bytes are kept; False when it was given up meanwhile."""
    statement = update(attachments).where(*_one(org, attachment_id), attachments.c.state == FileState.ARRIVING)
    return connection.execute(statement.values(state=FileState.READY)).rowcount == 1


def give_up(connection: Connection, org: str, attachment_id: str, uploader_id: str) -> str | None:
    """Store that a file its uploader has not posted is not wanted; returns its place, or None when there is none."""
    statement = update(attachments).where(
        *_one(org, attachment_id),
        attachments.c.uploader_id == uploader_id,
        attachments.c.state == FileState.READY,
        attachments.c.message_id.is_(None),
    )
    return connection.execute(statement.values(state=FileState.LEAVING).returning(attachments.c.place)).scalar()


def forget(connection: Connection, ids: Collection[str]) -> None:
    """Remove files that were given up; their bytes are gone."""
    dialect = connection.dialect.name
    statement = delete(attachments).where(
        among(dialect, attachments.c.id, "ids"), attachments.c.state == FileState.LEAVING
    )
    connection.execute(statement, words(dialect, "ids", ids))


def unposted(connection: Connection, org: str, uploader_id: str) -> int:
    """Count what somebody uploaded and did not post."""
    query = select(func.count()).where(
        attachments.c.uploader_id == uploader_id, attachments.c.org == org, attachments.c.message_id.is_(None)
    )
    return connection.execute(query).scalar_one()


def one(connection: Connection, org: str, attachment_id: str) -> File | None:
    """Return a file that is ready; of one that was posted also whether its message was recalled."""
    query = (
        select(attachments, messages.c.recalled_at)
        .outerjoin(messages, messages.c.id == attachments.c.message_id)
        .where(*_one(org, attachment_id), attachments.c.state == FileState.READY)
    )
    row = connection.execute(query).first()
    return None if row is None else _file(row, recalled=row.recalled_at is not None)


def wanted(connection: Connection, org: str, ids: Collection[str]) -> dict[str, File]:
    """Return ready files by id; nobody else claims or removes them until the transaction ends."""
    dialect = connection.dialect.name
    query = select(attachments).where(
        attachments.c.org == bindparam("org"),
        among(dialect, attachments.c.id, "ids"),
        attachments.c.state == FileState.READY,
    )
    query = query.order_by(attachments.c.id).with_for_update()
    return {row.id: _file(row) for row in connection.execute(query, {"org": org, **words(dialect, "ids", ids)})}


def claim(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Store with which messages files were posted."""
    connection.execute(CLAIM, list(rows))


def copied(
    connection: Connection, org: str, source: Sent, *, uploader_id: str, new_id: Ids, at: datetime
) -> list[File]:
    """Store files of somebody's own that lie where those of a message lie, to be posted; returns them in its order."""
    query = select(attachments).where(
        attachments.c.org == org,
        attachments.c.conversation_id == source.conversation_id,
        attachments.c.stream == source.stream,
        attachments.c.seq == source.seq,
    )
    rows = connection.execute(query.order_by(attachments.c.position)).mappings().all()
    unposted = dict.fromkeys(("conversation_id", "stream", "seq", "message_id", "position"))
    copies = [{**row, **unposted, "id": new_id(), "uploader_id": uploader_id, "created_at": at} for row in rows]
    if not copies:
        return []
    connection.execute(insert(attachments), copies)
    made = wanted(connection, org, [copy["id"] for copy in copies])
    return [made[copy["id"]] for copy in copies]


def posted(
    connection: Connection, conversation_id: str, stream: Stream, before: tuple[int, int] | None, limit: int
) -> Sequence[Row[Any]]:
    """Return the files of a stream, the newest message's first, without those of recalled messages.

    `before` is the seq and position of the last file somebody has seen.
    """
    query = (
        select(
            attachments,
            messages.c.posted_at,
            messages.c.author_id,
            accounts.c.name.label("author_name"),
            accounts.c.kind.label("author_kind"),
        )
        .join(messages, messages.c.id == attachments.c.message_id)
        .outerjoin(accounts, accounts.c.id == messages.c.author_id)
        .where(attachments.c.conversation_id == conversation_id, attachments.c.stream == stream)
        .where(messages.c.recalled_at.is_(None))
        .order_by(attachments.c.seq.desc(), attachments.c.position)
        .limit(limit)
    )
    if before is not None:
        seq, position = before
        query = query.where(attachments.c.seq <= seq, or_(attachments.c.seq < seq, attachments.c.position > position))
    return connection.execute(query).all()


def file_of(row: Row[Any]) -> File:
    """Read a file's row."""
    return _file(row)


def sweep(
    connection: Connection, *, orphaned_before: datetime, stuck_before: datetime, limit: int
) -> list[tuple[str, str]]:
    """Give up files of every organisation that nobody posted or that never became ready; returns ids and places.

    Files that another process is just giving up are left to it.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(SWEEP)
    late = or_(
        attachments.c.created_at < orphaned_before,
        and_(attachments.c.created_at < stuck_before, attachments.c.state != FileState.READY),
    )
    query = select(attachments.c.id).where(attachments.c.message_id.is_(None), late)
    query = query.order_by(attachments.c.created_at).limit(limit).with_for_update(skip_locked=True)
    found = [row.id for row in connection.execute(query)]
    if not found:
        return []
    dialect = connection.dialect.name
    statement = update(attachments).where(among(dialect, attachments.c.id, "ids")).values(state=FileState.LEAVING)
    left = connection.execute(statement.returning(attachments.c.id, attachments.c.place), words(dialect, "ids", found))
    return [(row.id, row.place) for row in left]


def forget_swept(connection: Connection, ids: Collection[str]) -> None:
    """Remove what `sweep` gave up, of whatever organisation."""
    if connection.dialect.name == "postgresql":
        connection.execute(SWEEP)
    forget(connection, ids)


def _one(org: str, attachment_id: str) -> tuple[Any, Any]:
    return attachments.c.id == attachment_id, attachments.c.org == org


def _file(row: Row[Any], *, recalled: bool = False) -> File:
    return File(
        id=row.id,
        uploader_id=row.uploader_id,
        conversation_id=row.conversation_id,
        stream=None if row.stream is None else Stream(row.stream),
        message_id=row.message_id,
        place=row.place,
        name=row.name,
        media_type=row.media_type,
        size=row.size,
        width=row.width,
        height=row.height,
        digest=row.digest,
        has_thumbnail=row.has_thumbnail,
        recalled=recalled,
    )
