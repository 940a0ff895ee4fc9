"""The frames of the live socket (protocol.md section 5): their schemas, the close codes, the limits.

A frame is one JSON object in one text message. Client frames carry `op` and `ref`, server frames `push`, replies `ref`.
Client frames are validated by these schemas; replies and pushes are described by them, and made from the same samples.
"""

from enum import IntEnum
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate

from wire import bodies
from wire.bodies import STREAMS, Id, PostMessage, Request, Sequence, Switch
from wire.events import PRESENCES

SUBPROTOCOL = "messages.v1"
MAX_FRAME = 65_536
"""The largest client frame, in bytes."""
HELLO_WITHIN = 10.0
"""Seconds a new socket has for its `hello`."""
BEAT_EVERY = 25.0
"""Seconds between two `beat` pushes."""
SILENCE = 60.0
"""Seconds without a sign of life after which either side lets go."""
CATCH_UP_LIMIT = 1_000
"""Entries behind which a stream is reset instead of replayed."""
REF_CHARS = 64
TOKEN_CHARS = 8_192
RESUME_MAX = 2_000


class CloseCode(IntEnum):
    """Why a socket was closed: 4000 to 4499 come back, 4500 to 4999 stay away."""

    DRAINING = 4000
    TOKEN_ENDED = 4001
    TOO_SLOW = 4008
    TOO_MANY_SOCKETS = 4009
    SIGNED_OUT = 4501
    PERMISSION_LOST = 4503
    PROTOCOL_ERROR = 4505


class Ref(fields.Field[str | int]):
    """The client's own name for a frame, echoed in its reply: a string or a whole number."""

    def __init__(self, **more: Any) -> None:  # noqa: ANN401 - passes marshmallow's own options on
        super().__init__(metadata={"type": ["string", "integer"]}, **more)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **more: Any) -> str | int:  # noqa: ANN401, ARG002 - marshmallow's signature
        if isinstance(value, bool) or not isinstance(value, str | int) or len(str(value)) > REF_CHARS:
            raise ValidationError(f"Must be a string or a whole number of at most {REF_CHARS} characters.")
        return value


class Frame(Request):
    """What every client frame carries."""

    op = fields.String(required=True)
    ref = Ref(required=True)


class StreamPositions(Request):
    """The seq a client holds in each stream of a conversation."""

    shared = Sequence()
    internal = Sequence()


class Hello(Frame):
    """The first frame of a socket."""

    resume = fields.Dict(
        keys=Id(),
        values=fields.Nested(StreamPositions),
        load_default=None,
        allow_none=True,
        validate=validate.Length(max=RESUME_MAX),
        metadata={"maxProperties": RESUME_MAX},
    )


class Send(Frame, PostMessage):
    """A message to be stored."""

    conversation_id = Id(required=True)


class Read(Frame):
    """How far the person has read."""

    conversation_id = Id(required=True)
    stream = fields.String(required=True, validate=validate.OneOf(STREAMS))
    seq = Sequence(required=True)


class Typing(Frame):
    """The person writes, or stopped writing."""

    conversation_id = Id(required=True)
    stream = fields.String(required=True, validate=validate.OneOf(STREAMS))
    active = Switch(required=True)


class Watch(Frame):
    """Which conversation stands open, if any, and whether the person looks away from the screen."""

    conversation_id = Id(required=True, allow_none=True)
    away = Switch(load_default=False)


class Token(Frame):
    """A fresh access token for a bearer socket."""

    access_token = fields.String(required=True, validate=validate.Length(min=1, max=TOKEN_CHARS))


class Ping(Frame):
    """Are you there?"""


OPS: dict[str, type[Frame]] = {
    "hello": Hello,
    "send": Send,
    "read": Read,
    "typing": Typing,
    "watch": Watch,
    "token": Token,
    "ping": Ping,
}


# What the server says.


class Done(Schema):
    """The reply to a frame that was done, where there is no more to say."""

    ref = Ref(required=True)
    ok = fields.Boolean(required=True)


class Refused(Done):
    """The reply to a frame that was refused, and why."""

    ref = Ref(required=True, allow_none=True)
    problem = fields.Nested(bodies.ProblemBody, required=True)


class Welcome(Done):
    """The reply to `hello`."""

    me = fields.Nested(bodies.Me, required=True)
    heartbeat_s = fields.Integer(required=True)
    server_time = fields.String(required=True)


class Sent(Done):
    """The reply to `send`: the message is stored, and this is its place."""

    message_id = Id(required=True)
    conversation_id = Id(required=True)
    stream = fields.String(required=True, validate=validate.OneOf(STREAMS))
    seq = fields.Integer(required=True)
    at = fields.String(required=True)


class Renewed(Done):
    """The reply to `token`."""

    expires_at = fields.String(required=True)


class Pong(Done):
    """The reply to `ping`."""

    server_time = fields.String(required=True)


REPLIES: dict[str, type[Done]] = {
    "hello": Welcome,
    "send": Sent,
    "read": Done,
    "typing": Done,
    "watch": Done,
    "token": Renewed,
    "ping": Pong,
}
"""What each op is answered with when it succeeds; Refused otherwise."""


class Push(Schema):
    """What the server sends of its own accord."""

    push = fields.String(required=True)


class EntryPush(Push, bodies.Entry):
    """A new entry of a stream: in order, each once."""


class ConversationPush(Push, bodies.Conversation):
    """A conversation that is new to this person, or changed outside its streams."""


class Removed(Push):
    """This person no longer takes part."""

    conversation_id = Id(required=True)


class Marked(Push):
    """How far somebody has read, or has been reached."""

    conversation_id = Id(required=True)
    user_id = Id(required=True)
    stream = fields.String(required=True, validate=validate.OneOf(STREAMS))
    seq = fields.Integer(required=True)


class Types(Push):
    """Somebody writes, or stopped writing."""

    conversation_id = Id(required=True)
    stream = fields.String(required=True, validate=validate.OneOf(STREAMS))
    user = fields.Nested(bodies.Named, required=True)
    active = fields.Boolean(required=True)


class Presence(Push):
    """Whether somebody of an open conversation is there; best effort."""

    user_id = Id(required=True)
    state = fields.String(required=True, validate=validate.OneOf(PRESENCES))


class Reminder(Push):
    """Somebody asks once more for an acknowledgement that this person has not given."""

    conversation_id = Id(required=True)
    stream = fields.String(required=True, validate=validate.OneOf(STREAMS))
    seq = fields.Integer(required=True)
    message_id = Id(required=True)
    user = fields.Nested(bodies.Named, required=True)


class PreferencePush(Push, bodies.Preference):
    """What this person prefers now, chosen on one of their devices."""


class CaughtUp(Push):
    """Everything up to these heads has been sent."""

    heads = fields.Dict(keys=Id(), values=fields.Nested(bodies.Positions), required=True)


class Reset(Push):
    """Too far behind: read the timeline instead, from its head on."""

    conversation_id = Id(required=True)
    stream = fields.String(required=True, validate=validate.OneOf(STREAMS))
    head = fields.Integer(required=True)


class Beat(Push):
    """A sign of life."""

    server_time = fields.String(required=True)


class Bye(Push):
    """The socket is about to close."""

    code = fields.Integer(required=True)
    reason = fields.String(required=True)
    retry_after_ms = fields.Integer(required=True)


PUSHES: dict[str, type[Push]] = {
    "entry": EntryPush,
    "conversation": ConversationPush,
    "removed": Removed,
    "read": Marked,
    "delivered": Marked,
    "typing": Types,
    "presence": Presence,
    "reminder": Reminder,
    "preference": PreferencePush,
    "caught_up": CaughtUp,
    "reset": Reset,
    "beat": Beat,
    "bye": Bye,
}
