"""Reading the items of the two batch doors: whatever is wrong with one, down to its JSON type, concerns it alone.

Written out instead of a schema because it is on the hot path; a test holds it to `wire.bodies.PostMessage`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from conversations.model import Priority, StateType, Stream
from conversations.service.marking import Reached
from conversations.service.posting import Draft
from conversations.service.presence import Present
from conversations.web.keys import Keys
from wire.bodies import ATTACHMENTS_MAX, MENTIONS_MAX, SEQ_MAX
from wire.claims import Claims, Plane
from wire.events import PRESENCES
from wire.ids import is_id
from wire.problems import Invalid, Problem
from wire.text import clean_body

MARKS = {"read": StateType.READ, "delivered": StateType.DELIVERED}
PRESENCE = "presence"

NOT_AN_ID = "Must be a UUID in lower case with dashes."


def read_draft(keys: Keys, plane: Plane, item: object) -> Draft | Problem:
    """Return the message an item asks for, or why it cannot be one."""
    try:
        fields = _fields(item)
        return _draft(keys.user(fields.get("token"), plane), fields)
    except Problem as refusal:
        return refusal


def read_mark(keys: Keys, plane: Plane, item: object) -> Reached | Present | Problem:
    """Return the mark an item tells, or whether somebody is there; or why it can be neither."""
    try:
        fields = _fields(item)
        claims = keys.user(fields.get("token"), plane)
        return _present(claims, fields) if fields.get("kind") == PRESENCE else _mark(claims, fields)
    except Problem as refusal:
        return refusal


def _fields(item: object) -> Mapping[str, Any]:
    if not isinstance(item, dict):
        raise Invalid("An item must be a JSON object.")
    return item


def _draft(claims: Claims, fields: Mapping[str, Any]) -> Draft:
    reading = _Reading(fields)
    draft = Draft(
        claims=claims,
        conversation_id=reading.id("conversation_id"),
        stream=reading.stream(),
        client_message_id=reading.id("client_message_id"),
        body=reading.body(),
        reply_to=reading.id("reply_to") if fields.get("reply_to") is not None else None,
        mentions=reading.ids("mentions"),
        priority=reading.priority(),
        ask_acknowledgement=reading.flag("ask_acknowledgement"),
        seen_seq=reading.seq("seen_seq") if fields.get("seen_seq") is not None else None,
        attachment_ids=reading.ids("attachment_ids", ATTACHMENTS_MAX),
    )
    reading.done()
    return draft


def _mark(claims: Claims, fields: Mapping[str, Any]) -> Reached:
    reading = _Reading(fields)
    kind = MARKS.get(str(fields.get("kind")))
    if kind is None:
        reading.wrong("kind", "Must be one of: read, delivered, presence.")
    mark = Reached(
        claims=claims,
        kind=kind or StateType.READ,
        conversation_id=reading.id("conversation_id"),
        stream=reading.stream(),
        seq=reading.seq("seq"),
    )
    reading.done()
    return mark


def _present(claims: Claims, fields: Mapping[str, Any]) -> Present:
    reading = _Reading(fields)
    present = Present(
        claims=claims,
        conversation_id=reading.id("conversation_id"),
        state=reading.presence(),
        asks=reading.flag("asks"),
    )
    reading.done()
    return present


class _Reading:
    """Reads fields, and remembers what was wrong until `done`."""

    def __init__(self, fields: Mapping[str, Any]) -> None:
        self._fields = fields
        self._errors: dict[str, list[str]] = {}

    def wrong(self, name: str, sentence: str) -> None:
        self._errors.setdefault(name, []).append(sentence)

    def done(self) -> None:
        if self._errors:
            raise Invalid(errors=self._errors)

    def id(self, name: str) -> str:
        value = self._fields.get(name)
        if not is_id(value):
            self.wrong(name, NOT_AN_ID)
            return ""
        return str(value)

    def ids(self, name: str, most: int = MENTIONS_MAX) -> tuple[str, ...]:
        value = self._fields.get(name)
        if value is None:
            return ()
        if not isinstance(value, list) or len(value) > most or not all(is_id(one) for one in value):
            self.wrong(name, f"Must be a list of at most {most} ids.")
            return ()
        return tuple(value)

    def stream(self) -> Stream:
        value = self._fields.get("stream", Stream.SHARED)
        if value not in (Stream.SHARED, Stream.INTERNAL):
            self.wrong("stream", "Must be one of: shared, internal.")
            return Stream.SHARED
        return Stream(value)

    def presence(self) -> str:
        value = self._fields.get("state")
        if value not in PRESENCES:
            self.wrong("state", f"Must be one of: {', '.join(PRESENCES)}.")
            return ""
        return str(value)

    def priority(self) -> Priority:
        value = self._fields.get("priority", Priority.NORMAL)
        if value not in (Priority.NORMAL, Priority.URGENT):
            self.wrong("priority", "Must be one of: normal, urgent.")
            return Priority.NORMAL
        return Priority(value)

    def body(self) -> str:
        value = self._fields.get("body")
        if not isinstance(value, str):
            self.wrong("body", "Not a valid string.")
            return ""
        try:
            return clean_body(value)
        except ValueError as refused:
            self.wrong("body", str(refused))
            return ""

    def flag(self, name: str) -> bool:
        value = self._fields.get(name, False)
        if not isinstance(value, bool):
            self.wrong(name, "Not a valid boolean.")
            return False
        return value

    def seq(self, name: str) -> int:
        value = self._fields.get(name)
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= SEQ_MAX:
            self.wrong(name, f"Must be a whole number from 0 to {SEQ_MAX}.")
            return 0
        return value
