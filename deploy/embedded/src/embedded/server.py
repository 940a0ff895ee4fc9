"""One gunicorn worker on gevent, without gunicorn's second process: the whole of Messages is this process.

The worker reads requests as in the containers, so the live socket finds what it stands on. Ctrl-C (SIGINT) and SIGTERM
are the same polite end: what must be told is told, open requests are finished, for at most GRACE_S; a second one ends
it at once. Nothing a caller sent is ever logged.
"""

import os
import signal
import socket
import sys
from collections.abc import Callable
from functools import partial

import gevent
from gevent.event import Event
from gevent.pool import Pool
from gevent.server import StreamServer
from gunicorn.config import Config
from gunicorn.glogging import Logger
from gunicorn.workers.ggevent import GeventWorker

from embedded.origin import WSGIApp

GRACE_S = 5
KEEP_ALIVE_S = 30
CONNECTIONS = 5_000


class PortTaken(Exception):
    """The port cannot be listened on; the message is one sentence for whoever started us."""


def listen(port: int, *, everywhere: bool) -> list[socket.socket]:
    """Return sockets that listen on this machine's own addresses (or on all of them); PortTaken if they cannot."""
    addresses = ["0.0.0.0", "::"] if everywhere else ["127.0.0.1", "::1"]  # noqa: S104 - only where asked for
    families = [socket.AF_INET, socket.AF_INET6]
    try:
        sockets = [_listening(families[0], addresses[0], port)]
    except OSError as refused:
        raise PortTaken(f"Port {port} cannot be used ({refused.strerror}): choose another with PORT=.") from refused
    try:
        sockets.append(_listening(families[1], addresses[1], port))
    except OSError:
        return sockets  # a machine without IPv6, or one where another program has that address: 127.0.0.1 is enough
    return sockets


def serve(
    application: WSGIApp, sockets: list[socket.socket], *, on_ready: Callable[[], None], on_stop: Callable[[], None]
) -> None:
    """Serve until asked to end; `on_ready` runs when requests are answered, `on_stop` before the last are finished."""
    config = Config()
    config.set("worker_class", "gevent")
    config.set("keepalive", KEEP_ALIVE_S)
    config.set("loglevel", "warning")
    _OnlyWorker(application, sockets, config, on_ready, on_stop).init_process()


class _QuietLogger(Logger):  # type: ignore[misc] # gunicorn ships no types
    """gunicorn's own log without anything a caller sent (deploy/gunicorn.conf.py says the same for containers)."""

    def warning(self, msg: object, *args: object, **kwargs: object) -> None:
        if str(msg).startswith("Invalid request"):
            msg, args = "Refused a request that is not HTTP.", ()
        super().warning(msg, *args, **kwargs)

    def exception(self, msg: object, *args: object, **kwargs: object) -> None:
        if not str(msg).startswith("Error handling request"):
            super().exception(msg, *args, **kwargs)
            return
        super().error("Failed while handling a request: %s.", type(sys.exception()).__name__)


class _Application:
    """What a worker asks its application from."""

    def __init__(self, application: WSGIApp) -> None:
        self._application = application

    def wsgi(self) -> WSGIApp:
        return self._application


class _Listener:
    """A listening socket as gunicorn's workers know them."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.FAMILY = sock.family

    def fileno(self) -> int:
        return self.sock.fileno()

    def __getattr__(self, name: str) -> object:
        return getattr(self.sock, name)


class _OnlyWorker(GeventWorker):  # type: ignore[misc] # gunicorn ships no types
    """A worker that nobody watches over and that watches over nobody."""

    def __init__(
        self,
        application: WSGIApp,
        sockets: list[socket.socket],
        config: Config,
        on_ready: Callable[[], None],
        on_stop: Callable[[], None],
    ) -> None:
        listeners = [_Listener(each) for each in sockets]
        log = _QuietLogger(config)
        super().__init__(0, os.getppid(), listeners, _Application(application), config.timeout, config, log)
        self.pid = os.getpid()
        self._on_ready = on_ready
        self._on_stop = on_stop
        self._asked_to_end = Event()
        self._busy = 0

    def patch(self) -> None:
        """Everything was patched before the first import (embedded.__main__)."""

    def run(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._leave)
        servers = [
            StreamServer(each.sock, handle=partial(self.handle, each), spawn=Pool(CONNECTIONS)) for each in self.sockets
        ]
        for server in servers:
            server.start()
        self._on_ready()
        self._asked_to_end.wait()
        self._on_stop()
        self.alive = False  # from here on an answer ends its connection
        for server in servers:
            server.close()
        with gevent.Timeout(GRACE_S, False):
            while self._busy:
                gevent.sleep(0.05)

    def handle_request(self, *request: object) -> None:
        self._busy += 1
        try:
            super().handle_request(*request)
        finally:
            self._busy -= 1

    def _leave(self, _number: int, _frame: object) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: os._exit(0))
        self._asked_to_end.set()


def _listening(family: socket.AddressFamily, address: str, port: int) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind((address, port))
        sock.listen(1024)
    except OSError:
        sock.close()
        raise
    return sock
