"""The data folder of the embedded run: both databases, the files, the secrets, and a lock.

One process at a time: the exchange lives inside it, so a second one on the same folder would store messages that the
first one's sockets never hear of. That is an error at the start here, not a silent loss later.
"""

import fcntl
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from pathlib import Path


class FolderError(Exception):
    """The data folder cannot be used; the message is one sentence for whoever started us."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Secrets:
    """Made once for this folder; whoever has them can sign in as anyone."""

    auth: str = field(repr=False)
    staff_gateway: str = field(repr=False)
    portal_gateway: str = field(repr=False)
    conversations: str = field(repr=False)
    staff_session: str = field(repr=False)
    portal_session: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """An open data folder."""

    path: Path
    secrets: Secrets

    def demo(self, *, asked: bool | None) -> bool:
        """Tell whether the demo clinic is wanted here: as asked, else as before, else (a new folder) yes.

        What was chosen stays chosen: a plain `make run` never opens a real clinic's folder to the demo's people.
        """
        choice = self.path / "demo"
        wanted = asked if asked is not None else not choice.exists() or choice.read_text() == "on"
        choice.write_text("on" if wanted else "off")
        return wanted

    @property
    def files(self) -> Path:
        """Where uploaded files lie."""
        return self.path / "files"

    def database_url(self, name: str) -> str:
        """Return the SQLAlchemy URL of the SQLite file of that name."""
        return f"sqlite:///{self.path / name}.db"


@contextmanager
def opened(path: Path) -> Iterator[Folder]:
    """Yield the folder, made where it is missing, held until the block ends; FolderError says what is in the way."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as refused:
        raise FolderError(
            f"The data folder {path} cannot be written ({refused.strerror}): choose another with DATA_DIR=."
        ) from refused
    try:
        yield Folder(path=path.resolve(), secrets=_held_secrets(path, lock))
    finally:
        os.close(lock)


def _held_secrets(path: Path, lock: int) -> Secrets:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as held:
        raise FolderError(
            f"Another Messages already runs on the data folder {path}: stop it, or choose another with DATA_DIR=."
        ) from held
    try:
        return _secrets(path / "secrets.json")
    except OSError as refused:
        raise FolderError(
            f"The data folder {path} cannot be used ({refused.strerror}: {refused.filename})."
        ) from refused


def _secrets(file: Path) -> Secrets:
    names = [each.name for each in fields(Secrets)]
    if not file.exists():
        made = {name: secrets.token_urlsafe(32) for name in names}
        new = file.with_suffix(".new")
        new.unlink(missing_ok=True)
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
            json.dump(made, out, indent=1)
        new.replace(file)
    try:
        held = json.loads(file.read_text(encoding="utf-8"))
        return Secrets(**{name: str(held[name]) for name in names})
    except (ValueError, KeyError, TypeError) as broken:
        raise FolderError(
            f"{file} is damaged: restore it from a backup, or start afresh with another DATA_DIR=."
        ) from broken
