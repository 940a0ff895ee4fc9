"""The live exchange of one gateway process, put together.

Promises: nothing connects and nothing runs before `add_loops`' background starts; a socket is registered before it is
caught up, and a revocation that came between its sign-in and its registration is seen; while the broker is away every
socket asks the database instead; on the way out sends are finished and everybody is told when to come back.
"""

import random
import signal
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType
from typing import Any, Final

import gevent
from flask import Request, Response
from gevent.lock import BoundedSemaphore

from realtime.connection import Connection
from realtime.desk import Desk
from realtime.hub import SOCKETS_PER_USER, Hub
from realtime.marks import Marks
from realtime.metrics import BROKER_UP
from realtime.pushes import Presenter
from realtime.revocations import Revoker
from realtime.sends import Sends
from realtime.session import Credentials, Doorkeeper, Session
from realtime.subscriber import Subscriber
from realtime.ticks import Ticks, real_ticks
from realtime.transport import SocketDone, SocketLine, converse, upgrade
from realtime.typing import WhoWrites
from realtime.upstream import Upstream
from servicekit.background import Background, Stop
from servicekit.clock import Clock
from servicekit.exchange import Binding, Exchange
from servicekit.log import failure, get_logger
from wire.changes import Change
from wire.events import MESSAGES
from wire.frames import CloseCode
from wire.problems import Problem, Unavailable

LOOK_EVERY_S: Final = 1.0
ASK_EVERY_S: Final = 2.0
"""How often every socket asks the database while the broker is away."""
CATCH_UPS_AT_ONCE: Final = 8
COME_BACK_WITHIN_S: Final = 5.0
"""Over how long the sockets of a gateway that stops are spread when they come back."""
TOO_MANY_PAUSE_MS: Final = 30_000
FINISH_SENDS_S: Final = 5.0

log = get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one user may do."""

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
        presenter: Presenter,
        clock: Clock,
        limits: Limits,
        ticks: Ticks = real_ticks,
        spread: Callable[[], float] = random.random,
    ) -> None:
        self._plane = plane = doorkeeper.plane
        self._doorkeeper = doorkeeper
        self._exchange = exchange
        self._spread = spread
        self._clock = clock
        self._draining = False
        self._connected = False
        self.upstream = upstream
        self.sends = Sends(upstream, plane=plane, per_minute=limits.sends_per_minute)
        self.marks = Marks(upstream)
        self.hub = Hub(plane=plane, sockets_per_user=limits.sockets_per_user)
        self._writers = WhoWrites(upstream, ticks)
        self._subscriber = Subscriber(self.hub, presenter, clock, plane=plane)
        self._revoker = Revoker(self.hub, doorkeeper.permission)
        self._desk = Desk(
            plane=plane,
            presenter=presenter,
            remembers=upstream,
            sends=self.sends,
            marks=self.marks,
            writers=self._writers,
            catch_up_turns=BoundedSemaphore(CATCH_UPS_AT_ONCE),
            clock=clock,
            ticks=ticks,
            spread=spread,
        )

    @property
    def connected(self) -> bool:
        """Tell whether events arrive from the broker (for readiness)."""
        return self._connected

    def add_loops(self, background: Background) -> None:
        """Add what runs beside the doors."""
        background.add("live.sends", self.sends.run, wake=self.sends.wake)
        background.add("live.marks", self.marks.run)
        background.add("live.typing", self._writers.run, wake=self._writers.wake)
        background.add("live.look", self._look_after_all)
        background.add("live.hear", self._hear)

    def on_change(self, change: Change) -> None:
        """Hear from auth that something was taken away (a listener of `servicekit.changes.ChangeFeed`)."""
        self._revoker.apply(change)

    def open(self, request: Request, credentials: Credentials) -> Response:
        """Turn this request into a live socket and stay with it to its end; Invalid or Unavailable before that."""
        if self._draining:
            raise Unavailable
        answer = upgrade(request.headers)
        line = SocketLine(request.environ["gunicorn.socket"])
        connection = Connection(self._desk, Session(credentials, self._doorkeeper, self._clock, self._spread()), line)
        entered = self.hub.add(connection)
        try:
            line.write(answer)
            self._greet(connection, entered=entered)
            converse(line, connection)
        except OSError:
            log.debug("socket.broken")
        except Exception as error:  # noqa: BLE001 - the top of a socket: an HTTP answer would be written into its stream
            log.error("socket.failed", **failure(error))
        finally:
            self.hub.remove(connection)
            connection.finish(0)
            line.hang_up()
        return SocketDone()

    def drain(self) -> None:
        """Take no new socket, finish the sends, and send everybody away, spread over a few seconds."""
        if self._draining:
            return
        self._draining = True
        log.info("live.draining", sockets=len(self.hub))
        self.sends.settle(FINISH_SENDS_S)
        for connection in self.hub.everyone():
            pause = int(COME_BACK_WITHIN_S * 1000 * self._spread())
            connection.leave(CloseCode.DRAINING, "the gateway restarts", retry_after_ms=pause)

    def drain_when_terminated(self) -> None:
        """Drain on SIGTERM, before whatever else this process does then. Call it in the worker, on its main thread."""
        before = signal.getsignal(signal.SIGTERM)

        def terminated(number: int, frame: FrameType | None) -> Any:  # noqa: ANN401 - as signal declares it
            gevent.spawn(self.drain)
            return before(number, frame) if callable(before) else None

        signal.signal(signal.SIGTERM, terminated)

    def _greet(self, connection: Connection, *, entered: bool) -> None:
        if not entered:
            connection.leave(CloseCode.TOO_MANY_SOCKETS, "too many sockets", retry_after_ms=TOO_MANY_PAUSE_MS)
            return
        try:
            connection.session.still_welcome()
        except Unavailable:
            return
        except Problem as refused:
            connection.leave(self._revoker.code_for(refused), refused.title)

    # Loops.

    def _hear(self, stop: Stop) -> None:
        subscription = self._exchange.subscribe(
            [Binding(exchange=MESSAGES, pattern=f"{self._plane}.#")],
            on_message=self._subscriber.hear,
            on_connected=self._broker_came,
            on_lost=self._broker_went,
        )
        try:
            while not stop.wait(ASK_EVERY_S):
                if not self._connected:
                    self._everybody_asks()
        finally:
            subscription.close()

    def _look_after_all(self, stop: Stop) -> None:
        while not stop.wait(LOOK_EVERY_S):
            for connection in self.hub.everyone():
                connection.look()

    def _broker_came(self) -> None:
        self._connected = True
        BROKER_UP.labels(plane=self._plane).set(1)
        # What was published while nobody listened comes from the database, also for those who came meanwhile.
        self._everybody_asks()

    def _broker_went(self) -> None:
        self._connected = False
        BROKER_UP.labels(plane=self._plane).set(0)
        log.warning("live.broker_lost", sockets=len(self.hub))

    def _everybody_asks(self) -> None:
        for connection in self.hub.everyone():
            connection.recover()
