"""The frames of the live socket (protocol.md section 5): the schemas of client frames, the close codes, the limits.

A frame is one JSON object in one text message. Client frames carry `op` and `ref`, server frames `push`, replies `ref`.
"""

from enum import IntEnum
from typing import Any

from marshmallow import ValidationError, fields, validate

from wire.bodies import STREAMS, Id, PostMessage, Request, Sequence

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
    active = fields.Boolean(required=True)


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
    "token": Token,
    "ping": Ping,
}
