"""Asking a virus scanner about a file: clamd over TCP, its INSTREAM command (`man clamd`, section COMMANDS).

A scanner that is away, that answers oddly or that takes too long is no reason to let a file through: `Unavailable`.
"""

from __future__ import annotations

import socket
import struct
from typing import IO, Final

from servicekit.log import failure, get_logger
from wire.problems import Unavailable, UnsupportedMedia

log = get_logger()

PIECE: Final = 64 * 1024
CONNECT_WITHIN_S: Final = 3.0
ANSWER_WITHIN_S: Final = 30.0
ANSWER_MOST: Final = 4096


class Infected(UnsupportedMedia):
    """The scanner found something; what it is called stays with the scanner."""

    def __init__(self) -> None:
        super().__init__("The virus scanner found something harmful in this file. It was not stored.")


class Clamd:
    """One scanner, by the address of its TCP port; a connection for each file, as INSTREAM wants it."""

    def __init__(self, host: str, port: int) -> None:
        self._address = (host, port)

    def __call__(self, content: IO[bytes]) -> None:
        """Return when the scanner finds nothing; Infected when it does, Unavailable when it does not say."""
        content.seek(0)
        try:
            with socket.create_connection(self._address, timeout=CONNECT_WITHIN_S) as line:
                line.settimeout(ANSWER_WITHIN_S)
                answer = _asked(line, content)
        except OSError as away:
            log.error("scanner.away", **failure(away))
            raise Unavailable("Files cannot be checked for viruses right now. Try again in a moment.") from away
        if answer == b"stream: OK":
            return
        if answer.startswith(b"stream: ") and answer.endswith(b" FOUND"):
            raise Infected
        log.error("scanner.odd_answer", length=len(answer))
        raise Unavailable("Files cannot be checked for viruses right now. Try again in a moment.")


def _asked(line: socket.socket, content: IO[bytes]) -> bytes:
    line.sendall(b"zINSTREAM\0")
    while piece := content.read(PIECE):
        line.sendall(struct.pack("!L", len(piece)) + piece)
    line.sendall(struct.pack("!L", 0))
    answer = b""
    while not answer.endswith(b"\0") and len(answer) < ANSWER_MOST and (more := line.recv(ANSWER_MOST)):
        answer += more
    return answer.rstrip(b"\0\n").strip()
