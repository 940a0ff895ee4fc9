"""The WebSocket itself: the opening handshake on a WSGI request, the wire, and the reading of frames (RFC 6455).

Built on wsproto's frame parser and the raw socket that gunicorn hands out, because what stands ready-made writes with
`send` (which may write half a frame to a slow reader), reads in a thread of its own and agrees to compression, whose
state costs far more memory than the socket.

Promises: whole frames only, one writer at a time; a client that reads nothing for a while is cut off; a message beyond
64 KiB is refused before it is held in memory; a client that floods us is read more slowly, and everybody else in time;
no extension is agreed to; the request's own greenlet reads.
"""

import base64
import hashlib
import socket
from collections.abc import Iterable
from contextlib import suppress
from time import monotonic
from typing import Any, Final

import gevent
from flask import Response
from gevent.lock import RLock
from gevent.socket import socket as GeventSocket  # noqa: N812 - what gunicorn's gevent worker hands out
from werkzeug.datastructures import Headers
from wsproto.connection import Connection as FrameReader
from wsproto.connection import ConnectionState, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Event, Message, TextMessage
from wsproto.events import Ping as WebSocketPing
from wsproto.frame_protocol import CloseReason

from realtime import framing
from realtime.connection import Connection
from realtime.pace import Pace
from realtime.timing import Ticks
from wire.frames import MAX_FRAME, SUBPROTOCOL, CloseCode
from wire.problems import Invalid

WRITE_WITHIN_S: Final = 20.0
"""Seconds in which a client must read what one write holds."""
LAST_WORD_S: Final = 2.0
_MAGIC: Final = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_KEY_BYTES: Final = 16
_VERSION: Final = "13"
_READ_AT_ONCE: Final = 8_192
_READS_IN_A_ROW: Final = 8
_FRAMES_IN_A_ROW: Final = 16


class WriteTimedOut(OSError):
    """The client does not read."""


class SocketLine:
    """The wire to one client; implements `realtime.outbox.Line`."""

    def __init__(self, wire: GeventSocket, patience_s: float = WRITE_WITHIN_S) -> None:
        self._wire = wire
        self._patience_s = patience_s
        self._turn = RLock()
        with suppress(OSError):  # a Unix socket knows no such option
            wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def write(self, data: bytes) -> None:
        with self._turn, gevent.Timeout(self._patience_s, WriteTimedOut("the client does not read")):
            self._wire.sendall(data)

    def write_now(self, data: bytes) -> int:
        try:
            # gevent's send takes a timeout; with none at all it neither waits nor lets another greenlet in between.
            return int(self._wire.send(data, 0, 0.0))
        except BlockingIOError:
            return 0

    def read(self) -> bytes:
        """Return what came, or nothing once the line has ended."""
        try:
            return bytes(self._wire.recv(_READ_AT_ONCE))
        except OSError:
            return b""

    def end(self) -> None:
        """Say that nothing more comes, and wait a moment for the other side to say the same.

        To close on bytes that were not read would reset the line, and the client might never hear our last word.
        """
        with suppress(OSError), gevent.Timeout(LAST_WORD_S, False):
            self._wire.shutdown(socket.SHUT_WR)
            while self.read():
                pass

    def hang_up(self) -> None:
        with suppress(OSError):
            self._wire.shutdown(socket.SHUT_RDWR)


def upgrade(headers: Headers) -> bytes:
    """Return the answer that opens a WebSocket (section 4.2.2); Invalid when the request asks for none."""
    wanted = {
        "upgrade": "websocket" in _words(headers, "Upgrade"),
        "connection": "upgrade" in _words(headers, "Connection"),
        "sec-websocket-version": headers.get("Sec-WebSocket-Version") == _VERSION,
        "sec-websocket-key": _is_key(headers.get("Sec-WebSocket-Key", "")),
    }
    missing = {name: ["Is not what a WebSocket handshake needs."] for name, good in wanted.items() if not good}
    if missing:
        raise Invalid("This address speaks WebSocket (RFC 6455), version 13.", errors=missing)
    accept = hashlib.sha1((headers["Sec-WebSocket-Key"].strip() + _MAGIC).encode(), usedforsecurity=False)
    lines = [
        "HTTP/1.1 101 Switching Protocols",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Accept: {base64.b64encode(accept.digest()).decode()}",
    ]
    if SUBPROTOCOL in _words(headers, "Sec-WebSocket-Protocol"):
        lines.append(f"Sec-WebSocket-Protocol: {SUBPROTOCOL}")
    return "\r\n".join([*lines, "", ""]).encode()


def converse(line: SocketLine, connection: Connection, *, ticks: Ticks = monotonic) -> None:
    """Read frames for `connection` until either side has ended the line."""
    reader = _Reader(connection)
    pace = Pace(ticks)
    # What is there is read without waiting: a client that floods us must not keep everybody else from theirs.
    for turn, data in enumerate(iter(line.read, b"")):
        connection.alive()
        before = reader.frames
        if not reader.take(data):
            break
        pause = pace.spend(len(data), reader.frames - before)
        if pause or turn % _READS_IN_A_ROW == 0:
            gevent.sleep(pause)
    connection.finish(LAST_WORD_S)
    line.end()


class _Reader:
    """Puts messages together from what comes off the wire."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._frames = FrameReader(ConnectionType.SERVER)
        self._parts: list[str] = []
        self._size = 0
        self.frames = 0
        """How many frames, or pieces of one, were taken."""

    def take(self, data: bytes) -> bool:
        """Take bytes; False once nothing more is to be understood. After our last word we wait for the answer to it."""
        self._frames.receive_data(data)
        return all(self._go_on(event) for event in self._frames.events())

    def _go_on(self, event: Event) -> bool:
        self.frames += 1
        if self.frames % _FRAMES_IN_A_ROW == 0:
            gevent.sleep(0)
        if isinstance(event, Message):
            self._part(event)
        if isinstance(event, WebSocketPing):
            self._connection.control(framing.pong(bytes(event.payload)))
        if isinstance(event, CloseConnection) and self._frames.state is ConnectionState.OPEN:
            # The parser's way to say that these bytes are none of the protocol's: the client closed nothing.
            self._connection.leave(CloseCode.PROTOCOL_ERROR, "not a WebSocket frame")
            return False
        if isinstance(event, CloseConnection):
            code = None if event.code == CloseReason.NO_STATUS_RCVD else int(event.code)
            self._connection.closed_by_client(framing.close(code))
            return False
        return True

    def _part(self, event: Message[Any]) -> None:
        if self._connection.leaving:
            return
        if isinstance(event, BytesMessage):
            self._connection.receive(bytes(event.data))
        if isinstance(event, TextMessage):
            self._size += _bytes_of(event.data)
            if self._size > MAX_FRAME:
                self._connection.leave(CloseCode.PROTOCOL_ERROR, "a frame is at most 64 KiB")
                return
            if event.data:
                self._parts.append(event.data)
            if event.message_finished:
                self._whole()

    def _whole(self) -> None:
        message = "".join(self._parts)
        self._parts.clear()
        self._size = 0
        self._connection.receive(message)


class SocketDone(Response):
    """The answer to a request whose socket was taken over: nothing more may be written to it."""

    def __call__(self, *_environ: Any, **_more: Any) -> Iterable[bytes]:  # noqa: ANN401 - WSGI's signature
        # The way gunicorn knows to drop the request without a response.
        raise StopIteration


def _bytes_of(text: str) -> int:
    # The limit is one of bytes; of plain ASCII there are as many as characters, which is known without counting.
    return len(text) if text.isascii() else len(text.encode())


def _words(headers: Headers, name: str) -> set[str]:
    return {
        word.strip() if name == "Sec-WebSocket-Protocol" else word.strip().lower()
        for word in ",".join(headers.getlist(name)).split(",")
    }


def _is_key(text: str) -> bool:
    try:
        return len(base64.b64decode(text.strip(), validate=True)) == _KEY_BYTES
    except ValueError:
        return False
