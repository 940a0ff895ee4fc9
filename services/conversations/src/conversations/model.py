"""What conversations speaks of: the kinds of things it stores, and the values that pass between its parts.

* Nothing here knows a table, a token or a web request.
* What a person wrote never shows in a repr.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


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
    HISTORY_READ = "message.history_read"
    JOINED = "participant.joined"
    LEFT = "participant.left"
    SEARCHED_DIRECTORY = "directory.searched"
    TYPED = "typing.told"


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
    """One person's part in one conversation."""

    user_id: str
    kind: PersonKind
    role: Role
    joined_at: datetime
    joined_shared: int = 0
    joined_internal: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A conversation's row, as it is under its lock."""

    id: str
    org: str
    kind: Kind
    status: Status
    head_shared: int
    head_internal: int
    patient_id: str | None = None
    subject: str = field(default="", repr=False)

    def head(self, stream: Stream) -> int:
        """Return the seq of the stream's newest entry; 0 when it has none."""
        return self.head_shared if stream is Stream.SHARED else self.head_internal
