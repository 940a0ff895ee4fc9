"""The send queue: messages on their way to conversations, gathering into batches by themselves.

While one batch is on its way the next one fills, and leaves the moment the line is free: no timer, so an idle system
adds no delay and a busy one pays HTTP, commit and publish once for many.

Promises: what was put first leaves first, so the order within a socket is kept; every item is answered exactly once,
whatever fails, unless its author took it back before it left; the queue is bounded, and a full one answers
`unavailable` at once; nobody sends more than their share a minute. The loop outlives any failure of a connection, an
answer or an asker.
"""

from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import ceil
from typing import Any, Final, Protocol

from gevent.event import AsyncResult, Event
from gevent.timeout import Timeout

from realtime.metrics import SEND_BATCH, SENDS
from realtime.upstream import Stored
from servicekit.background import Stop
from servicekit.log import failure, get_logger
from servicekit.shares import Shares
from wire.claims import Claims
from wire.problems import Problem, RateLimited, Unavailable

BATCH_ITEMS: Final = 200
BATCH_BYTES: Final = 1_000_000
WAITING_AT_MOST: Final = 5_000
ANSWER_WITHIN: Final = 30.0
"""Seconds a REST call waits for its answer; two tries of a batch fit in."""
_ENVELOPE: Final = 2_000
"""Bytes an item may take beside its body: ids and a token."""

Answer = Callable[[Stored | Problem], None]
Token = Callable[[], str | None]
"""Returns its author's token as a message leaves, or None when they take it back: it does not leave then."""

log = get_logger()


class Stores(Protocol):
    """Where batches go (conversations)."""

    def sends(self, items: list[Mapping[str, Any]]) -> list[Stored | Problem]:
        """Store a batch; one result for each item, in order; a Problem for all of them is raised."""


@dataclass(slots=True, kw_only=True)  # not frozen: one is made for every send, and that takes twice as long
class _Item:
    message: Mapping[str, Any] = field(repr=False)
    token: Token
    answer: Answer
    size: int


class Sends:
    """The send queue of one gateway process."""

    def __init__(self, stores: Stores, *, plane: str, per_minute: int) -> None:
        self._stores = stores
        self._plane = plane
        self._shares = Shares(per_minute)
        self._waiting: deque[_Item] = deque()
        self._filled = Event()
        self._idle = Event()
        self._idle.set()
        self._closed = False

    def put(
        self, claims: Claims, token: Token, message: Mapping[str, Any], answer: Answer, *, counted: bool = False
    ) -> None:
        """Queue a message; RateLimited or Unavailable when it is not taken, else `answer` is called once.

        `counted` says that it was counted against its author's share before.
        """
        if not counted:
            self.count(claims)
        if self._closed or len(self._waiting) >= WAITING_AT_MOST:
            raise Unavailable
        size = len(message.get("body", "")) + _ENVELOPE
        self._waiting.append(_Item(message=message, token=token, answer=answer, size=size))
        self._idle.clear()
        self._filled.set()

    def post(self, claims: Claims, access_token: str, message: Mapping[str, Any], *, counted: bool = False) -> Stored:
        """Store one message and wait for it (the REST door); any Problem it met is raised."""
        result = AsyncResult()
        self.put(claims, lambda: access_token, message, result.set, counted=counted)
        try:
            outcome: Stored | Problem = result.get(timeout=ANSWER_WITHIN)
        except Timeout:
            raise Unavailable from None
        if isinstance(outcome, Problem):
            raise outcome
        return outcome

    def count(self, claims: Claims) -> None:
        """Count a message against its author's share; RateLimited when that is used up."""
        wait = self._shares.take(claims.user_id)
        if wait is None:
            return
        SENDS.labels(plane=self._plane, outcome=RateLimited.code).inc()
        raise RateLimited(f"At most {self._shares.per_minute} messages a minute.", retry_after=max(1, ceil(wait)))

    def run(self, stop: Stop) -> None:
        """Send batches until it is time to end and the queue was closed."""
        while not (stop.wanted and self._closed) or self._waiting:
            self._filled.wait()
            self._filled.clear()
            while self._waiting:
                self._deliver(*self._batch())
            self._idle.set()

    def wake(self) -> None:
        """Let `run` see that it is time to end."""
        self._filled.set()

    def close(self) -> None:
        """Take nothing more: the gateway ends."""
        self._closed = True
        self._filled.set()

    def settle(self, patience: float) -> bool:
        """Wait until everything was answered, at most `patience` seconds; tell whether it was."""
        return bool(self._idle.wait(patience))

    def _batch(self) -> tuple[list[_Item], list[Mapping[str, Any]]]:
        items: list[_Item] = []
        messages: list[Mapping[str, Any]] = []
        size = 0
        while self._waiting and len(items) < BATCH_ITEMS:
            if items and size + self._waiting[0].size > BATCH_BYTES:
                break
            item = self._waiting.popleft()
            token = item.token()
            if token is not None:
                items.append(item)
                messages.append({"token": token, **item.message})
                size += item.size
        return items, messages

    def _deliver(self, items: list[_Item], messages: list[Mapping[str, Any]]) -> None:
        if not items:
            return
        outcomes = self._outcomes(messages)
        SEND_BATCH.labels(plane=self._plane).observe(len(items))
        for word, count in Counter(map(_word_for, outcomes)).items():
            SENDS.labels(plane=self._plane, outcome=word).inc(count)
        for item, outcome in zip(items, outcomes, strict=True):
            try:
                item.answer(outcome)
            except Exception as error:  # noqa: BLE001 - the top of the loop: one asker's failure is not the next one's
                log.error("sends.answer_failed", **failure(error))

    def _outcomes(self, items: list[Mapping[str, Any]]) -> list[Stored | Problem]:
        try:
            outcomes = self._stores.sends(items)
        except Problem as refused:
            log.warning("sends.batch_refused", plane=self._plane, items=len(items), code=refused.code)
            outcomes = []
        except Exception as error:  # noqa: BLE001 - the top of the loop: it must outlive whatever broke, and answer
            log.error("sends.batch_failed", plane=self._plane, items=len(items), **failure(error))
            outcomes = []
        # Nobody but the batch's own answer may say more than this: nothing is known to be stored, try the same again.
        return outcomes if len(outcomes) == len(items) else [Unavailable() for _ in items]


def _word_for(outcome: Stored | Problem) -> str:
    return outcome.code if isinstance(outcome, Problem) else "stored"
