"""Deciding about messages: each draft is accepted or refused by itself, in the order they came.

* Nothing is looked up here.
* A used client id brings back the first message, also to an author who was removed since; another body under it is a
  conflict.
* A patient's message opens a closed conversation again.
* A file is posted once, by who uploaded it.
* An author who says what they had seen is stopped when others have posted since.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b

import orjson

from conversations.model import (
    Answered,
    Ask,
    Audience,
    EntryType,
    Facts,
    File,
    Origin,
    Person,
    Standing,
    Status,
    Stream,
    Writes,
)
from conversations.policy import may_post_file, reopens, require_member, require_writing
from conversations.service import shapes
from conversations.service.ledger import Ledger
from conversations.service.shapes import Shape
from conversations.store import origins
from wire.claims import Claims
from wire.ids import Ids
from wire.problems import Conflict, Invalid, NotFound, Problem, Stale, Unauthenticated


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A message somebody wants posted, checked for its form only."""

    claims: Claims
    conversation_id: str
    stream: Stream
    client_message_id: str
    body: str = field(repr=False)
    reply_to: str | None = None
    mentions: tuple[str, ...] = ()
    priority: str = "normal"
    ask_acknowledgement: bool = False
    seen_seq: int | None = None
    attachment_ids: tuple[str, ...] = ()

    @property
    def ask(self) -> Ask:
        """Return what must be looked up to decide about it."""
        return Ask(
            conversation_id=self.conversation_id,
            author_id=self.claims.user_id,
            client_message_id=self.client_message_id,
            reply_to=self.reply_to,
            attachment_ids=self.attachment_ids,
        )

    @property
    def key(self) -> tuple[str, str, str]:
        """Return what makes a repeat of it a repeat."""
        return self.conversation_id, self.claims.user_id, self.client_message_id

    @property
    def digest(self) -> str:
        """Return what tells another message under the same client id."""
        said = [self.stream, self.reply_to, self.body, *([self.attachment_ids] if self.attachment_ids else ())]
        return blake2b(orjson.dumps(said), digest_size=16).hexdigest()


EntriesSince = Callable[[str, Stream, int], Sequence[Shape]]
"""Returns the entries of a stream after a seq, oldest first; asked only where an author had not seen the head."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """A draft that became a message now."""

    entry: Shape = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeated:
    """A draft that had become a message before."""

    message_id: str


Outcome = Posted | Repeated | Problem


class Posting:
    """Decides about drafts of one organisation, one after the other, and gathers what is to be stored."""

    def __init__(self, facts: Facts, entries_since: EntriesSince, *, at: datetime, new_id: Ids, writes: Writes) -> None:
        self._facts = facts
        self._entries_since = entries_since
        self._at = at
        self._new_id = new_id
        self._writes = writes
        self._ledgers: dict[str, Ledger] = {}
        self._posted = dict(facts.posted)
        self._appended: dict[tuple[str, Stream], list[Shape]] = {}
        self._claimed: set[str] = set()
        self.reopened: list[tuple[Draft, Ledger]] = []
        """The conversations that were opened again, and by which message."""

    def decide(self, draft: Draft) -> Outcome:
        """Accept a draft or return its refusal."""
        try:
            return self._decide(draft)
        except Problem as refusal:
            return refusal

    def _decide(self, draft: Draft) -> Outcome:
        author = self._facts.people.get(draft.claims.user_id)
        message_id, digest = self._posted.get(draft.key, (None, None))
        if message_id is not None and digest == draft.digest and author is not None and author.active:
            # Before anything else: whose answer was lost learns that it is stored, though they were removed meanwhile.
            return Repeated(message_id=message_id)
        audience = self._facts.audiences.get(draft.conversation_id, Audience())
        standing = require_member(draft.claims, self._facts.standings.get(draft.conversation_id), audience)
        if author is None:
            raise NotFound
        if not author.active:
            raise Unauthenticated
        if message_id is not None:
            raise Conflict("This client id was used for another message.")
        ledger = self._ledger(standing, audience)
        require_writing(draft.claims, ledger.standing, audience, draft.stream)
        self._require_having_seen(draft, ledger)
        answered = self._answered(draft)
        files = self._files(draft)
        if reopens(draft.claims, ledger.standing):
            self._reopen(draft, ledger, author)
        return self._post(draft, ledger, author, answered, files)

    def _ledger(self, standing: Standing, audience: Audience) -> Ledger:
        if standing.id not in self._ledgers:
            self._ledgers[standing.id] = Ledger(
                standing, audience, at=self._at, new_id=self._new_id, writes=self._writes
            )
        return self._ledgers[standing.id]

    def _require_having_seen(self, draft: Draft, ledger: Ledger) -> None:
        if draft.seen_seq is None or draft.seen_seq >= ledger.head(draft.stream):
            return
        here = draft.conversation_id, draft.stream
        missed = [
            *self._entries_since(*here, draft.seen_seq),
            *(entry for entry in self._appended.get(here, ()) if entry["seq"] > draft.seen_seq),
        ]
        if any(_is_news(entry, draft.claims.user_id) for entry in missed):
            raise Stale(entries=missed)

    def _answered(self, draft: Draft) -> Answered | None:
        if draft.reply_to is None:
            return None
        answered = self._facts.answered.get(draft.reply_to) or self._answered_here(draft)
        if answered is None or (answered.conversation_id, answered.stream) != (draft.conversation_id, draft.stream):
            raise Invalid(errors={"reply_to": ["There is no such message in this stream."]})
        return answered

    def _answered_here(self, draft: Draft) -> Answered | None:
        for entry in self._appended.get((draft.conversation_id, draft.stream), ()):
            message = entry.get("message", {})
            if message.get("id") == draft.reply_to:
                return Answered(
                    id=message["id"],
                    conversation_id=draft.conversation_id,
                    stream=draft.stream,
                    seq=entry["seq"],
                    body=message["body"],
                    recalled=False,
                )
        return None

    def _files(self, draft: Draft) -> list[File]:
        found = [self._facts.files.get(one) for one in draft.attachment_ids]
        files = [file for file in found if file is not None and may_post_file(draft.claims, file)]
        ids = {file.id for file in files}
        if len(ids) != len(draft.attachment_ids) or ids & self._claimed:
            raise Invalid(errors={"attachment_ids": ["Must be files that you uploaded and did not send yet."]})
        return files

    def _reopen(self, draft: Draft, ledger: Ledger, author: Person) -> None:
        ledger.change_status(Status.OPEN)
        reopened = ledger.append(Stream.SHARED, EntryType.REOPENED, author)
        self._appended.setdefault((draft.conversation_id, Stream.SHARED), []).append(reopened)
        self.reopened.append((draft, ledger))

    def _post(
        self, draft: Draft, ledger: Ledger, author: Person, answered: Answered | None, files: Sequence[File]
    ) -> Posted:
        entry = append_post(
            draft, ledger, author, answered, files, at=self._at, new_id=self._new_id, writes=self._writes
        )
        self._claimed.update(draft.attachment_ids)
        self._posted[draft.key] = (entry["message"]["id"], self._writes.messages[-1]["digest"])
        self._appended.setdefault((draft.conversation_id, draft.stream), []).append(entry)
        return Posted(entry=entry)


def append_post(  # noqa: PLR0913 - what a message is made of
    draft: Draft,
    ledger: Ledger,
    author: Person,
    answered: Answered | None = None,
    files: Sequence[File] = (),
    *,
    at: datetime,
    new_id: Ids,
    writes: Writes,
    forwarded: Origin | None = None,
) -> Shape:
    """Append a message that was decided to be good, with its files in the order their author gave them.

    `forwarded` is where it came from, if it did.
    """
    message_id = new_id()
    heard = ledger.audience.may_hear(draft.stream)
    mentions = [one for one in dict.fromkeys(draft.mentions) if one in heard]
    attachments = [shapes.attachment(file) for file in files]
    shown = shapes.message(
        message_id=message_id,
        client_message_id=draft.client_message_id,
        body=draft.body,
        reply_to=None if answered is None else _reply(answered),
        mentions=mentions,
        priority=draft.priority,
        ask_acknowledgement=draft.ask_acknowledgement,
        forwarded=forwarded,
        attachments=attachments,
    )
    entry = ledger.append(draft.stream, EntryType.POSTED, author, {"message": shown}, message_id=message_id)
    writes.messages.append(
        {
            "id": message_id,
            "org": ledger.standing.org,
            "conversation_id": draft.conversation_id,
            "stream": draft.stream,
            "seq": entry["seq"],
            "author_id": author.id,
            "client_message_id": draft.client_message_id,
            "digest": draft.digest,
            "body": draft.body,
            "reply_to": draft.reply_to,
            "mentions": orjson.dumps(mentions).decode(),
            "priority": draft.priority,
            "ask_acknowledgement": draft.ask_acknowledgement,
            "posted_at": at,
            "attachments": orjson.dumps(attachments).decode() if attachments else None,
        }
        | ({} if forwarded is None else {"forwarded": origins.written(forwarded)})
    )
    writes.claims.extend(
        {
            "its_id": file.id,
            "its_org": ledger.standing.org,
            "conversation_id": draft.conversation_id,
            "stream": draft.stream,
            "seq": entry["seq"],
            "message_id": message_id,
            "position": position,
        }
        for position, file in enumerate(files)
    )
    return entry


def _is_news(entry: Shape, author_id: str) -> bool:
    return bool(entry["type"] == EntryType.POSTED and entry["actor"]["id"] != author_id)


def _reply(answered: Answered) -> Shape:
    return shapes.reply(answered.id, answered.seq, answered.body, recalled=answered.recalled)
