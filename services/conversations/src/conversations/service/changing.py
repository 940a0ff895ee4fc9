"""Changing what is there: editing and recalling messages, adding and removing people, renaming, closing, reopening.

Every change is an entry with the next seq of its stream; what it replaced stays on the record.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlalchemy import Row

from conversations.model import (
    Action,
    Audience,
    EntryType,
    Participation,
    Person,
    Role,
    Sent,
    Standing,
    StateType,
    Status,
    Stream,
)
from conversations.policy import (
    require_adding,
    require_changing,
    require_editing,
    require_hearing,
    require_recalling,
    require_removing,
    require_someone_left,
)
from conversations.service import shapes
from conversations.service.announcing import announce_change
from conversations.service.desk import Desk, Work
from conversations.service.entries import shown_one
from conversations.service.joining import take_in
from conversations.service.shapes import Shape
from conversations.service.showing import member_of, shown_to
from conversations.store import conversations as store
from conversations.store import directory, timeline
from wire.bodies import PARTICIPANTS_MAX
from wire.claims import Claims
from wire.problems import Invalid, NotFound
from wire.times import to_wire


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What somebody wants different about a conversation; None leaves it as it is."""

    subject: str | None = field(default=None, repr=False)
    status: Status | None = None


class Changing:
    """Changes messages and conversations."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def edit(self, claims: Claims, message_id: str, body: str) -> Shape:
        """Give the caller's own message another body; the entry that did so comes back, also for a repeat."""
        return self._desk.do(claims, Action.EDITED, lambda work: _edit(work, message_id, body))

    def recall(self, claims: Claims, message_id: str) -> Shape:
        """Take a message's body from sight; the entry that did so comes back, also for a repeat."""
        return self._desk.do(claims, Action.RECALLED, lambda work: _recall(work, message_id))

    def change(self, claims: Claims, conversation_id: str, change: Change) -> Shape:
        """Rename, close or reopen a conversation."""
        action = Action.RENAMED if change.status is None else Action.CLOSED
        return self._desk.do(
            claims, action, lambda work: _change(work, conversation_id, change), conversation_id=conversation_id
        )

    def add(self, claims: Claims, conversation_id: str, user_id: str) -> Shape:
        """Bring a colleague into a conversation."""
        return self._desk.do(
            claims, Action.JOINED, lambda work: _add(work, conversation_id, user_id), conversation_id=conversation_id
        )

    def remove(self, claims: Claims, conversation_id: str, user_id: str) -> Shape:
        """Take somebody out of a conversation, perhaps oneself."""
        return self._desk.do(
            claims, Action.LEFT, lambda work: _remove(work, conversation_id, user_id), conversation_id=conversation_id
        )


def _edit(work: Work, message_id: str, body: str) -> Shape:
    message, standing, audience = locked_message(work, message_id)
    require_editing(work.claims, standing, message)
    if body == message.body:
        return _entry_that_brought(work, message)
    version = message.version + 1
    # The first edit also keeps what was posted.
    _keep_version(work, message, message.version, message.body, message.edited_at or message.posted_at)
    _keep_version(work, message, version, body, work.at)
    timeline.change_message(work.connection, message.id, body=body, version=version, edited_at=work.at)
    shown = {"message_id": message.id, "body": body, "edited_at": to_wire(work.at)}
    ledger = work.ledger(standing, audience)
    work.record(Action.EDITED, standing.id, subject_id=message.id, stream=message.stream)
    return ledger.append(message.stream, EntryType.EDITED, work.me(), shown, message_id=message.id, version=version)


def _recall(work: Work, message_id: str) -> Shape:
    message, standing, audience = locked_message(work, message_id)
    require_recalling(work.claims, message)
    if message.recalled_at is not None:
        return shown_one(work.connection, _about(work, message, EntryType.RECALLED))
    timeline.change_message(work.connection, message.id, recalled_at=work.at)
    work.record(Action.RECALLED, standing.id, subject_id=message.id, stream=message.stream)
    ledger = work.ledger(standing, audience)
    return ledger.append(
        message.stream, EntryType.RECALLED, work.me(), {"message_id": message.id}, message_id=message.id
    )


def _change(work: Work, conversation_id: str, change: Change) -> Shape:
    standing, audience = member_of(work.connection, work.claims, conversation_id, lock=True)
    members = _members(work, conversation_id)
    closing = change.status is not None
    require_changing(work.claims, standing, members[work.claims.user_id], closing=closing)
    ledger = work.ledger(standing, audience)
    if change.subject is not None and change.subject != store.subject_of(work.connection, conversation_id):
        store.rename(work.connection, conversation_id, change.subject)
        ledger.append(Stream.SHARED, EntryType.RENAMED, work.me(), {"subject": change.subject}, subject=change.subject)
        work.record(Action.RENAMED, conversation_id)
    if change.status is not None and change.status is not standing.status:
        closed = change.status is Status.CLOSED
        ledger.change_status(change.status)
        ledger.append(Stream.SHARED, EntryType.CLOSED if closed else EntryType.REOPENED, work.me())
        work.record(Action.CLOSED if closed else Action.REOPENED, conversation_id)
        work.save()
        announce_change(work, ledger.as_it_stands(), audience)
    work.save()
    return shown_to(work.connection, work.claims, [conversation_id])[0]


def _add(work: Work, conversation_id: str, user_id: str) -> Shape:
    standing, audience = member_of(work.connection, work.claims, conversation_id, lock=True)
    members = _members(work, conversation_id)
    require_adding(work.claims, standing, members[work.claims.user_id])
    if user_id not in members:
        newcomer = _newcomer(work, members, user_id)
        take_in(work, standing, audience, newcomer, Role.MEMBER)
        work.record(Action.JOINED, standing.id, subject_id=newcomer.id)
    work.save()
    return shown_to(work.connection, work.claims, [conversation_id])[0]


def _newcomer(work: Work, members: dict[str, Participation], user_id: str) -> Person:
    if len(members) >= PARTICIPANTS_MAX:
        raise Invalid(errors={"user_id": [f"A conversation has at most {PARTICIPANTS_MAX} participants."]})
    found = directory.reachable_staff(work.connection, work.org, [user_id])
    if user_id not in found:
        raise Invalid(errors={"user_id": ["This person cannot be written to."]})
    return found[user_id]


def _remove(work: Work, conversation_id: str, user_id: str) -> Shape:
    standing, audience = member_of(work.connection, work.claims, conversation_id, lock=True)
    members = _members(work, conversation_id)
    if user_id not in members:
        raise NotFound
    other = members[user_id]
    require_removing(work.claims, standing, members[work.claims.user_id], other)
    require_someone_left(standing, audience)
    # Looked at before they leave, perhaps the caller: they are told that they left, and nothing after it.
    leaver = work.me()
    shown = shown_to(work.connection, work.claims, [conversation_id])[0]
    store.let_go(work.connection, conversation_id, user_id, work.at)
    work.tell(StateType.REMOVED, {"conversation_id": conversation_id}, audience.among({user_id}))
    work.ledger(standing, audience.without(user_id)).append(
        Stream.SHARED, EntryType.LEFT, leaver, {"user": shapes.person(other)}, user_id=user_id
    )
    work.record(Action.LEFT, conversation_id, subject_id=user_id)
    work.save()
    remaining = shown_to(work.connection, work.claims, [conversation_id])
    return remaining[0] if remaining else _as_left(shown, user_id)


def _as_left(shown: Shape, user_id: str) -> Shape:
    """Return the conversation as its leaver saw it last, without them."""
    others = [member for member in shown["participants"] if member["id"] != user_id]
    return {**shown, "participants": others, "can_reply": {"allowed": False, "reason": "You left this conversation."}}


def locked_message(work: Work, message_id: str) -> tuple[Sent, Standing, Audience]:
    """Return a message the caller may know of, its conversation locked and what is said about it true until the end."""
    found = timeline.message(work.connection, work.org, message_id)
    if found is None:
        raise NotFound
    standing, audience = member_of(work.connection, work.claims, found.conversation_id, lock=True)
    require_hearing(work.claims, standing, found.stream)
    message = timeline.message(work.connection, work.org, message_id)
    if message is None:
        raise NotFound
    return message, standing, audience


def _members(work: Work, conversation_id: str) -> dict[str, Participation]:
    members = store.participations(work.connection, [conversation_id])[conversation_id]
    return {member.user_id: member for member in members}


def _keep_version(work: Work, message: Sent, version: int, body: str, at: object) -> None:
    row = {"message_id": message.id, "version": version, "org": work.org, "body": body, "at": at}
    timeline.put_version(work.connection, row)


def _entry_that_brought(work: Work, message: Sent) -> Shape:
    """Return the entry that gave a message its present body."""
    if message.version > 1:
        return shown_one(work.connection, _about(work, message, EntryType.EDITED))
    return shown_one(work.connection, timeline.posted(work.connection, [message.id])[0], plane=work.claims.plane)


def _about(work: Work, message: Sent, kind: EntryType) -> Row[tuple[object, ...]]:
    row = timeline.about(work.connection, message, kind)
    if row is None:
        raise NotFound
    return row
