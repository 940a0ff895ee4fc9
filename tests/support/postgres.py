"""A real PostgreSQL of our own, and a fresh database from it whenever one is asked for.

- Never a server that already runs: a container, or the machine's programs on a free port in a temporary folder.
- Databases are clones of a template, so that migrations run once a session: `fresh_database("conversations")`.
- The roles are the ones production has: `messages_owner` owns a database, or `auth_owner` auth's; the others get
  what production grants.
- `durable=False` (tests) forgets fsync; the bench asks for `durable=True`.
- `lasting=True` keeps what is stored over a cut of its power (`server.power`).
"""

import os
import pwd
import secrets
import shlex
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from tests.support import children, containers, parts
from tests.support.ports import LOOPBACK, free_port, wait_until
from tests.support.power import ChildPower, ContainerPower, Power

OWNER = "messages_owner"
AUTH_OWNER = "auth_owner"
ROLES = (OWNER, "conversations", "relay", AUTH_OWNER, "auth")
START_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """One database and the ways into it."""

    server: "PostgresServer"
    name: str

    def url(self, role: str = OWNER) -> str:
        """Return SQLAlchemy's URL for a role."""
        return f"postgresql+psycopg://{self._place(role)}"

    def dsn(self, role: str = OWNER) -> str:
        """Return libpq's URL for a role."""
        return f"postgresql://{self._place(role)}"

    def ask(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Run one statement as superuser (no row-level security) and return its rows."""
        with self.server.connect(self.name) as connection:
            cursor = connection.execute(query.encode(), values)
            return cursor.fetchall() if cursor.description else []

    def drop(self) -> None:
        """Remove the database, whoever is still connected."""
        self.server.drop(self.name)

    def _place(self, role: str) -> str:
        return f"{role}:{self.server.passwords[role]}@{self.server.host}:{self.server.port}/{self.name}"


@dataclass(slots=True, kw_only=True)
class PostgresServer:
    """A running server; `passwords` are made up for this run."""

    host: str
    port: int
    passwords: dict[str, str]
    pids: Callable[[], list[int]]
    run: Callable[[list[str]], str]
    """Runs one of PostgreSQL's own programs beside the server, as its superuser, and returns what it said."""
    power: Power
    templates: set[str] = field(default_factory=set)

    def answers(self) -> bool:
        """Tell whether a query is answered."""
        try:
            with self.connect() as connection:
                # The image's first start is a passing one, on the Unix socket only: over TCP the real one answers.
                connection.execute("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    def connect(self, database: str = "postgres") -> psycopg.Connection[tuple[Any, ...]]:
        """Return a superuser's connection that commits every statement."""
        return psycopg.connect(
            host=self.host,
            port=self.port,
            user="postgres",
            password=self.passwords["postgres"],
            dbname=database,
            autocommit=True,
            connect_timeout=5,
        )

    def template(self, name: str, prepare: Callable[[Database], None], *, owner: str = OWNER) -> None:
        """Make a template once a session: a database that `prepare` (migrations, a seed) has filled."""
        if name in self.templates:
            return
        database = self._create(f"template_{name}", template="template1", owner=owner)
        prepare(database)
        self.templates.add(name)

    def fresh_database(self, template: str | None = None, *, owner: str = OWNER) -> Database:
        """Return a new database: empty, or a clone of a template made before."""
        source = f"template_{template}" if template else "template1"
        return self._create(f"test_{secrets.token_hex(6)}", template=source, owner=owner)

    def drop(self, name: str) -> None:
        with self.connect() as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def pgbench(self, database: str, script: str, options: list[str]) -> str:
        """Run pgbench with a script of its own against a database, from beside the server."""
        line = " ".join(shlex.quote(word) for word in ["pgbench", *options, "-f", "/dev/stdin", database])
        return self.run(["sh", "-c", f"printf %s {shlex.quote(script)} | {line}"])

    def version(self) -> str:
        """Return the server's version."""
        with self.connect() as connection:
            row = connection.execute("SHOW server_version").fetchone()
        return str(row[0]) if row else ""

    def create_roles(self) -> None:
        """Create production's roles with this run's passwords."""
        with self.connect() as connection:
            for role in ROLES:
                connection.execute(
                    sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(
                        sql.Identifier(role),
                        sql.Literal(self.passwords[role]),
                    ),
                )
            connection.execute("CREATE ROLE finder NOLOGIN")
            connection.execute(sql.SQL("GRANT finder TO {}").format(sql.Identifier(OWNER)))

    def _create(self, name: str, *, template: str, owner: str) -> Database:
        with self.connect() as connection:
            connection.execute(
                sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE {}").format(
                    sql.Identifier(name),
                    sql.Identifier(owner),
                    sql.Identifier(template),
                ),
            )
        return Database(server=self, name=name)


@contextmanager
def running(*, durable: bool = False, direct: bool = False, lasting: bool = False) -> Iterator[PostgresServer]:
    """Start a server, with its roles, and stop it whatever happens."""
    passwords = {name: secrets.token_hex(12) for name in ("postgres", *ROLES)}
    start = _container if parts.source() is parts.Source.DOCKER else _local
    with start(passwords, durable=durable, direct=direct, lasting=lasting) as server:
        wait_until(server.answers, within_s=START_S, what="PostgreSQL answering a query")
        server.create_roles()
        yield server


def _settings(*, durable: bool) -> list[str]:
    settings = ["max_connections=200", "shared_buffers=128MB", "log_min_messages=warning"]
    if not durable:
        settings += ["fsync=off", "full_page_writes=off"]
    return [word for setting in settings for word in ("-c", setting)]


@contextmanager
def _container(passwords: dict[str, str], *, durable: bool, direct: bool, lasting: bool) -> Iterator[PostgresServer]:
    containers.prepare()
    container = containers.owned(parts.POSTGRES_IMAGE)
    container.with_env("POSTGRES_PASSWORD", passwords["postgres"])
    containers.expose(container, 5432, lasting=lasting)
    container.with_command(["postgres", *_settings(durable=durable)])
    if not durable and not lasting:
        container.with_tmpfs_mount("/var/lib/postgresql/data", "size=1g")
    with container:
        host, port = containers.address(container, 5432, direct=direct)
        yield PostgresServer(
            host=host,
            port=port,
            passwords=passwords,
            pids=lambda: containers.pids(container),
            run=lambda line: containers.run(
                container, line, {"PGUSER": "postgres", "PGPASSWORD": passwords["postgres"], "PGHOST": LOOPBACK}
            ),
            power=ContainerPower(container),
        )


@contextmanager
def _local(passwords: dict[str, str], *, durable: bool, direct: bool, lasting: bool) -> Iterator[PostgresServer]:
    del direct, lasting  # a local server is always reached directly, and its folder stays
    programs = parts.postgres_programs()
    user = _unprivileged_user()
    folder = Path(tempfile.mkdtemp(prefix="messages-postgres-"))
    try:
        secret = folder / "password"
        secret.write_text(passwords["postgres"])
        if user:
            for path in (folder, secret):
                shutil.chown(path, user, user)
        made = subprocess.run(
            [
                *(programs / "initdb", "-D", folder / "data", "-U", "postgres", "--encoding=UTF8", "--locale=C.UTF-8"),
                *("--auth=scram-sha-256", f"--pwfile={secret}", "--no-sync"),
            ],
            user=user,
            group=user,
            cwd=folder,
            capture_output=True,
            check=False,
        )
        if made.returncode != 0:
            raise parts.PartMissing(f"initdb could not make a database folder: {made.stderr.decode().strip()[-300:]}")
        port = free_port()
        power = ChildPower(
            lambda: children.start(
                "postgres",
                [
                    *(str(programs / "postgres"), "-D", str(folder / "data"), "-p", str(port)),
                    *("-c", f"listen_addresses={LOOPBACK}", "-c", f"unix_socket_directories={folder}"),
                    *_settings(durable=durable),
                ],
                log=folder / "log",
                environ=os.environ,
                cwd=folder,
                user=user,
                ends_with_us=signal.SIGINT,
            )
        )
        try:
            yield PostgresServer(
                host=LOOPBACK,
                port=port,
                passwords=passwords,
                pids=lambda: children.family(power.child.pid),
                run=lambda line: _beside(line, programs, port, passwords["postgres"]),
                power=power,
            )
        finally:
            power.child.stop(by=signal.SIGINT)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _beside(line: list[str], programs: Path, port: int, password: str) -> str:
    place = {"PGUSER": "postgres", "PGPASSWORD": password, "PGHOST": LOOPBACK, "PGPORT": str(port)}
    path = f"{programs}:{os.environ.get('PATH', '')}"
    done = subprocess.run(line, env={**os.environ, **place, "PATH": path}, capture_output=True, check=False)
    if done.returncode != 0:
        raise ChildProcessError(f"{line[-1][-80:]} failed: {done.stderr.decode().strip()[-300:]}")
    return done.stdout.decode()


def _unprivileged_user() -> str | None:
    """Return who runs PostgreSQL when we are root: it refuses to run as root itself."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam("postgres").pw_name
    except KeyError:
        return "nobody"
