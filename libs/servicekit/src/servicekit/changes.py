"""What auth says has changed, heard by every service that checks tokens: who signed out, who lost what.

Promises:

- Every change reaches the revocations and then each listener once, in the order of its position, on the feed's loop.
- The list auth serves over HTTP is asked twice a second and is enough; what the broker brings only makes it faster. A
  pushed change that does not follow the last known one means one is missing, and the list is asked at once.
- While auth is away, what was revoked stays revoked, and everything missed is read when it is back.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import httpx
import orjson
from prometheus_client import Gauge, Histogram

from servicekit.background import Stop
from servicekit.clock import Clock
from servicekit.exchange import Message
from servicekit.http import call
from servicekit.log import failure, get_logger
from servicekit.tokens import ServiceToken
from wire.changes import Change
from wire.problems import Problem, Unauthenticated
from wire.times import from_wire

log = get_logger()

Listener = Callable[[Change], None]

POLL_EVERY_S = 0.5
"""Half of the second in which what was taken away must be gone, so that a silent broker changes nothing."""
PAGE = 500
PUSHED_AT_MOST = 1_000
HEARD_WITHIN_S = 5.0
"""Seconds of auth's silence after which it counts as away; asked twice a second, it answers far sooner."""
REMEMBERED_S = 900
"""Longer than any access token lives (10 minutes) and any clock differs: a revocation older than that has no target."""

REVOCATION_DELAY = Histogram(
    "messages_revocation_delay_seconds",
    "Seconds from auth taking something away to the end of it here: tokens refused, sockets told to close.",
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60),
)
SILENCE = Gauge("messages_changes_silence_seconds", "Seconds since auth's list of changes was last heard.")


class Revocations:
    """The sessions and tokens that are no longer good although their time is not over."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._sessions: dict[str, float] = {}
        self._tokens_before: dict[str, int] = {}
        self._lock = threading.Lock()

    def revoked(self, *, session_id: str, user_id: str, issued_at: int) -> bool:
        """Tell whether a token of this session and user, issued at this unix second, was revoked."""
        return session_id in self._sessions or issued_at <= self._tokens_before.get(user_id, -1)

    def apply(self, change: Change) -> None:
        """Take a change in; repeats and changes out of order do no harm."""
        now = self._clock().timestamp()
        with self._lock:
            if change.session_id is not None:
                self._sessions[change.session_id] = now
            if change.tokens_before is not None:
                known = self._tokens_before.get(change.user_id, -1)
                self._tokens_before[change.user_id] = max(known, change.tokens_before)

    def forget_old(self) -> None:
        """Drop what can concern no living token."""
        oldest = self._clock().timestamp() - REMEMBERED_S
        with self._lock:
            self._sessions = {session: at for session, at in self._sessions.items() if at > oldest}
            self._tokens_before = {user: at for user, at in self._tokens_before.items() if at > oldest}


class ChangeFeed:
    """Follows auth's changes: `run` is a loop for `servicekit.background`, `hear` a subscriber of `auth.events`."""

    def __init__(
        self,
        http: httpx.Client,
        token: ServiceToken,
        *,
        clock: Clock,
        poll_every_s: float = POLL_EVERY_S,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        self.revocations = Revocations(clock)
        self._clock = clock
        self._ticks = ticks
        self._heard_at = ticks()
        self._began = False
        """Whether all that happened before this process began was read: it came late, but delayed nobody."""
        self._http = http
        self._token = token
        self._poll_every_s = poll_every_s
        self._listeners: tuple[Listener, ...] = ()
        self._position: int | None = None
        self._pushed: deque[Change] = deque(maxlen=PUSHED_AT_MOST)
        self._news = threading.Event()

    @property
    def position(self) -> int | None:
        """The last change taken in; None until auth has answered once."""
        return self._position

    def synced(self) -> bool:
        """Tell whether what auth revoked before this process began is known (a readiness check)."""
        return self._position is not None

    def fresh(self) -> bool:
        """Tell whether auth was heard lately (a readiness check)."""
        return self.synced() and self.silence() < HEARD_WITHIN_S

    def silence(self) -> float:
        """Return the seconds since auth was heard."""
        return self._ticks() - self._heard_at

    def listen(self, on_change: Listener) -> None:
        """Have `on_change` called with every change from now on."""
        self._listeners = (*self._listeners, on_change)

    def hear(self, message: Message) -> None:
        """Take a change the broker brought."""
        try:
            change = Change.from_dict(orjson.loads(message.body))
        except (ValueError, KeyError, TypeError, AttributeError):
            log.warning("changes.unreadable", message=message.message_id)
            return
        # Refusing tokens waits for nobody; order matters to the listeners only.
        self.revocations.apply(change)
        self._pushed.append(change)
        self._news.set()

    def wake(self) -> None:
        """Ask auth now instead of in a moment; also what ends the loop's sleep when it has to stop."""
        self._news.set()

    def run(self, stop: Stop) -> None:
        """Follow until asked to stop."""
        SILENCE.set_function(self.silence)
        complete = False
        while not stop.wanted:
            if not complete:
                complete = self._fetch()
                self.revocations.forget_old()
            woken = self._news.wait(self._poll_every_s)
            self._news.clear()
            # Woken with all pushed changes in sequence: nothing to ask. Otherwise it is time to ask, or one is missing.
            complete = woken and self._take_pushed()

    def _take_pushed(self) -> bool:
        """Take what was pushed, as far as it follows; True when something came and nothing is missing."""
        came = False
        while self._pushed:
            change = self._pushed.popleft()
            if self._position is None or change.position > self._position + 1:
                return False
            came = True
            self._take(change)
            self._heard_at = self._ticks()
        return came

    def _fetch(self) -> bool:
        """Read the list to its end; True when that worked."""
        try:
            while True:
                page = self._page()
                items = [Change.from_dict(members) for members in page["items"]]
                self._heard_at = self._ticks()
                if self._began_anew(page["position"]):
                    continue
                for change in items:
                    self._take(change)
                if self._position is None or not items:
                    self._position = max(page["position"], self._position or 0)
                if len(items) < PAGE:
                    self._began = True
                    return True
        except Unauthenticated:
            self._token.forget()
            return False
        except (Problem, ValueError, KeyError, TypeError) as error:
            log.warning("changes.not_fetched", **failure(error))
            return False

    def _page(self) -> Any:  # noqa: ANN401 - JSON
        after = {} if self._position is None else {"after": self._position}
        answer = call(
            self._http, "GET", "/inside/changes", headers=self._token.header(), params={"limit": PAGE, **after}
        )
        return orjson.loads(answer.content)

    def _began_anew(self, head: int) -> bool:
        """Start over when auth knows less than we do: its database is another one."""
        if self._position is None or head >= self._position:
            return False
        log.warning("changes.began_anew", known=self._position, head=head)
        self._position = None
        return True

    def _take(self, change: Change) -> None:
        if self._position is not None and change.position <= self._position:
            return
        self.revocations.apply(change)
        self._position = change.position
        for on_change in self._listeners:
            try:
                on_change(change)
            except Exception as error:  # noqa: BLE001 - a door to others: one listener must not hide it from the next
                log.error("changes.listener_failed", position=change.position, **failure(error))
        if self._began and (change.session_id is not None or change.tokens_before is not None):
            with suppress(ValueError):
                delay = self._clock() - from_wire(change.at)
                REVOCATION_DELAY.observe(max(0.0, delay.total_seconds()))
