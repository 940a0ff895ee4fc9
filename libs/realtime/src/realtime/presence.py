"""Whether the people at this process are there: told where a colleague asked, and never in the way of a send.

A person is online while one of their sockets here is, away when all of them say so, offline a moment after the last
one went (a page that is loaded again is not worth a word). Who watches a conversation asks; each process answers for
its own people and remembers the question for a while, so that what changes is told there. A process that hears less of
somebody than it knows itself says so: it may have them at another device.

Promises: to tell is to note; a sign of one person in one conversation leaves at most once a second, and the newest
wins; what there is no room or no answer for is dropped and counted; nothing is kept of anybody for longer than asked.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from gevent.event import Event as Noted

from realtime.metrics import EVENTS_REFUSED, PRESENCE_DROPPED
from realtime.onlookers import Onlookers, Seat
from realtime.session import Session
from realtime.timing import Timing
from servicekit.background import Stop
from servicekit.log import failure, get_logger
from wire.changes import Change, ChangeType
from wire.events import PRESENCES, Event
from wire.ids import ConversationId, UserId
from wire.problems import NotFound, Problem

__all__ = ["Presence", "Seat"]

GAP_S: Final = 1.0
"""Between two signs of one person in one conversation."""
ANSWER_WITHIN_S: Final = 0.4
"""Over how long the answers to one question are spread."""
GONE_AFTER_S: Final = 2.0
REMEMBER_S: Final = 300.0
"""How long a question stands; it is asked again well before."""
LOOK_EVERY_S: Final = 0.25
LOOK_BACK_EVERY_S: Final = 10.0
WAITING_AT_MOST: Final = 5_000
ASKED_AT_MOST: Final = 50_000
BATCH_ITEMS: Final = 200

OFFLINE, AWAY, ONLINE = PRESENCES
_Key = tuple[UserId, ConversationId]

log = get_logger()


class Passes(Protocol):
    """Who passes signs on (conversations)."""

    def marks(self, items: Sequence[Mapping[str, Any]]) -> list[Problem | None]:
        """Tell signs of kind `presence`; for each None or why not."""


@dataclass(slots=True, kw_only=True)
class _Question:
    """Somebody asked about a person in a conversation: until when it stands, and what they were told."""

    until: float
    told: str | None = None


@dataclass(slots=True, kw_only=True)
class _Sign:
    """What is due to be told, and by whose token. `anyway`: even if it is nothing new."""

    at: float
    session: Session
    asks: bool
    anyway: bool


class Presence:
    """Who is there, of one gateway process."""

    def __init__(self, passes: Passes, timing: Timing, *, plane: str) -> None:
        self._passes = passes
        self._timing = timing
        self._plane = plane
        self._seats: dict[UserId, dict[Seat, None]] = {}
        self._questions: dict[UserId, dict[ConversationId, _Question]] = {}
        self._asked = 0
        self._due: dict[_Key, _Sign] = {}
        self._said: dict[_Key, float] = {}
        self._looked_back = timing.ticks()
        self._onlookers = Onlookers(timing.ticks)
        self._noted = Noted()
        self._dropped = PRESENCE_DROPPED.labels(plane=plane)

    def state_of(self, user_id: UserId) -> str:
        """Return whether somebody is there, as far as this process knows."""
        seats = self._seats.get(user_id)
        if not seats:
            return OFFLINE
        return AWAY if all(seat.away for seat in seats) else ONLINE

    # From the sockets.

    def come(self, seat: Seat) -> None:
        """Let a socket count."""
        before = self.state_of(seat.user_id)
        self._seats.setdefault(seat.user_id, {})[seat] = None
        self._changed(seat, before)

    def go(self, seat: Seat) -> None:
        """Let a socket no longer count; one that never did is nothing to forget."""
        self._onlookers.look(seat, None)
        seats = self._seats.get(seat.user_id, {})
        if seat not in seats:
            return
        before = self.state_of(seat.user_id)
        del seats[seat]
        if not seats:
            del self._seats[seat.user_id]
        self._changed(seat, before)

    def watch(self, seat: Seat, conversation_id: ConversationId | None, *, away: bool) -> None:
        """Hear which conversation stands open at a socket, and whether its person looks away."""
        if seat not in self._seats.get(seat.user_id, ()):
            return  # it went while the question was on its way
        before = self.state_of(seat.user_id)
        seat.away = away
        if conversation_id != seat.watching:
            self._onlookers.look(seat, conversation_id)
            if conversation_id is not None:
                self._tell_soon((seat.user_id, conversation_id), seat.session, asks=True, anyway=True)
        self._changed(seat, before)

    def tell_now(self, seat: Seat, conversation_id: ConversationId) -> None:
        """Pass one sign on at once and raise the Problem it met."""
        sign = _Sign(at=0.0, session=seat.session, asks=False, anyway=True)
        for problem in self._passes.marks([self._item((seat.user_id, conversation_id), sign)]):
            if problem is not None:
                raise problem

    # From the exchange.

    def hear(self, event: Event) -> None:
        """Take what some process says of somebody."""
        try:
            user_id, conversation_id = event.body["user_id"], event.body["conversation_id"]
            state, asks = event.body["state"], event.body["asks"] is True
            rank = PRESENCES.index(state)
        except (KeyError, ValueError) as odd:
            log.error("event.not_understood", type=event.type, event_id=event.event_id, **failure(odd))
            EVENTS_REFUSED.labels(plane=self._plane).inc()
            return
        if asks:
            self._remember((one for one in event.audience if one != user_id), conversation_id)
        if PRESENCES.index(self.state_of(user_id)) > rank:
            self._answer(user_id, conversation_id)
        self._onlookers.hear(conversation_id, user_id, state, event.audience)

    def doubt(self, change: Change) -> None:
        """Ask again about somebody whose sessions end: with their token nobody can say any more that they went."""
        active = change.user is None or change.user.active
        if change.type is not ChangeType.SESSION_REVOKED and active and change.tokens_before is None:
            return
        for conversation_id, seat in self._onlookers.doubt(change.user_id):
            self._tell_soon((seat.user_id, conversation_id), seat.session, asks=True, anyway=True)

    # On the way out.

    def run(self, stop: Stop) -> None:
        """Tell what is due until it is time to end."""
        while not stop.wanted:
            self._noted.wait(LOOK_EVERY_S)
            self._noted.clear()
            self.look()

    def wake(self) -> None:
        """Let `run` see that something is due now, or that it is time to end."""
        self._noted.set()

    def look(self) -> None:
        """Tell what is due and show what settled; now and then ask again, and forget what is over."""
        now = self._timing.ticks()
        if now - self._looked_back >= LOOK_BACK_EVERY_S:
            self._looked_back = now
            self._look_back(now)
        while due := [key for key, sign in self._due.items() if sign.at <= now][:BATCH_ITEMS]:
            self._tell({key: self._due.pop(key) for key in due}, now)
        self._onlookers.settle()

    def _tell(self, due: Mapping[_Key, _Sign], now: float) -> None:
        signs = {key: sign for key, sign in due.items() if sign.anyway or self._is_news(key)}
        if not signs:
            return
        items = [self._item(key, sign) for key, sign in signs.items()]
        for key, item in zip(signs, items, strict=True):
            self._said[key] = now
            question = self._question(key)
            if question is not None:
                question.told = item["state"]
        try:
            outcomes = self._passes.marks(items)
        except Problem as away:
            self._dropped.inc(len(items))
            log.debug("presence.dropped", items=len(items), code=away.code)
            return
        for (user_id, conversation_id), outcome in zip(signs, outcomes, strict=True):
            if isinstance(outcome, NotFound):
                self._shut_out(user_id, conversation_id)

    def _item(self, key: _Key, sign: _Sign) -> dict[str, Any]:
        user_id, conversation_id = key
        return {
            "token": sign.session.access_token,
            "kind": "presence",
            "conversation_id": conversation_id,
            "state": self.state_of(user_id),
            "asks": sign.asks,
        }

    def _is_news(self, key: _Key) -> bool:
        question = self._question(key)
        return question is None or question.told != self.state_of(key[0])

    def _changed(self, seat: Seat, before: str) -> None:
        """Tell a change of somebody's state wherever it was asked for."""
        state = self.state_of(seat.user_id)
        if state == before:
            return
        delay = GONE_AFTER_S if state == OFFLINE else 0.0
        for conversation_id in self._questions.get(seat.user_id, {}):
            self._tell_soon((seat.user_id, conversation_id), seat.session, delay=delay)

    def _answer(self, user_id: UserId, conversation_id: ConversationId) -> None:
        seats = self._seats.get(user_id)
        if seats:
            newest = next(reversed(seats))
            delay = ANSWER_WITHIN_S * self._timing.spread()
            self._tell_soon((user_id, conversation_id), newest.session, anyway=True, delay=delay)

    def _remember(self, people: Iterable[UserId], conversation_id: ConversationId) -> None:
        until = self._timing.ticks() + REMEMBER_S
        for user_id in people:
            question = self._question((user_id, conversation_id))
            if question is not None:
                question.until = until
            elif self._asked < ASKED_AT_MOST:
                self._asked += 1
                self._questions.setdefault(user_id, {})[conversation_id] = _Question(until=until)
            else:
                self._dropped.inc()
            self._answer(user_id, conversation_id)

    def _question(self, key: _Key) -> _Question | None:
        return self._questions.get(key[0], {}).get(key[1])

    def _tell_soon(
        self, key: _Key, session: Session, *, asks: bool = False, anyway: bool = False, delay: float = 0.0
    ) -> None:
        now = self._timing.ticks()
        at = max(now + delay, self._said.get(key, now - GAP_S) + GAP_S)
        sign = self._due.get(key)
        if sign is not None:
            sign.at, sign.session = min(sign.at, at), session
            sign.asks, sign.anyway = sign.asks or asks, sign.anyway or anyway
        elif len(self._due) < WAITING_AT_MOST:
            self._due[key] = _Sign(at=at, session=session, asks=asks, anyway=anyway)
        else:
            self._dropped.inc()
        if at <= now:
            self._noted.set()

    def _shut_out(self, user_id: UserId, conversation_id: ConversationId) -> None:
        """Forget a conversation that somebody no longer takes part in."""
        self._drop(user_id, conversation_id)
        for seat in tuple(self._seats.get(user_id, ())):
            if seat.watching == conversation_id:
                self._onlookers.look(seat, None)

    def _drop(self, user_id: UserId, conversation_id: ConversationId) -> None:
        questions = self._questions.get(user_id, {})
        if questions.pop(conversation_id, None) is not None:
            self._asked -= 1
            if not questions:
                del self._questions[user_id]

    def _look_back(self, now: float) -> None:
        self._onlookers.give_up_the_silent()
        for conversation_id, seat in self._onlookers.long_unasked():
            self._tell_soon((seat.user_id, conversation_id), seat.session, asks=True, anyway=True)
        over = [
            (user_id, conversation_id)
            for user_id, questions in self._questions.items()
            for conversation_id, question in questions.items()
            if question.until < now
        ]
        for key in over:
            self._drop(*key)
        self._said = {key: at for key, at in self._said.items() if at + GAP_S > now}
