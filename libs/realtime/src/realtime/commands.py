"""What the ops of a live socket do (protocol.md section 5).

Promises: each command is answered exactly once through `answer`, now or, for `send`, after its commit; nothing here
waits for another service, so one slow command holds up no other.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from enum import Enum, auto
from typing import Final

import gevent

from realtime import protocol
from realtime.desk import Desk
from realtime.hearing import Hearing
from realtime.outgoing import Outgoing
from realtime.presence import Seat
from realtime.protocol import Command, Fields, Hello, Ping, Read, Ref, Send, Token, Typing, Watch
from realtime.session import Session
from realtime.upstream import Stored
from servicekit.log import failure, get_logger
from wire.claims import Plane
from wire.frames import BEAT_EVERY
from wire.problems import Conflict, Invalid, Problem, RateLimited, Stale
from wire.times import to_wire


class Later(Enum):
    """Says that a reply comes by itself."""

    LATER = auto()


LATER: Final = Later.LATER
Answer = Callable[[Ref, Fields | Problem], None]

log = get_logger()


class Commands:
    """The commands of one socket."""

    def __init__(self, desk: Desk, session: Session, hearing: Hearing, seat: Seat, answer: Answer) -> None:
        self._desk = desk
        self._session = session
        self._hearing = hearing
        self._seat = seat
        self._answer = answer
        self._outgoing = Outgoing(desk.sends, session, self._sent)
        self._asking = False

    def welcome(self, told: Fields) -> Fields:
        """Return what a client learns first; `told` is what conversations knows of the person."""
        me = self._desk.introduce(self._session.claims, told)
        return {"me": me, "heartbeat_s": int(BEAT_EVERY), "server_time": self._now()}

    def do(self, command: Command, *, greeted: bool) -> None:
        """Do what a command asks for and answer it."""
        try:
            fields = self._done(command, greeted=greeted)
        except Problem as refused:
            self._answer(command.ref, refused)
            return
        if not isinstance(fields, Later):
            self._answer(command.ref, fields)

    def _done(self, command: Command, *, greeted: bool) -> Fields | Later:
        """Return the reply's fields, or LATER when the answer comes by itself."""
        if not greeted:
            raise Invalid("A socket begins with hello.", errors={"op": ["Must be hello first."]})
        match command:
            case Send():
                return self._send(command)
            case Read():
                return self._read(command)
            case Typing():
                return self._typing(command)
            case Watch():
                return self._watch(command)
            case Token():
                return self._token(command)
            case Ping():
                return {"server_time": self._now()}
            case Hello():
                raise Conflict("This socket has said hello.")

    def _send(self, command: Send) -> Later:
        self._on_this_plane(command.message["stream"])
        self._outgoing.send(command)
        return LATER

    def _sent(self, ref: Ref, outcome: Stored | Problem) -> None:
        self._answer(ref, self._told(outcome))

    def _told(self, outcome: Stored | Problem) -> Fields | Problem:
        if isinstance(outcome, Stored):
            return protocol.sent(outcome.entry)
        if isinstance(outcome, Stale):
            shown = (self._desk.presenter.entry(entry) for entry in outcome.entries)
            return Stale(outcome.detail, entries=[entry for entry in shown if entry is not None])
        return outcome

    def _read(self, command: Read) -> Fields | Later:
        self._on_this_plane(command.stream)
        mark = (self._session, command.conversation_id, command.stream, command.seq)
        if not self._hearing.hears(command.conversation_id, command.stream):
            return self._ask(command.ref, lambda: self._desk.marks.store_now("read", *mark))
        self._desk.marks.note("read", *mark)
        return {}

    def _typing(self, command: Typing) -> Fields | Later:
        self._on_this_plane(command.stream)
        notice = (self._session, command.conversation_id, command.stream)
        if not self._hearing.hears(command.conversation_id, command.stream):
            return self._ask(command.ref, lambda: self._desk.writers.tell_now(*notice, active=command.active))
        self._desk.writers.note(*notice, active=command.active)
        return {}

    def _watch(self, command: Watch) -> Fields | Later:
        if self._desk.plane is not Plane.STAFF:
            raise Invalid("There is no such op.", errors={"op": ["Is for staff only."]})
        conversation_id, seat, presence = command.conversation_id, self._seat, self._desk.presence
        if conversation_id is None or self._hearing.hears(conversation_id, "shared"):
            presence.watch(seat, conversation_id, away=command.away)
            return {}

        def ask_first() -> None:
            presence.tell_now(seat, conversation_id)
            presence.watch(seat, conversation_id, away=command.away)

        return self._ask(command.ref, ask_first)

    def _ask(self, ref: Ref, question: Callable[[], None]) -> Later:
        """Ask conversations about a stream this socket does not know of: it may be new, or not for this person."""
        if self._asking:
            raise RateLimited
        self._asking = True
        gevent.spawn(self._ask_now, ref, question)
        return LATER

    def _ask_now(self, ref: Ref, question: Callable[[], None]) -> None:
        outcome: Fields | Problem = {}
        try:
            question()
        except Problem as refused:
            outcome = refused
        except Exception as error:  # noqa: BLE001 - the top of a greenlet: the client waits for an answer
            log.error("question.failed", **failure(error))
            outcome = Problem()
        finally:
            self._asking = False
        self._answer(ref, outcome)

    def _token(self, command: Token) -> Fields:
        claims = self._session.take(command.access_token)
        return {"expires_at": to_wire(datetime.fromtimestamp(claims.expires_at, UTC))}

    def _on_this_plane(self, stream: str) -> None:
        if stream not in self._desk.streams:
            raise Invalid(errors={"stream": ["Must be one of: shared."]})

    def _now(self) -> str:
        return to_wire(self._desk.timing.clock())
