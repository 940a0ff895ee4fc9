"""What patients send and see: the documented fields of the portal, where there is one stream and no other.

These schemas validate the requests, make the portal's OpenAPI document, and are the presenter's sieve.
"""

from marshmallow import Schema, fields, validate

from wire import bodies
from wire.bodies import Id

SHARED = "shared"


class PostMessage(bodies.PostMessage):
    """POST /conversations/<id>/messages."""

    stream = fields.String(load_default=SHARED, validate=validate.OneOf((SHARED,)))


class MarkRead(bodies.MarkRead):
    """PUT /conversations/<id>/read."""

    stream = fields.String(required=True, validate=validate.OneOf((SHARED,)))


class TimelineQuery(bodies.TimelineQuery):
    """GET /conversations/<id>/timeline."""

    stream = fields.String(load_default=SHARED, validate=validate.OneOf((SHARED,)))


class Positions(Schema):
    """A position in the conversation."""

    shared = fields.Integer(required=True)


class KeepDraft(bodies.KeepDraft):
    """PUT /conversations/<id>/draft; an empty body forgets it."""

    stream = fields.String(load_default=SHARED, validate=validate.OneOf((SHARED,)))


class MarkUnread(bodies.MarkUnread):
    """PUT /conversations/<id>/unread: from this entry on, until next read there."""

    stream = fields.String(required=True, validate=validate.OneOf((SHARED,)))


class KeptDraft(bodies.KeptDraft):
    """What the caller was writing somewhere."""

    stream = fields.String(required=True, validate=validate.OneOf((SHARED,)))


class Drafts(bodies.Drafts):
    """The caller's drafts, the newest first."""

    items = fields.List(fields.Nested(KeptDraft), required=True)


class Message(bodies.Message):
    """A message as it is now; where staff forwarded it from is not the patient's to know."""

    class Meta:
        """Left out."""

        exclude = ("forwarded",)


class Entry(bodies.Entry):
    """One numbered change; which of the later fields it has depends on its type."""

    message = fields.Nested(Message, metadata={"description": "message.posted"})
    stream = fields.String(required=True, validate=validate.OneOf((SHARED,)))


class Conversation(bodies.Conversation):
    """A conversation as a patient may see it."""

    heads = fields.Nested(Positions, required=True)
    unread = fields.Nested(Positions, required=True)
    read = fields.Dict(keys=Id(), values=fields.Nested(Positions), required=True)
    last_entry = fields.Nested(Entry, required=True, allow_none=True)


class ConversationPage(bodies.ConversationPage):
    """Conversations, newest activity first."""

    items = fields.List(fields.Nested(Conversation), required=True)


class Timeline(bodies.Timeline):
    """A page of the conversation, oldest first; `head` is the newest seq there is."""

    items = fields.List(fields.Nested(Entry), required=True)


class PostedFile(bodies.PostedFile):
    """A file of the conversation, and when and by whom it was posted."""

    stream = fields.String(required=True, validate=validate.OneOf((SHARED,)))


class FilePage(bodies.FilePage):
    """Files of the conversation, newest first."""

    items = fields.List(fields.Nested(PostedFile), required=True)


class Found(bodies.Found):
    """A message that was found, and a line of it; `matches` are where the words stand in that line, in characters."""

    entry = fields.Nested(Entry, required=True)
    conversation = fields.Nested(Conversation, required=True)


class FoundPage(bodies.FoundPage):
    """Messages that were found, newest first."""

    items = fields.List(fields.Nested(Found), required=True)


class Mark(Schema):
    """How far somebody has read or has been reached; who is writing; who asks for an acknowledgement once more."""

    conversation_id = Id(required=True)
    message_id = Id()
    user_id = Id()
    stream = fields.String(required=True, validate=validate.OneOf((SHARED,)))
    seq = fields.Integer()
    user = fields.Nested(bodies.Named)
    active = fields.Boolean()


class ProblemBody(bodies.ProblemBody):
    """A refusal (RFC 9457)."""

    entries = fields.List(fields.Nested(Entry), metadata={"description": "stale: what the author had not seen"})
