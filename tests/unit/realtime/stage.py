"""A socket on a stage: real connection and queues; the wire, conversations and the clock are the test's own.

Time stands still until `turns`; what another greenlet has to do is done by `settles`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import gevent
import orjson
from gevent.event import Event
from gevent.lock import BoundedSemaphore
from wsproto.connection import Connection as FrameReader
from wsproto.connection import ConnectionType
from wsproto.events import CloseConnection, TextMessage

from realtime.connection import Connection
from realtime.desk import Desk
from realtime.marks import Marks
from realtime.outbox import Turns
from realtime.presence import Presence
from realtime.pushes import EntryPush, entry_push
from realtime.sends import Sends
from realtime.session import Credentials, Doorkeeper, Session
from realtime.streams import Tally
from realtime.timing import Timing
from realtime.typing import WhoWrites
from realtime.upstream import CaughtUp, Stored
from wire.claims import Claims, Plane
from wire.ids import ConversationId, OrganisationId, SessionId, UserId
from wire.permissions import Permission
from wire.problems import NotFound, Problem, Stale, Unauthenticated

NORA = UserId("01930000-0000-7000-8000-000000000101")
DMITRI = UserId("01930000-0000-7000-8000-000000000102")
WARD = ConversationId("01930000-0000-7000-8000-00000000c001")
OTHER = ConversationId("01930000-0000-7000-8000-00000000c002")
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def session_id(number: int) -> SessionId:
    """Return the id of a session."""
    return SessionId(f"01930000-0000-7000-8000-00000000f{number:03}")


def claims(
    user_id: UserId = NORA,
    *,
    session: int = 1,
    plane: Plane = Plane.STAFF,
    issued_s: int = 0,
    lives_s: int = 600,
) -> Claims:
    """Return the claims of a token issued `issued_s` after noon."""
    issued = int(NOON.timestamp()) + issued_s
    return Claims(
        user_id=user_id,
        session_id=session_id(session),
        token_id="t",
        organisation_id=OrganisationId("01930000-0000-7000-8000-000000000001"),
        name="Nora Lindqvist",
        plane=plane,
        permissions=frozenset({str(Permission.VIEW)}) if plane is Plane.STAFF else frozenset(),
        patients=(),
        client_id="messages-cli",
        issued_at=issued,
        expires_at=issued + lives_s,
    )


def entry(
    seq: int, *, of: UserId = DMITRI, at: ConversationId = WARD, stream: str = "shared", body: str = "x"
) -> dict[str, Any]:
    """Return a posted message."""
    return {
        "conversation_id": at,
        "stream": stream,
        "seq": seq,
        "type": "message.posted",
        "at": "2026-11-22T12:00:00.000Z",
        "actor": {"id": of, "name": "Somebody", "kind": "staff"},
        "message": {"id": f"m{seq}", "client_message_id": f"c{seq}", "body": body},
    }


def joined(seq: int, who: UserId, *, at: ConversationId = WARD) -> dict[str, Any]:
    """Return the entry with which somebody begins to take part."""
    person = {"id": who, "name": "Somebody", "kind": "staff"}
    return {**entry(seq, at=at), "type": "participant.joined", "user": person}


def pushed(made: Mapping[str, Any], *, confirm: bool = True) -> EntryPush:
    """Return an entry as the subscriber hands it on."""
    ready = entry_push(made, ShowAll(), confirm=confirm)
    assert ready is not None
    return ready


class ShowShared:
    """A presenter that hides the internal stream."""

    def entry(self, entry: Mapping[str, Any]) -> Mapping[str, Any] | None:
        return entry if entry["stream"] == "shared" else None

    def conversation(self, conversation: Mapping[str, Any]) -> Mapping[str, Any]:
        return conversation

    def state(self, state: Mapping[str, Any]) -> Mapping[str, Any]:
        return state


class ShowAll:
    """A presenter that hides nothing."""

    def entry(self, entry: Mapping[str, Any]) -> Mapping[str, Any]:
        return entry

    def conversation(self, conversation: Mapping[str, Any]) -> Mapping[str, Any]:
        return conversation

    def state(self, state: Mapping[str, Any]) -> Mapping[str, Any]:
        return state


class Clock:
    """Time, turned by hand."""

    def __init__(self) -> None:
        self.passed = 0.0

    def __call__(self) -> datetime:
        return NOON + timedelta(seconds=self.passed)

    def ticks(self) -> float:
        return self.passed

    def turns(self, seconds: float) -> None:
        self.passed += seconds


class Wire:
    """A line that keeps what was written, as the client understands it; `blocked` is a client that does not read."""

    def __init__(self) -> None:
        self.frames: list[dict[str, Any]] = []
        self.close_code: int | None = None
        self.close_reason: str | None = None
        self.hung_up = False
        self.broken = False
        self.writes = 0
        self.reads = Event()
        self.reads.set()
        self._reader = FrameReader(ConnectionType.CLIENT)

    def write_now(self, data: bytes) -> int:
        if not self.reads.is_set():
            return 0
        self.write(data)
        return len(data)

    def write(self, data: bytes) -> None:
        self.reads.wait()
        if self.broken:
            raise BrokenPipeError
        self.writes += 1
        self._reader.receive_data(data)
        for event in self._reader.events():
            if isinstance(event, TextMessage):
                self.frames.append(orjson.loads(event.data))
            if isinstance(event, CloseConnection):
                self.close_code, self.close_reason = int(event.code), event.reason

    def hang_up(self) -> None:
        self.hung_up = True

    def pushes(self, kind: str) -> list[dict[str, Any]]:
        return [frame for frame in self.frames if frame.get("push") == kind]

    def seqs(self, at: ConversationId = WARD, stream: str = "shared") -> list[int]:
        return [
            push["seq"] for push in self.pushes("entry") if push["conversation_id"] == at and push["stream"] == stream
        ]

    def reply(self, ref: object) -> dict[str, Any]:
        [found] = [frame for frame in self.frames if "push" not in frame and frame["ref"] == ref]
        return found


@dataclass(slots=True)
class LittleConversations:
    """Conversations, in memory; `refusals` are raised one by one before anything is answered."""

    entries: dict[tuple[ConversationId, str], list[dict[str, Any]]] = field(default_factory=dict)
    gone: list[ConversationId] = field(default_factory=list)
    resets: list[dict[str, Any]] = field(default_factory=list)
    refusals: list[Problem] = field(default_factory=list)
    asked: list[tuple[Mapping[ConversationId, Mapping[str, int]], str]] = field(default_factory=list)
    counted: list[list[UserId]] = field(default_factory=list)
    batches: list[list[Mapping[str, Any]]] = field(default_factory=list)
    marked: list[Mapping[str, Any]] = field(default_factory=list)
    told: list[tuple[str, bool]] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    stale_tokens: set[str] = field(default_factory=set)
    while_counting: Callable[[], None] = lambda: None
    while_asked: Callable[[], None] = lambda: None
    while_sending: Callable[[], None] = lambda: None

    def holds(self, *entries: dict[str, Any]) -> None:
        for made in entries:
            self.entries.setdefault((made["conversation_id"], made["stream"]), []).append(made)

    def catch_up(
        self,
        access_token: str,
        positions: Mapping[ConversationId, Mapping[str, int]],
        unlisted: str,
        *,
        with_me: bool = False,
    ) -> CaughtUp:
        self._meet(access_token)
        self.asked.append((positions, unlisted))
        heads: dict[ConversationId, dict[str, int]] = {}
        missed = []
        for (conversation_id, stream), known in self.entries.items():
            head = known[-1]["seq"]
            heads.setdefault(conversation_id, {})[stream] = head
            start = positions.get(conversation_id, {}).get(stream, head if unlisted == "head" else 0)
            missed += [made for made in known if made["seq"] > start]
        me = {"user": {"id": NORA}, "unread_total": 3} if with_me else {}
        answer = CaughtUp(entries=missed, heads=heads, resets=tuple(self.resets), gone=tuple(self.gone), me=me)
        self.while_asked()
        return answer

    def tallies(self, people: Sequence[tuple[OrganisationId, UserId]]) -> dict[UserId, Tally]:
        """Everybody takes part in everything."""
        self.counted.append([user_id for _, user_id in people])
        self.while_counting()
        if self.refusals:
            raise self.refusals.pop(0)
        conversations = len({conversation_id for conversation_id, _ in self.entries})
        there = Tally(conversations=conversations, entries=sum(known[-1]["seq"] for known in self.entries.values()))
        return {user_id: there for _, user_id in people} if conversations else {}

    def sends(self, items: Sequence[Mapping[str, Any]]) -> list[Stored | Problem]:
        self.batches.append(list(items))
        self.while_sending()
        if self.refusals:
            raise self.refusals.pop(0)
        return [self._stored(item) for item in items]

    def marks(self, items: Sequence[Mapping[str, Any]]) -> list[Problem | None]:
        if self.refusals:
            raise self.refusals.pop(0)
        self.marked += items
        known = {conversation_id for conversation_id, _ in self.entries}
        return [None if item["conversation_id"] in known else NotFound() for item in items]

    def typing(self, access_token: str, conversation_id: ConversationId, stream: str, *, active: bool) -> None:
        del access_token, stream
        if self.refusals:
            raise self.refusals.pop(0)
        self.told.append((conversation_id, active))

    def _meet(self, access_token: str) -> None:
        self.tokens.append(access_token)
        if self.refusals:
            raise self.refusals.pop(0)

    def _stored(self, item: Mapping[str, Any]) -> Stored | Problem:
        if item["token"] in self.stale_tokens:
            return Unauthenticated()
        if item["body"] == "refused":
            return NotFound()
        if item["body"] == "stale":
            return Stale(entries=[entry(2), entry(1, stream="internal")])
        made = entry(len(self.batches), at=item["conversation_id"], stream=item.get("stream", "shared"), of=NORA)
        return Stored(status=201, entry=made)


@dataclass(slots=True)
class Stage:
    """Everything a connection stands on."""

    plane: Plane = Plane.STAFF
    per_minute: int = 60
    clock: Clock = field(default_factory=Clock)
    conversations: LittleConversations = field(default_factory=LittleConversations)
    known: dict[str, Claims] = field(default_factory=dict)
    wire: Wire = field(default_factory=Wire)
    sends: Sends = field(init=False)
    marks: Marks = field(init=False)
    writers: WhoWrites = field(init=False)
    presence: Presence = field(init=False)
    doorkeeper: Doorkeeper = field(init=False)
    desk: Desk = field(init=False)

    def __post_init__(self) -> None:
        self.sends = Sends(self.conversations, plane=self.plane, per_minute=self.per_minute)
        self.marks = Marks(self.conversations)
        self.writers = WhoWrites(self.conversations, self.clock.ticks)
        timing = Timing(clock=self.clock, ticks=self.clock.ticks, spread=lambda: 0.0)
        self.presence = Presence(self.conversations, timing, plane=self.plane)
        self.doorkeeper = Doorkeeper(
            plane=self.plane,
            verify=self._verify,
            permission=Permission.VIEW if self.plane is Plane.STAFF else None,
        )
        self.desk = Desk(
            plane=self.plane,
            presenter=ShowAll() if self.plane is Plane.STAFF else ShowShared(),
            remembers=self.conversations,
            introduce=lambda _claims, told: told,
            sends=self.sends,
            marks=self.marks,
            writers=self.writers,
            presence=self.presence,
            writes=Turns(),
            hellos=BoundedSemaphore(8),
            recoveries=BoundedSemaphore(4),
            timing=timing,
        )

    def opens(
        self, shown: Claims | None = None, *, renew: Callable[[], Credentials] | None = None, wire: Wire | None = None
    ) -> Connection:
        """Open a socket and return it."""
        held = shown or claims(plane=self.plane)
        self.known["first"] = held
        credentials = Credentials(claims=held, access_token="first", renew=renew)
        return Connection(self.desk, Session(credentials, self.doorkeeper, self.clock, 0.0), wire or self.wire)

    def greeted(self, **hello: object) -> Connection:
        """Open a socket and say hello."""
        connection = self.opens()
        says(connection, "hello", ref="h", **hello)
        settles()
        return connection

    def _verify(self, token: str) -> Claims:
        if token not in self.known:
            raise Unauthenticated
        return self.known[token]


def says(connection: Connection, op: str, *, ref: object = 1, **fields: object) -> None:
    """Have the client send a frame."""
    connection.receive(orjson.dumps({"op": op, "ref": ref, **fields}).decode())


def message(number: int = 1, *, body: str = "hello", at: ConversationId = WARD, **more: object) -> dict[str, Any]:
    """Return the fields of a send."""
    client_message_id = f"01930000-0000-7000-8000-{number:012x}"
    return {"conversation_id": at, "client_message_id": client_message_id, "body": body, **more}


def takes_all(turns: BoundedSemaphore) -> None:
    """Have others take every turn there is."""
    while turns.acquire(blocking=False):
        pass


def settles(seconds: float = 0.0) -> None:
    """Let the other greenlets do what they can do now, or within `seconds`."""
    gevent.sleep(seconds)
    for _ in range(20):
        gevent.sleep(0)
