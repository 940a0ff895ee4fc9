"""The ground under a service's tables: the engine, the transaction, the migrations.

PostgreSQL in a cluster and in tests, SQLite in the embedded run: one set of tables, one set of migrations. On SQLite a
transaction begins IMMEDIATE, so a writer waits its turn at the start instead of failing in the middle; and writers of
one process take turns by a lock of ours, since SQLite's own waiting would stop every greenlet, the awaited one too.
"""

import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.resources import as_file, files
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError, DisconnectionError, InternalError, OperationalError
from sqlalchemy.pool import ConnectionPoolEntry

from servicekit import patience
from servicekit.log import get_logger
from wire.words import folded

log = get_logger()

BUSY_MS = 10_000
"""How long a SQLite writer waits for one in another process, in milliseconds."""

NEVER_BY_ITSELF = 2**31
"""So often would the driver have to see a statement before it prepared it by itself (None would forbid it altogether).

A plan kept from when a table was small reads the whole table for each row once it has grown: only what is written for
it is prepared, the rest is planned each time."""

LOCK_NOT_AVAILABLE = "55P03"
"""SQLSTATE of a statement that waited too long for a lock (PostgreSQL, appendix A)."""
SAID_NOTHING = "25P03"
"""SQLSTATE of a transaction that was ended because nothing was asked in it: this process was stopped meanwhile."""
LETS_OTHERS_PASS_S = 1.0
TURNS = 150
"""Five minutes."""

RESTED_S = 1.0
"""Seconds without use after which a connection is asked whether it still stands."""
RESTS_SINCE = "rests_since"

_turns: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
"""One lock for each SQLite file of this process."""


class DatabaseError(Exception):
    """The database cannot be used; the message is one sentence for an operator."""


class DatabaseNewer(DatabaseError):
    """The database was migrated by a newer release than this one."""


class DatabaseBehind(DatabaseError):
    """The database lacks migrations of this release."""


class DatabaseBusy(DatabaseError):
    """Others held what the migrations need, however often they tried."""


def engine(
    url: str,
    *,
    pool_size: int = 8,
    rested_s: float = RESTED_S,
    serving: bool = False,
    held_at_most_s: float = patience.HELD_AT_MOST_S,
) -> Engine:
    """Return an engine for `postgresql+psycopg://…` or `sqlite:///…`; nothing connects before it is used.

    A connection that nobody used for `rested_s` seconds is asked whether it still stands before it is handed out. One
    that is `serving` has the patience of `servicekit.patience`; without, a statement may take as long as it takes.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return _sqlite(url)
    if parsed.drivername == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    given = {"connect_timeout": 3, "application_name": "messages", "prepare_threshold": NEVER_BY_ITSELF}
    made = create_engine(
        parsed,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=5,
        connect_args=given | (patience.connect_args() if serving else {}),
    )
    if serving:
        patience.hang_up_what_is_held(made, held_at_most_s=held_at_most_s)
    _ask_the_rested(made, rested_s)
    return made


def _ask_the_rested(made: Engine, rested_s: float) -> None:
    """Ask the rested only: one in steady use tells by itself, its next statement fails, and its elders are replaced."""

    @event.listens_for(made, "checkin")
    def rests(_connection: object, record: ConnectionPoolEntry) -> None:
        record.info[RESTS_SINCE] = time.monotonic()

    @event.listens_for(made, "checkout")
    def is_wanted(connection: DBAPIConnection, record: ConnectionPoolEntry, _proxy: object) -> None:
        now = time.monotonic()
        if now - record.info.get(RESTS_SINCE, now) < rested_s:
            return
        try:
            made.dialect.do_ping(connection)
        except made.dialect.dbapi.Error as gone:  # type: ignore[union-attr] # a dialect that connected has its driver
            raise DisconnectionError from gone


@contextmanager
def transaction(on: Engine) -> Iterator[Connection]:
    """Yield a connection inside one transaction: committed when the block ends, rolled back when it raises.

    One that PostgreSQL ended because nothing was asked in it for too long is an OperationalError like any lost line.
    """
    if not is_sqlite(on):
        try:
            with on.begin() as connection:
                yield connection
        except InternalError as ended:
            if _state(ended) != SAID_NOTHING:
                raise
            raise OperationalError(ended.statement, ended.params, ended.orig) from ended  # type: ignore[arg-type] # what the driver raised
        return
    with _turns[str(on.url.database)], on.begin() as connection:
        yield connection


def is_sqlite(connection: Connection | Engine) -> bool:
    """Tell whether this is the embedded run's database."""
    return connection.dialect.name == "sqlite"


def _state(failed: DBAPIError) -> str | None:
    return getattr(failed.orig, "sqlstate", None)


def upgrade(on: Engine, package: str) -> None:
    """Bring the database to this release by the scripts in `<package>/migrations`; DatabaseNewer if it is ahead.

    On PostgreSQL each script is a transaction of its own, and waits a second at most for a lock: who posts meanwhile
    waits behind it. Then it lets others pass and is tried again; DatabaseBusy when it never was its turn.
    """
    with _config(on, package) as config:
        _refuse_newer(on, config, package)
        if is_sqlite(on):
            with on.begin() as connection:
                _run_scripts(config, connection)
            return
        for _ in range(TURNS):
            if _took_its_turn(on, config):
                return
            time.sleep(LETS_OTHERS_PASS_S)
        raise DatabaseBusy(f"The database of {package} is in use by long transactions: run '{package} migrate' again.")


def _took_its_turn(on: Engine, config: Config) -> bool:
    with on.connect() as connection:
        connection.execute(text("SET lock_timeout = '1s'"))
        connection.commit()
        try:
            _run_scripts(config, connection)
        except OperationalError as failed:
            if _state(failed) != LOCK_NOT_AVAILABLE:
                raise
            log.info("migrations.put_off")
            return False
        finally:
            connection.invalidate()  # nobody else is to be in such a hurry
    return True


def _run_scripts(config: Config, connection: Connection) -> None:
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def check_version(on: Engine, package: str) -> None:
    """Raise DatabaseNewer or DatabaseBehind unless the database is at this release's migrations: for commands."""
    with _config(on, package) as config:
        _refuse_newer(on, config, package)
    _refuse_older(on, package)


def check_serves(on: Engine, package: str) -> None:
    """Raise DatabaseBehind where migrations of this release are missing: for whoever starts to serve.

    A newer release's tables are fine, and worth a line in the log: a process that dies while it is replaced comes back.
    """
    _refuse_older(on, package)
    current = _current(on, package)
    if current != _versions(package)[0]:
        log.warning("database.newer", package=package, version=current)


def is_migrated(on: Engine, package: str) -> bool:
    """Tell whether the database is at this release's migrations, or at a newer one's: also a readiness check.

    Releases run side by side on the newer one's tables while one replaces the other.
    """
    versions = _versions(package)
    current = _current(on, package)
    return current is not None and (current == versions[0] or current not in versions)


def answers(on: Engine) -> bool:
    """Tell whether the database answers a query: a readiness check."""
    with on.connect() as connection:
        return connection.execute(text("SELECT 1")).scalar() == 1


@cache
def _versions(package: str) -> tuple[str, ...]:
    """Return the versions this release knows, the newest first."""
    with as_file(files(package) / "migrations") as folder:
        config = Config()
        config.set_main_option("script_location", str(folder).replace("%", "%%"))
        return tuple(script.revision for script in ScriptDirectory.from_config(config).walk_revisions())


def version_table(package: str) -> str:
    """Return the name of the table in which Alembic keeps `package`'s version."""
    return f"{package}_version"


def _current(on: Engine, package: str) -> str | None:
    with on.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": version_table(package)})
        return context.get_current_revision()


def _refuse_older(on: Engine, package: str) -> None:
    if not is_migrated(on, package):
        raise DatabaseBehind(f"The database of {package} is not migrated yet: run '{package} migrate' first.")


def _refuse_newer(on: Engine, config: Config, package: str) -> None:
    current = _current(on, package)
    if current is None:
        return
    try:
        ScriptDirectory.from_config(config).get_revision(current)
    except CommandError as unknown:
        raise DatabaseNewer(
            f"The database of {package} was made by a newer release (version {current}): "
            "install that release, or restore a backup made before the upgrade."
        ) from unknown


@contextmanager
def _config(on: Engine, package: str) -> Iterator[Config]:
    with as_file(files(package) / "migrations") as folder:
        config = Config()
        config.set_main_option("script_location", str(folder).replace("%", "%%"))
        config.attributes["version_table"] = version_table(package)
        config.attributes["engine"] = on
        yield config


def _sqlite(url: str) -> Engine:
    made = create_engine(url, connect_args={"check_same_thread": False, "timeout": BUSY_MS / 1000})

    @event.listens_for(made, "connect")
    def prepare(connection: Any, _record: Any) -> None:  # noqa: ANN401 - the driver's own connection
        connection.isolation_level = None  # we begin transactions ourselves, below
        # PostgreSQL has it from conversations' migrations: triggers keep the words of what is written.
        connection.create_function("folded", 1, folded, deterministic=True)
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=NORMAL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.execute(f"PRAGMA busy_timeout={BUSY_MS}")
        cursor.close()

    @event.listens_for(made, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return made
