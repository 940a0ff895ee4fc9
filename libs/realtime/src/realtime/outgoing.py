"""One socket's messages on their way to conversations, also across the renewal of a browser's token.

Promises: they are stored in the order they were sent. What is refused because its token was taken back goes out once
more with a fresh one, and whatever the socket has sent behind it waits so long; one renewal serves all of them. Each is
counted against its author's share once, which bounds how many can wait, and answered once.
"""

from collections.abc import Callable

import gevent

from realtime.protocol import Ref, Send
from realtime.sends import Sends
from realtime.session import Session
from realtime.upstream import Stored
from servicekit.log import failure, get_logger
from wire.problems import Problem, Unauthenticated, Unavailable

log = get_logger()


Answer = Callable[[Ref, Stored | Problem], None]


class Outgoing:
    """What one socket sends; `answer` is called once for each message that was taken."""

    def __init__(self, sends: Sends, session: Session, answer: Answer) -> None:
        self._sends = sends
        self._session = session
        self._answer = answer
        self._held: list[Send] | None = None
        """What waits for a fresh token, in order; None while none is fetched."""

    def send(self, command: Send) -> None:
        """Send a message; RateLimited or Unavailable when it is not taken."""
        if self._held is None:
            self._put(command)
            return
        self._sends.count(self._session.claims)
        self._held.append(command)

    def _put(self, command: Send, *, again: bool = False) -> None:
        def token() -> str | None:
            if self._held is None:
                return self._session.access_token
            self._held.append(command)
            return None

        def done(outcome: Stored | Problem) -> None:
            if not again and isinstance(outcome, Unauthenticated) and self._session.renews_itself:
                self._hold(command)
            else:
                self._answer(command.ref, outcome)

        self._sends.put(self._session.claims, token, command.message, done, counted=again)

    def _hold(self, command: Send) -> None:
        if self._held is None:
            self._held = []
            gevent.spawn(self._renew)
        self._held.append(command)

    def _renew(self) -> None:
        trouble = self._trouble_with_renewing()
        held, self._held = self._held or [], None
        for command in held:
            try:
                if trouble is not None:
                    raise trouble
                self._put(command, again=True)
            except Problem as refused:
                self._answer(command.ref, refused)

    def _trouble_with_renewing(self) -> Problem | None:
        try:
            self._session.renew()
        except Problem as refused:
            return refused
        except Exception as error:  # noqa: BLE001 - the top of a greenlet: the client waits for its answers
            log.error("send.again_failed", **failure(error))
            return Unavailable()
        return None
