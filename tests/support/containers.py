"""Containers of a test run: started through testcontainers, always removed by us.

Ryuk, testcontainers' own reaper, is switched off where its image is not on the machine. Containers carry a label
with the id of the process that owns them; what a run that was killed left behind is removed by the next one.
"""

import os
import socket
from pathlib import Path

import docker
import docker.errors
from testcontainers.core.config import testcontainers_config
from testcontainers.core.container import DockerContainer, ExecConfig

from tests.support.ports import free_port

OWNER = "messages.tests.owner"


def prepare() -> None:
    """Decide about Ryuk and remove the containers of runs that are no more."""
    client = docker.from_env()
    try:
        try:
            client.images.get(testcontainers_config.ryuk_image)
        except docker.errors.ImageNotFound:
            testcontainers_config.ryuk_disabled = True
        for container in client.containers.list(all=True, filters={"label": OWNER}):
            host, _, owner = container.labels[OWNER].partition("/")
            if host == socket.gethostname() and not _still_runs(owner):
                container.remove(force=True, v=True)
    finally:
        client.close()


def owned(image: str) -> DockerContainer:
    """Return a container that will be known as ours."""
    label = f"{socket.gethostname()}/{os.getpid()}-{_started(os.getpid())}"
    return DockerContainer(image).with_kwargs(labels={OWNER: label})


def expose(container: DockerContainer, *ports: int, lasting: bool) -> None:
    """Publish ports on this machine: `lasting` ones stay the same when the container is started again."""
    for port in ports:
        if lasting:
            container.with_bind_ports(port, free_port())
        else:
            container.with_exposed_ports(port)


def _started(pid: int) -> str:
    stat = Path(f"/proc/{pid}/stat")
    return stat.read_text().rpartition(")")[2].split()[19] if stat.exists() else ""


def _still_runs(owner: str) -> bool:
    pid, _, started = owner.partition("-")
    return pid.isdigit() and _started(int(pid)) == started != ""


def address(container: DockerContainer, port: int, *, direct: bool) -> tuple[str, int]:
    """Return where a started container's port is reached: its published port, or directly (no proxy between)."""
    if direct:
        wrapped = container.get_wrapped_container()
        wrapped.reload()
        inside = next(iter(wrapped.attrs["NetworkSettings"]["Networks"].values()))["IPAddress"]
        return str(inside), port
    host = container.get_container_host_ip()
    return ("127.0.0.1" if host == "localhost" else host), container.get_exposed_port(port)


def pids(container: DockerContainer) -> list[int]:
    """Return the ids, on this machine, of the processes in a container."""
    rows = container.get_wrapped_container().top(ps_args="-eo pid")["Processes"]
    return [int(row[0]) for row in rows]


def files_with(container: DockerContainer, word: str, folder: str) -> list[str]:
    """Name the files below a container's folder that contain a word."""
    found = container.exec(["grep", "-rlF", word, folder])
    return found.output.decode().split()


def run(container: DockerContainer, line: list[str], environment: dict[str, str]) -> str:
    """Run a program in a container and return what it said; ChildProcessError when it failed."""
    done = container.exec(ExecConfig(command=line, environment=environment))
    said = done.output.decode(errors="replace")
    if done.exit_code != 0:
        raise ChildProcessError(f"{line[-1][-80:]} failed: {said.strip()[-300:]}")
    return said
