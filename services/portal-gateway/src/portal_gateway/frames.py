"""The frames of the portal's live socket: those of `wire.frames`, with one stream and no other."""

from collections.abc import Mapping
from typing import Final

from marshmallow import Schema, fields, validate

from gatekit.asyncapi import Spoken
from portal_gateway import bodies
from portal_gateway.bodies import SHARED
from wire import frames
from wire.bodies import Id, Request, Sequence


class StreamPositions(Request):
    """The seq a client holds of a conversation."""

    shared = Sequence()


class Hello(frames.Hello):
    """The first frame of a socket."""

    resume = fields.Dict(
        keys=Id(),
        values=fields.Nested(StreamPositions),
        load_default=None,
        allow_none=True,
        metadata={"maxProperties": frames.RESUME_MAX},
    )


class Send(frames.Frame, bodies.PostMessage):
    """A message to be stored."""

    conversation_id = Id(required=True)


class Read(frames.Read):
    """How far the person has read."""

    stream = fields.String(required=True, validate=validate.OneOf((SHARED,)))


class Typing(frames.Typing):
    """The person writes, or stopped writing."""

    stream = fields.String(required=True, validate=validate.OneOf((SHARED,)))


class Refused(frames.Refused):
    """The reply to a frame that was refused, and why."""

    problem = fields.Nested(bodies.ProblemBody, required=True)


class Sent(frames.Sent):
    """The reply to `send`: the message is stored, and this is its place."""

    stream = fields.String(required=True, validate=validate.OneOf((SHARED,)))


class EntryPush(frames.Push, bodies.Entry):
    """A new entry of a conversation: in order, each once."""


class ConversationPush(frames.Push, bodies.Conversation):
    """A conversation that is new to this person, or changed beside its entries."""


class Marked(frames.Marked):
    """How far somebody has read, or has been reached."""

    stream = fields.String(required=True, validate=validate.OneOf((SHARED,)))


class Types(frames.Types):
    """Somebody writes, or stopped writing."""

    stream = fields.String(required=True, validate=validate.OneOf((SHARED,)))


class Reminder(frames.Reminder):
    """Somebody asks once more for an acknowledgement that this person has not given."""

    stream = fields.String(required=True, validate=validate.OneOf((SHARED,)))


class CaughtUp(frames.CaughtUp):
    """Everything up to these heads has been sent."""

    heads = fields.Dict(keys=Id(), values=fields.Nested(bodies.Positions), required=True)


class Reset(frames.Reset):
    """Too far behind: read the timeline instead, from its head on."""

    stream = fields.String(required=True, validate=validate.OneOf((SHARED,)))


_OWN_OPS: Final[dict[str, type[Schema]]] = {"hello": Hello, "send": Send, "read": Read, "typing": Typing}
_OWN_PUSHES: Final[dict[str, type[Schema]]] = {
    "entry": EntryPush,
    "conversation": ConversationPush,
    "read": Marked,
    "delivered": Marked,
    "typing": Types,
    "reminder": Reminder,
    "caught_up": CaughtUp,
    "reset": Reset,
}
STAFF_ONLY: Final = frozenset({"watch", "presence"})
"""Ops and pushes that no patient's socket knows."""


def _ours(every: Mapping[str, type[Schema]], own: Mapping[str, type[Schema]]) -> dict[str, type[Schema]]:
    return {name: own.get(name, schema) for name, schema in every.items() if name not in STAFF_ONLY}


SPOKEN: Final = Spoken(
    ops=_ours(frames.OPS, _OWN_OPS),
    replies=_ours(frames.REPLIES, {"send": Sent}),
    pushes=_ours(frames.PUSHES, _OWN_PUSHES),
    refused=Refused,
)
"""What the portal's socket says and understands."""
