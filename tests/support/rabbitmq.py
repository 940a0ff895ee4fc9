"""A real RabbitMQ of our own, and a fresh virtual host from it whenever one is asked for.

- Never a broker that already runs: a container, or the machine's program with its own node name, ports, folders and
  its own port mapper (`epmd`), so that the machine's own is left as found.
- Everything is arranged over the management API; `fresh_vhost()` takes milliseconds.
"""

import os
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

from tests.support import children, containers, parts
from tests.support.ports import LOOPBACK, free_port, wait_until
from tests.support.power import ChildPower, ContainerPower, Power

ADMIN = "messages_admin"
START_S = 90.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RabbitServer:
    """A running broker and its management API."""

    host: str
    port: int
    management_port: int
    password: str
    pids: Callable[[], list[int]]
    files_with: Callable[[str], list[str]]
    """Names the broker's files that contain a word."""
    http: httpx.Client
    power: Power

    def fresh_vhost(self) -> str:
        """Make a virtual host and return its name."""
        name = f"test-{secrets.token_hex(6)}"
        self.call("PUT", f"/vhosts/{name}", {})
        self.permit(ADMIN, name)
        return name

    def drop_vhost(self, name: str) -> None:
        self.call("DELETE", f"/vhosts/{name}")

    def add_user(self, name: str, password: str) -> None:
        """Add a user without any permission yet."""
        self.call("PUT", f"/users/{name}", {"password": password, "tags": ""})

    def permit(self, user: str, vhost: str, *, configure: str = ".*", write: str = ".*", read: str = ".*") -> None:
        """Give a user its permissions in a virtual host: three regular expressions over names."""
        body = {"configure": configure, "write": write, "read": read}
        self.call("PUT", f"/permissions/{quote(vhost, safe='')}/{user}", body)

    def permit_topics(self, user: str, vhost: str, *, exchange: str, write: str, read: str) -> None:
        """Give a user its routing keys at one topic exchange."""
        body = {"exchange": exchange, "write": write, "read": read}
        self.call("PUT", f"/topic-permissions/{quote(vhost, safe='')}/{user}", body)

    def url(self, vhost: str, *, user: str = ADMIN, password: str | None = None) -> str:
        """Return the AMQP URL of a virtual host for a user."""
        return f"amqp://{user}:{password or self.password}@{self.host}:{self.port}/{quote(vhost, safe='')}"

    def import_definitions(self, definitions: Mapping[str, object]) -> None:
        """Load exchanges, users and permissions as a production broker does at its start."""
        self.call("POST", "/definitions", definitions)

    def connections(self, vhost: str) -> list[str]:
        """Return the names of a virtual host's connections; a new one is listed after some seconds."""
        return [each["name"] for each in self.call("GET", "/connections") if each.get("vhost") == vhost]

    def drop_connections(self, vhost: str) -> int:
        """Cut every listed connection of a virtual host, as a broker's restart would; returns how many there were."""
        found = self.connections(vhost)
        for name in found:
            self.call("DELETE", f"/connections/{quote(name, safe='')}")
        return len(found)

    def call(self, method: str, path: str, body: Mapping[str, object] | None = None) -> Any:  # noqa: ANN401 - JSON of RabbitMQ's own
        """Call the management API."""
        url = f"http://{self.host}:{self.management_port}/api{path}"
        answer = self.http.request(method, url, json=body, auth=(ADMIN, self.password))
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def answers(self) -> bool:
        """Tell whether the broker serves both AMQP and management."""
        try:
            listeners = self.call("GET", "/overview")["listeners"]
        except httpx.HTTPError:
            return False
        return any(each["protocol"] == "amqp" for each in listeners)


@contextmanager
def running(*, direct: bool = False, lasting: bool = False) -> Iterator[RabbitServer]:
    """Start a broker and stop it whatever happens; a `lasting` one keeps its address over a cut of its power."""
    password = secrets.token_hex(12)
    start = _container if parts.source() is parts.Source.DOCKER else _local
    with (
        httpx.Client(timeout=10, trust_env=False) as http,
        start(password, http, direct=direct, lasting=lasting) as server,
    ):
        wait_until(server.answers, within_s=START_S, what="RabbitMQ answering", every_s=0.2)
        yield server


@contextmanager
def _container(password: str, http: httpx.Client, *, direct: bool, lasting: bool) -> Iterator[RabbitServer]:
    containers.prepare()
    container = containers.owned(parts.RABBITMQ_IMAGE)
    container.with_env("RABBITMQ_DEFAULT_USER", ADMIN).with_env("RABBITMQ_DEFAULT_PASS", password)
    containers.expose(container, 5672, 15672, lasting=lasting)
    with container:
        host, port = containers.address(container, 5672, direct=direct)
        _, management_port = containers.address(container, 15672, direct=direct)
        yield RabbitServer(
            host=host,
            port=port,
            management_port=management_port,
            password=password,
            http=http,
            pids=lambda: containers.pids(container),
            files_with=lambda word: containers.files_with(container, word, "/var/lib/rabbitmq"),
            power=ContainerPower(container),
        )


@contextmanager
def _local(password: str, http: httpx.Client, *, direct: bool, lasting: bool) -> Iterator[RabbitServer]:
    del direct, lasting  # a local broker is always reached directly, and its folder stays
    program = parts.rabbitmq_program()
    folder = Path(tempfile.mkdtemp(prefix="messages-rabbitmq-"))
    port, management_port = free_port(), free_port()
    environ = _environment(folder, port, management_port, password)
    try:
        with children.running("epmd", _mapper(environ), log=folder / "epmd.txt", environ=environ, cwd=folder):
            power = ChildPower(
                lambda: children.start("rabbitmq", [str(program)], log=folder / "log.txt", environ=environ, cwd=folder)
            )
            try:
                yield RabbitServer(
                    host=LOOPBACK,
                    port=port,
                    management_port=management_port,
                    password=password,
                    http=http,
                    pids=lambda: children.family(power.child.pid),
                    files_with=lambda word: _files_with(word, folder),
                    power=power,
                )
            finally:
                power.child.kill()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _mapper(environ: Mapping[str, str]) -> list[str]:
    """Return the command of a port mapper in the foreground: one that Erlang starts itself would outlive us."""
    found = shutil.which("epmd")
    if found is None:
        raise parts.PartMissing("Erlang's epmd is missing: install it (`apt-get install erlang-base`).")
    return [found, "-address", LOOPBACK, "-port", environ["ERL_EPMD_PORT"]]


def _environment(folder: Path, port: int, management_port: int, password: str) -> dict[str, str]:
    (folder / "rabbitmq.conf").write_text(
        f"listeners.tcp.default = {LOOPBACK}:{port}\n"
        f"management.tcp.ip = {LOOPBACK}\n"
        f"management.tcp.port = {management_port}\n"
        f"default_user = {ADMIN}\n"
        f"default_pass = {password}\n"
        "log.console = true\n"
        "log.console.level = warning\n",
    )
    (folder / "enabled_plugins").write_text("[rabbitmq_management].\n")
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL") if name in os.environ}
    return kept | {
        "HOME": str(folder),
        "ERL_EPMD_PORT": str(free_port()),
        "ERL_EPMD_ADDRESS": LOOPBACK,
        "RABBITMQ_NODENAME": f"messages-{port}@localhost",
        "RABBITMQ_DIST_PORT": str(free_port()),
        "RABBITMQ_BASE": str(folder),
        "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
        "RABBITMQ_LOG_BASE": str(folder / "log"),
        "RABBITMQ_LOGS": "-",
        "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
        "RABBITMQ_CONF_ENV_FILE": str(folder / "no-env.conf"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
        "RABBITMQ_PID_FILE": str(folder / "pid"),
    }


def _files_with(word: str, folder: Path) -> list[str]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [str(path) for path in files if word.encode() in path.read_bytes()]
