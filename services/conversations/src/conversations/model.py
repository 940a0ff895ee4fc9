"""What conversations speaks of: the kinds of things it stores, and the values that pass between its parts.

* Nothing here knows a table, a token or a web request.
* What a person wrote never shows in a repr.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

OUTBOX_CHANNEL = "conversations_outbox"
"""The PostgreSQL channel that rings when something was put into the outbox."""


class Kind(StrEnum):
    """What a conversation is for."""

    DIRECT = "direct"
    GROUP = "group"
    PATIENT = "patient"


class Status(StrEnum):
    """Whether a conversation takes new messages from staff."""

    OPEN = "open"
    CLOSED = "closed"


class Stream(StrEnum):
    """One of a conversation's two logs; patients hear the shared one only."""

    SHARED = "shared"
    INTERNAL = "internal"


class PersonKind(StrEnum):
    """Which side of the clinic's counter a person stands on."""

    STAFF = "staff"
    PATIENT = "patient"


class Role(StrEnum):
    """What a person is in one conversation."""

    OWNER = "owner"
    MEMBER = "member"
    PATIENT = "patient"
    PROXY = "proxy"


class Priority(StrEnum):
    """How soon a message wants to be read."""

    NORMAL = "normal"
    URGENT = "urgent"


class FileState(StrEnum):
    """How far a file has come: its bytes are being kept, they are, or they are being given up."""

    ARRIVING = "arriving"
    READY = "ready"
    LEAVING = "leaving"


class EntryType(StrEnum):
    """Every lasting change of a stream."""

    POSTED = "message.posted"
    EDITED = "message.edited"
    RECALLED = "message.recalled"
    ACKNOWLEDGED = "message.acknowledged"
    JOINED = "participant.joined"
    LEFT = "participant.left"
    OPENED = "conversation.opened"
    CLOSED = "conversation.closed"
    REOPENED = "conversation.reopened"
    RENAMED = "conversation.renamed"


class StateType(StrEnum):
    """What is told live and takes no seq: safe to repeat, the newest wins."""

    CONVERSATION = "conversation.changed"
    REMOVED = "participant.removed"
    READ = "mark.read"
    DELIVERED = "mark.delivered"
    TYPING = "typing"
    REMINDER = "message.reminder"
    PREFERENCE = "preference.changed"
    PRESENCE = "presence"


class Action(StrEnum):
    """What the record says somebody did, or was refused."""

    LISTED = "conversations.listed"
    VIEWED = "conversation.viewed"
    READ = "timeline.read"
    CAUGHT_UP = "timeline.caught_up"
    MARKED = "message.marked_read"
    OPENED = "conversation.opened"
    CLOSED = "conversation.closed"
    REOPENED = "conversation.reopened"
    RENAMED = "conversation.renamed"
    POSTED = "message.posted"
    EDITED = "message.edited"
    RECALLED = "message.recalled"
    ACKNOWLEDGED = "message.acknowledged"
    REMINDED = "message.reminded"
    FORWARDED = "message.forwarded"
    RECEIPTS_READ = "message.receipts_read"
    MARKED_UNREAD = "message.marked_unread"
    PREFERRED = "conversation.preferred"
    PREFERENCES_READ = "preferences.read"
    DRAFTED = "draft.kept"
    DRAFTS_READ = "drafts.read"
    PATIENT_VIEWED = "patient.viewed"
    HISTORY_READ = "message.history_read"
    JOINED = "participant.joined"
    LEFT = "participant.left"
    SEARCHED = "messages.searched"
    SEARCHED_DIRECTORY = "directory.searched"
    TYPED = "typing.told"
    FILE_UPLOADED = "attachment.uploaded"
    FILE_INFECTED = "attachment.infected"
    FILE_READ = "attachment.read"
    FILE_REMOVED = "attachment.removed"
    FILES_LISTED = "attachments.listed"
    PRESENCE_TOLD = "presence.told"
    PUSH_SUBSCRIBED = "push.subscribed"
    PUSH_UNSUBSCRIBED = "push.unsubscribed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody as the directory knows them."""

    id: str
    kind: PersonKind
    name: str = field(repr=False)
    active: bool = True
    permissions: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Participation:
    """One person's part in one conversation, while it lasts."""

    conversation_id: str
    user_id: str
    kind: PersonKind
    role: Role
    name: str = field(repr=False)
    joined_at: datetime
    joined_shared: int = 0
    joined_internal: int = 0

    def joined(self, stream: Stream) -> int:
        """Return the stream's head just before the person joined."""
        return self.joined_shared if stream is Stream.SHARED else self.joined_internal


@dataclass(frozen=True, slots=True, kw_only=True)
class Audience:
    """Who takes part in a conversation at this moment, by plane."""

    staff: tuple[str, ...] = ()
    patients: tuple[str, ...] = ()

    def __contains__(self, user_id: str) -> bool:
        return user_id in self.staff or user_id in self.patients

    def __len__(self) -> int:
        return len(self.staff) + len(self.patients)

    def may_hear(self, stream: Stream) -> Audience:
        """Return those of them who may hear `stream`: nobody but staff hears the internal one."""
        return self if stream is Stream.SHARED else Audience(staff=self.staff)

    def among(self, ids: Collection[str]) -> Audience:
        """Return those of them who are named."""
        return Audience(
            staff=tuple(one for one in self.staff if one in ids),
            patients=tuple(one for one in self.patients if one in ids),
        )

    def without(self, user_id: str) -> Audience:
        """Return everybody else."""
        return Audience(
            staff=tuple(one for one in self.staff if one != user_id),
            patients=tuple(one for one in self.patients if one != user_id),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A conversation's row: what it is, and where its streams stand."""

    id: str
    org: str
    kind: Kind
    status: Status
    head_shared: int
    head_internal: int
    shared_at: datetime
    internal_at: datetime | None
    patient_id: str | None

    def head(self, stream: Stream) -> int:
        """Return the seq of the stream's newest entry; 0 when it has none."""
        return self.head_shared if stream is Stream.SHARED else self.head_internal


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A message as the use cases need it to decide about it."""

    id: str
    conversation_id: str
    stream: Stream
    seq: int
    author_id: str
    version: int
    posted_at: datetime
    edited_at: datetime | None
    recalled_at: datetime | None
    ask_acknowledgement: bool
    reminded_at: datetime | None
    forwarded: str | None = field(repr=False)
    body: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a forwarded message came from: who wrote it first and when, and in what kind of conversation."""

    message_id: str
    author: Person
    at: datetime
    kind: Kind
    subject: str | None = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """A message that another one answers."""

    id: str
    conversation_id: str
    stream: Stream
    seq: int
    body: str = field(repr=False)
    recalled: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file that is ready; where it was posted, once it was."""

    id: str
    uploader_id: str
    conversation_id: str | None
    stream: Stream | None
    message_id: str | None
    place: str
    name: str = field(repr=False)
    media_type: str
    size: int
    width: int | None
    height: int | None
    digest: str
    has_thumbnail: bool
    recalled: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What is looked up to decide about one message."""

    conversation_id: str
    author_id: str
    client_message_id: str
    reply_to: str | None
    attachment_ids: tuple[str, ...] = ()

    @property
    def key(self) -> tuple[str, str, str]:
        """Return what makes a repeat a repeat."""
        return self.conversation_id, self.author_id, self.client_message_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What deciding about messages needs to know, as of now and under the conversations' locks."""

    standings: Mapping[str, Standing]
    audiences: Mapping[str, Audience]
    people: Mapping[str, Person]
    # By `Ask.key`: the id and digest of the message already posted under it.
    posted: Mapping[tuple[str, str, str], tuple[str, str]]
    answered: Mapping[str, Answered]
    # Those that are ready, locked; nobody asks where no message has any.
    files: Mapping[str, File] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """One event on its way to the relay, encoded for each plane that hears it."""

    org: str
    type: str
    staff: str | None = field(repr=False)
    portal: str | None = field(repr=False)


@dataclass(slots=True, kw_only=True)
class Writes:
    """Rows that one transaction has decided to store, in order; nothing is stored until they are handed over."""

    entries: list[dict[str, Any]] = field(default_factory=list, repr=False)
    messages: list[dict[str, Any]] = field(default_factory=list, repr=False)
    heads: dict[str, dict[str, Any]] = field(default_factory=dict)
    parcels: list[Parcel] = field(default_factory=list)
    # Where files were posted (`store.attachments.claim`).
    claims: list[dict[str, Any]] = field(default_factory=list)

    def clear(self) -> None:
        """Forget the rows: they are stored."""
        for rows in (self.entries, self.messages, self.heads, self.parcels, self.claims):
            rows.clear()
