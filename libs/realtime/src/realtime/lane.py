"""Kept HTTP connections to one service, for the calls that are made hundreds of times a second.

A client of httpx costs 1.2 ms of processor time a call, this 0.4: at 500 messages a second, where batches are of one
or two, and at 500 hellos a second, that is what counts (docs/decisions). A lane is used by one greenlet at a time and
reconnects by itself.
"""

import http.client
from collections.abc import Mapping
from contextlib import suppress
from urllib.parse import urlsplit

import httpx

from servicekit.http import ANSWER_WITHIN, CONNECT_WITHIN, problem_of
from wire.problems import Unavailable


class Lane:
    """A connection to the service at `base_url`."""

    def __init__(self, base_url: str) -> None:
        """Know the address; nothing connects before the first call."""
        address = urlsplit(base_url)
        self._prefix = address.path.rstrip("/")
        kind = http.client.HTTPSConnection if address.scheme == "https" else http.client.HTTPConnection
        self._connection = kind(address.hostname or "", address.port, timeout=CONNECT_WITHIN)

    def post(self, path: str, body: bytes, headers: Mapping[str, str]) -> bytes:
        """Post JSON and return the answer's body; the other side's Problem when it refuses.

        Unavailable when no answer came; the next call then begins on a fresh connection.
        """
        try:
            status, content = self._answer(path, body, {**headers, "Content-Type": "application/json"})
        except (OSError, http.client.HTTPException) as away:
            self.close()
            raise Unavailable from away
        if not httpx.codes.is_success(status):
            raise problem_of(httpx.Response(status, content=content))
        return content

    def close(self) -> None:
        """Let go of the connection."""
        with suppress(OSError):
            self._connection.close()

    def _answer(self, path: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, bytes]:
        if self._connection.sock is None:
            self._connect()
        self._connection.request("POST", self._prefix + path, body, dict(headers))
        answer = self._connection.getresponse()
        return answer.status, answer.read()

    def _connect(self) -> None:
        self._connection.connect()
        self._connection.sock.settimeout(ANSWER_WITHIN)


class Lanes:
    """As many kept connections to one service as there are callers at a time; each call takes one and gives it back."""

    def __init__(self, base_url: str) -> None:
        self._base_url = base_url
        self._free: list[Lane] = []

    def post(self, path: str, body: bytes, headers: Mapping[str, str]) -> bytes:
        """Post JSON as `Lane.post` does."""
        lane = self._free.pop() if self._free else Lane(self._base_url)
        try:
            return lane.post(path, body, headers)
        finally:
            self._free.append(lane)

    def close(self) -> None:
        """Let go of the connections that are not in use."""
        while self._free:
            self._free.pop().close()
