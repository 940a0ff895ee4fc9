"""Where the bytes of files lie: one small interface, here over a folder; `files.s3` is the other one.

* Streamed both ways in pieces; no file is ever held whole in memory.
* What is being written cannot be read: a file is at its place whole or not at all.
* A place is given once and never written again; it is made of ids, so it tells nothing.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import IO, Final, Protocol

from wire.problems import Unavailable

PIECE: Final = 64 * 1024

_PLACE: Final = re.compile(r"[0-9a-f-]{36}(\.thumbnail)?")


class Gone(Exception):
    """There is nothing at this place."""


class Storage(Protocol):
    """Keeps bytes at places; every call raises `wire.problems.Unavailable` when the storage cannot be used."""

    def put(self, place: str, content: IO[bytes], size: int) -> None:
        """Keep all of `content`, `size` bytes from its beginning."""

    def open(self, place: str, *, first: int = 0, last: int | None = None) -> Iterator[bytes]:
        """Return the bytes from `first` to `last`, both included, in pieces; `Gone` at once when there are none."""

    def remove(self, place: str) -> None:
        """Keep nothing at this place any more; it may be empty already."""

    def tidy(self, before: datetime) -> int:
        """Remove what writers that died before then have left half written; returns how much."""


class Folder:
    """Implements `Storage` in a folder, which several processes may share."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def put(self, place: str, content: IO[bytes], size: int) -> None:
        target = self._at(place)
        content.seek(0)
        try:
            self._arriving.mkdir(parents=True, exist_ok=True)
            target.parent.mkdir(parents=True, exist_ok=True)
            number, written = tempfile.mkstemp(dir=self._arriving)
            try:
                with os.fdopen(number, "wb") as out:
                    shutil.copyfileobj(content, out, PIECE)
                    if out.tell() != size:
                        raise Unavailable
                    out.flush()
                    os.fsync(out.fileno())
                Path(written).replace(target)
                _make_lasting(target.parent)
            except BaseException:
                Path(written).unlink(missing_ok=True)
                raise
        except OSError as refused:
            raise Unavailable from refused

    def open(self, place: str, *, first: int = 0, last: int | None = None) -> Iterator[bytes]:
        try:
            found = self._at(place).open("rb")
        except FileNotFoundError:
            raise Gone from None
        except OSError as refused:
            raise Unavailable from refused
        return _read(found, first, last)

    def remove(self, place: str) -> None:
        try:
            self._at(place).unlink(missing_ok=True)
        except OSError as refused:
            raise Unavailable from refused

    def tidy(self, before: datetime) -> int:
        removed = 0
        for left in self._arriving.glob("*"):
            try:
                if left.stat().st_mtime < before.timestamp():
                    left.unlink()
                    removed += 1
            except FileNotFoundError:
                continue  # it was finished, or another process tidied it
        return removed

    @property
    def _arriving(self) -> Path:
        return self._path / "arriving"

    def _at(self, place: str) -> Path:
        if not _PLACE.fullmatch(place):
            raise ValueError("A place is an id.")
        # Ids begin with their time: the random part at their end spreads files over 256 folders.
        return self._path / place[34:36] / place


def _read(found: IO[bytes], first: int, last: int | None) -> Iterator[bytes]:
    with found:
        found.seek(first)
        left = None if last is None else last - first + 1
        while piece := found.read(PIECE if left is None else min(PIECE, left)):
            left = None if left is None else left - len(piece)
            yield piece


def _make_lasting(folder: Path) -> None:
    """Have the folder itself written: a renamed file outlives a cut of power only after that."""
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
