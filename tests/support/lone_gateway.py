"""A little gateway (tests.support.little_gateway) as a process of its own, run by gunicorn as in production.

with running(folder) as gateway:
    ward = gateway.ward(nora, ada)
    gateway.screen(nora).asks("send", conversation_id=ward, client_message_id=new_id(), body="Hello")
"""

import json
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.support import children
from tests.support.children import Child
from tests.support.little_gateway import token
from tests.support.live import Line, websocket_url
from tests.support.ports import LOOPBACK, free_port, wait_until
from wire.ids import new_id

ROOT = Path(__file__).resolve().parents[2]
HANDSHAKE = (
    "GET /messaging/live HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)


class Gateway:
    """A running little gateway."""

    def __init__(self, child: Child, port: int) -> None:
        self.child = child
        self.port = port
        self.origin = f"http://{LOOPBACK}:{port}"
        self.http = httpx.Client(base_url=self.origin)

    def control(self, what: str, body: object) -> dict[str, Any]:
        """Do something behind the gateway's back."""
        answer = self.http.post(f"/control/{what}", content=json.dumps(body))
        told: dict[str, Any] = answer.raise_for_status().json()
        return told

    def ward(self, *members: str) -> str:
        """Open a conversation of these people."""
        conversation_id = new_id()
        self.control("members", {"conversation_id": conversation_id, "members": members})
        return conversation_id

    def line(self, user_id: str, **shown: Any) -> Line:  # noqa: ANN401 - what a token says
        """Open a socket."""
        headers = {"Authorization": f"Bearer {token(user_id, **shown)}"}
        return Line(websocket_url(self.origin, "/messaging/live"), headers=headers)

    def screen(self, user_id: str, **hello: Any) -> Line:  # noqa: ANN401 - what hello says
        """Open a socket and catch up."""
        line = self.line(user_id)
        line.asks("hello", **hello)
        line.hears("caught_up")
        return line

    def raw(self, user_id: str, *, receives: int | None = None) -> socket.socket:
        """Open a socket by hand and be welcomed; `receives` is how many bytes its kernel takes in unread."""
        raw = socket.socket()
        if receives is not None:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receives)
        raw.connect((LOOPBACK, self.port))
        raw.sendall(f"{HANDSHAKE}Authorization: Bearer {token(user_id)}\r\n\r\n".encode())
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += raw.recv(1)
        raw.sendall(frame_of(b'{"op": "hello", "ref": 1}'))
        _takes_a_frame(raw)
        return raw

    def holds(self) -> dict[str, int]:
        """Return how much of everything the gateway's process holds."""
        held: dict[str, int] = self.http.get("/inside").raise_for_status().json()
        return held

    def metric(self, name: str) -> float:
        """Return one of the gauges an operator sees."""
        lines = self.http.get("/metrics").raise_for_status().text.splitlines()
        return float(next(line for line in lines if line.startswith(name)).rpartition(" ")[2])

    def posts(self, user_id: str, conversation_id: str, body: str = "x", *, times: int = 1) -> None:
        """Store entries without any socket."""
        place = {"conversation_id": conversation_id, "stream": "shared"}
        self.control("post", {"user_id": user_id, "body": body, "times": times, **place})


def _takes_a_frame(raw: socket.socket) -> None:
    """Read one short frame of the server's, and nothing beyond it."""
    _, length = _takes(raw, 2)
    _takes(raw, int.from_bytes(_takes(raw, 2)) if length == 126 else length)


def _takes(raw: socket.socket, size: int) -> bytes:
    taken = b""
    while len(taken) < size:
        more = raw.recv(size - len(taken))
        if not more:
            raise ConnectionError("the line ended")
        taken += more
    return taken


def frame_of(payload: bytes, first: int = 0x81) -> bytes:
    """Return one masked client frame (RFC 6455 section 5.2), the mask being zero."""
    size = len(payload)
    length = bytes([0x80 | size]) if size < 126 else bytes([0xFE]) + size.to_bytes(2)
    length = length if size < 65_536 else bytes([0xFF]) + size.to_bytes(8)
    return bytes([first]) + length + bytes(4) + payload


@contextmanager
def running(folder: Path) -> Iterator[Gateway]:
    """Run a little gateway."""
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", "-c", "deploy/gunicorn.conf.py", "-b", f"{LOOPBACK}:{port}"]
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    environ = os.environ | {"SERVICE": "staff-gateway", "PYTHONPATH": os.pathsep.join(paths)}
    log = folder / "gateway.log"
    application = "tests.support.little_gateway:create_app()"
    with children.running("gateway", [*command, application], log=log, environ=environ, cwd=ROOT) as child:
        started = Gateway(child, port)
        wait_until(lambda: _answers(started), within_s=60, what=f"the gateway\n{child.last_words()}")
        with closing(started.http):
            yield started


def _answers(gateway: Gateway) -> bool:
    try:
        return gateway.http.get("/").status_code == 404
    except httpx.HTTPError:
        return False
