"""What happens to a file between its arrival and its keeping: told apart, scanned, drawn anew, named.

* It arrives in a temporary file of this process that has no name: whatever becomes of the process, nothing is left.
* At most `AT_ONCE` files are worked on at once, one picture of them, so that messages never wait for files.
* Nothing that a person called it or put into it reaches a log.
"""

from __future__ import annotations

import hashlib
import io
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import IO, Any, Final

from conversations.files import names, pictures
from conversations.files.kinds import Kind, kind_of
from conversations.files.pictures import Drawn
from wire.files import LARGEST
from wire.problems import Invalid, TooLarge, Unavailable

AT_ONCE: Final = 4
"""A quarter of the threads that answer in a container (deploy/gunicorn.conf.py)."""
PIECE: Final = 64 * 1024

Scan = Callable[[IO[bytes]], None]
"""Raises `scanning.Infected` or `Unavailable`; returns when a file is clean."""
Offload = Callable[[Callable[..., Any], tuple[Any, ...]], Any]
"""Runs what keeps a processor busy where it stops nobody else, and returns its result."""


def in_place(work: Callable[..., Any], given: tuple[Any, ...]) -> Any:  # noqa: ANN401 - whatever the work returns
    """Run it here: where doors are answered by threads, one that is busy stops no other."""
    return work(*given)


@dataclass(frozen=True, slots=True, kw_only=True)
class Good:
    """A file that may be kept."""

    content: IO[bytes] = field(repr=False)
    name: str = field(repr=False)
    kind: Kind
    size: int
    digest: str
    width: int | None = None
    height: int | None = None
    thumbnail: IO[bytes] | None = field(default=None, repr=False)


class Inspection:
    """Takes files in."""

    def __init__(
        self,
        *,
        scan: Scan | None = None,
        offload: Offload = in_place,
        largest: int = LARGEST,
        most: int = AT_ONCE,
    ) -> None:
        self._scan = scan
        self._offload = offload
        self._largest = largest
        self._turns = threading.BoundedSemaphore(most)
        self._one_picture = threading.Lock()

    @contextmanager
    def of(self, pieces: Iterable[bytes], name: str) -> Iterator[Good]:
        """Yield the file that arrives, found to be good, until the block ends.

        TooLarge as soon as it is, Invalid when it is empty, UnsupportedMedia, `scanning.Infected`, Unavailable.
        """
        if not self._turns.acquire(blocking=False):
            raise Unavailable("Many files are being sent right now. Try again in a moment.")
        try:
            with tempfile.TemporaryFile() as content, tempfile.TemporaryFile() as anew:
                self._take(pieces, content)
                yield self._inspected(content, name, anew)
        finally:
            self._turns.release()

    def _take(self, pieces: Iterable[bytes], content: IO[bytes]) -> None:
        size = 0
        for piece in pieces:
            size += len(piece)
            if size > self._largest:
                raise TooLarge(f"A file may have at most {self._largest // 1_000_000} MB.")
            content.write(piece)
        if not size:
            raise Invalid("The file is empty.", errors={"file": ["Must not be empty."]})

    def _inspected(self, content: IO[bytes], name: str, anew: IO[bytes]) -> Good:
        kind = self._offload(kind_of, (content, name))
        if self._scan is not None:
            self._scan(content)
        if not kind.picture:
            return self._good(content, name, kind)
        with self._one_picture:
            drawn: Drawn = self._offload(pictures.redraw, (content, kind, anew))
        return self._good(anew, name, drawn.kind, drawn)

    def _good(self, content: IO[bytes], name: str, kind: Kind, drawn: Drawn | None = None) -> Good:
        size, digest = self._offload(_measured, (content,))
        if size > self._largest:
            raise TooLarge("This picture becomes too large when it is made safe. Send a smaller one.")
        return Good(
            content=content,
            name=names.clean(name, kind),
            kind=kind,
            size=size,
            digest=digest,
            width=None if drawn is None else drawn.width,
            height=None if drawn is None else drawn.height,
            thumbnail=None if drawn is None else io.BytesIO(drawn.thumbnail),
        )


def _measured(content: IO[bytes]) -> tuple[int, str]:
    digest, size = hashlib.sha256(), 0
    content.seek(0)
    while piece := content.read(PIECE):
        digest.update(piece)
        size += len(piece)
    return size, digest.hexdigest()
