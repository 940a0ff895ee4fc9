"""Conversations on paper: what somebody with a pencil would write down, and what a device makes of what it is told.

* `Paper` is the model of one conversation: a list for each stream, and who takes part.
* `Device` is the smallest honest client: it applies entries in order and says so when one is missing.
* `told` is how both, and the service, are compared.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from tests.support.inside import Somebody
from wire.permissions import Permission

SHARED, INTERNAL = "shared", "internal"

Told = tuple[object, ...]
"""An entry's stream, seq, type, actor, message, body, excerpt of what it answers, who acknowledged it, and person."""


def told(entry: dict[str, Any]) -> Told:
    """Return what an entry says, as it came over a door or in an event."""
    message = entry.get("message") or {"id": entry.get("message_id"), "body": entry.get("body")}
    return (
        *(entry["stream"], entry["seq"], str(entry["type"]), entry["actor"]["id"], message["id"], message["body"]),
        (message.get("reply_to") or {}).get("excerpt"),
        acknowledged_by(entry),
        (entry.get("user") or {}).get("id"),
    )


def acknowledged_by(entry: dict[str, Any]) -> tuple[str, ...]:
    """Return who acknowledged the message of an entry, as the entry shows it; nobody where it shows no message."""
    given = entry.get("message", {}).get("acknowledgement", {}).get("by", [])
    return tuple(one["id"] for one in given)


@dataclass(slots=True, kw_only=True, eq=False)
class Note:
    """A message: who wrote what under which client id, and what became of it."""

    author: Somebody
    stream: str
    key: str
    bodies: list[str]
    answers: "Note | None" = None
    asks: bool = False
    id: str = ""
    recalled: bool = False
    acknowledged: list[str] = field(default_factory=list)

    @property
    def body(self) -> str:
        return "" if self.recalled else self.bodies[-1]


@dataclass(slots=True, kw_only=True, eq=False)
class Line:
    """One entry: `version` counts the bodies its message had after it."""

    type: str
    actor: str
    note: Note | None = None
    version: int = 0
    user: str | None = None


@dataclass(slots=True, kw_only=True, eq=False)
class Paper:
    """One conversation."""

    id: str
    patients: bool
    owner: Somebody | None
    members: dict[str, Somebody] = field(default_factory=dict)
    open: bool = True
    streams: dict[str, list[Line]] = field(default_factory=lambda: {SHARED: [], INTERNAL: []})
    joined: dict[tuple[str, str], int] = field(default_factory=dict)
    read: dict[tuple[str, str], int] = field(default_factory=dict)

    # ---- what is written down

    def writes(self, stream: str, line: Line) -> Told:
        """Add an entry and return what it says."""
        self.streams[stream].append(line)
        return self._shown(stream, len(self.streams[stream]), line)

    def takes_in(self, somebody: Somebody) -> None:
        """Let somebody take part from here on."""
        self.members[somebody.id] = somebody
        self.joined |= {(somebody.id, stream): len(lines) for stream, lines in self.streams.items()}

    def lets_go(self, somebody: Somebody) -> None:
        """Let somebody take part no longer."""
        del self.members[somebody.id]
        self.owner = None if self.owner is somebody else self.owner

    def reads(self, somebody: Somebody, stream: str, seq: int) -> None:
        """Move a mark, never back and never beyond the head."""
        here = somebody.id, stream
        self.read[here] = max(self.read.get(here, 0), min(seq, len(self.streams[stream])))

    # ---- what it shows

    def shows(self, stream: str) -> list[Told]:
        """Return the stream as it must be read now."""
        return [self._shown(stream, seq, line) for seq, line in enumerate(self.streams[stream], 1)]

    def unread(self, somebody: Somebody) -> dict[str, int]:
        """Return how much others wrote, and did not recall, that somebody has not read."""
        return {stream: self._unread(somebody.id, stream) for stream in self.heard_by(somebody)}

    def heads(self, somebody: Somebody) -> dict[str, int]:
        return {stream: len(self.streams[stream]) for stream in self.heard_by(somebody)}

    def heard_by(self, somebody: Somebody) -> tuple[str, ...]:
        return (SHARED,) if somebody.plane == "portal" else (SHARED, INTERNAL)

    def audience(self, stream: str, plane: str) -> set[str]:
        """Return who of a plane must be told of a stream's next entry."""
        return {each.id for each in self.members.values() if each.plane == plane and stream in self.heard_by(each)}

    # ---- who may; the code of the refusal, or None

    def refuses_to_hear(self, somebody: Somebody, stream: str) -> str | None:
        known = stream == SHARED or (somebody.plane == "staff" and self.patients)
        return None if somebody.id in self.members and known else "not_found"

    def refuses_writing(self, somebody: Somebody, stream: str) -> str | None:
        if self.refuses_to_hear(somebody, stream) or somebody.plane == "portal":
            return self.refuses_to_hear(somebody, stream)
        if not self.open:
            return "conversation_closed"
        to_the_patient = self.patients and stream == SHARED
        return "permission_required" if to_the_patient and not _may(somebody, Permission.PATIENT_SEND) else None

    def refuses_acknowledging(self, somebody: Somebody, note: Note) -> str | None:
        asked = note.asks and somebody is not note.author and not note.recalled
        return self.refuses_to_hear(somebody, note.stream) or (
            None if asked or somebody.id in note.acknowledged else "conflict"
        )

    def refuses_leading(self, somebody: Somebody) -> str | None:
        """Refuse who may neither bring people in nor close."""
        if somebody.id not in self.members or somebody.plane == "portal":
            return "not_found"
        leads = _may(somebody, Permission.PATIENT_SEND) if self.patients else self._owns(somebody)
        return None if leads else "permission_required"

    def refuses_leaving(self, remover: Somebody, leaver: Somebody) -> str | None:
        if remover.id not in self.members or leaver.id not in self.members or remover.plane == "portal":
            return "not_found"
        if leaver.plane == "portal":
            return "conflict"
        if leaver is not remover and self.refuses_leading(remover):
            return self.refuses_leading(remover)
        return "conflict" if self.patients and len(self.audience(INTERNAL, "staff")) == 1 else None

    def _owns(self, somebody: Somebody) -> bool:
        return somebody is self.owner or _may(somebody, Permission.MODERATE)

    def _unread(self, user_id: str, stream: str) -> int:
        seen = max(self.read.get((user_id, stream), 0), self.joined[user_id, stream])
        return sum(
            line.type == "message.posted" and line.actor != user_id and not (line.note and line.note.recalled)
            for line in self.streams[stream][seen:]
        )

    def _shown(self, stream: str, seq: int, line: Line) -> Told:
        note, body, excerpt = line.note, None, None
        acknowledged: tuple[str, ...] = ()
        if note and line.type == "message.posted":
            body, excerpt = note.body, note.answers.body if note.answers else None
            acknowledged = tuple(note.acknowledged)
        if note and line.type == "message.edited":
            body = "" if note.recalled else note.bodies[line.version]
        named = note.id if note else None
        return stream, seq, line.type, line.actor, named, body, excerpt, acknowledged, line.user


def _may(somebody: Somebody, permission: str) -> bool:
    return permission in somebody.permissions


@dataclass(slots=True, kw_only=True)
class Copy:
    """A conversation as a device holds it; an excerpt is looked up in the message it is of, so it is not kept."""

    positions: dict[str, int]
    messages: dict[str, tuple[str, int, str]] = field(default_factory=dict)
    acknowledged: set[tuple[str, str]] = field(default_factory=set)
    others: set[Told] = field(default_factory=set)

    def applies(self, entries: Iterable[dict[str, Any]]) -> "Copy":
        """Take entries in; each must be the next one of its stream."""
        for entry in entries:
            stream, seq, kind, actor, message_id, body, _, _, user = told(entry)
            assert seq == self.positions[str(stream)] + 1, f"{stream} {seq} came after {self.positions}"
            self.positions[str(stream)] += 1
            if kind == "message.posted":
                self.messages[str(message_id)] = (str(actor), entry["seq"], str(body))
                self.acknowledged |= {(str(message_id), one) for one in acknowledged_by(entry)}
            elif kind in {"message.edited", "message.recalled"}:
                author, posted, _ = self.messages[str(message_id)]
                self.messages[str(message_id)] = (author, posted, str(body or ""))
                self.others.add((stream, seq, kind, actor, message_id))
            elif kind == "message.acknowledged":
                self.acknowledged.add((str(message_id), str(actor)))
                self.others.add((stream, seq, kind, actor, message_id))
            else:
                self.others.add((stream, seq, kind, actor, user))
        return self


@dataclass(slots=True, kw_only=True, eq=False)
class Device:
    """One device of somebody, on the line or not, and the conversations it holds."""

    owner: Somebody
    online: bool = True
    holds: dict[str, Copy] = field(default_factory=dict)
