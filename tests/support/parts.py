"""The real parts the tests stand on: where they come from, and how a missing one gets here.

`python -m tests.support.parts` makes sure that all are there and says which are used. PostgreSQL and RabbitMQ come
from containers where a Docker engine answers and has (or can pull) their images, else from this machine's own
programs; `MESSAGES_TEST_PARTS=docker|local` forces one. What is missing is installed with apt-get when we are root;
otherwise `PartMissing` says in one sentence what to install. Nothing here starts a server.
"""

import gc
import os
import shutil
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from enum import StrEnum
from functools import cache
from pathlib import Path

import docker
import docker.errors

POSTGRES_IMAGE = "postgres:17"
RABBITMQ_IMAGE = "rabbitmq:4-management"
NO_AUTOSTART = Path("/usr/sbin/policy-rc.d")


class PartMissing(Exception):
    """A real part is not on this machine and could not be brought here; the sentence says what to do."""


class Source(StrEnum):
    """Where PostgreSQL and RabbitMQ come from."""

    DOCKER = "docker"
    LOCAL = "local"


@cache
def source() -> Source:
    """Choose once: what `MESSAGES_TEST_PARTS` says, else containers where they can be had, else local programs."""
    wanted = os.environ.get("MESSAGES_TEST_PARTS", "")
    if wanted:
        if wanted not in {each.value for each in Source}:
            raise PartMissing(f"MESSAGES_TEST_PARTS is {wanted!r}; it takes docker or local.")
        return Source(wanted)
    with warnings.catch_warnings():
        # Where no engine listens, docker's client leaves the socket it tried to the garbage collector.
        warnings.simplefilter("ignore", ResourceWarning)
        found = _engines_images()
        gc.collect()
    return Source.DOCKER if found else Source.LOCAL


def _engines_images() -> bool:
    try:
        for image in (POSTGRES_IMAGE, RABBITMQ_IMAGE):
            fetch_image(image)
    except PartMissing:
        return False
    return True


def fetch_image(image: str) -> None:
    """Make sure the engine has an image, pulling it when it must."""
    try:
        client = docker.from_env(timeout=120)
    except docker.errors.DockerException as reason:
        raise PartMissing("No Docker engine answers: start one, or set MESSAGES_TEST_PARTS=local.") from reason
    try:
        with suppress(docker.errors.ImageNotFound):
            client.images.get(image)
            return
        client.images.pull(image)
    except (docker.errors.DockerException, OSError) as reason:
        raise PartMissing(f"The Docker engine has no image {image} and cannot pull it.") from reason
    finally:
        client.close()


def postgres_programs() -> Path:
    """Return the folder of the newest PostgreSQL's programs (`initdb`, `postgres`), installing it when missing."""
    return _present_or_installed(_find_postgres, ["postgresql"], "PostgreSQL")


def rabbitmq_program() -> Path:
    """Return RabbitMQ's own start script (not Debian's wrapper, which insists on the machine's own broker)."""
    return _present_or_installed(_find_rabbitmq, ["rabbitmq-server"], "RabbitMQ")


def chromium_program() -> Path:
    """Return a Chromium that playwright can drive; when there is none, install the distribution's, or playwright's."""
    try:
        return _present_or_installed(_find_chromium, ["chromium"], "Chromium")
    except PartMissing:
        # Ubuntu's package is only a door to snap, and who is not root has no apt-get: playwright brings its own.
        subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], capture_output=True, check=False)
        found = _find_chromium()
        if found is None:
            raise
        return found


def _find_postgres() -> Path | None:
    folders = [found.parent for found in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    on_path = shutil.which("initdb")
    newest = sorted(folders, key=lambda folder: float(folder.parent.name))[-1:]
    return newest[0] if newest else Path(on_path).resolve().parent if on_path else None


def _find_rabbitmq() -> Path | None:
    packaged = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
    on_path = shutil.which("rabbitmq-server")
    return packaged if packaged.exists() else Path(on_path).resolve() if on_path else None


def _find_chromium() -> Path | None:
    named = os.environ.get("CHROMIUM", "")
    for name in (named, "/usr/bin/chromium", "google-chrome", "google-chrome-stable", "chromium-browser"):
        found = shutil.which(name) if name else None
        if found and "snap" not in str(Path(found).resolve()):
            return Path(found)
    return next(iter(sorted(Path.home().glob(".cache/ms-playwright/chromium-*/chrome-linux*/chrome"))), None)


def _present_or_installed(find: Callable[[], Path | None], packages: Sequence[str], what: str) -> Path:
    found = find()
    if found is None:
        _install(packages, what)
        found = find()
    if found is None:
        raise PartMissing(f"{what} was installed ({' '.join(packages)}) but its program was not found.")
    return found


def _install(packages: Sequence[str], what: str) -> None:
    engine = "" if what == "Chromium" else ", or start a Docker engine"
    sentence = f"{what} is missing: install it (`apt-get install {' '.join(packages)}`){engine}."
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise PartMissing(sentence)
    environ = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    with _no_server_starts_by_itself():
        for command in (["apt-get", "update"], ["apt-get", "install", "-y", "--no-install-recommends", *packages]):
            sys.stderr.write(f"{what} is missing: {' '.join(command)}\n")
            done = subprocess.run(command, env=environ, capture_output=True, check=False)
            if done.returncode != 0:
                raise PartMissing(f"{sentence} apt-get said: {done.stderr.decode(errors='replace').strip()[-300:]}")


@contextmanager
def _no_server_starts_by_itself() -> Iterator[None]:
    """Keep freshly installed packages from starting a server of their own on the usual ports."""
    if NO_AUTOSTART.exists():
        yield
        return
    NO_AUTOSTART.write_text("#!/bin/sh\nexit 101\n")
    NO_AUTOSTART.chmod(0o755)
    try:
        yield
    finally:
        NO_AUTOSTART.unlink()


def main() -> int:
    """Bring every part here, one line each; 1 with the sentence when one cannot be had."""
    try:
        chosen = source()
        if chosen is Source.DOCKER:
            for image in (POSTGRES_IMAGE, RABBITMQ_IMAGE):
                fetch_image(image)
                sys.stdout.write(f"container image {image}\n")
        else:
            sys.stdout.write(f"PostgreSQL {postgres_programs()}\nRabbitMQ {rabbitmq_program()}\n")
        sys.stdout.write(f"Chromium {chromium_program()}\n")
    except PartMissing as missing:
        sys.stderr.write(f"{missing}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
