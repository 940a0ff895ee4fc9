"""One open live socket (protocol.md section 5): questions out, each answer found by its ref, pushes handed on.

Promises: a question ends with its reply, with the Problem it met, or with LineLost; a line never comes back by itself
(`client.live` does that); a minute of silence is a lost line.
"""

import json
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from http import HTTPStatus
from itertools import count
from typing import Any, Final

from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from client.lost import LineLost
from wire.frames import SILENCE, SUBPROTOCOL
from wire.problems import Problem, RateLimited, problem_from_dict

Frame = dict[str, Any]
Hear = Callable[[Frame], None]
Watch = Callable[[str, Frame], None]
"""Shown every frame as it passes, with "out" or "in": for a record or a log of one's own. It must not raise."""
PATIENCE_S: Final = 10.0
"""How long an answer may take before the line counts as lost."""


def unwatched(_direction: str, _frame: Frame) -> None:
    """Watch nothing."""


class Line:
    """An open live socket."""

    def __init__(
        self,
        url: str,
        headers: Mapping[str, str],
        *,
        watch: Watch = unwatched,
        patience_s: float = PATIENCE_S,
        proxy: bool = True,
        subprotocols: Sequence[str] = (SUBPROTOCOL,),
    ) -> None:
        """Open it; raises the Problem the handshake was refused with, or LineLost.

        `headers` say who this is: `bearer` a token, or the Cookie and Origin of a browser. `proxy` obeys the
        environment's.
        """
        self._watch = watch
        self._patience_s = patience_s
        self._guard = threading.Lock()
        self._asked: dict[str, Future[Frame]] = {}
        self._refs = count(1)
        self._over = False
        self._reader: int | None = None
        self.bye: Frame | None = None
        self._socket = _opened(url, headers, subprotocols, patience_s, proxy=proxy)

    @property
    def close_code(self) -> int | None:
        """The protocol's code this line ended with, told by the close frame or by the `bye` before it."""
        received = self._socket.protocol.close_rcvd
        if received is not None and received.code >= 4000:  # noqa: PLR2004 - where the protocol's own codes begin
            return int(received.code)
        return int(self.bye["code"]) if self.bye is not None else None

    def listen(self, hear: Hear) -> None:
        """Read until the line has ended, and hand on every push but the `bye`, in order, here and now."""
        self._reader = threading.get_ident()
        try:
            while True:
                self._take(json.loads(self._socket.recv(timeout=SILENCE)), hear)
        except (WebSocketException, OSError):
            pass  # how it ended stands in close_code; silence (TimeoutError) is an OSError
        finally:
            self.drop()

    def ask(self, op: str, **fields: object) -> Frame:
        """Send a frame and return its reply; raises its Problem, or LineLost."""
        if threading.get_ident() == self._reader:
            raise RuntimeError("whoever hears pushes cannot wait for a reply meanwhile: do it in another thread")
        answer = self.say(op, fields)
        try:
            return answer.result(self._patience_s)
        except TimeoutError:
            self.drop()
            raise LineLost(f"no reply to {op} within {self._patience_s:g} s") from None

    def say(self, op: str, fields: Mapping[str, object], *, ref: str | None = None) -> Future[Frame]:
        """Send a frame and return what will hold its reply; LineLost when the line has ended."""
        ref = ref or str(next(self._refs))
        answer: Future[Frame] = Future()
        with self._guard:
            if self._over:
                raise LineLost("the line has ended")
            self._asked[ref] = answer
        frame = {"op": op, "ref": ref, **fields}
        self._watch("out", frame)
        try:
            self._socket.send(json.dumps(frame, ensure_ascii=False))
        except (ConnectionClosed, OSError) as ended:
            raise LineLost("the line has ended") from ended
        return answer

    def close(self) -> None:
        """End the line politely."""
        with suppress(WebSocketException, OSError):
            self._socket.close()
        self.drop()

    def drop(self) -> None:
        """End the line at once; every open question ends with LineLost."""
        with self._guard:
            self._over = True
            asked, self._asked = self._asked, {}
        with suppress(OSError):
            self._socket.socket.shutdown(socket.SHUT_RDWR)
        for answer in asked.values():
            answer.set_exception(LineLost("the line ended before the reply"))

    def _take(self, frame: Frame, hear: Hear) -> None:
        self._watch("in", frame)
        if frame.get("push") == "bye":
            self.bye = frame
        elif "push" in frame:
            hear(frame)
        else:
            self._answer(frame)

    def _answer(self, frame: Frame) -> None:
        with self._guard:
            answer = self._asked.pop(str(frame.get("ref")), None)
        if answer is None:
            return
        if frame.get("ok"):
            answer.set_result(frame)
        else:
            answer.set_exception(problem_from_dict(frame.get("problem", {})))


def bearer(access_token: str) -> dict[str, str]:
    """Return the header that shows a token."""
    return {"Authorization": f"Bearer {access_token}"}


def _opened(
    url: str, headers: Mapping[str, str], subprotocols: Sequence[str], patience_s: float, *, proxy: bool
) -> ClientConnection:
    try:
        return connect(
            url,
            legacy=True,  # one connection, closed by `close`
            additional_headers=dict(headers),
            subprotocols=[Subprotocol(name) for name in subprotocols],
            compression=None,
            proxy=True if proxy else None,
            open_timeout=patience_s,
            close_timeout=1,
            ping_interval=None,  # the protocol's own beat and silence
            max_size=None,
        )
    except InvalidStatus as refused:
        raise _refusal(refused) from refused
    except (WebSocketException, OSError, EOFError) as lost:
        raise LineLost("the live socket cannot be opened") from lost


def _refusal(refused: InvalidStatus) -> Problem:
    told: dict[str, Any] = {"status": refused.response.status_code}
    with suppress(ValueError):
        told |= json.loads(refused.response.body or b"{}")
    if told["status"] >= HTTPStatus.INTERNAL_SERVER_ERROR:
        told["status"], told["code"] = HTTPStatus.SERVICE_UNAVAILABLE, "unavailable"
    problem = problem_from_dict(told)
    if isinstance(problem, RateLimited):
        problem.retry_after = int(refused.response.headers.get("Retry-After", problem.retry_after))
    return problem
