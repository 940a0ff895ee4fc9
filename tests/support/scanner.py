"""A small virus scanner: speaks clamd's INSTREAM over TCP, and finds what it was told to look for."""

import socketserver
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Scanner(socketserver.ThreadingTCPServer):
    """Listens on a free port; `answer` replaces what it would say."""

    daemon_threads = True

    def __init__(self, finds: bytes) -> None:
        super().__init__(("127.0.0.1", 0), _Line)
        self.finds = finds
        self.answer: bytes | None = None
        self.scanned: list[bytes] = []

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.server_address[1])


class _Line(socketserver.StreamRequestHandler):
    server: Scanner

    def handle(self) -> None:
        assert self.rfile.read(10) == b"zINSTREAM\0"
        content = b""
        while length := struct.unpack("!L", self.rfile.read(4))[0]:
            content += self.rfile.read(length)
        self.server.scanned.append(content)
        found = b"stream: Test.Signature FOUND\0" if self.server.finds in content else b"stream: OK\0"
        self.wfile.write(found if self.server.answer is None else self.server.answer)


@contextmanager
def scanning(finds: bytes) -> Iterator[Scanner]:
    """Run a scanner that finds these bytes."""
    with Scanner(finds) as scanner:
        thread = threading.Thread(target=scanner.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield scanner
        finally:
            scanner.shutdown()
            thread.join(5)
