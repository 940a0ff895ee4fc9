"""How gunicorn runs each of the four services; what differs between them comes from the environment.

- SERVICE names the service, and with it the application (`staff-gateway` is staff_gateway.app:create_app()).
- The gateways run on gevent, auth and conversations on threads: a password hash would stop a gevent hub for 100 ms.
- There are a few threads more than conversations has connections to its database: while that hangs they wait for a
  connection for seconds only, and the probes are answered.
- A gateway gives a new connection a few seconds to say what it wants: who opens hundreds and says half a sentence in
  each holds none of them for long.
- One worker a container: a replica is one more container, and the metrics of a process are those of its container.
- Idle connections are kept longer than any caller of ours keeps one, so that it is always the caller who closes: a
  request written into a connection the service is just closing would be lost.
- On SIGTERM the application's own `stop` runs first (a gateway asks its sockets to come back elsewhere), and only then
  does gunicorn stop listening and wait for the requests that are still open. Who comes later is refused at once, and
  goes to another process.
- What an operator can mend (a missing setting, a database that is not migrated) is one sentence, and gunicorn ends
  with it: by itself it would start the worker again and again.
- No request line is ever logged: an address may carry a one-time code, and a broken request anything at all.
"""

import os
import resource
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from weakref import WeakSet

from gunicorn.glogging import Logger
from gunicorn.workers.base import Worker

SERVICE = os.environ["SERVICE"]
LIVE = SERVICE.endswith("-gateway")
CANNOT_START = 3
"""The exit code of a worker after which gunicorn ends as well."""


FIRST_REQUEST_WITHIN_S = 5
"""Seconds a new connection to a gateway has until its first request's head is whole."""
IDLE_AFTER_STOP_S = 2
"""Seconds after which a gateway that ends hangs up the connections on which nothing was asked."""


class QuietLogger(Logger):  # type: ignore[misc] # gunicorn ships no types
    """gunicorn's own log without anything a caller sent, and without adding to an operator's one sentence."""

    def warning(self, msg: object, *args: object, **kwargs: object) -> None:
        if str(msg).startswith("Invalid request"):
            msg, args = "Refused a request that is not HTTP.", ()
        super().warning(msg, *args, **kwargs)

    def exception(self, msg: object, *args: object, **kwargs: object) -> None:
        if not str(msg).startswith("Error handling request"):
            super().exception(msg, *args, **kwargs)
            return
        super().error("Failed while handling a request: %s.", type(sys.exception()).__name__)

    def error(self, msg: object, *args: object, **kwargs: object) -> None:
        told = ("Worker (pid:%s) exited with code %s.", "Shutting down: %s", "Reason: %s")
        if not (msg in told and {CANNOT_START, "Master", "Worker failed to boot."} & set(args)):
            super().error(msg, *args, **kwargs)


def _worker_of_gateways() -> type[Worker]:
    import gevent  # noqa: PLC0415 - only the gateways have it
    from gunicorn.workers.ggevent import GeventWorker  # noqa: PLC0415 - as above

    class GatewayWorker(GeventWorker):  # type: ignore[misc] # gunicorn ships no types
        """gunicorn's own, which would wait as long for a connection's first request as for its next one.

        And which would wait for idle connections on its way out, to the end of their patience.
        """

        def __init__(self, *given: object, **named: object) -> None:
            super().__init__(*given, **named)
            self._idle: dict[gevent.Greenlet, gevent.Timeout] = {}
            self._known: WeakSet[gevent.Greenlet] = WeakSet()

        @contextmanager
        def timeout_ctx(self) -> Iterator[None]:
            connection = gevent.getcurrent()
            patience = self.cfg.keepalive if connection in self._known else FIRST_REQUEST_WITHIN_S
            self._known.add(connection)
            with gevent.Timeout(patience, False) as limit:
                self._idle[connection] = limit
                try:
                    yield
                finally:
                    del self._idle[connection]

        def handle_exit(self, number: int, frame: object) -> None:
            super().handle_exit(number, frame)
            gevent.spawn_later(IDLE_AFTER_STOP_S, self._hang_up_idle)

        def _hang_up_idle(self) -> None:
            for connection, limit in list(self._idle.items()):
                connection.kill(limit, block=False)

    return GatewayWorker


def _worker_of_threads() -> type[Worker]:
    from gunicorn.workers.gthread import ThreadWorker  # noqa: PLC0415 - the gateways do without it

    class ServiceWorker(ThreadWorker):  # type: ignore[misc] # gunicorn ships no types
        """gunicorn's own, which on its way out would let new callers queue for seconds at a door that stays shut."""

        def set_accept_enabled(self, enabled: bool) -> None:  # noqa: FBT001 - gunicorn's signature
            super().set_accept_enabled(enabled)
            if enabled or self.alive:
                return
            for listener in self.sockets:
                self._takes_who_waits(listener)
                listener.close()

        def _takes_who_waits(self, listener: object) -> None:
            taken = -1
            while taken != self.nr_conns:
                taken = self.nr_conns
                self.accept(listener)

    return ServiceWorker


# Engines commonly start a process with 1,024 open files and let it ask for more; each live socket is one.
_, most = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 65_536) if most > 0 else 65_536, most))

wsgi_app = SERVICE.replace("-", "_") + ".app:create_app()"
proc_name = SERVICE
bind = ["0.0.0.0:" + os.environ.get("PORT", "8000")]
backlog = 2048
workers = 1
worker_class = _worker_of_gateways() if LIVE else _worker_of_threads()
worker_connections = 20_000 if LIVE else 1_000
threads = int(os.environ.get("THREADS", "20"))
keepalive = 75
timeout = 30
graceful_timeout = 20
worker_tmp_dir = "/dev/shm" if os.path.isdir("/dev/shm") else None  # noqa: S108, PTH112 - a heartbeat file of no content
control_socket_disable = True  # nobody steers a running container by gunicornc, and the root is read-only
logger_class = QuietLogger
accesslog = None
errorlog = "-"
loglevel = "warning"
limit_request_line = 8190


def post_fork(_server: object, worker: Worker) -> None:
    """End with the application's sentence, once, where it cannot start."""
    load = worker.load_wsgi

    def load_or_end() -> None:
        try:
            load()
        except SystemExit as refused:
            sys.stderr.write(f"{refused.code}\n")
            raise SystemExit(CANNOT_START) from None

    worker.load_wsgi = load_or_end


def post_worker_init(worker: Worker) -> None:
    """Let the application end its own work before gunicorn ends the worker."""
    import signal  # noqa: PLC0415 - the gevent worker has patched it by now

    stop: Callable[[], None] | None = worker.wsgi.extensions.get("stop")
    if stop is None:
        return

    def finish() -> None:
        try:
            stop()
        finally:
            worker.handle_exit(signal.SIGTERM, None)

    def leave(_signal: int, _frame: object) -> None:
        # A signal's code must not wait: the work goes to a greenlet, or a thread, of its own.
        if LIVE:
            import gevent  # noqa: PLC0415 - only the gateways have it

            gevent.spawn(finish)
        else:
            import threading  # noqa: PLC0415 - as above

            threading.Thread(target=finish, name="stop", daemon=True).start()

    signal.signal(signal.SIGTERM, leave)
