"""Forwarding a message into another conversation, with where it came from.

The body and the files are copied here, from what is stored, so nobody can put words into another's mouth; the bytes of
files stay where they are. What a patient would read is forwarded only on a second word. The same client id again
brings the first result.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b

import orjson

from conversations.model import Action, Audience, Sent, Standing, Stream
from conversations.policy import require_forwarding, require_hearing, require_staff, require_writing
from conversations.service import shapes
from conversations.service.desk import Desk, Work
from conversations.service.entries import shown_one
from conversations.service.posting import Draft, append_post
from conversations.service.shapes import Shape
from conversations.service.showing import member_of
from conversations.store import attachments, directory, posts, timeline
from conversations.store import conversations as store
from wire.claims import Claims
from wire.problems import Conflict, NotFound


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """Where somebody wants a message forwarded to."""

    conversation_id: str
    client_message_id: str
    stream: Stream = Stream.SHARED
    confirmed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Forward(Draft):
    """A message that is another one's copy."""

    source_id: str

    @property
    def digest(self) -> str:
        """Return what tells another message under the same client id: the source, whatever it says by now."""
        return blake2b(orjson.dumps(["forward", self.stream, self.source_id]), digest_size=16).hexdigest()


class Forwarding:
    """Forwards messages."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def forward(self, claims: Claims, message_id: str, wish: Wish) -> tuple[Shape, bool]:
        """Return the entry in the other conversation, and whether it is new."""
        return self._desk.do(
            claims,
            Action.FORWARDED,
            lambda work: _forward(work, message_id, wish),
            conversation_id=wish.conversation_id,
        )


def _forward(work: Work, message_id: str, wish: Wish) -> tuple[Shape, bool]:
    require_staff(work.claims)
    source, origin = _source(work, message_id)
    target, audience = member_of(work.connection, work.claims, wish.conversation_id, lock=True)
    draft = Forward(
        claims=work.claims,
        conversation_id=target.id,
        stream=wish.stream,
        client_message_id=wish.client_message_id,
        body=source.body,
        source_id=source.id,
    )
    before = _before(work, draft)
    if before is not None:
        return before, False
    require_writing(work.claims, target, audience, wish.stream)
    require_forwarding(work.claims, source, target, wish.stream, confirmed=wish.confirmed)
    return _append(work, draft, source, target, audience, origin), True


def _source(work: Work, message_id: str) -> tuple[Sent, Shape]:
    """Return a message the caller may hear, and where it came from; a forwarded one keeps its first origin."""
    message = timeline.message(work.connection, work.org, message_id)
    if message is None:
        raise NotFound
    standing, _ = member_of(work.connection, work.claims, message.conversation_id)
    require_hearing(work.claims, standing, message.stream)
    if message.forwarded is not None:
        known: Shape = orjson.loads(message.forwarded)
        return message, known
    author = directory.people(work.connection, work.org, [message.author_id])[message.author_id]
    subject = store.subject_of(work.connection, standing.id)
    return message, shapes.origin(
        author=shapes.person(author), at=message.posted_at, kind=standing.kind, subject=subject
    )


def _before(work: Work, draft: Forward) -> Shape | None:
    found = posts.posted(work.connection, {draft.key}).get(draft.key)
    if found is None:
        return None
    message_id, digest = found
    if digest != draft.digest:
        raise Conflict("This client id was used for another message.")
    return shown_one(work.connection, timeline.posted(work.connection, [message_id])[0])


def _append(work: Work, draft: Forward, source: Sent, target: Standing, audience: Audience, origin: Shape) -> Shape:
    me = work.me()
    files = attachments.copied(work.connection, work.org, source, uploader_id=me.id, new_id=work.new_id, at=work.at)
    entry = append_post(
        draft,
        work.ledger(target, audience),
        me,
        files=files,
        at=work.at,
        new_id=work.new_id,
        writes=work.writes,
        forwarded=origin,
    )
    work.record(Action.FORWARDED, target.id, subject_id=draft.source_id, stream=draft.stream, last_seq=entry["seq"])
    work.record(Action.POSTED, target.id, subject_id=entry["message"]["id"], stream=draft.stream, last_seq=entry["seq"])
    return entry
