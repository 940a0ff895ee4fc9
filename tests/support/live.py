"""One live socket as protocol.md section 5 describes it, and nothing more: frames out, frames in, waits for facts.

A thread reads; everything heard stays in `heard`, in order, with the moment it came. `Line` never reconnects: that is
for `tests.support.person.Device`.
"""

import json
import socket
import threading
import time
from collections.abc import Callable, Mapping
from itertools import count
from typing import Any, Self

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from tests.support.ports import LOOPBACK

PATIENCE_S = 10.0
Frame = dict[str, Any]


class Line:
    """An open live socket."""

    def __init__(
        self,
        url: str,
        *,
        headers: Mapping[str, str],
        on_push: Callable[[Frame], None] | None = None,
        subprotocols: tuple[str, ...] = ("messages.v1",),
    ) -> None:
        """Open the socket; websockets' InvalidStatus tells how the handshake was refused."""
        self._socket: ClientConnection = connect(
            url,
            legacy=True,  # opened here, closed by `close`
            additional_headers=dict(headers),
            subprotocols=[Subprotocol(name) for name in subprotocols],
            compression=None,
            proxy=None,
            open_timeout=PATIENCE_S,
            close_timeout=1,
            ping_interval=None,
            max_size=None,
        )
        self.subprotocol = self._socket.subprotocol
        self.heard: list[Frame] = []
        self.closed_at: float | None = None
        self._on_push = on_push
        self._news = threading.Condition()
        self._refs = count(1)
        self._reader = threading.Thread(target=self._read, name="line", daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *ended: object) -> None:
        self.close()

    @property
    def close_code(self) -> int | None:
        """The code the socket was closed with, once it is."""
        return self._socket.protocol.close_rcvd.code if self._socket.protocol.close_rcvd else None

    @property
    def ended(self) -> bool:
        return self.closed_at is not None

    def asks(self, op: str, **fields: object) -> Frame:
        """Send a frame and return its one reply."""
        ref = self.says(op, **fields)
        return self.waits_for(lambda frame: frame.get("ref") == ref, f"a reply to {op}")

    def says(self, op: str, **fields: object) -> str:
        """Send a frame without waiting; returns its ref."""
        ref = str(next(self._refs))
        self.sends_raw(json.dumps({"op": op, "ref": ref, **fields}))
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
        self._socket.close()
        self._reader.join(PATIENCE_S)

    def drops(self) -> None:
        """Lose the line as a tunnel does: no close frame, nothing."""
        self._socket.socket.shutdown(socket.SHUT_RDWR)
        self._reader.join(PATIENCE_S)
        self._socket.socket.close()

    def _read(self) -> None:
        try:
            for text in self._socket:
                frame: Frame = json.loads(text)
                if self._on_push and "push" in frame:
                    self._on_push(frame)
                with self._news:
                    self.heard.append(frame)
                    self._news.notify_all()
        except (ConnectionClosed, OSError):
            pass  # how it ended stands in close_code
        finally:
            with self._news:
                self.closed_at = time.monotonic()
                self._news.notify_all()


def websocket_url(origin: str, path: str) -> str:
    """Return the socket's address on an origin."""
    return origin.replace("http", "ws", 1).replace("localhost", LOOPBACK) + path
