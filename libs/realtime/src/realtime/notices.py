"""Who is told on their devices that something is new: gathered from the events every gateway hears, sent by one.

Promises: noting a message is to remember two ids, so no send and no socket ever waits for a notice; a moment later
conversations is asked who is to be told, and answers each message once, whichever gateway asks first; whoever has read
it by then is left alone; nothing of a message, a name or a conversation goes to a push service; what waits is bounded,
and while conversations is away it is asked again for ten minutes.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from gevent.pool import Pool

from realtime.metrics import NOTICES, NOTICES_DROPPED, NOTICES_WAITING
from realtime.push.post import Notice, Outcome, PushPost
from realtime.timing import Timing
from servicekit.background import Stop
from servicekit.log import get_logger
from wire.events import Event
from wire.problems import Problem, Unavailable

DUE_AFTER_S: Final = 2.0
"""Long enough for whoever looks at it to have read it (marks travel once a second)."""
LOOK_EVERY_S: Final = 0.5
WORTH_TELLING_S: Final = 600.0
MESSAGES_WAITING: Final = 5_000
ASKED_AT_ONCE: Final = 200
PUSHES_AT_ONCE: Final = 32
FINISH_WITHIN_S: Final = 3.0
POSTED: Final = "message.posted"

log = get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Addressee:
    """One browser that is to be told."""

    subscription_id: str
    org: str
    endpoint: str = field(repr=False)
    urgent: bool


class Knows(Protocol):
    """Who knows whom to tell (conversations)."""

    def addressees(self, items: Sequence[Mapping[str, str]]) -> list[Addressee]:
        """Return whom to tell of these messages; a message answered once is never answered again."""

    def gone(self, items: Sequence[Mapping[str, str]]) -> None:
        """Forget subscriptions whose browser took its address back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _New:
    org: str
    message_id: str
    heard: float


class Notices:
    """The notices of one gateway process."""

    def __init__(self, knows: Knows, post: PushPost, timing: Timing, *, plane: str) -> None:
        self._knows = knows
        self._post = post
        self._ticks = timing.ticks
        self._plane = plane
        self._waiting: deque[_New] = deque()
        self._gone: list[Mapping[str, str]] = []
        self._pool = Pool(PUSHES_AT_ONCE)

    def note(self, event: Event) -> None:
        """Remember that a message was posted; anything else is none of ours."""
        if event.type != POSTED:
            return
        if len(self._waiting) >= MESSAGES_WAITING:
            self._waiting.popleft()
            NOTICES_DROPPED.labels(self._plane).inc()
        message_id = event.body["entry"]["message"]["id"]
        self._waiting.append(_New(org=event.org, message_id=message_id, heard=self._ticks()))

    def run(self, stop: Stop) -> None:
        """Tell what is due until asked to stop; what is on its way then is finished."""
        NOTICES_WAITING.labels(self._plane).set_function(lambda: len(self._waiting) + len(self._pool))
        while not stop.wait(LOOK_EVERY_S):
            self.tell()
        self.settle()
        self._pool.kill(block=False)
        self._post.close()

    def settle(self) -> None:
        """Wait a while for what is on its way."""
        self._pool.join(timeout=FINISH_WITHIN_S)

    def tell(self) -> None:
        """Ask whom to tell of what is due, and tell them; and who is gone is forgotten."""
        # What becomes due meanwhile waits for the next look: asking for each as it comes would never end under load.
        before = self._ticks() - DUE_AFTER_S
        while due := self._due(before):
            try:
                addressees = self._knows.addressees([{"org": one.org, "message_id": one.message_id} for one in due])
            except Unavailable:
                self._again(due)
                break
            except Problem as refused:
                log.error("notices.refused", items=len(due), code=refused.code)
                continue
            for addressee in addressees:
                # Waits for a free place among those on their way: a slow push service slows notices and nothing else.
                self._pool.spawn(self._deliver, addressee)
        self._forget_gone()

    def _due(self, before: float) -> list[_New]:
        due: list[_New] = []
        while self._waiting and self._waiting[0].heard <= before and len(due) < ASKED_AT_ONCE:
            due.append(self._waiting.popleft())
        return due

    def _again(self, due: Sequence[_New]) -> None:
        oldest = self._ticks() - WORTH_TELLING_S
        kept = [one for one in due if one.heard > oldest]
        NOTICES_DROPPED.labels(self._plane).inc(len(due) - len(kept))
        self._waiting.extendleft(reversed(kept))

    def _deliver(self, addressee: Addressee) -> None:
        outcome = self._post.send(Notice(endpoint=addressee.endpoint, urgent=addressee.urgent))
        NOTICES.labels(self._plane, outcome).inc()
        if outcome is Outcome.GONE:
            self._gone.append({"org": addressee.org, "subscription_id": addressee.subscription_id})

    def _forget_gone(self) -> None:
        gone, self._gone = self._gone, []
        if not gone:
            return
        try:
            self._knows.gone(gone)
        except Problem as refused:
            # It is told again with the next notice that finds them gone.
            log.warning("notices.gone_not_told", items=len(gone), code=refused.code)
