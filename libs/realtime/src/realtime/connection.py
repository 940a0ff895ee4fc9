"""One live socket from its opening to its end. Knows neither sockets nor HTTP.

Promises: every client frame gets exactly one reply, and `hello` comes first; whoever does not read, says nothing for a
minute, or sends what is no frame, is let go with `bye` and a close code; a socket ends with its token at the latest.

Everything here runs in greenlets of one thread: what stands between two waits happens at once.
"""

from functools import partial
from typing import Final

import gevent

from realtime import protocol
from realtime.commands import Commands
from realtime.desk import Desk
from realtime.hearing import Hearing
from realtime.metrics import CLOSES, QUEUE_FULL, frames_in
from realtime.outbox import Line, Outbox
from realtime.presence import Seat
from realtime.protocol import Fields, Hello, ProtocolViolation, Ref, Refusal
from realtime.pushes import EntryPush, Push, StatePush
from realtime.session import Session
from realtime.streams import Tally
from servicekit.log import failure, get_logger
from wire.frames import BEAT_EVERY, HELLO_WITHIN, SILENCE, CloseCode
from wire.problems import PermissionRequired, Problem, Unavailable

LEAVE_WITHIN_S: Final = 5.0
"""How long the other side may take to read our last word and to answer it."""
RENEW_AGAIN_S: Final = 5.0
COME_BACK_MS: Final = 1_000

log = get_logger()


class Connection:
    """A socket, whoever holds the other end."""

    def __init__(self, desk: Desk, session: Session, line: Line) -> None:
        self.session = session
        self._desk = desk
        self._line = line
        self._outbox = Outbox(line, desk.writes, self._written, line.hang_up)
        self._hearing = Hearing(desk, session, self._outbox, self)
        self._seat = Seat(session=session, offer=self.offer)
        self._commands = Commands(desk, session, self._hearing, self._seat, self._answer)
        self._greeted = False
        self._renewing = False
        self._leaving_since: float | None = None
        self._opened = self._heard = self._beaten = desk.timing.ticks()
        self._renew_after = 0.0

    @property
    def leaving(self) -> bool:
        """Tell whether this socket has said, or heard, its last word."""
        return self._leaving_since is not None

    # From the client.

    def alive(self) -> None:
        """Note a sign of life: any bytes at all."""
        self._heard = self._desk.timing.ticks()

    def receive(self, frame: str | bytes) -> None:
        """Do what one client message asks for, and reply."""
        if self.leaving:
            return
        try:
            command = protocol.read_frame(frame)
        except ProtocolViolation as violation:
            self.leave(CloseCode.PROTOCOL_ERROR, str(violation))
            return
        frames_in(self._desk.plane, type(command).__name__.lower()).inc()
        if isinstance(command, Refusal):
            self._answer(command.ref, command.problem)
        elif isinstance(command, Hello) and not self._greeted:
            self._greeted = True
            self._desk.presence.come(self._seat)
            self._hearing.begin(command.resume, partial(self._welcomed, command))
        else:
            self._commands.do(command, greeted=self._greeted)

    def control(self, frame: bytes) -> None:
        """Queue a frame that the WebSocket protocol itself asks for."""
        self._put(frame)

    def closed_by_client(self, answer: bytes) -> None:
        """Answer the client's close frame; nothing goes out after it."""
        self._leave_with(answer)

    def finish(self, patience: float) -> None:
        """Wait until the last word is written, then let go of everything: the line is about to end."""
        self._outbox.finish(patience)
        self._leaving_since = self._leaving_since or self._desk.timing.ticks()
        self._outbox.end()
        self._desk.presence.go(self._seat)

    # From the exchange.

    def offer(self, push: Push) -> None:
        """Take a live push for this person."""
        if self._greeted and not self.leaving:
            self._hearing.offer(push)
            if isinstance(push, StatePush) and push.removes and push.conversation_id == self._seat.watching:
                self._desk.presence.watch(self._seat, None, away=self._seat.away)

    def recover(self, cause: str, *, announce: bool) -> None:
        """Events may have been lost: catch up, and `announce` it where states were lost as well."""
        if self._greeted and not self.leaving:
            self._hearing.recover(cause, announce=announce)

    def compare(self, there: Tally) -> None:
        """Catch up if there is more for this person than the socket holds."""
        if self._greeted and not self.leaving:
            self._hearing.compare(there)

    def leave(self, code: CloseCode, reason: str, *, retry_after_ms: int = 0) -> None:
        """Say `bye` and close."""
        if not self.leaving:
            self._note_close(code, reason)
            self._leave_with(protocol.farewell(code, reason, retry_after_ms))

    def too_slow(self, reason: str) -> None:
        """Let go a client that does not keep up, forgetting what it did not read."""
        if not self.leaving:
            self._note_close(CloseCode.TOO_SLOW, reason)
            retry_after_ms = int(COME_BACK_MS * (1 + self._desk.timing.spread()))
            self._leave_with(protocol.farewell(CloseCode.TOO_SLOW, reason, retry_after_ms), drop=True)

    def overflowed(self, reason: str) -> None:
        """Let go a client for whom too much waits."""
        if not self.leaving:
            QUEUE_FULL.labels(plane=self._desk.plane).inc()
            self.too_slow(reason)

    def token_taken(self) -> None:
        """Act on a token that is no longer good: a browser's session gets another one, a bearer's client must."""
        if self.leaving:
            return
        if self.session.renews_itself:
            self._renew_soon()
        else:
            self.leave(CloseCode.TOKEN_ENDED, "the token is no longer good")

    def look(self) -> None:
        """Do what is due: called about once a second."""
        now = self._desk.timing.ticks()
        if self._leaving_since is not None:
            if now - self._leaving_since > LEAVE_WITHIN_S:
                self._line.hang_up()
        elif not self._greeted and now - self._opened > HELLO_WITHIN:
            self.too_slow("no hello came")
        elif now - self._heard > SILENCE:
            self.too_slow("no sign of life")
        elif self.session.ended():
            self.leave(CloseCode.TOKEN_ENDED, "the token has ended")
        else:
            self._keep_up(now)

    def _welcomed(self, command: Hello, told: Fields | Problem) -> None:
        """Answer a hello; one that was refused may be said again."""
        if isinstance(told, Problem):
            self._greeted = False
            self._answer(command.ref, told)
        else:
            self._answer(command.ref, self._commands.welcome(told))

    # What is due.

    def _keep_up(self, now: float) -> None:
        if self.session.renewal_due() and now >= self._renew_after:
            self._renew_soon()
        if now - self._beaten >= BEAT_EVERY:
            self._beaten = now
            self._put(protocol.beat(self._desk.timing.clock()))

    def _renew_soon(self) -> None:
        if not self._renewing:
            self._renewing = True
            gevent.spawn(self._renew)

    def _renew(self) -> None:
        try:
            self.session.renew()
        except Unavailable:
            self._renew_after = self._desk.timing.ticks() + RENEW_AGAIN_S
        except PermissionRequired:
            self.leave(CloseCode.PERMISSION_LOST, "the permission was taken away")
        except Problem:
            self.leave(CloseCode.SIGNED_OUT, "signed out")
        except Exception as error:  # noqa: BLE001 - the top of a greenlet: tried again until the token ends
            log.error("socket.renewal_failed", **failure(error))
            self._renew_after = self._desk.timing.ticks() + RENEW_AGAIN_S
        finally:
            self._renewing = False

    # Writing.

    def _answer(self, ref: Ref, outcome: Fields | Problem) -> None:
        if isinstance(outcome, Problem):
            self._put(protocol.refused(ref, outcome))
        else:
            self._put(protocol.accepted(ref, outcome))

    def _put(self, frame: bytes) -> None:
        if not self._outbox.put(frame):
            self.overflowed("the client does not read")

    def _written(self, entry: EntryPush) -> None:
        self._hearing.written(entry)

    def _leave_with(self, frame: bytes, *, drop: bool = False) -> None:
        self._leaving_since = self._desk.timing.ticks()
        self._outbox.last(frame, drop=drop)

    def _note_close(self, code: CloseCode, reason: str) -> None:
        CLOSES.labels(plane=self._desk.plane, code=int(code)).inc()
        log.info("socket.closing", code=int(code), reason=reason, user=self.session.claims.user_id)
