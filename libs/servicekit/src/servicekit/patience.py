"""How long a service waits for PostgreSQL: nobody hangs for longer than seconds, whatever became of the other end.

* A line that leads nowhere is noticed by both ends: keepalives, and data that nobody takes (9 s).
* A statement is ended by the server after `PATIENCE_S`, and so is a transaction in which nothing is asked: who stopped
  in the middle of one keeps no lock for ever.
* A server that stands still ends nothing, and its system goes on answering for it: a connection that was handed out
  longer ago than `HELD_AT_MOST_S` is hung up on from here, and whoever waits on it hears that it is lost.

Only what serves is given so little: migrations and an operator's commands may take their time.
"""

import os
import socket
import threading
import time
from contextlib import suppress
from typing import Any, Final

from sqlalchemy import Engine, event
from sqlalchemy.pool import ConnectionPoolEntry

from servicekit.log import get_logger

log = get_logger()

PATIENCE_S: Final = 10
HELD_AT_MOST_S: Final = 12.0
LOOKS_EVERY_S: Final = 1.0
SESSION: Final = {
    "statement_timeout": f"{PATIENCE_S}s",
    "idle_in_transaction_session_timeout": f"{PATIENCE_S}s",
    "tcp_keepalives_idle": 3,
    "tcp_keepalives_interval": 2,
    "tcp_keepalives_count": 3,
}
LINE: Final = {"keepalives_idle": 3, "keepalives_interval": 2, "keepalives_count": 3, "tcp_user_timeout": 9_000}
"""What libpq is told about its own end."""


def connect_args() -> dict[str, Any]:
    """Return what psycopg is told when a serving engine connects."""
    return LINE | {"options": " ".join(f"-c {name}={value}" for name, value in SESSION.items())}


def hang_up_what_is_held(on: Engine, *, held_at_most_s: float = HELD_AT_MOST_S) -> None:
    """Hang up each connection of this engine that was handed out too long ago."""
    held = _Held(held_at_most_s)

    @event.listens_for(on, "checkout")
    def handed_out(connection: Any, record: ConnectionPoolEntry, _proxy: object) -> None:  # noqa: ANN401 - psycopg's
        held.begins(record, connection)

    @event.listens_for(on, "checkin")
    def given_back(_connection: object, record: ConnectionPoolEntry) -> None:
        held.ends(record)


class _Held:
    """The connections that are out, watched by a thread of its own from the first one on."""

    def __init__(self, at_most_s: float) -> None:
        self._at_most_s = at_most_s
        self._out: dict[ConnectionPoolEntry, tuple[Any, float]] = {}
        self._beginning = threading.Lock()
        self._watched = False

    def begins(self, record: ConnectionPoolEntry, connection: Any) -> None:  # noqa: ANN401 - psycopg's
        self._out[record] = connection, time.monotonic()
        if not self._watched:
            self._watch_from_now_on()

    def ends(self, record: ConnectionPoolEntry) -> None:
        self._out.pop(record, None)

    def _watch_from_now_on(self) -> None:
        with self._beginning:
            if not self._watched:
                threading.Thread(target=self._watch, name="patience", daemon=True).start()
                self._watched = True

    def _watch(self) -> None:
        while True:
            time.sleep(min(LOOKS_EVERY_S, self._at_most_s / 2))
            latest = time.monotonic() - self._at_most_s
            for record, (connection, since) in list(self._out.items()):
                if since < latest:
                    self._out.pop(record, None)
                    _hang_up(connection)


def _hang_up(connection: Any) -> None:  # noqa: ANN401 - psycopg's
    """End the line under a connection: its own thread finds it lost and closes it, as it must."""
    log.warning("database.hung_up")
    with suppress(Exception):  # it was closed meanwhile
        line = socket.socket(fileno=os.dup(connection.fileno()))
        with line:
            line.shutdown(socket.SHUT_RDWR)
