"""What the clients wrote down: everything they asked for, what came of it, and everything they heard, in order.

`tick` counts all that happened to all clients of a run in one row: it says what was known before what, without a clock.
Moments (`at`, seconds) are for the report only; the checker never looks at them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

StreamKey = tuple[str, str]
"""A conversation's id and the stream's name."""
SHARED, INTERNAL = "shared", "internal"
POSTED, EDITED, RECALLED = "message.posted", "message.edited", "message.recalled"
JOINED, LEFT = "participant.joined", "participant.left"


class Verdict(StrEnum):
    """What came of something a client asked for."""

    ACKNOWLEDGED = "acknowledged"
    REFUSED = "refused"
    UNKNOWN = "unknown"


@dataclass(slots=True, kw_only=True)
class Wish:
    """Something a client asked for, under one identity however often it was repeated."""

    client: str
    author: str
    conversation: str
    issued: int
    issued_at: float
    verdict: Verdict = Verdict.UNKNOWN
    code: str = ""
    answered: int = 0
    answered_at: float = 0.0
    tries: int = 0


@dataclass(slots=True, kw_only=True)
class Post(Wish):
    """A message to be posted."""

    stream: str
    client_message_id: str
    body: str = field(repr=False)
    seq: int = 0
    message_id: str = ""


@dataclass(slots=True, kw_only=True)
class Amendment(Wish):
    """A message to be edited, or recalled where `body` is None."""

    stream: str
    message_id: str
    body: str | None = field(repr=False)
    seq: int = 0


@dataclass(slots=True, kw_only=True)
class Move(Wish):
    """Somebody to be let into a conversation, or out of it; `last` where nobody moves them afterwards."""

    user: str
    joins: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something a client heard."""

    tick: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard(Event):
    """An entry."""

    at: float
    conversation: str
    stream: str
    seq: int
    type: str
    actor: str
    message: str = ""
    user: str = ""
    body: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Greeted(Event):
    """A hello was answered; `resume` is what it said that the client holds."""

    resume: Mapping[StreamKey, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class CaughtUp(Event):
    """Everything up to these heads has been sent."""

    heads: Mapping[StreamKey, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Announced(Event):
    """A conversation, with its heads as of then."""

    conversation: str
    heads: Mapping[StreamKey, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Removed(Event):
    """The client's user no longer takes part."""

    conversation: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WentOn(Event):
    """Too far behind: the stream goes on from `head`."""

    conversation: str
    stream: str
    head: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Stated(Event):
    """A state that takes no seq: read, delivered, typing; `stream` is empty where it has none."""

    conversation: str
    stream: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Spilled(Event):
    """A frame at the portal that shows something internal."""

    push: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SentAway(Event):
    """The socket was closed for good."""

    code: int


@dataclass(slots=True, kw_only=True)
class History:
    """One client's."""

    client: str
    user: str
    plane: str
    events: list[Event] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class Record:
    """Everything all clients wrote down."""

    histories: list[History] = field(default_factory=list)
    posts: list[Post] = field(default_factory=list)
    amendments: list[Amendment] = field(default_factory=list)
    moves: list[Move] = field(default_factory=list)
    ticks: int = 0

    def tick(self) -> int:
        """Return the next number of the row."""
        self.ticks += 1
        return self.ticks
