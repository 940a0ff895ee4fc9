"""One socket's messages on their way to conversations, also across the renewal of a browser's token.

Promises: they are stored in the order they were sent. What is refused because its token was taken back goes out once
more with a fresh one, and whatever the socket has sent behind it waits so long; one renewal serves all of them. Each is
counted against its author's share once, which bounds how many can wait, and answered once.
"""

from collections.abc import Mapping
from typing import Any

import gevent

from realtime.sends import Answer, Sends
from realtime.session import Session
from realtime.upstream import Stored
from servicekit.log import failure, get_logger
from wire.problems import Problem, Unauthenticated, Unavailable

log = get_logger()


class Outgoing:
    """What one socket sends."""

    def __init__(self, sends: Sends, session: Session) -> None:
        self._sends = sends
        self._session = session
        self._held: list[tuple[Mapping[str, Any], Answer]] | None = None
        """What waits for a fresh token, in order; None while none is fetched."""

    def send(self, message: Mapping[str, Any], answer: Answer) -> None:
        """Send a message; RateLimited or Unavailable when it is not taken, else `answer` is called once."""
        if self._held is None:
            self._put(message, answer, again=False)
            return
        self._sends.count(self._session.claims)
        self._held.append((message, answer))

    def _put(self, message: Mapping[str, Any], answer: Answer, *, again: bool) -> None:
        def token() -> str | None:
            if self._held is None:
                return self._session.access_token
            self._held.append((message, answer))
            return None

        def done(outcome: Stored | Problem) -> None:
            if not again and isinstance(outcome, Unauthenticated) and self._session.renews_itself:
                self._hold(message, answer)
            else:
                answer(outcome)

        self._sends.put(self._session.claims, token, message, done, counted=again)

    def _hold(self, message: Mapping[str, Any], answer: Answer) -> None:
        if self._held is None:
            self._held = []
            gevent.spawn(self._renew)
        self._held.append((message, answer))

    def _renew(self) -> None:
        trouble = self._trouble_with_renewing()
        held, self._held = self._held or [], None
        for message, answer in held:
            try:
                if trouble is not None:
                    raise trouble
                self._put(message, answer, again=True)
            except Problem as refused:
                answer(refused)

    def _trouble_with_renewing(self) -> Problem | None:
        try:
            self._session.renew()
        except Problem as refused:
            return refused
        except Exception as error:  # noqa: BLE001 - the top of a greenlet: the client waits for its answers
            log.error("send.again_failed", **failure(error))
            return Unavailable()
        return None
