"""The live socket's language (protocol.md section 5), without any I/O: frames in, commands out; answers in, frames out.

Promises: every frame that is a JSON object becomes exactly one command or one refusal, and so exactly one reply;
anything else is a violation, which ends the socket. Nothing a client sent is repeated in a refusal but its `ref`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson
from marshmallow import ValidationError

from realtime import framing
from wire.bodies import STREAMS
from wire.frames import MAX_FRAME, OPS, REF_CHARS, CloseCode
from wire.ids import ConversationId, is_id
from wire.problems import Invalid, Problem
from wire.text import clean_body
from wire.times import to_wire

Ref = str | int | None
Fields = Mapping[str, Any]
Positions = Mapping[ConversationId, Mapping[str, int]]


class ProtocolViolation(Exception):
    """The client broke the protocol beyond answering; the socket closes 4505 with this sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hello:
    """The client is ready; `resume` tells what it holds, None when it holds nothing."""

    ref: Ref
    resume: Positions | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Send:
    """A message to be stored; `message` are the fields the batch door takes."""

    ref: Ref
    message: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """How far the person has read."""

    ref: Ref
    conversation_id: ConversationId
    stream: str
    seq: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Typing:
    """The person writes, or stopped."""

    ref: Ref
    conversation_id: ConversationId
    stream: str
    active: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """Which conversation stands open, if any, and whether the person looks away."""

    ref: Ref
    conversation_id: ConversationId | None
    away: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A fresh access token."""

    ref: Ref
    access_token: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ping:
    """Are you there?"""

    ref: Ref


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A frame that cannot be a command, and why."""

    ref: Ref
    problem: Problem


Command = Hello | Send | Read | Typing | Watch | Token | Ping

_WIDEST = 4
"""Bytes a character takes in UTF-8 at the most."""
_SCHEMAS = {op: schema() for op, schema in OPS.items()}
_PLAIN = frozenset({"op", "ref", "conversation_id", "client_message_id", "body", "stream"})
_DEFAULTS: dict[str, Any] = {"priority": "normal", "ask_acknowledgement": False, "mentions": [], "attachment_ids": []}


def read_frame(frame: str | bytes) -> Command | Refusal:
    """Return what a client's message asks for; ProtocolViolation when it is no message of this protocol."""
    if isinstance(frame, bytes):
        raise ProtocolViolation("only text frames are understood")
    if len(frame) * _WIDEST > MAX_FRAME and len(frame.encode()) > MAX_FRAME:
        raise ProtocolViolation("a frame is at most 64 KiB")
    try:
        members = orjson.loads(frame)
    except orjson.JSONDecodeError:
        raise ProtocolViolation("a frame must be a JSON object") from None
    if not isinstance(members, dict):
        raise ProtocolViolation("a frame must be a JSON object")
    return _command(members)


def _command(members: dict[str, Any]) -> Command | Refusal:
    plain = _plain_send(members)
    if plain is not None:
        return plain
    op = members.get("op")
    schema = _SCHEMAS.get(op) if isinstance(op, str) else None
    if schema is None:
        problem = Invalid("There is no such op.", errors={"op": [f"Must be one of: {', '.join(_SCHEMAS)}."]})
        return Refusal(ref=_ref_of(members), problem=problem)
    try:
        fields = schema.load(members)
    except ValidationError as refused:
        return Refusal(ref=_ref_of(members), problem=Invalid(errors=_messages(refused)))
    return _COMMANDS[fields.pop("op")](fields)


def _plain_send(members: dict[str, Any]) -> Send | None:
    """Return the everyday message, read without its schema; None leaves whatever is not plainly right to the schema.

    Half of a busy gateway's frames are these, and the schema costs six times as much (docs/decisions).
    """
    if members.keys() - _PLAIN or members.get("op") != "send":
        return None
    ref, body, stream = members.get("ref"), members.get("body"), members.get("stream", "shared")
    conversation_id, client_message_id = members.get("conversation_id"), members.get("client_message_id")
    # A whole number of JSON has twenty characters at the most: it fits.
    named = type(ref) is int or (isinstance(ref, str) and len(ref) <= REF_CHARS)
    if not (named and isinstance(body, str) and stream in STREAMS):
        return None
    if not (is_id(conversation_id) and is_id(client_message_id)):
        return None
    try:
        cleaned = clean_body(body)
    except ValueError:
        return None
    return Send(
        ref=ref,
        message={
            "conversation_id": conversation_id,
            "client_message_id": client_message_id,
            "body": cleaned,
            "stream": stream,
        },
    )


def _messages(refused: ValidationError) -> dict[str, Any]:
    # What a schema raises is always a dict by field.
    return refused.messages if isinstance(refused.messages, dict) else {"_schema": refused.messages}


def _ref_of(members: Mapping[str, Any]) -> Ref:
    """Return the frame's own name where it is usable, so that even a refusal finds its question."""
    ref = members.get("ref")
    if isinstance(ref, bool) or not isinstance(ref, str | int) or len(str(ref)) > REF_CHARS:
        return None
    return ref


def _send(fields: dict[str, Any]) -> Send:
    ref = fields.pop("ref")
    # What was left at its default needs no room on the way.
    told = {name: value for name, value in fields.items() if value is not None and value != _DEFAULTS.get(name)}
    return Send(ref=ref, message=told)


_COMMANDS: dict[str, Callable[[dict[str, Any]], Command]] = {
    "hello": lambda fields: Hello(**fields),
    "send": _send,
    "read": lambda fields: Read(**fields),
    "typing": lambda fields: Typing(**fields),
    "watch": lambda fields: Watch(**fields),
    "token": lambda fields: Token(**fields),
    "ping": lambda fields: Ping(**fields),
}


# What the server says. Each returns one ready frame.


def accepted(ref: Ref, fields: Fields) -> bytes:
    """Return the reply to a command that succeeded."""
    return _frame({"ref": ref, "ok": True, **fields})


def refused(ref: Ref, problem: Problem) -> bytes:
    """Return the reply to a command that did not."""
    return _frame({"ref": ref, "ok": False, "problem": problem.as_dict()})


def push(kind: str, fields: Fields) -> bytes:
    """Return a frame the server sends of its own accord: `push` and, beside it, the fields of what is pushed."""
    return _frame({"push": kind, **fields})


def beat(now: datetime) -> bytes:
    """Return the sign of life, with the ping that asks the other side's WebSocket for one."""
    return push("beat", {"server_time": to_wire(now)}) + framing.PING


def farewell(code: CloseCode, reason: str, retry_after_ms: int = 0) -> bytes:
    """Return the last bytes of a socket: `bye`, then the close frame."""
    bye = push("bye", {"code": int(code), "reason": reason, "retry_after_ms": retry_after_ms})
    return bye + framing.close(code, reason)


def sent(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the reply to `send` tells of the entry that was stored."""
    return {
        "message_id": entry["message"]["id"],
        "conversation_id": entry["conversation_id"],
        "stream": entry["stream"],
        "seq": entry["seq"],
        "at": entry["at"],
    }


def _frame(members: Mapping[str, Any]) -> bytes:
    return framing.text(orjson.dumps(members))
