"""Who is writing where: forwarded seldom, forgotten soon, and never in the way of a send.

Promises: of somebody who goes on writing one notice in a few seconds leaves; whoever falls silent, or whose socket
went away, is reported as stopped; when too much waits, notices are dropped.
"""

from collections import deque
from dataclasses import dataclass
from typing import Final, Protocol

from gevent.event import Event

from realtime.session import Session
from realtime.timing import Ticks
from servicekit.background import Stop
from servicekit.log import get_logger
from wire.ids import ConversationId, UserId
from wire.problems import Problem

AGAIN_AFTER_S: Final = 3.0
SILENT_AFTER_S: Final = 6.0
WRITERS_AT_MOST: Final = 10_000
WAITING_AT_MOST: Final = 500
LOOK_EVERY_S: Final = 1.0

_Key = tuple[UserId, ConversationId, str]

log = get_logger()


class Tells(Protocol):
    """Who tells the others (conversations)."""

    def typing(self, access_token: str, conversation_id: ConversationId, stream: str, *, active: bool) -> None:
        """Pass a notice on; a Problem when it was refused."""


@dataclass(slots=True, kw_only=True)
class _Writer:
    session: Session
    heard: float
    told: float


class WhoWrites:
    """The people who write at sockets of this process."""

    def __init__(self, tells: Tells, ticks: Ticks) -> None:
        self._tells = tells
        self._ticks = ticks
        self._writers: dict[_Key, _Writer] = {}
        self._waiting: deque[tuple[_Key, Session, bool]] = deque(maxlen=WAITING_AT_MOST)
        self._noted = Event()

    def note(self, session: Session, conversation_id: ConversationId, stream: str, *, active: bool) -> None:
        """Hear from a client that its person writes, or stopped."""
        key: _Key = (session.claims.user_id, conversation_id, stream)
        if active:
            self._goes_on(key, session)
        elif self._writers.pop(key, None) is not None:
            self._tell_soon(key, session, active=False)

    def tell_now(self, session: Session, conversation_id: ConversationId, stream: str, *, active: bool) -> None:
        """Pass one notice on at once and raise the Problem it met."""
        self._tells.typing(session.access_token, conversation_id, stream, active=active)

    def run(self, stop: Stop) -> None:
        """Pass notices on until it is time to end."""
        while not stop.wanted:
            self._noted.wait(LOOK_EVERY_S)
            self._noted.clear()
            self.forget_the_silent()
            self.tell()

    def wake(self) -> None:
        """Let `run` see that it is time to end."""
        self._noted.set()

    def forget_the_silent(self) -> None:
        """Report those who have not written for a while as stopped."""
        before = self._ticks() - SILENT_AFTER_S
        for key in [key for key, writer in self._writers.items() if writer.heard < before]:
            self._waiting.append((key, self._writers.pop(key).session, False))

    def tell(self) -> None:
        """Pass on what waits; a notice that fails is worth nothing later and is dropped."""
        while self._waiting:
            (_, conversation_id, stream), session, active = self._waiting.popleft()
            try:
                self._tells.typing(session.access_token, conversation_id, stream, active=active)
            except Problem as refused:
                log.debug("typing.dropped", code=refused.code)

    def _goes_on(self, key: _Key, session: Session) -> None:
        now = self._ticks()
        writer = self._writers.get(key)
        if writer is None and len(self._writers) >= WRITERS_AT_MOST:
            return
        if writer is None:
            self._writers[key] = _Writer(session=session, heard=now, told=now)
        elif now - writer.told < AGAIN_AFTER_S:
            writer.heard = now
            return
        else:
            writer.session, writer.heard, writer.told = session, now, now
        self._tell_soon(key, session, active=True)

    def _tell_soon(self, key: _Key, session: Session, *, active: bool) -> None:
        self._waiting.append((key, session, active))
        self._noted.set()
