"""A wire between a client and a server that a test may stall or cut: a TCP proxy on a free port of the loopback."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.ports import LOOPBACK

PIECE = 65536


class Tap:
    """Passes bytes both ways while open; `stall` holds back what the server says, `cut` ends every connection."""

    def __init__(self, host: str, port: int) -> None:
        self._server = (host, port)
        self._flowing = threading.Event()
        self._flowing.set()
        self._refusing = False
        self._open: list[socket.socket] = []
        self._listener = socket.create_server((LOOPBACK, 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def stall(self) -> None:
        """Hold back everything the server says from now on."""
        self._flowing.clear()

    def flow(self) -> None:
        """Let it through again."""
        self._flowing.set()

    def cut(self, *, refuse: bool = False) -> None:
        """End every connection at once; with `refuse`, new ones too until `mend`."""
        self._refusing = refuse
        # What connects again while this runs is a new connection and stays.
        ending, self._open = self._open, []
        for end in ending:
            _close(end)

    def mend(self) -> None:
        """Take new connections again."""
        self._refusing = False

    def close(self) -> None:
        self.flow()
        _close(self._listener)
        self.cut(refuse=True)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self._refusing:
                client.close()
                continue
            server = socket.create_connection(self._server)
            self._open.extend((client, server))
            threading.Thread(target=self._pass, args=(client, server, None), daemon=True).start()
            threading.Thread(target=self._pass, args=(server, client, self._flowing), daemon=True).start()

    def _pass(self, source: socket.socket, sink: socket.socket, gate: threading.Event | None) -> None:
        with contextlib.suppress(OSError):
            while piece := source.recv(PIECE):
                if gate is not None:
                    gate.wait()
                sink.sendall(piece)
        _close(source)
        _close(sink)


@contextmanager
def tapped(host: str, port: int) -> Iterator[Tap]:
    """Put a tap before a server."""
    tap = Tap(host, port)
    try:
        yield tap
    finally:
        tap.close()


def _close(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()
