"""One live socket for tests: the client's own `Line`, with everything it heard kept in order, and waits for facts.

A thread reads. `Line` never reconnects: that is for `client.Live` and the screens of `tests.support.person`.
"""

import threading
import time
from collections.abc import Callable, Mapping
from itertools import count
from typing import Self

import client
from client.line import Frame
from tests.support.ports import LOOPBACK
from wire.frames import SUBPROTOCOL

PATIENCE_S = 10.0


class Line(client.Line):
    """An open live socket that remembers."""

    def __init__(
        self,
        url: str,
        *,
        headers: Mapping[str, str],
        on_push: Callable[[Frame], None] | None = None,
        subprotocols: tuple[str, ...] = (SUBPROTOCOL,),
    ) -> None:
        """Open the socket; raises the Problem the handshake was refused with, or LineLost."""
        self.heard: list[Frame] = []
        self.closed_at: float | None = None
        self._on_push = on_push
        self._news = threading.Condition()
        self._names = count(1)
        super().__init__(url, headers, watch=self._notes, patience_s=PATIENCE_S, proxy=False, subprotocols=subprotocols)
        self._listening = threading.Thread(target=self._listens, name="line", daemon=True)
        self._listening.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *ended: object) -> None:
        self.close()

    @property
    def close_code(self) -> int | None:
        """The code of the close frame itself; what a `bye` before it said does not count."""
        received = self._socket.protocol.close_rcvd
        return int(received.code) if received is not None else None

    @property
    def subprotocol(self) -> str | None:
        """What the server chose to speak."""
        return self._socket.subprotocol

    @property
    def ended(self) -> bool:
        return self.closed_at is not None

    def asks(self, op: str, **fields: object) -> Frame:
        """Send a frame and return its one reply as it came, a refusal too."""
        ref = self.says(op, **fields)
        return self.waits_for(lambda frame: frame.get("ref") == ref, f"a reply to {op}")

    def says(self, op: str, **fields: object) -> str:
        """Send a frame without waiting; returns its ref."""
        ref = f"asked-{next(self._names)}"  # never one of those that the client itself gives
        self.say(op, fields, ref=ref)
        return ref

    def sends_raw(self, frame: str | bytes) -> None:
        """Send anything at all."""
        self._socket.send(frame)

    def hears(self, push: str, *, within_s: float = PATIENCE_S, **fields: object) -> Frame:
        """Wait for a push with these fields, also one that came before."""
        return self.waits_for(
            lambda frame: frame.get("push") == push and all(frame.get(k) == v for k, v in fields.items()),
            f"a push {push} {fields}",
            within_s=within_s,
        )

    def pushes(self, push: str) -> list[Frame]:
        """Return the pushes of a kind heard so far."""
        with self._news:
            return [frame for frame in self.heard if frame.get("push") == push]

    def waits_for(self, wanted: Callable[[Frame], bool], what: str, *, within_s: float = PATIENCE_S) -> Frame:
        """Wait until a frame fits; ConnectionError when the line ends before, TimeoutError when time does."""
        end = time.monotonic() + within_s
        seen = 0
        with self._news:
            while True:
                for frame in self.heard[seen:]:
                    if wanted(frame):
                        return frame
                seen = len(self.heard)
                if self.ended:
                    raise ConnectionError(f"the line ended ({self.close_code}) before {what}")
                if not self._news.wait(end - time.monotonic()):
                    raise TimeoutError(f"within {within_s:g} s not heard: {what}")

    def waits_for_end(self, *, within_s: float = PATIENCE_S) -> int | None:
        """Wait until the server has closed the socket; returns the close code."""
        end = time.monotonic() + within_s
        with self._news:
            while not self.ended:
                if not self._news.wait(end - time.monotonic()):
                    raise TimeoutError(f"within {within_s:g} s the line was not closed")
        return self.close_code

    def close(self) -> None:
        """Close politely."""
        super().close()
        self._listening.join(PATIENCE_S)

    def drops(self) -> None:
        """Lose the line as a tunnel does: no close frame, nothing."""
        self.drop()
        self._listening.join(PATIENCE_S)
        self._socket.socket.close()

    def _notes(self, direction: str, frame: Frame) -> None:
        if direction != "in":
            return
        if self._on_push and "push" in frame:
            self._on_push(frame)
        with self._news:
            self.heard.append(frame)
            self._news.notify_all()

    def _listens(self) -> None:
        try:
            self.listen(lambda _push: None)
        finally:
            with self._news:
                self.closed_at = time.monotonic()
                self._news.notify_all()


def websocket_url(origin: str, path: str) -> str:
    """Return the socket's address on an origin."""
    return origin.replace("http", "ws", 1).replace("localhost", LOOPBACK) + path
