"""The things of protocol.md section 3 as a client gets them: typed names for plain dicts.

A test holds every name and its kind to the schemas the services are documented by (`wire.bodies`); what a newer service
adds is there as well, only without a type.
"""

from typing import Literal, NotRequired, TypedDict

Stream = Literal["shared", "internal"]
PersonKind = Literal["staff", "patient"]
Priority = Literal["normal", "urgent"]
Filter = Literal["all", "unread", "patients", "staff", "closed", "archived"]
Notify = Literal["all", "mentions", "none"]


class Person(TypedDict):
    """A member of staff or a patient."""

    id: str
    name: str
    kind: PersonKind


class Named(TypedDict):
    """An id and a name."""

    id: str
    name: str


class Reply(TypedDict):
    """The message that is answered."""

    id: str
    seq: int
    excerpt: str


class Acknowledged(TypedDict):
    """Who acknowledged, and when."""

    id: str
    at: str


class Acknowledgement(TypedDict):
    """Whether acknowledgement was asked for, and who gave it."""

    asked: bool
    by: list[Acknowledged]


class Attachment(TypedDict):
    """A file of a message."""

    id: str
    name: str
    media_type: str
    size: int
    width: int | None
    height: int | None
    url: str
    thumbnail_url: str | None


class Forwarded(TypedDict):
    """Where a forwarded message came from."""

    author: Person
    at: str
    kind: Literal["direct", "group", "patient"]
    subject: str | None


class Message(TypedDict):
    """A message as it is now; a recalled one has an empty body."""

    id: str
    client_message_id: str
    body: str
    reply_to: Reply | None
    attachments: list[Attachment]
    mentions: list[str]
    priority: Priority
    acknowledgement: Acknowledgement
    edited_at: str | None
    recalled: bool
    forwarded: NotRequired[Forwarded]


class Entry(TypedDict):
    """One numbered change in a stream; which of the later fields it has depends on its type."""

    conversation_id: str
    stream: Stream
    seq: int
    type: str
    at: str
    actor: Person
    message: NotRequired[Message]
    message_id: NotRequired[str]
    body: NotRequired[str]
    edited_at: NotRequired[str]
    user: NotRequired[Person]
    subject: NotRequired[str]


class Participant(TypedDict):
    """Somebody who takes part."""

    id: str
    name: str
    kind: PersonKind
    role: str
    joined_at: str


class Positions(TypedDict):
    """A position in each stream; patients have the shared one only."""

    shared: int
    internal: NotRequired[int]


class CanReply(TypedDict):
    """Whether one may write here, and if not, why."""

    allowed: bool
    reason: str | None


class Conversation(TypedDict):
    """A conversation as its caller may see it."""

    id: str
    kind: Literal["direct", "group", "patient"]
    subject: str | None
    status: Literal["open", "closed"]
    patient: Named | None
    participants: list[Participant]
    heads: Positions
    unread: Positions
    read: dict[str, Positions]
    last_entry: Entry | None
    can_reply: CanReply
    created_at: str
    updated_at: str


class ConversationPage(TypedDict):
    """Conversations, newest activity first."""

    items: list[Conversation]
    next_cursor: str | None


class Timeline(TypedDict):
    """A page of a stream, oldest first; `head` is the newest seq there is."""

    items: list[Entry]
    head: int
    has_more: bool


class Version(TypedDict):
    """An earlier body of a message and when it was written."""

    body: str
    at: str


class Receipt(TypedDict):
    """What became of a message at one person; None where it did not, or nothing is known."""

    user: Person
    delivered_at: str | None
    read_at: str | None
    acknowledged_at: str | None


class Preference(TypedDict):
    """What one prefers about a conversation, for oneself."""

    conversation_id: str
    pinned: bool
    notify: Notify
    archived: bool


class KeptDraft(TypedDict):
    """What one was writing somewhere."""

    conversation_id: str
    stream: Stream
    body: str
    updated_at: str


class Identifier(TypedDict):
    """A number by which a patient is known somewhere."""

    system: str
    value: str


class Patient(TypedDict):
    """Who a patient is, as the clinic's records have it."""

    id: str
    name: str
    birth_date: str | None
    identifiers: list[Identifier]


class DirectoryPerson(TypedDict):
    """Somebody one may write to; a patient with what tells them apart."""

    id: str
    name: str
    kind: PersonKind
    title: NotRequired[str | None]
    birth_date: NotRequired[str | None]


class Limits(TypedDict):
    """What the doors take at most."""

    body_chars: int
    attachment_bytes: int
    sends_per_minute: int


class Me(TypedDict):
    """The signed-in person."""

    user: Person
    org: Named
    permissions: list[str]
    unread_total: int
    limits: Limits


class Sent(TypedDict):
    """The reply to `send`: the message is stored, and this is its place."""

    message_id: str
    conversation_id: str
    stream: Stream
    seq: int
    at: str


class Said(TypedDict, total=False):
    """What may be said of a message beside its body."""

    stream: Stream
    reply_to: str | None
    attachment_ids: list[str]
    mentions: list[str]
    priority: Priority
    ask_acknowledgement: bool
    seen_seq: int | None


class Wished(TypedDict, total=False):
    """What of a preference is to change."""

    pinned: bool
    notify: Notify
    archived: bool
