"""The outbox from the relay's side: whose turn it is, what comes next, and waiting for more.

On PostgreSQL the turn is an advisory lock of one dedicated connection, and everything is read and deleted over that
same connection: whoever loses it can no longer read a row, so there is no moment of two leaders. The server ends the
session of a leader that says nothing for a while (stopped, or cut off), and another takes over.
On SQLite there is one process and one relay; the Bell wakes it.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, LiteralString, Protocol

import orjson
import psycopg
from psycopg.rows import class_row
from sqlalchemy import Engine, delete, func, make_url, select
from sqlalchemy.exc import SQLAlchemyError

from conversations.outbox import CHANNEL, Bell
from conversations.tables import outbox
from servicekit.background import Stop
from servicekit.database import transaction

LOCK = 0x6D73672E72656C61  # "msg.rela": one relay for one database
STANDBY_LOOKS_EVERY_S = 0.5
SILENT_LEADER_S = 12
"""More than the longest a leader is silent: a publish that is not confirmed and the pause after it."""

TAKE_TURN = "SELECT pg_try_advisory_lock(%s)"
NEXT: LiteralString = """
WITH gone AS (DELETE FROM outbox WHERE id = ANY(%(confirmed)s))
SELECT id, org::text AS org, type, staff, portal FROM outbox
WHERE id <> ALL(%(confirmed)s) ORDER BY id LIMIT %(limit)s
"""


class OutletLost(Exception):
    """The database went away; whatever was not deleted will be there next time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One stored event; what it says may be what a patient wrote."""

    id: int
    org: str
    type: str
    staff: str | None = field(repr=False)
    portal: str | None = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """How many rows wait, and since when the oldest does."""

    rows: int
    oldest: datetime | None


class Turn(Protocol):
    """The right to empty the outbox, while it lasts; everything raises `OutletLost` when it is over."""

    def next(self, confirmed: Sequence[int], limit: int) -> Sequence[Row]:
        """Delete what was confirmed and return the oldest of what is left."""

    def wait(self, seconds: float) -> None:
        """Return when something was stored, or after `seconds`."""


class Outlet(Protocol):
    """Where relays take turns."""

    def lead(self, stop: Stop) -> AbstractContextManager[Turn | None]:
        """Wait for the turn and keep it inside the block; None when asked to stop first."""

    def wake(self) -> None:
        """Cut a `wait` short where that is possible."""


class PostgresOutlet:
    """The outbox of a PostgreSQL database; implements `Outlet`."""

    def __init__(self, url: str, *, silent_leader_s: int = SILENT_LEADER_S) -> None:
        self._dsn = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
        self._silent_leader_s = silent_leader_s

    @contextmanager
    def lead(self, stop: Stop) -> Iterator["PostgresTurn | None"]:
        try:
            with self._connect() as connection:
                while not _took(connection):
                    if stop.wait(STANDBY_LOOKS_EVERY_S):
                        yield None
                        return
                connection.execute(f"LISTEN {CHANNEL}")
                yield PostgresTurn(connection)
        except psycopg.Error as lost:
            raise OutletLost(type(lost).__name__) from lost

    def wake(self) -> None:
        """Change nothing: a wait for NOTIFY is half a second at most."""

    def _connect(self) -> psycopg.Connection[Any]:
        # Both ends find out within seconds that the other is gone, whatever lies between.
        session = {
            "statement_timeout": "10s",
            "idle_session_timeout": f"{self._silent_leader_s}s",
            "tcp_keepalives_idle": 3,
            "tcp_keepalives_interval": 2,
            "tcp_keepalives_count": 3,
        }
        return psycopg.connect(
            self._dsn,
            autocommit=True,
            application_name="messages-relay",
            connect_timeout=3,
            keepalives_idle=3,
            keepalives_interval=2,
            keepalives_count=3,
            tcp_user_timeout=9_000,
            options=" ".join(f"-c {name}={value}" for name, value in session.items()),
        )


class PostgresTurn:
    """Implements `Turn` on the connection that holds the lock."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection

    def next(self, confirmed: Sequence[int], limit: int) -> Sequence[Row]:
        with self._connection.cursor(row_factory=class_row(Row)) as cursor:
            cursor.execute(NEXT, {"confirmed": list(confirmed), "limit": limit}, prepare=True)
            return cursor.fetchall()

    def wait(self, seconds: float) -> None:
        # Rings that came during a query are kept by psycopg and end this wait at once.
        for _ in self._connection.notifies(timeout=seconds, stop_after=1):
            pass


class SqliteOutlet:
    """The outbox of the embedded run's database; implements `Outlet`."""

    def __init__(self, engine: Engine, bell: Bell) -> None:
        self._engine = engine
        self._bell = bell

    @contextmanager
    def lead(self, stop: Stop) -> Iterator["SqliteTurn | None"]:
        try:
            yield None if stop.wanted else SqliteTurn(self._engine, self._bell)
        except SQLAlchemyError as lost:
            raise OutletLost(type(lost).__name__) from lost

    def wake(self) -> None:
        self._bell.ring()


class SqliteTurn:
    """Implements `Turn` in short transactions."""

    def __init__(self, engine: Engine, bell: Bell) -> None:
        self._engine = engine
        self._bell = bell

    def next(self, confirmed: Sequence[int], limit: int) -> Sequence[Row]:
        with transaction(self._engine) as connection:
            if confirmed:
                connection.execute(delete(outbox).where(outbox.c.id.in_(confirmed)))
            rows = connection.execute(select(outbox).order_by(outbox.c.id).limit(limit))
            return [Row(**row) for row in rows.mappings()]

    def wait(self, seconds: float) -> None:
        self._bell.wait(seconds)


def backlog(engine: Engine) -> Backlog:
    """Look at what waits; any role that may read the outbox can ask."""
    with engine.connect() as connection:
        rows = connection.execute(select(func.count()).select_from(outbox)).scalar_one()
        oldest = connection.execute(select(outbox).order_by(outbox.c.id).limit(1)).mappings().one_or_none()
    return Backlog(rows=rows, oldest=None if oldest is None else made_at(Row(**oldest)))


def made_at(row: Row) -> datetime | None:
    """Return when an event was made: its id is a UUIDv7 (RFC 9562 section 5.7); None for one that says nothing."""
    event = row.staff or row.portal
    if event is None:
        return None
    try:
        event_id: str = orjson.loads(event)["event_id"]
        return datetime.fromtimestamp(int(event_id.replace("-", "")[:12], 16) / 1000, UTC)
    except (ValueError, KeyError, OverflowError):
        return None


def _took(connection: psycopg.Connection[Any]) -> bool:
    row = connection.execute(TAKE_TURN, (LOCK,)).fetchone()
    return bool(row and row[0])
