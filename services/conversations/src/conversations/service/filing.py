"""Files: taken in first, posted with a message later, fetched by those who hear the stream they were posted to.

* A file is recorded before its bytes are kept and shown after they are: whoever dies in between leaves neither a file
  without bytes nor bytes nobody knows of (`conversations.sweeping` removes what is left).
* No transaction is open while bytes travel.
* Until it is posted, nobody but its uploader knows of a file; nobody fetches one of a recalled message.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from heapq import merge
from itertools import islice
from typing import Any, Final

import orjson
from prometheus_client import Counter
from sqlalchemy import Row

from conversations.files.inspection import Good, Inspection
from conversations.files.scanning import Infected
from conversations.files.storage import Gone, Storage
from conversations.model import Action, File, FileState, PersonKind, Stream
from conversations.policy import (
    hears,
    require_entrance,
    require_file_in_sight,
    require_hearing,
    require_own_file,
    streams_of,
)
from conversations.service import shapes
from conversations.service.desk import Desk, Work
from conversations.service.shapes import Shape
from conversations.service.showing import heard_by
from conversations.store import attachments
from servicekit.log import get_logger
from wire.bodies import ATTACHMENTS_MAX, SEQ_MAX
from wire.claims import Claims
from wire.problems import Invalid, NotFound, Problem, RateLimited, Unavailable
from wire.times import to_wire

log = get_logger()

UNPOSTED_MOST: Final = 100
"""Files one person may have uploaded and not posted."""
THUMBNAIL: Final = ".thumbnail"
THUMBNAIL_TYPE: Final = "image/jpeg"

UPLOADS = Counter(
    "messages_uploads_total", "Files that arrived, by outcome: ready, or the code of the refusal.", ["outcome"]
)
BYTES = Counter("messages_upload_bytes_total", "Bytes of files that were kept, thumbnails left out.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """A file, or its thumbnail, on its way to somebody; `pieces` reads it from its place when it is asked."""

    file: File
    media_type: str
    size: int | None
    thumbnail: bool
    _storage: Storage = field(repr=False)

    @property
    def version(self) -> str:
        """Return what tells these bytes from all others: they never change."""
        return f"{self.file.digest[:32]}{'-small' if self.thumbnail else ''}"

    def pieces(self, first: int = 0, last: int | None = None) -> Iterator[bytes]:
        """Return the bytes from `first` to `last`, both included; Unavailable when they cannot be read."""
        try:
            return self._storage.open(self.file.place + (THUMBNAIL if self.thumbnail else ""), first=first, last=last)
        except Gone:
            log.error("attachment.bytes_missing", attachment=self.file.id)
            raise Unavailable("This file cannot be read right now.") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class FilePage:
    """Which part of a conversation's files somebody wants."""

    cursor: str | None = None
    limit: int = 50


class Filing:
    """Takes files in and gives them out."""

    def __init__(self, desk: Desk, storage: Storage, inspection: Inspection) -> None:
        self._desk = desk
        self._storage = storage
        self._inspection = inspection

    def take(self, claims: Claims, name: str, pieces: Iterable[bytes]) -> Shape:
        """Take in a file that its uploader may post; raises the refusal's Problem, and then nothing is kept."""
        try:
            shown = self._taken(claims, name, pieces)
        except Problem as refusal:
            UPLOADS.labels(refusal.code).inc()
            raise
        UPLOADS.labels(FileState.READY.value).inc()
        BYTES.inc(shown["size"])
        return shown

    def fetch(self, claims: Claims, attachment_id: str, *, thumbnail: bool) -> Fetched:
        """Return a file, or its thumbnail, for whoever may have it; NotFound for everybody else."""
        file = self._desk.do(claims, Action.FILE_READ, lambda work: _found(work, attachment_id, thumbnail=thumbnail))
        return Fetched(
            file=file,
            media_type=THUMBNAIL_TYPE if thumbnail else file.media_type,
            size=None if thumbnail else file.size,
            thumbnail=thumbnail,
            _storage=self._storage,
        )

    def remove(self, claims: Claims, attachment_id: str) -> None:
        """Give up the caller's own file that was not posted."""
        place = self._desk.do(claims, Action.FILE_REMOVED, lambda work: _given_up(work, attachment_id))
        try:
            remove_bytes(self._storage, place)
        except Unavailable:
            return  # nobody sees it any more, and it is swept later
        self._desk.do(claims, Action.FILE_REMOVED, lambda work: attachments.forget(work.connection, [attachment_id]))

    def files(self, claims: Claims, conversation_id: str, page: FilePage) -> Shape:
        """Return the files of the streams the caller hears, newest first."""
        return self._desk.do(
            claims,
            Action.FILES_LISTED,
            lambda work: _files(work, conversation_id, page),
            conversation_id=conversation_id,
        )

    def _taken(self, claims: Claims, name: str, pieces: Iterable[bytes]) -> Shape:
        with ExitStack() as until_kept:
            try:
                require_entrance(claims)
                good = until_kept.enter_context(self._inspection.of(pieces, name))
            except Problem as refusal:
                infected = isinstance(refusal, Infected)
                self._desk.refuse(claims, Action.FILE_INFECTED if infected else Action.FILE_UPLOADED, refusal)
                raise
            return self._kept(claims, good)

    def _kept(self, claims: Claims, good: Good) -> Shape:
        attachment_id = self._desk.new_id()
        self._desk.do(claims, Action.FILE_UPLOADED, lambda work: _announced(work, attachment_id, good))
        self._storage.put(attachment_id, good.content, good.size)
        if good.thumbnail is not None:
            self._storage.put(attachment_id + THUMBNAIL, good.thumbnail, good.thumbnail.seek(0, 2))
        return self._desk.do(claims, Action.FILE_UPLOADED, lambda work: _arrived(work, attachment_id))


def remove_bytes(storage: Storage, place: str) -> None:
    """Remove a file's bytes and its thumbnail's; Unavailable when they cannot be."""
    storage.remove(place + THUMBNAIL)
    storage.remove(place)


def _announced(work: Work, attachment_id: str, good: Good) -> None:
    me = work.me()
    if attachments.unposted(work.connection, work.org, me.id) >= UNPOSTED_MOST:
        raise RateLimited("Too many files are waiting: send or remove some of them first.", retry_after=60)
    attachments.put(
        work.connection,
        {
            "id": attachment_id,
            "org": work.org,
            "uploader_id": me.id,
            "place": attachment_id,
            "name": good.name,
            "media_type": good.kind.media_type,
            "size": good.size,
            "width": good.width,
            "height": good.height,
            "digest": good.digest,
            "has_thumbnail": good.thumbnail is not None,
            "state": FileState.ARRIVING,
            "created_at": work.at,
        },
    )


def _arrived(work: Work, attachment_id: str) -> Shape:
    is_there = attachments.arrived(work.connection, work.org, attachment_id)
    file = attachments.one(work.connection, work.org, attachment_id) if is_there else None
    if file is None:
        raise Unavailable
    work.record(Action.FILE_UPLOADED, subject_id=attachment_id)
    return shapes.attachment(file)


def _found(work: Work, attachment_id: str, *, thumbnail: bool) -> File:
    file = attachments.one(work.connection, work.org, attachment_id)
    if file is None or file.conversation_id is None or file.stream is None:
        file = require_own_file(work.claims, file)
    else:
        standing = heard_by(work.connection, work.claims, file.conversation_id)
        require_hearing(work.claims, standing, file.stream)
        require_file_in_sight(file)
    if thumbnail and not file.has_thumbnail:
        raise NotFound
    work.record(Action.FILE_READ, file.conversation_id, subject_id=file.id, stream=file.stream)
    return file


def _given_up(work: Work, attachment_id: str) -> str:
    require_own_file(work.claims, attachments.one(work.connection, work.org, attachment_id))
    place = attachments.give_up(work.connection, work.org, attachment_id, work.claims.user_id)
    if place is None:
        raise NotFound
    work.record(Action.FILE_REMOVED, subject_id=attachment_id)
    return place


def _files(work: Work, conversation_id: str, page: FilePage) -> Shape:
    standing = heard_by(work.connection, work.claims, conversation_id)
    seen = {} if page.cursor is None else _read_cursor(page.cursor)
    streams = [
        attachments.posted(work.connection, conversation_id, stream, seen.get(stream), page.limit + 1)
        for stream in streams_of(work.claims)
        if hears(work.claims, standing, stream)
    ]
    # Each stream keeps its own order; which of them comes next is told by the time.
    rows = list(islice(merge(*streams, key=lambda row: row.posted_at, reverse=True), page.limit + 1))
    here = rows[: page.limit]
    work.record(Action.FILES_LISTED, conversation_id)
    return {
        "items": [_shown(row) for row in here],
        "next_cursor": _cursor(seen, here) if len(rows) > page.limit else None,
    }


def _shown(row: Row[Any]) -> Shape:
    return {
        "attachment": shapes.attachment(attachments.file_of(row)),
        "conversation_id": row.conversation_id,
        "stream": row.stream,
        "seq": row.seq,
        "message_id": row.message_id,
        "at": to_wire(row.posted_at),
        "actor": {"id": row.author_id, "name": row.author_name or "", "kind": row.author_kind or PersonKind.STAFF},
    }


Seen = Mapping[str, tuple[int, int]]
"""By stream the seq and position of the last file somebody has seen."""


def _cursor(seen: Seen, rows: Sequence[Row[Any]]) -> str:
    now_seen = {**seen, **{row.stream: (row.seq, row.position) for row in rows}}
    return base64.urlsafe_b64encode(orjson.dumps(now_seen)).decode().rstrip("=")


def _read_cursor(cursor: str) -> dict[str, tuple[int, int]]:
    try:
        told = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        return {str(Stream(stream)): _seen(*place) for stream, place in told.items()}
    except (ValueError, TypeError, AttributeError, binascii.Error) as broken:
        raise Invalid(errors={"cursor": ["Not a cursor we gave out."]}) from broken


def _seen(seq: object, position: object) -> tuple[int, int]:
    return _number(seq, SEQ_MAX), _number(position, ATTACHMENTS_MAX)


def _number(value: object, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
        raise ValueError("no position")
    return value
