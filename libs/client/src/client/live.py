"""The live line, kept up: whatever happens to the socket, every push is heard in order and every entry once.

Promises:

- after a lost line it comes back by itself, spread out, or when a `bye` or Retry-After says so, and resumes from what
  it holds: no entry is missed and none is handed on twice;
- it stays away for good after 4501, 4503 and 4505, and when the handshake is refused for good; `ended` tells why;
- the token is renewed on the line before its end; a refused one is replaced once;
- `send` repeats under one client id, over as many lines as it takes, until the message is acknowledged or refused.
"""

import threading
import time
from collections.abc import Callable
from enum import StrEnum
from random import random as real_random
from typing import Final, Self, Unpack, cast

from client.coming_back import ComingBack
from client.line import Frame, Hear, Line, Watch, bearer, unwatched
from client.lost import LineLost
from client.places import Hole, Places, Positions
from client.things import Entry, Said, Sent
from client.tokens import Token, Tokens
from wire.frames import CloseCode
from wire.ids import new_id
from wire.problems import Invalid, PermissionRequired, Problem, RateLimited, Unauthenticated, Unavailable

RENEW_AGAIN_S: Final = 5.0
"""After how long a token that could not be renewed on the line is tried again."""
TRY_AGAIN_S: Final = 0.25
_ENDINGS: Final[dict[int, type[Problem]]] = {
    CloseCode.SIGNED_OUT: Unauthenticated,
    CloseCode.PERMISSION_LOST: PermissionRequired,
}


class State(StrEnum):
    """How it stands with the line."""

    CONNECTING = "connecting"
    LIVE = "live"
    WAITING = "waiting"
    STOPPED = "stopped"


class NotAcknowledged(TimeoutError):
    """Whether the message was stored is not known; send it again under the same `client_message_id`."""

    def __init__(self, client_message_id: str) -> None:
        super().__init__(f"{client_message_id} was not acknowledged in time")
        self.client_message_id = client_message_id


def deaf(_anything: object) -> None:
    """Hear nothing."""


class Live:
    """One client's live line; `with` starts and stops it."""

    def __init__(
        self,
        url: str,
        tokens: Tokens,
        *,
        hear: Hear = deaf,
        held: Positions | None = None,
        told: Callable[[State], None] = deaf,
        watch: Watch = unwatched,
        proxy: bool = True,
        random: Callable[[], float] = real_random,
    ) -> None:
        """Prepare a line to `url`; `held` is what an earlier run held, to resume from.

        `hear` gets every push but `bye` and `beat`, one at a time, in the line's own thread: what takes long belongs
        into a queue. What it raises ends the line for good. `told` hears of every change of `state`, likewise.
        """
        self._url = url
        self._tokens = tokens
        self._hear = hear
        self._told = told
        self._watch = watch
        self._proxy = proxy
        self._places = Places(held)
        self._coming_back = ComingBack(random)
        self._news = threading.Condition()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._line: Line | None = None
        self._token: Token | None = None
        self.state = State.STOPPED
        self.ended: Problem | None = None
        """Why the line stays away, once it does."""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *ended: object) -> None:
        self.stop()

    @property
    def held(self) -> dict[str, dict[str, int]]:
        """The last seq handed on, per conversation and stream: what a later run resumes from."""
        return self._places.held()

    def start(self) -> None:
        """Open the line and keep it up."""
        self._stop.clear()
        self.ended = None
        self._thread = threading.Thread(target=self._keep_up, name="live line", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the line."""
        self._stop.set()
        line = self._line
        if line is not None:
            line.close()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()

    def wait(self, state: State = State.LIVE, *, within_s: float = 30.0) -> Self:
        """Wait for a state; raises what ended the line if it stays away, TimeoutError when time is over."""
        with self._news:
            self._news.wait_for(lambda: self.state is state or self._stays_away(), within_s)
            if self.state is state:
                return self
            if self.ended is not None:
                raise self.ended
        raise TimeoutError(f"within {within_s:g} s the line was not {state}")

    def ask(self, op: str, **fields: object) -> Frame:
        """Ask once, on the line there is: returns the reply; raises its Problem, what ended the line, or LineLost."""
        if self.ended is not None:
            raise self.ended
        line = self._line
        if line is None or self.state is not State.LIVE:
            raise LineLost("the line is down")
        return line.ask(op, **fields)

    def send(
        self,
        conversation_id: str,
        body: str,
        *,
        client_message_id: str | None = None,
        within_s: float = 30.0,
        **more: Unpack[Said],
    ) -> Sent:
        """Send until it is acknowledged, under one client id; raises the Problem it met, or NotAcknowledged."""
        key = client_message_id or new_id()
        wish = {"conversation_id": conversation_id, "client_message_id": key, "body": body, **more}
        until = time.monotonic() + within_s
        while True:
            try:
                return cast("Sent", self.ask("send", **wish))
            except (LineLost, Unavailable):
                self._pause(TRY_AGAIN_S, until, key)
            except RateLimited as early:
                self._pause(early.retry_after, until, key)
            except Unauthenticated:
                if self.ended is not None:
                    raise
                self._with_another_token()

    def read(self, conversation_id: str, seq: int, *, stream: str = "shared") -> None:
        """Say how far one has read; never moves back, so it may be said again."""
        self.ask("read", conversation_id=conversation_id, stream=stream, seq=seq)

    def typing(self, conversation_id: str, *, active: bool = True, stream: str = "shared") -> None:
        """Say that one writes, or stopped writing."""
        self.ask("typing", conversation_id=conversation_id, stream=stream, active=active)

    def watch(self, conversation_id: str | None, *, away: bool = False) -> None:
        """Say which conversation stands open, and whether one looks away; `presence` comes for it (staff only)."""
        self.ask("watch", conversation_id=conversation_id, away=away)

    def ping(self) -> str:
        """Return the server's time."""
        return str(self.ask("ping")["server_time"])

    def _stays_away(self) -> bool:
        return self.state is State.STOPPED and self.ended is not None

    # The line's own thread

    def _keep_up(self) -> None:
        try:
            while not self._stop.is_set():
                self._set(State.CONNECTING)
                pause_s = self._once()
                if pause_s is None:
                    return
                self._set(State.WAITING)
                self._stop.wait(pause_s)
        finally:
            self._set(State.STOPPED)

    def _once(self) -> float | None:
        """Open a line and stay on it until it ends; returns the seconds to wait for the next one, None to stay away."""
        try:
            line = self._opened()
        except RateLimited as early:
            return self._coming_back.pause_s(asked_s=early.retry_after)
        except (LineLost, Unavailable):
            return self._coming_back.pause_s()
        except Problem as refused:
            self.ended = refused
            return None
        self._converse(line)
        pause_s = self._coming_back.pause_s(line.close_code, (line.bye or {}).get("retry_after_ms", 0) / 1_000)
        if line.close_code == CloseCode.TOKEN_ENDED:
            pause_s = pause_s if self._another_token() else None
        elif pause_s is None:
            self.ended = _ENDINGS.get(line.close_code or 0, Invalid)((line.bye or {}).get("reason"))
        return pause_s

    def _opened(self) -> Line:
        token = self._tokens.current()
        try:
            line = Line(self._url, bearer(token.access_token), watch=self._watch, proxy=self._proxy)
        except Unauthenticated:
            token = self._tokens.after(token)
            line = Line(self._url, bearer(token.access_token), watch=self._watch, proxy=self._proxy)
        self._token = token
        return line

    def _converse(self, line: Line) -> None:
        self._line = line
        if self._stop.is_set():
            line.drop()  # stopped while it was being opened: `stop` has not seen it
        self._renew_in(self._tokens.due_in_s(), line)
        try:
            resume = self._places.hello()
            greeting = line.say("hello", {} if resume is None else {"resume": resume})
            greeting.add_done_callback(lambda answer: line.drop() if answer.exception() else self._welcome())
            line.listen(lambda frame: self._take(line, frame))
        except LineLost:
            pass  # it ended before the hello was out
        finally:
            self._line = None
            self._renewal.cancel()
            line.close()

    def _welcome(self) -> None:
        self._coming_back.welcomed()
        if not self._stop.is_set():
            self._set(State.LIVE)

    def _take(self, line: Line, frame: Frame) -> None:
        kind = frame["push"]
        if kind == "beat":
            return
        if kind == "entry":
            try:
                if not self._places.is_news(cast("Entry", frame)):
                    return
            except Hole:
                line.drop()
                return
        if kind == "caught_up":
            self._places.caught_up(frame["heads"])
        if kind == "reset":
            self._places.reset(frame["conversation_id"], frame["stream"], frame["head"])
        if kind == "removed":
            self._places.leave(frame["conversation_id"])
        self._hear(frame)

    def _renew(self, line: Line) -> None:
        """Put a fresh token on the line. What goes wrong here ends the line later (4001), and the next one is anew."""
        wait_s = RENEW_AGAIN_S
        try:
            token = self._tokens.current()
            if token != self._token:
                line.ask("token", access_token=token.access_token)
                self._token = token
            wait_s = max(wait_s, self._tokens.due_in_s())
        except (Unavailable, LineLost):
            pass
        except Problem:
            return
        if self._line is line:
            self._renew_in(wait_s, line)

    def _renew_in(self, seconds: float, line: Line) -> None:
        self._renewal = threading.Timer(seconds, self._renew, (line,))
        self._renewal.daemon = True
        self._renewal.start()

    def _another_token(self) -> bool:
        """Make sure that the next line shows another token than the last; False when there is none to be had."""
        try:
            if self._token is not None:
                self._tokens.after(self._token)
        except (Unavailable, LineLost):
            pass
        except Problem as refused:
            self.ended = refused
            return False
        return True

    def _set(self, state: State) -> None:
        with self._news:
            changed, self.state = self.state is not state, state
            self._news.notify_all()
        if changed:
            self._told(state)

    # The threads of those who send

    def _pause(self, seconds: float, until: float, client_message_id: str) -> None:
        """Wait before the next try, at the least until the line is up; NotAcknowledged when time is over."""
        left = until - time.monotonic()
        if left <= seconds or self._stop.wait(seconds):
            raise NotAcknowledged(client_message_id)
        try:
            self.wait(within_s=left - seconds)
        except TimeoutError:
            raise NotAcknowledged(client_message_id) from None

    def _with_another_token(self) -> None:
        """Come back with another token, as this one was taken back; raises what the issuer says to that."""
        token, line = self._token, self._line
        if token is not None:
            self._tokens.after(token)
        if line is not None:
            line.drop()
