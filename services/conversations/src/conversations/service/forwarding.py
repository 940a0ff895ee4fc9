"""Forwarding a message into another conversation, with where it came from.

The body and the files are copied here, from what is stored, so nobody can put words into another's mouth; the bytes of
files stay where they are. What a patient would read is forwarded only on a second word. The same client id again
brings the first result.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b

import orjson

from conversations.model import Action, Audience, Origin, Sent, Standing, Stream
from conversations.policy import require_forwarding, require_hearing, require_member, require_staff, require_writing
from conversations.service.desk import Desk, Work
from conversations.service.entries import shown_one
from conversations.service.posting import Draft, append_post
from conversations.service.shapes import Shape
from conversations.store import attachments, directory, origins, posts, timeline
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

    def digest_of(self, message_id: str) -> str:
        """Return what tells another message under the same client id: the source, whatever it says by now."""
        return blake2b(orjson.dumps(["forward", self.stream, message_id]), digest_size=16).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Forward(Draft):
    """A message that is another one's copy."""

    digest_of_wish: str

    @property
    def digest(self) -> str:
        """Return what tells another message under the same client id."""
        return self.digest_of_wish


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
    places = _Places(work, message_id, wish)
    key = wish.conversation_id, work.claims.user_id, wish.client_message_id
    posted_id, digest = posts.posted(work.connection, {key}).get(key, (None, None))
    if posted_id is not None and digest == wish.digest_of(message_id) and work.me().active:
        # Before anything else: whose answer was lost learns that it is stored, though they were removed meanwhile.
        return _first_result(work, posted_id), False
    source, origin = places.source()
    target, audience = places.target()
    if posted_id is not None:
        raise Conflict("This client id was used for another message.")
    require_writing(work.claims, target, audience, wish.stream)
    require_forwarding(work.claims, source, target, wish.stream, confirmed=wish.confirmed)
    return _append(work, source, wish, target, audience, origin), True


class _Places:
    """The two conversations, both locked: what is copied is what the message says at this moment."""

    def __init__(self, work: Work, message_id: str, wish: Wish) -> None:
        found = timeline.message(work.connection, work.org, message_id)
        if found is None:
            raise NotFound
        self._work = work
        self._message_id = message_id
        self._from, self._to = found.conversation_id, wish.conversation_id
        # In one statement, in the order of their ids: nobody waits for another who forwards the other way.
        self._standings = store.standings(work.connection, work.org, {self._from, self._to}, lock=True)
        self._audiences = store.audiences(work.connection, self._standings)

    def source(self) -> tuple[Sent, Origin]:
        """Return the message, if the caller may hear it, and where it came from: a forwarded one keeps its origin."""
        work = self._work
        standing, _ = self._of_caller(self._from)
        message = timeline.message(work.connection, work.org, self._message_id)
        if message is None:
            raise NotFound
        require_hearing(work.claims, standing, message.stream)
        if message.forwarded is not None:
            return message, origins.read(work.connection, work.org, {message.id: message.forwarded})[message.id]
        author = directory.people(work.connection, work.org, [message.author_id])[message.author_id]
        subject = store.subject_of(work.connection, standing.id) or None
        origin = Origin(message_id=message.id, author=author, at=message.posted_at, kind=standing.kind, subject=subject)
        return message, origin

    def target(self) -> tuple[Standing, Audience]:
        """Return where it is forwarded to, if the caller takes part there, and who else does."""
        return self._of_caller(self._to)

    def _of_caller(self, conversation_id: str) -> tuple[Standing, Audience]:
        audience = self._audiences.get(conversation_id, Audience())
        return require_member(self._work.claims, self._standings.get(conversation_id), audience), audience


def _first_result(work: Work, message_id: str) -> Shape:
    row = timeline.posted(work.connection, [message_id])[0]
    return shown_one(work.connection, row, plane=work.claims.plane)


def _append(work: Work, source: Sent, wish: Wish, target: Standing, audience: Audience, origin: Origin) -> Shape:
    draft = Forward(
        claims=work.claims,
        conversation_id=target.id,
        stream=wish.stream,
        client_message_id=wish.client_message_id,
        body=source.body,
        digest_of_wish=wish.digest_of(source.id),
    )
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
    work.record(Action.FORWARDED, target.id, subject_id=source.id, stream=draft.stream, last_seq=entry["seq"])
    work.record(Action.POSTED, target.id, subject_id=entry["message"]["id"], stream=draft.stream, last_seq=entry["seq"])
    return entry
