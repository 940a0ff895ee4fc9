"""The real system, started for tests: four services, the relay and an edge, each its own process on its own port.

The databases, users and grants are production's: deploy/postgres/init.sh and deploy/rabbitmq/definitions.json are what
prepares them, deploy/gunicorn.conf.py runs the services. The demo clinic of protocol.md section 7 is seeded.

    with clinic.running(postgres, rabbit, folder) as harbor:
        nora = harbor.signs_in("nora@harbor.example")
        harbor.kills("relay")
"""

import json
import os
import re
import secrets
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from servicekit.vapid import VapidKey
from tests.support import children
from tests.support.children import Child
from tests.support.person import Person
from tests.support.ports import LOOPBACK, free_port, listens, wait_until
from tests.support.postgres import AUTH_OWNER, OWNER, Database, PostgresServer
from tests.support.rabbitmq import RabbitServer

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
PROGRAMS = Path(sys.executable).parent
READY_S = 45.0
PUSH_SERVICE = "https://push.harbor.example"
"""The one push service these gateways call; there is none."""
AUTH, CONVERSATIONS, RELAY = "auth", "conversations", "relay"
STAFF, PORTAL, EDGE = "staff-gateway", "portal-gateway", "edge"
SERVICES = (AUTH, CONVERSATIONS, RELAY, STAFF, PORTAL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """How one process is started."""

    name: str
    command: list[str]
    environ: dict[str, str] = field(repr=False)
    port: int

    def ready(self) -> bool:
        """Tell whether the process says that it can serve, and misses nothing."""
        if self.name == EDGE:
            return listens(LOOPBACK, self.port)
        try:
            told = httpx.get(f"http://{LOOPBACK}:{self.port}/readyz", timeout=8, trust_env=False)
        except httpx.HTTPError:
            return False
        return bool(told.json()["status"] == "ready")


@dataclass(slots=True, kw_only=True)
class Clinic:
    """The running system, and the verbs that break and mend it."""

    origin: str
    folder: Path
    programs: dict[str, Program]
    postgres: PostgresServer
    auth_database: Database
    database: Database
    rabbit: RabbitServer
    broker_passwords: dict[str, str] = field(repr=False)
    auth_secret: str = field(repr=False)
    processes: dict[str, Child] = field(default_factory=dict)

    def signs_in(self, email: str, *, at: str | None = None) -> Person:
        """Sign a person in by the password grant; `at` names a service to talk to without the edge."""
        person = Person(self.origin_of(at) if at else self.origin, email, auth_origin=self.origin)
        return person.signs_in()

    def origin_of(self, name: str) -> str:
        """Return the address of one process' own port."""
        return f"http://{LOOPBACK}:{self.programs[name].port}"

    def starts(self, *names: str) -> None:
        """Start processes together and wait until each is ready."""
        for name in names:
            self.begins(name)
        for name in names:
            self.waits_for(name)

    def begins(self, name: str) -> None:
        """Start a process without waiting."""
        program = self.programs[name]
        self.processes[name] = children.start(
            name,
            program.command,
            log=self.folder / f"{name}.log",
            environ=program.environ,
            cwd=ROOT,
        )

    def waits_for(self, name: str) -> None:
        """Wait until a process is ready; when it is not, its last words say why."""
        child, program = self.processes[name], self.programs[name]
        try:
            wait_until(lambda: not child.alive or program.ready(), within_s=READY_S, what=f"{name} being ready")
        except TimeoutError as late:
            raise TimeoutError(f"{late}; its last words:\n{child.last_words()}") from None
        if not child.alive:
            raise ChildProcessError(f"{name} ended by itself; its last words:\n{child.last_words()}")

    def missing(self) -> list[str]:
        """Return the processes that do not run."""
        return [name for name in self.programs if name not in self.processes or not self.processes[name].alive]

    def kills(self, name: str) -> None:
        """End a process at once (kill -9), workers and all."""
        self.processes[name].kill()

    def stops(self, name: str) -> int:
        """Ask a process to end; returns its exit code."""
        return self.processes[name].stop(within_s=25)

    @contextmanager
    def replica(self, of: str, **settings: str) -> Iterator[str]:
        """Run one more process of a service, with other settings, for a while; gives its name."""
        name = f"{of}-{len(self.programs)}"
        port = free_port()
        original = self.programs[of]
        environ = {**original.environ, "PORT": str(port), **settings}
        self.programs[name] = Program(name=name, command=original.command, environ=environ, port=port)
        try:
            self.starts(name)
            yield name
        finally:
            self.processes.pop(name).kill()
            del self.programs[name]

    def ends(self) -> None:
        """End everything, the outermost first."""
        for name in reversed(list(self.processes)):
            self.processes[name].send_term()
        for child in self.processes.values():
            child.stop(within_s=3)

    def logs(self) -> str:
        """Return everything every process has written."""
        return "\n".join(path.read_text(errors="replace") for path in sorted(self.folder.glob("*.log")))


@contextmanager
def running(
    postgres: PostgresServer,
    rabbit: RabbitServer,
    folder: Path,
    **settings: str,
) -> Iterator[Clinic]:
    """Prepare databases and broker, start everything, and end it whatever happens; settings go to every service."""
    made = prepared(postgres, rabbit, folder, settings)
    try:
        made.starts(*made.programs)
        yield made
    finally:
        made.ends()
        for database in (made.auth_database, made.database):
            with suppress(Exception):
                database.drop()


def prepared(postgres: PostgresServer, rabbit: RabbitServer, folder: Path, settings: Mapping[str, str]) -> Clinic:
    """Return a clinic whose databases are migrated and seeded and whose broker knows its users; nothing runs yet."""
    ports = {name: free_port() for name in (*SERVICES, EDGE)}
    origin = f"http://{LOOPBACK}:{ports[EDGE]}"
    auth_database = postgres.fresh_database(owner=AUTH_OWNER)
    database = postgres.fresh_database(owner=OWNER)
    broker_passwords = _broker_users(rabbit)
    keys = {name: secrets.token_hex(32) for name in ("auth", "staff", "portal", "conversations", "cookies", "cookies2")}

    def broker(user: str) -> str:
        return rabbit.url("/", user=user, password=broker_passwords[user])

    common = {
        **{name: os.environ[name] for name in ("PATH", "PYTHONPATH", "LANG", "LC_ALL", "TZ") if name in os.environ},
        "PYTHONUNBUFFERED": "1",
        "PUBLIC_ORIGIN": origin,
        "DEMO": "on",
        "LOG_LEVEL": "INFO",
        "SENDS_PER_MINUTE": "1000000",
        "CALLS_PER_MINUTE": "1000000",
        "UPLOADS_PER_MINUTE": "1000000",
        "SOCKETS_PER_USER": "100",
        "AUTH_URL": f"http://{LOOPBACK}:{ports[AUTH]}",
        "CONVERSATIONS_URL": f"http://{LOOPBACK}:{ports[CONVERSATIONS]}",
        **settings,
    }
    own = {
        AUTH: {
            "AUTH_DATABASE_URL": auth_database.url("auth"),
            "AUTH_SECRET": keys["auth"],
            "AUTH_PASSWORD_GRANT": "on",
            "STAFF_GATEWAY_SECRET": keys["staff"],
            "PORTAL_GATEWAY_SECRET": keys["portal"],
            "CONVERSATIONS_SECRET": keys["conversations"],
            "BROKER_URL": broker("auth"),
        },
        CONVERSATIONS: {
            "CONVERSATIONS_DATABASE_URL": database.url("conversations"),
            "CONVERSATIONS_SECRET": keys["conversations"],
            "CONVERSATIONS_FILES_DIR": str(folder / "files"),
            "BROKER_URL": broker("conversations"),
        },
        RELAY: {
            "RELAY_DATABASE_URL": database.url("relay"),
            "CONVERSATIONS_SECRET": keys["conversations"],
            "BROKER_URL": broker("relay"),
        },
        STAFF: {
            "GATEWAY_SECRET": keys["staff"],
            "SESSION_SECRET": keys["cookies"],
            "BROKER_URL": broker("staff-gateway"),
        },
        PORTAL: {
            "GATEWAY_SECRET": keys["portal"],
            "SESSION_SECRET": keys["cookies2"],
            "BROKER_URL": broker("portal-gateway"),
        },
    }
    push = {
        "PUSH_VAPID_PRIVATE_KEY": VapidKey.made().private,
        "PUSH_VAPID_CONTACT": "mailto:olga@harbor.example",
        "PUSH_SERVICES": PUSH_SERVICE,
    }
    own[STAFF] |= push
    own[PORTAL] |= push
    _grant_as_production(auth_database, "auth")
    _grant_as_production(database, "conversations")
    _run(["auth", "migrate"], {**common, **own[AUTH], "AUTH_DATABASE_URL": auth_database.url(AUTH_OWNER)})
    _run(["conversations", "migrate"], {**common, **own[CONVERSATIONS], "CONVERSATIONS_DATABASE_URL": database.url()})

    gunicorn = [str(PROGRAMS / "gunicorn"), "--config", str(DEPLOY / "gunicorn.conf.py")]
    programs = {
        name: Program(
            name=name,
            command=[str(PROGRAMS / "conversations"), "relay"] if name == RELAY else gunicorn,
            environ={**common, **own[name], "SERVICE": name, "PORT": str(ports[name])},
            port=ports[name],
        )
        for name in SERVICES
    }
    upstreams = [f"{short}={ports[name]}" for short, name in (("auth", AUTH), ("staff", STAFF), ("portal", PORTAL))]
    programs[EDGE] = Program(
        name=EDGE,
        command=[sys.executable, "-m", "tests.support.edge", str(ports[EDGE]), *upstreams],
        environ=common,
        port=ports[EDGE],
    )
    return Clinic(
        origin=origin,
        folder=folder,
        programs=programs,
        postgres=postgres,
        auth_database=auth_database,
        database=database,
        rabbit=rabbit,
        broker_passwords=broker_passwords,
        auth_secret=keys["auth"],
    )


def _grant_as_production(database: Database, name: str) -> None:
    """Run the part of deploy/postgres/init.sh that prepares the inside of a database."""
    script = (DEPLOY / "postgres" / "init.sh").read_text().split("<< 'END'\n")[1].split("\nEND")[0]
    parts = re.split(r"^\\connect (\w+)\n", script, flags=re.MULTILINE)
    database.ask(dict(zip(parts[1::2], parts[2::2], strict=True))[name])


def _broker_users(rabbit: RabbitServer) -> dict[str, str]:
    """Load production's exchanges, users and permissions with passwords of this run; return these."""
    text = (DEPLOY / "rabbitmq" / "definitions.json").read_text()
    passwords: dict[str, str] = {}

    def made_up(found: re.Match[str]) -> str:
        name = found[1].removesuffix("_PASSWORD").lower().replace("_", "-")
        return passwords.setdefault(name, secrets.token_hex(16))

    definitions = json.loads(re.sub(r"\{\{(\w+)\}\}", made_up, text))
    rabbit.import_definitions(definitions)
    return passwords


def _run(command: list[str], environ: Mapping[str, str]) -> None:
    program = str(PROGRAMS / command[0])
    done = subprocess.run([program, *command[1:]], env=environ, cwd=ROOT, capture_output=True, check=False)
    if done.returncode != 0:
        said = (done.stdout + done.stderr).decode(errors="replace").strip()
        raise ChildProcessError(f"`{' '.join(command)}` failed: {said[-1500:]}")
