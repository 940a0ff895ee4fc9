"""The live exchange of one gateway process, put together.

Promises: nothing connects and nothing runs before `add_loops`' background starts; a socket is registered before it is
caught up, and a revocation that came between its sign-in and its registration is seen; while the broker is away or no
relay is heard the database is asked for all sockets instead; on the way out sends are finished and everybody is told
when to come back.
"""

from dataclasses import dataclass
from typing import Final

import gevent
from flask import Request, Response
from gevent.lock import BoundedSemaphore

from realtime.connection import LEAVE_WITHIN_S, Connection
from realtime.desk import Desk, Introduce
from realtime.hub import SOCKETS_PER_USER, Hub
from realtime.marks import Marks
from realtime.metrics import BROKER_UP
from realtime.notices import Notices
from realtime.outbox import Turns
from realtime.presence import Presence
from realtime.pulse import LISTEN_EVERY_S, Pulse
from realtime.pushes import Presenter
from realtime.revocations import Revoker
from realtime.rounds import Rounds
from realtime.sends import Sends
from realtime.session import Credentials, Doorkeeper, Session
from realtime.subscriber import Subscriber
from realtime.timing import Timing
from realtime.transport import SocketDone, SocketLine, converse, upgrade
from realtime.typing import WhoWrites
from realtime.upstream import Upstream
from servicekit.background import Background, Stop
from servicekit.changes import ChangeFeed
from servicekit.exchange import Binding, Exchange, Message
from servicekit.log import failure, get_logger
from wire.events import AUTH, MESSAGES, PULSE, Event
from wire.frames import CloseCode
from wire.problems import Problem, Unavailable

LOOK_EVERY_S: Final = 1.0
HELLOS_AT_ONCE: Final = 8
RECOVERIES_AT_ONCE: Final = 4
COME_BACK_PER_S: Final = 500
"""How many sockets of a gateway that stops come back in a second: what one other gateway takes in."""
COME_BACK_WITHIN_S: Final = (0.5, 10.0)
"""Over how long they are spread, at the least and at the most."""
TOO_MANY_PAUSE_MS: Final = 30_000
FINISH_SENDS_S: Final = 3.0

log = get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """What one user may do at this process."""

    sends_per_minute: int = 60
    sockets_per_user: int = SOCKETS_PER_USER


class Realtime:
    """Everything live of one plane in one process."""

    def __init__(
        self,
        *,
        doorkeeper: Doorkeeper,
        exchange: Exchange,
        upstream: Upstream,
        changes: ChangeFeed,
        presenter: Presenter,
        introduce: Introduce,
        timing: Timing,
        allowance: Allowance,
    ) -> None:
        self._plane = plane = doorkeeper.plane
        self._doorkeeper = doorkeeper
        self._exchange = exchange
        self._changes = changes
        self._timing = timing
        self._draining = False
        self._pulse = Pulse(timing.ticks, plane=plane)
        self.sends = Sends(upstream, plane=plane, per_minute=allowance.sends_per_minute)
        self._marks = Marks(upstream)
        self._writers = WhoWrites(upstream, timing.ticks)
        self._presence = Presence(upstream, timing, plane=plane)
        self._hub = Hub(plane=plane, sockets_per_user=allowance.sockets_per_user)
        self._rounds = Rounds(upstream, self._hub)
        self._notices: Notices | None = None
        self._subscriber = Subscriber(
            self._hub, presenter, self._presence, timing.clock, plane=plane, overhear=self._overheard
        )
        self._revoker = Revoker(self._hub, doorkeeper.permission)
        self._desk = Desk(
            plane=plane,
            presenter=presenter,
            remembers=upstream,
            introduce=introduce,
            sends=self.sends,
            marks=self._marks,
            writers=self._writers,
            presence=self._presence,
            writes=Turns(),
            hellos=BoundedSemaphore(HELLOS_AT_ONCE),
            recoveries=BoundedSemaphore(RECOVERIES_AT_ONCE),
            timing=timing,
        )
        changes.listen(self._revoker.apply)
        changes.listen(self._presence.doubt)

    @property
    def connected(self) -> bool:
        """Tell whether events arrive from the broker (for readiness)."""
        return self._pulse.connected

    @property
    def unheard(self) -> bool:
        """Tell whether there is a line to the broker and the leading relay is not heard over it (for readiness)."""
        return self._pulse.connected and self._pulse.silent

    def tell_devices(self, notices: Notices) -> None:
        """Tell browsers whose page is closed as well, from `add_loops` on."""
        self._notices = notices

    def add_loops(self, background: Background) -> None:
        """Add what runs beside the doors."""
        background.add("live.sends", self.sends.run, wake=self.sends.wake)
        background.add("live.marks", self._marks.run)
        background.add("live.typing", self._writers.run, wake=self._writers.wake)
        background.add("live.presence", self._presence.run, wake=self._presence.wake)
        background.add("live.look", self._look_after_all)
        background.add("live.hear", self._hear)
        if self._notices is not None:
            background.add("live.notices", self._notices.run)

    def open(self, request: Request, credentials: Credentials) -> Response:
        """Turn this request into a live socket and stay with it to its end; Invalid or Unavailable before that."""
        if self._draining:
            raise Unavailable
        answer = upgrade(request.headers)
        line = SocketLine(request.environ["gunicorn.socket"])
        connection = Connection(
            self._desk, Session(credentials, self._doorkeeper, self._timing.clock, self._timing.spread()), line
        )
        entered = self._hub.add(connection)
        try:
            line.write(answer)
            if entered:
                self._greet(connection)
                converse(line, connection)
            else:
                _turn_away(line, connection)
        except OSError:
            log.debug("socket.broken")
        except Exception as error:  # noqa: BLE001 - the top of a socket: an HTTP answer would be written into its stream
            log.error("socket.failed", **failure(error))
        finally:
            self._hub.remove(connection)
            connection.finish(0)
            line.hang_up()
        return SocketDone()

    def drain(self) -> None:
        """Take no new socket, finish the sends, and send everybody away, spread over a few seconds."""
        self._draining = True
        log.info("live.draining", sockets=len(self._hub))
        self.sends.settle(FINISH_SENDS_S)
        soonest, latest = COME_BACK_WITHIN_S
        spread_ms = 1000 * min(latest, max(soonest, len(self._hub) / COME_BACK_PER_S))
        for connection in self._hub.everyone():
            pause = int(spread_ms * self._timing.spread())
            connection.leave(CloseCode.DRAINING, "the gateway restarts", retry_after_ms=pause)
        self.sends.close()
        # Not flushed here: whoever does not answer must be hung up on, however long conversations takes.
        self._marks.close()

    def _greet(self, connection: Connection) -> None:
        """Look once more: what was taken away between sign-in and registration reached nobody."""
        try:
            connection.session.still_welcome()
        except Unavailable:
            return
        except Problem as refused:
            connection.leave(self._revoker.code_for(refused), refused.title)

    # Loops.

    def _hear(self, stop: Stop) -> None:
        subscription = self._exchange.subscribe(
            [Binding(exchange=MESSAGES, pattern=f"{self._plane}.#"), Binding(exchange=AUTH, pattern="#")],
            on_message=self._heard,
            on_connected=self._broker_came,
            on_lost=self._broker_went,
        )
        try:
            silent = True
            while not stop.wait(LISTEN_EVERY_S):
                if self._pulse.must_ask():
                    self._rounds.begin()
                if silent is not self._pulse.silent:
                    silent = self._pulse.silent
                    self._note_silence(silent=silent)
        finally:
            subscription.close()

    def _heard(self, message: Message) -> None:
        if message.exchange == AUTH:
            self._changes.hear(message)
            return
        self._pulse.heard(message.type)
        if message.type != PULSE:
            self._subscriber.hear(message)

    def _overheard(self, event: Event) -> None:
        if self._notices is not None:
            self._notices.note(event)

    def _look_after_all(self, stop: Stop) -> None:
        while not stop.wait(LOOK_EVERY_S):
            self._look()
        self.drain()
        end = self._timing.ticks() + LEAVE_WITHIN_S + LOOK_EVERY_S
        while len(self._hub) and self._timing.ticks() < end:
            gevent.sleep(LOOK_EVERY_S / 4)
            self._look()

    def _look(self) -> None:
        self._hub.each(Connection.look)

    def _broker_came(self) -> None:
        self._pulse.came()
        BROKER_UP.labels(plane=self._plane).set(1)
        # What was published while nobody listened comes from the database, also for those who came meanwhile.
        self._hub.each(lambda connection: connection.recover("broker", announce=True))

    def _note_silence(self, *, silent: bool) -> None:
        if silent:
            log.warning("live.relay_silent", sockets=len(self._hub))
        else:
            log.info("live.relay_heard", sockets=len(self._hub))

    def _broker_went(self) -> None:
        self._pulse.went()
        BROKER_UP.labels(plane=self._plane).set(0)
        log.warning("live.broker_lost", sockets=len(self._hub))


def _turn_away(line: SocketLine, connection: Connection) -> None:
    connection.leave(CloseCode.TOO_MANY_SOCKETS, "too many sockets", retry_after_ms=TOO_MANY_PAUSE_MS)
    with gevent.Timeout(LEAVE_WITHIN_S, False):
        converse(line, connection)
