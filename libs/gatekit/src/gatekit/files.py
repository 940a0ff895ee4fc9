"""Files on their way through a gateway: whole in a temporary file here, then on at full speed.

* A slow line, up or down, holds a greenlet here and nothing at conversations: that service sees each file for a moment.
* In pieces both ways; no file is ever whole in memory. The temporary file has no name, so nothing is left of it,
  whatever becomes of the caller, or of us.
* What a file is called travels in a header, never in an address.
* A few at once go on to conversations; a person sends no more than their share a minute, and a few at once.
"""

from __future__ import annotations

import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import ceil
from typing import IO, Any, Final, NoReturn, TypeVar

import httpx
import orjson
from flask import Request
from werkzeug.formparser import MultiPartParser

from gatekit.callers import Caller, Callers
from gatekit.conversations import Answer
from servicekit.http import problem_of
from servicekit.shares import Shares
from servicekit.tokens import ServiceToken
from wire.files import ASKED, LARGEST, NAME, SHOWN, packed
from wire.problems import Invalid, RateLimited, TooLarge, Unauthenticated, Unavailable, UnsupportedMedia

ROUND_ABOUT: Final = 64 * 1024
"""Bytes of a form beside the file in it."""
PIECE: Final = 64 * 1024
IN_MEMORY: Final = 256 * 1024
"""Bytes below which an answer is not worth a file: every thumbnail."""
ONWARD_AT_ONCE: Final = 2
EACH_AT_ONCE: Final = 6
"""Uploads one person may have under way: as many as a browser opens connections."""
ALL_AT_ONCE: Final = 100
ANSWER_WITHIN_S: Final = 60.0
"""A file is scanned and drawn anew before the answer comes."""


_Got = TypeVar("_Got")


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """A file as its sender sent it."""

    content: IO[bytes] = field(repr=False)
    name: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Brought:
    """An answer with a file, whole; whoever passes on less than all of it closes `content`."""

    status: int
    headers: Mapping[str, str]
    content: IO[bytes] = field(repr=False)

    def pieces(self) -> Iterator[bytes]:
        """Return it in pieces, and close it behind the last."""
        with self.content:
            while piece := self.content.read(PIECE):
                yield piece


class Files:
    """Carries callers' files to conversations and back."""

    def __init__(self, http: httpx.Client, *, service_token: ServiceToken, callers: Callers, share: Shares) -> None:
        self._http = http
        self._service_token = service_token
        self._callers = callers
        self._share = share
        self._onward = threading.BoundedSemaphore(ONWARD_AT_ONCE)
        self._under_way: Counter[str] = Counter()

    def upload(self, caller: Caller, call: Request) -> Answer:
        """Take the file of a form and hand it on; returns the Attachment, or raises the refusal's Problem."""
        with self._counted(caller), received(call) as file, self._onward:
            answer = self._as_caller(caller, lambda who: self._hand_on(who, file))
        return Answer(status=answer.status_code, body=orjson.loads(answer.content))

    def fetch(self, caller: Caller, attachment_id: str, size: str, call: Request) -> Brought:
        """Bring a file, its thumbnail, or the part that is asked for; raises the refusal's Problem, or Unavailable."""
        asked = {name: call.headers[name] for name in ASKED if name in call.headers}
        return self._as_caller(caller, lambda who: self._bring(who, f"/attachments/{attachment_id}", size, asked))

    @contextmanager
    def _counted(self, caller: Caller) -> Iterator[None]:
        user_id = caller.claims.user_id
        wait = self._share.take(user_id)
        if wait is not None:
            raise RateLimited(f"At most {self._share.per_minute} files a minute.", retry_after=max(1, ceil(wait)))
        if self._under_way[user_id] >= EACH_AT_ONCE:
            raise RateLimited("Too many files at once: wait until some have arrived.", retry_after=2)
        if self._under_way.total() >= ALL_AT_ONCE:
            raise Unavailable("Many files are being sent right now. Try again in a moment.")
        self._under_way[user_id] += 1
        try:
            yield
        finally:
            self._under_way[user_id] -= 1
            self._under_way += Counter()  # forgets who has none under way

    def _as_caller(self, caller: Caller, act: Callable[[Caller], _Got]) -> _Got:
        try:
            return act(caller)
        except Unauthenticated:
            self._service_token.forget()
            again = caller if caller.session is None else self._callers.renewed(caller)
        return act(again)

    def _hand_on(self, caller: Caller, file: Arrived) -> httpx.Response:
        file.content.seek(0)
        headers = self._keys(caller) | {NAME: packed(file.name), "Content-Type": "application/octet-stream"}
        try:
            answer = self._http.post("/attachments", content=file.content, headers=headers, timeout=ANSWER_WITHIN_S)
        except httpx.HTTPError as away:
            raise Unavailable from away
        if not answer.is_success:
            raise problem_of(answer)
        return answer

    def _bring(self, caller: Caller, path: str, size: str, asked: Mapping[str, str]) -> Brought:
        content = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 - closed by who passes it on, or below
        try:
            with self._http.stream(
                "GET", path, params={"size": size}, headers=self._keys(caller) | dict(asked)
            ) as answer:
                if answer.is_error:
                    answer.read()
                    raise problem_of(answer)
                for piece in answer.iter_bytes(PIECE):
                    content.write(piece)
            content.seek(0)
        except httpx.HTTPError as away:
            content.close()
            raise Unavailable from away
        except BaseException:
            content.close()
            raise
        headers = {name: answer.headers[name] for name in SHOWN if name in answer.headers}
        return Brought(status=answer.status_code, headers=headers, content=content)

    def _keys(self, caller: Caller) -> dict[str, str]:
        return self._service_token.header() | {"X-User-Token": caller.token}


@contextmanager
def received(call: Request) -> Iterator[Arrived]:
    """Yield the file of a form (RFC 7578), whole; TooLarge as soon as it is, Invalid or UnsupportedMedia."""
    if call.mimetype != "multipart/form-data":
        raise UnsupportedMedia("Send the file as multipart/form-data, in the field `file`.")
    if (call.content_length or 0) > LARGEST + ROUND_ABOUT:
        _refuse_size()
    call.max_content_length = LARGEST + ROUND_ABOUT
    with tempfile.TemporaryFile() as content:
        yield Arrived(content=content, name=_read(call, content))


def _read(call: Request, content: IO[bytes]) -> str:
    """Write the form's one file into `content` and return what it is called."""
    sink = _Sink(content)
    parser = MultiPartParser(
        stream_factory=sink.begin, max_form_memory_size=4 * PIECE, max_form_parts=3, buffer_size=PIECE
    )
    boundary = call.mimetype_params.get("boundary", "").encode("ascii", "replace")
    try:
        fields, files = parser.parse(call.stream, boundary, call.content_length)
    except ValueError as broken:
        raise Invalid("The form cannot be read.") from broken
    file = files.get("file")
    if file is None or fields or len(list(files.items(multi=True))) != 1:
        raise Invalid(errors={"file": ["Send one file in this field, and nothing else."]})
    return file.filename or ""


class _Sink:
    """Where werkzeug's reader of forms writes the one file; it stops as soon as there is too much."""

    def __init__(self, content: IO[bytes]) -> None:
        self._content = content
        self._size = 0

    def begin(self, *_told: object, **_more: object) -> Any:  # noqa: ANN401 - all that the reader does is write and seek
        return self

    def write(self, piece: bytes) -> int:
        self._size += len(piece)
        if self._size > LARGEST:
            _refuse_size()
        return self._content.write(piece)

    def seek(self, place: int) -> int:
        return self._content.seek(place)


def _refuse_size() -> NoReturn:
    raise TooLarge(f"A file may have at most {LARGEST // 1_000_000} MB.")
