"""The way from one service to another in this process: HTTP as ever, without a network.

Bodies are read and given in pieces, both ways: a file that passes is never whole in memory. (httpx's own WSGITransport
reads a request's body before it calls.)
"""

import io
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

import httpx

WSGI = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
_PLAIN: Final = ("CONTENT_TYPE", "CONTENT_LENGTH")


class Inside(httpx.BaseTransport):
    """Calls a WSGI application."""

    def __init__(self, application: WSGI) -> None:
        self._application = application

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Make the call; the answer's body comes as the application gives it."""
        told: list[Any] = []

        def start_response(status: str, headers: list[tuple[str, str]], _error: object = None) -> Callable[..., None]:
            told[:] = [status, headers]
            return lambda _: None

        body = _Body(self._application(_environ(request), start_response))
        status, headers = told
        return httpx.Response(int(status.split()[0]), headers=headers, stream=body)


class _Body(httpx.SyncByteStream):
    """What an application answers; its first piece is taken at once, as `start_response` may be called with it."""

    def __init__(self, result: Iterable[bytes]) -> None:
        self._close: Callable[[], None] = getattr(result, "close", lambda: None)
        self._pieces = iter(result)
        self._first = next(self._pieces, b"")

    def __iter__(self) -> Iterator[bytes]:
        yield self._first
        yield from self._pieces

    def close(self) -> None:
        self._close()


class _Input(io.RawIOBase):
    """A request's body as WSGI reads it."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self._left = b""

    def readable(self) -> bool:
        return True

    def readinto(self, room: Any) -> int:  # noqa: ANN401 - any writable buffer
        while not self._left:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._left = piece
        taken = min(len(room), len(self._left))
        room[:taken] = self._left[:taken]
        self._left = self._left[taken:]
        return taken


def _environ(request: httpx.Request) -> dict[str, Any]:
    stream = request.stream
    if not isinstance(stream, httpx.SyncByteStream):
        raise TypeError("Only calls that wait for their answer can be made inside.")
    environ = {
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": request.url.scheme,
        "wsgi.input": io.BufferedReader(_Input(stream)),
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": request.url.path,
        "QUERY_STRING": request.url.query.decode("ascii"),
        "SERVER_NAME": request.url.host,
        "SERVER_PORT": str(request.url.port or 80),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
    }
    for name, value in request.headers.raw:
        key = name.decode("ascii").upper().replace("-", "_")
        environ[key if key in _PLAIN else f"HTTP_{key}"] = value.decode("latin-1")
    return environ
