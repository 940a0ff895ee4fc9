"""What conversations publishes on the broker and gateways hear (protocol.md section 6).

A body is a batch of events, `{"batch": [event, …]}`; an event names its audience and holds one entry or the fields of
one state. It is encoded when it is stored and the relay only joins what is encoded: nothing is decoded on the way.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from wire.claims import Plane
from wire.ids import OrganisationId, UserId

MESSAGES = "messages.events"
AUTH = "auth.events"
SCHEMA_VERSION = 1

CONVERSATION_CHANGED = "conversation.changed"
PARTICIPANT_REMOVED = "participant.removed"
MARK_READ = "mark.read"
MARK_DELIVERED = "mark.delivered"
TYPING = "typing"
REMINDER = "message.reminder"
PREFERENCE = "preference.changed"
PRESENCE = "presence"

PRESENCES = ("offline", "away", "online")
"""Whether somebody is there, from least to most."""

PULSE = "pulse"
"""The relay's sign of life: a batch of no events, to each plane."""
PULSE_EVERY_S = 0.4


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that happened, for the users in `audience` and nobody else; `body` may hold what a patient wrote."""

    event_id: str
    type: str
    org: OrganisationId
    audience: tuple[UserId, ...]
    body: Mapping[str, Any] = field(repr=False)


def routing_key(plane: Plane, org: str, event_type: str) -> str:
    """Return `<staff|portal>.<org>.<type>`."""
    return f"{plane}.{org}.{event_type}"


def pulse_key(plane: Plane) -> str:
    """Return the routing key of the relay's sign of life: it concerns every organisation."""
    return f"{plane}.{PULSE}"


def encode(event: Event) -> bytes:
    """Return one event as JSON."""
    head = {"event_id": event.event_id, "type": event.type, "org": event.org, "audience": event.audience}
    return orjson.dumps(head | dict(event.body))


def join_batch(encoded: Iterable[bytes]) -> bytes:
    """Return the body of a broker message that holds these encoded events, in this order."""
    return b'{"batch":[' + b",".join(encoded) + b"]}"


def encode_batch(events: Iterable[Event]) -> bytes:
    """Return the body of a broker message that holds these events, in this order."""
    return join_batch(encode(event) for event in events)


def decode_batch(body: bytes) -> list[Event]:
    """Return the events of a broker message, unknown members in their bodies; ValueError when it is no batch."""
    try:
        return [_event(members) for members in orjson.loads(body)["batch"]]
    except (KeyError, TypeError, AttributeError) as broken:
        raise ValueError("not a batch of events") from broken


def _event(members: dict[str, Any]) -> Event:
    return Event(
        event_id=members.pop("event_id"),
        type=members.pop("type"),
        org=members.pop("org"),
        audience=tuple(members.pop("audience")),
        body=members,
    )
