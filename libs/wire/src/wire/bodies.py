"""The bodies of protocol.md sections 3 and 4, as the schemas that validate them and that the OpenAPI documents show.

Requests refuse fields they do not know. Answers are described, not validated: who produces them keeps to the samples.
Text is cleaned while it is loaded (`wire.text`), so what a schema returns is what is stored.
"""

import re
from collections.abc import Callable
from datetime import date
from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields, validate

from wire.ids import is_id
from wire.text import BODY_CHARS, SUBJECT_CHARS, clean_body, clean_draft, clean_subject
from wire.times import from_wire

STREAMS = ("shared", "internal")
KINDS = ("direct", "group", "patient")
FILTERS = ("all", "unread", "patients", "staff", "closed", "archived")
NOTIFY = ("all", "mentions", "none")
PAGE = 50
PAGE_MAX = 200
MENTIONS_MAX = 100
PARTICIPANTS_MAX = 500
ATTACHMENTS_MAX = 10
SEARCH_CHARS = 500
A_DAY = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")
SEQ_MAX = 2**53 - 1
"""The largest whole number that every JSON reader keeps as it is (RFC 8259 section 6)."""


class Id(fields.String):
    """A UUID in its text form; any other string is refused with a sentence."""

    default_error_messages = {  # noqa: RUF012 - marshmallow declares it so
        "id": "Must be a UUID in lower case with dashes."
    }

    def __init__(self, **more: Any) -> None:  # noqa: ANN401 - passes marshmallow's own options on
        more.setdefault("metadata", {"format": "uuid"})
        super().__init__(**more)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **more: Any) -> str:  # noqa: ANN401 - marshmallow's signature
        text = super()._deserialize(value, attr, data, **more)
        if text is None or not is_id(text):
            raise self.make_error("id")
        return text


class DayOrMoment(fields.Field[date]):
    """A day, or a moment with its zone; loads as a date, or as an aware datetime."""

    default_error_messages = {  # noqa: RUF012 - marshmallow declares it so
        "moment": "Must be a day (2026-11-28) or a moment with its zone (2026-11-28T08:00:00Z)."
    }

    def __init__(self, description: str, **more: Any) -> None:  # noqa: ANN401 - as above
        moment = {"type": "string", "description": description, "example": "2026-11-28"}
        super().__init__(metadata=moment, **more)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **more: Any) -> date:  # noqa: ANN401, ARG002 - as above
        try:
            return date.fromisoformat(value) if A_DAY.fullmatch(value) else from_wire(value)
        except (TypeError, ValueError) as neither:
            raise self.make_error("moment") from neither


class CleanText(fields.String):
    """Typed text, cleaned by one of `wire.text`'s functions."""

    def __init__(self, clean: Callable[[str], str], limit: int, **more: Any) -> None:  # noqa: ANN401 - as above
        shortest = more.pop("shortest", 1)
        super().__init__(metadata={"minLength": shortest, "maxLength": limit}, **more)
        self._clean = clean

    def _deserialize(self, value: Any, attr: str | None, data: Any, **more: Any) -> str:  # noqa: ANN401 - as above
        text = super()._deserialize(value, attr, data, **more) or ""
        try:
            return self._clean(text)
        except ValueError as refused:
            raise ValidationError(str(refused)) from refused


class Switch(fields.Boolean):
    """True or false, and nothing that merely looks like it."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **more: Any) -> bool:  # noqa: ANN401, ARG002 - marshmallow's signature
        if not isinstance(value, bool):
            raise self.make_error("invalid", input=value)
        return value


class Sequence(fields.Integer):
    """A position in a stream: a whole number from 0."""

    def __init__(self, **more: Any) -> None:  # noqa: ANN401 - as above
        super().__init__(strict=True, validate=validate.Range(min=0, max=SEQ_MAX), **more)


def _body(**more: Any) -> CleanText:  # noqa: ANN401 - as above
    return CleanText(clean_body, BODY_CHARS, **more)


def _subject(**more: Any) -> CleanText:  # noqa: ANN401 - as above
    return CleanText(clean_subject, SUBJECT_CHARS, **more)


def _looked_for(limit: int) -> fields.String:
    """Return the field of what somebody looks for: any text but NUL, which no database compares with."""
    no_nul = validate.ContainsNoneOf("\0", error="Must not contain a NUL character.")
    return fields.String(load_default="", validate=[validate.Length(max=limit), no_nul])


class Request(Schema):
    """A body that somebody sends us."""

    class Meta:
        """Unknown fields are refused."""

        unknown = RAISE


class FirstMessage(Request):
    """The message that opens a conversation."""

    client_message_id = Id(required=True)
    body = _body(required=True)


class OpenConversation(Request):
    """POST /conversations by staff."""

    kind = fields.String(required=True, validate=validate.OneOf(KINDS))
    subject = _subject(allow_none=True)
    participant_ids = fields.List(Id(), validate=validate.Length(max=PARTICIPANTS_MAX))
    patient_id = Id(allow_none=True)
    first_message = fields.Nested(FirstMessage, allow_none=True)


class OpenPortalConversation(Request):
    """POST /conversations by a patient: goes to the staff who care for that patient."""

    subject = _subject(required=True)
    first_message = fields.Nested(FirstMessage, required=True)
    patient_id = Id(allow_none=True)


class ChangeConversation(Request):
    """PATCH /conversations/<id>."""

    subject = _subject()
    status = fields.String(validate=validate.OneOf(("open", "closed")))


class PostMessage(Request):
    """POST /conversations/<id>/messages by staff; also the fields of the socket's `send`."""

    client_message_id = Id(required=True)
    body = _body(required=True)
    stream = fields.String(load_default="shared", validate=validate.OneOf(STREAMS))
    reply_to = Id(allow_none=True, load_default=None)
    attachment_ids = fields.List(Id(), load_default=list, validate=validate.Length(max=ATTACHMENTS_MAX))
    mentions = fields.List(Id(), load_default=list, validate=validate.Length(max=MENTIONS_MAX))
    priority = fields.String(load_default="normal", validate=validate.OneOf(("normal", "urgent")))
    ask_acknowledgement = Switch(load_default=False)
    seen_seq = Sequence(allow_none=True, load_default=None)


class EditMessage(Request):
    """PATCH /messages/<id>."""

    body = _body(required=True)


class MarkRead(Request):
    """PUT /conversations/<id>/read."""

    stream = fields.String(required=True, validate=validate.OneOf(STREAMS))
    seq = Sequence(required=True)


class ForwardMessage(Request):
    """POST /messages/<id>/forward: where to; `confirmed` says a second time that a patient is meant to read it."""

    conversation_id = Id(required=True)
    client_message_id = Id(required=True)
    stream = fields.String(load_default="shared", validate=validate.OneOf(STREAMS))
    confirmed = Switch(load_default=False)


class MarkUnread(Request):
    """PUT /conversations/<id>/unread: from this entry on, until next read there."""

    stream = fields.String(required=True, validate=validate.OneOf(STREAMS))
    seq = Sequence(required=True)


class ChangePreference(Request):
    """PUT /conversations/<id>/preferences; what is left out stays as it is."""

    pinned = Switch()
    notify = fields.String(validate=validate.OneOf(NOTIFY))
    archived = Switch()


class KeepDraft(Request):
    """PUT /conversations/<id>/draft; an empty body forgets it."""

    stream = fields.String(load_default="shared", validate=validate.OneOf(STREAMS))
    body = CleanText(clean_draft, BODY_CHARS, required=True, shortest=0)


class Subscription(Request):
    """PUT and DELETE /push/subscription: the address a browser's push service gave it (RFC 8030)."""

    endpoint = fields.String(required=True, validate=validate.Length(min=1, max=2_048), metadata={"format": "uri"})


class AddParticipant(Request):
    """POST /conversations/<id>/participants."""

    user_id = Id(required=True)


class ListQuery(Request):
    """GET /conversations."""

    filter = fields.String(load_default="all", validate=validate.OneOf(FILTERS))
    q = _looked_for(SUBJECT_CHARS)
    cursor = fields.String(load_default=None, validate=validate.Length(max=SUBJECT_CHARS))
    limit = fields.Integer(load_default=PAGE, validate=validate.Range(min=1, max=PAGE_MAX))


class TimelineQuery(Request):
    """GET /conversations/<id>/timeline: `before` pages back, `after` pages on, neither gives the newest page."""

    stream = fields.String(load_default="shared", validate=validate.OneOf(STREAMS))
    before = fields.Integer(load_default=None, validate=validate.Range(min=0, max=SEQ_MAX))
    after = fields.Integer(load_default=None, validate=validate.Range(min=0, max=SEQ_MAX))
    limit = fields.Integer(load_default=PAGE, validate=validate.Range(min=1, max=PAGE_MAX))


class AttachmentQuery(Request):
    """GET /attachments/<id>."""

    size = fields.String(load_default="full", validate=validate.OneOf(("full", "thumbnail")))


class FilesQuery(Request):
    """GET /conversations/<id>/files."""

    cursor = fields.String(load_default=None, validate=validate.Length(max=SUBJECT_CHARS))
    limit = fields.Integer(load_default=PAGE, validate=validate.Range(min=1, max=PAGE_MAX))


class DirectoryQuery(Request):
    """GET /directory."""

    q = _looked_for(SUBJECT_CHARS)
    kind = fields.String(load_default=None, validate=validate.OneOf(("staff", "patient")))
    limit = fields.Integer(load_default=PAGE, validate=validate.Range(min=1, max=PAGE_MAX))


class SearchQuery(Request):
    """GET /search: words, or something else to go by, or both."""

    q = _looked_for(SEARCH_CHARS)
    conversation_id = Id(load_default=None)
    author_id = Id(data_key="from", load_default=None)
    since = DayOrMoment("the first day, in UTC, or the first moment", load_default=None)
    until = DayOrMoment("the last day, in UTC, or the moment before which it ends", load_default=None)
    has = fields.String(load_default=None, validate=validate.OneOf(("file",)))
    mentions = fields.String(load_default=None, validate=validate.OneOf(("me",)))
    cursor = fields.String(load_default=None, validate=validate.Length(max=SUBJECT_CHARS))
    limit = fields.Integer(load_default=PAGE, validate=validate.Range(min=1, max=PAGE_MAX))


# What we answer with.


class Person(Schema):
    """A member of staff or a patient, by name."""

    id = Id(required=True)
    name = fields.String(required=True)
    kind = fields.String(required=True, validate=validate.OneOf(("staff", "patient")))


class Named(Schema):
    """An id and a name."""

    id = Id(required=True)
    name = fields.String(required=True)


class Reply(Schema):
    """The message that is answered."""

    id = Id(required=True)
    seq = fields.Integer(required=True)
    excerpt = fields.String(required=True)


class Acknowledged(Schema):
    """Who acknowledged, and when."""

    id = Id(required=True)
    at = fields.String(required=True)


class Acknowledgement(Schema):
    """Whether acknowledgement was asked for, and by whom it was given."""

    asked = fields.Boolean(required=True)
    by = fields.List(fields.Nested(Acknowledged), required=True)


class Attachment(Schema):
    """A file of a message."""

    id = Id(required=True)
    name = fields.String(required=True)
    media_type = fields.String(required=True)
    size = fields.Integer(required=True)
    width = fields.Integer(required=True, allow_none=True)
    height = fields.Integer(required=True, allow_none=True)
    url = fields.String(required=True)
    thumbnail_url = fields.String(required=True, allow_none=True)


class Forwarded(Schema):
    """Where a forwarded message came from: who wrote it when, and in which kind of conversation."""

    author = fields.Nested(Person, required=True)
    at = fields.String(required=True)
    kind = fields.String(required=True, validate=validate.OneOf(KINDS))
    subject = fields.String(required=True, allow_none=True)


class Message(Schema):
    """A message as it is now; a recalled one has an empty body."""

    id = Id(required=True)
    client_message_id = Id(required=True)
    body = fields.String(required=True)
    reply_to = fields.Nested(Reply, required=True, allow_none=True)
    attachments = fields.List(fields.Nested(Attachment), required=True)
    mentions = fields.List(Id(), required=True)
    priority = fields.String(required=True, validate=validate.OneOf(("normal", "urgent")))
    acknowledgement = fields.Nested(Acknowledgement, required=True)
    edited_at = fields.String(required=True, allow_none=True)
    recalled = fields.Boolean(required=True)
    forwarded = fields.Nested(Forwarded, metadata={"description": "only of a forwarded message"})


ENTRY_TYPES = (
    "message.posted",
    "message.edited",
    "message.recalled",
    "message.acknowledged",
    "participant.joined",
    "participant.left",
    "conversation.opened",
    "conversation.closed",
    "conversation.reopened",
    "conversation.renamed",
)


class Entry(Schema):
    """One numbered change in a stream; which of the later fields it has depends on its type."""

    conversation_id = Id(required=True)
    stream = fields.String(required=True, validate=validate.OneOf(STREAMS))
    seq = fields.Integer(required=True)
    type = fields.String(required=True, validate=validate.OneOf(ENTRY_TYPES))
    at = fields.String(required=True)
    actor = fields.Nested(Person, required=True)
    message = fields.Nested(Message, metadata={"description": "message.posted"})
    message_id = Id(metadata={"description": "message.edited, message.recalled, message.acknowledged"})
    body = fields.String(metadata={"description": "message.edited"})
    edited_at = fields.String(metadata={"description": "message.edited"})
    user = fields.Nested(Person, metadata={"description": "participant.joined, participant.left"})
    subject = fields.String(metadata={"description": "conversation.renamed"})


class Participant(Schema):
    """Somebody who takes part."""

    id = Id(required=True)
    name = fields.String(required=True)
    kind = fields.String(required=True, validate=validate.OneOf(("staff", "patient")))
    role = fields.String(required=True)
    joined_at = fields.String(required=True)


class Positions(Schema):
    """A position in each stream; patients have the shared one only."""

    shared = fields.Integer(required=True)
    internal = fields.Integer()


class CanReply(Schema):
    """Whether the caller may write here, and if not, why."""

    allowed = fields.Boolean(required=True)
    reason = fields.String(required=True, allow_none=True)


class Conversation(Schema):
    """A conversation as its caller may see it."""

    id = Id(required=True)
    kind = fields.String(required=True, validate=validate.OneOf(KINDS))
    subject = fields.String(required=True, allow_none=True)
    status = fields.String(required=True, validate=validate.OneOf(("open", "closed")))
    patient = fields.Nested(Named, required=True, allow_none=True)
    participants = fields.List(fields.Nested(Participant), required=True)
    heads = fields.Nested(Positions, required=True)
    unread = fields.Nested(Positions, required=True)
    read = fields.Dict(keys=Id(), values=fields.Nested(Positions), required=True)
    last_entry = fields.Nested(Entry, required=True, allow_none=True)
    can_reply = fields.Nested(CanReply, required=True)
    created_at = fields.String(required=True)
    updated_at = fields.String(required=True)


class ConversationPage(Schema):
    """Conversations, newest activity first."""

    items = fields.List(fields.Nested(Conversation), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class Timeline(Schema):
    """A page of a stream, oldest first; `head` is the newest seq there is."""

    items = fields.List(fields.Nested(Entry), required=True)
    head = fields.Integer(required=True)
    has_more = fields.Boolean(required=True)


class PostedFile(Schema):
    """A file of a conversation, and where, when and by whom it was posted."""

    attachment = fields.Nested(Attachment, required=True)
    conversation_id = Id(required=True)
    stream = fields.String(required=True, validate=validate.OneOf(STREAMS))
    seq = fields.Integer(required=True)
    message_id = Id(required=True)
    at = fields.String(required=True)
    actor = fields.Nested(Person, required=True)


class FilePage(Schema):
    """Files of a conversation, newest first."""

    items = fields.List(fields.Nested(PostedFile), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class Found(Schema):
    """A message that was found, and a line of it; `matches` are where the words stand in that line, in characters."""

    entry = fields.Nested(Entry, required=True)
    conversation = fields.Nested(Conversation, required=True)
    excerpt = fields.String(required=True)
    matches = fields.List(fields.List(fields.Integer(), validate=validate.Length(equal=2)), required=True)


class FoundPage(Schema):
    """Messages that were found, newest first."""

    items = fields.List(fields.Nested(Found), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class Version(Schema):
    """An earlier body of a message and when it was written."""

    body = fields.String(required=True)
    at = fields.String(required=True)


class History(Schema):
    """The earlier bodies of a message, oldest first."""

    items = fields.List(fields.Nested(Version), required=True)


class Receipt(Schema):
    """What became of a message at one person; null where it did not, or nothing is known."""

    user = fields.Nested(Person, required=True)
    delivered_at = fields.String(required=True, allow_none=True)
    read_at = fields.String(required=True, allow_none=True)
    acknowledged_at = fields.String(required=True, allow_none=True)


class Receipts(Schema):
    """The receipts of everybody who may hear a message, but its author."""

    items = fields.List(fields.Nested(Receipt), required=True)


class Reminded(Schema):
    """Who was reminded."""

    reminded = fields.List(Id(), required=True)


class Preference(Schema):
    """What the caller prefers about one conversation, for themselves."""

    conversation_id = Id(required=True)
    pinned = fields.Boolean(required=True)
    notify = fields.String(required=True, validate=validate.OneOf(NOTIFY))
    archived = fields.Boolean(required=True)


class Preferences(Schema):
    """The caller's preferences where they differ from what everybody begins with."""

    items = fields.List(fields.Nested(Preference), required=True)


class KeptDraft(Schema):
    """What the caller was writing somewhere."""

    conversation_id = Id(required=True)
    stream = fields.String(required=True, validate=validate.OneOf(STREAMS))
    body = fields.String(required=True)
    updated_at = fields.String(required=True)


class Drafts(Schema):
    """The caller's drafts, the newest first."""

    items = fields.List(fields.Nested(KeptDraft), required=True)


class Identifier(Schema):
    """A number by which a patient is known somewhere."""

    system = fields.String(required=True)
    value = fields.String(required=True)


class Patient(Schema):
    """Who a patient is, as the clinic's records have it."""

    id = Id(required=True)
    name = fields.String(required=True)
    birth_date = fields.String(required=True, allow_none=True, metadata={"format": "date"})
    identifiers = fields.List(fields.Nested(Identifier), required=True)


class PushKey(Schema):
    """The key that browsers subscribe with (RFC 8292); null where this clinic sends no notices to devices."""

    public_key = fields.String(required=True, allow_none=True)


class DirectoryPerson(Schema):
    """Somebody one may write to; a patient with what tells them apart."""

    id = Id(required=True)
    name = fields.String(required=True)
    kind = fields.String(required=True, validate=validate.OneOf(("staff", "patient")))
    title = fields.String(allow_none=True)
    birth_date = fields.String(allow_none=True)


class Directory(Schema):
    """People one may write to."""

    items = fields.List(fields.Nested(DirectoryPerson), required=True)


class Limits(Schema):
    """What the doors take at most."""

    body_chars = fields.Integer(required=True)
    attachment_bytes = fields.Integer(required=True)
    sends_per_minute = fields.Integer(required=True)


class Me(Schema):
    """The signed-in person."""

    user = fields.Nested(Person, required=True)
    org = fields.Nested(Named, required=True)
    permissions = fields.List(fields.String(), required=True)
    unread_total = fields.Integer(required=True)
    limits = fields.Nested(Limits, required=True)


class PortalMe(Me):
    """The signed-in person, and the patients they stand for, themselves first."""

    patients = fields.List(fields.Nested(Named), required=True)


class ProblemBody(Schema):
    """A refusal (RFC 9457)."""

    type = fields.String(required=True)
    title = fields.String(required=True)
    status = fields.Integer(required=True)
    detail = fields.String(required=True)
    code = fields.String(required=True)
    errors = fields.Dict(keys=fields.String(), values=fields.Raw(), metadata={"description": "invalid: per field"})
    entries = fields.List(fields.Nested(Entry), metadata={"description": "stale: what the author had not seen"})
    retry_after = fields.Integer(metadata={"description": "rate_limited: seconds"})
