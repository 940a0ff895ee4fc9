"""Who looks at which conversation here, and what they are shown of the others in it.

Promises: somebody hears only of people in the conversation that stands open at their socket, and never of themselves;
less than was known waits a moment before it is shown, because another device may say better; of whom nothing was heard
for long is shown as gone; what was known goes with the last onlooker.
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from typing import Final

from realtime.protocol import push
from realtime.pushes import Push, StatePush
from realtime.session import Session
from realtime.timing import Ticks
from wire.events import PRESENCES
from wire.ids import ConversationId, UserId

SETTLE_S: Final = 1.0
ASK_AGAIN_S: Final = 120.0
GONE_AFTER_S: Final = 300.0
"""Since somebody was last heard of: two questions went unanswered."""

OFFLINE: Final = PRESENCES[0]


@dataclass(slots=True, kw_only=True, eq=False)
class Seat:
    """One socket: whose it is, what stands open there, and whether they look away."""

    session: Session
    offer: Callable[[Push], None]
    watching: ConversationId | None = None
    away: bool = False

    @property
    def user_id(self) -> UserId:
        """Who sits there."""
        return self.session.claims.user_id


@dataclass(slots=True, kw_only=True)
class _Seen:
    """What was last heard of somebody, and what is shown."""

    state: str
    audience: Collection[UserId]
    at: float
    since: float
    shown: str | None = None


@dataclass(slots=True, kw_only=True)
class _Open:
    """A conversation that stands open here."""

    asked: float
    seats: dict[Seat, None] = field(default_factory=dict)
    seen: dict[UserId, _Seen] = field(default_factory=dict)


class Onlookers:
    """The open conversations of one gateway process."""

    def __init__(self, ticks: Ticks) -> None:
        self._ticks = ticks
        self._open: dict[ConversationId, _Open] = {}
        self._unsettled: dict[tuple[ConversationId, UserId], None] = {}

    def look(self, seat: Seat, conversation_id: ConversationId | None) -> None:
        """Let a socket look at a conversation, or at none, and show it what is known."""
        if seat.watching == conversation_id:
            return
        self._look_away(seat)
        seat.watching = conversation_id
        if conversation_id is None:
            return
        here = self._open.setdefault(conversation_id, _Open(asked=self._ticks()))
        here.seats[seat] = None
        for user_id, seen in here.seen.items():
            if seen.shown is not None:
                _show(seat, conversation_id, user_id, seen)

    def hear(self, conversation_id: ConversationId, user_id: UserId, state: str, audience: Collection[UserId]) -> None:
        """Take what is said of somebody: better news is shown at once, worse when it stood for a moment."""
        here = self._open.get(conversation_id)
        if here is None:
            return
        now = self._ticks()
        seen = here.seen.setdefault(user_id, _Seen(state=state, audience=audience, at=now, since=now))
        if state != seen.state:
            seen.since = now
        seen.state, seen.audience, seen.at = state, audience, now
        if seen.shown is None or PRESENCES.index(state) > PRESENCES.index(seen.shown):
            self._show(conversation_id, here, user_id, seen)
        elif state != seen.shown:
            self._unsettled[conversation_id, user_id] = None

    def settle(self) -> None:
        """Show what stood for a moment."""
        now = self._ticks()
        for conversation_id, user_id in tuple(self._unsettled):
            here = self._open.get(conversation_id)
            seen = None if here is None else here.seen.get(user_id)
            if here is None or seen is None or seen.state == seen.shown:
                del self._unsettled[conversation_id, user_id]
            elif now - seen.since >= SETTLE_S:
                del self._unsettled[conversation_id, user_id]
                self._show(conversation_id, here, user_id, seen)

    def give_up_the_silent(self) -> None:
        """Take for gone of whom nothing was heard for long."""
        long_ago = self._ticks() - GONE_AFTER_S
        for conversation_id, here in self._open.items():
            for user_id, seen in here.seen.items():
                if seen.at <= long_ago:
                    self._take_for_gone(conversation_id, user_id, seen)

    def doubt(self, user_id: UserId) -> Iterator[tuple[ConversationId, Seat]]:
        """Take somebody for gone unless it is said otherwise; gives where to ask, and a socket to ask by."""
        for conversation_id, here in tuple(self._open.items()):
            seen = here.seen.get(user_id)
            if seen is not None and seen.state != OFFLINE:
                self._take_for_gone(conversation_id, user_id, seen)
                yield from _asking(conversation_id, here, other_than=user_id)

    def long_unasked(self) -> Iterator[tuple[ConversationId, Seat]]:
        """Give the open conversations that are due to be asked about again, and a socket to ask by."""
        now = self._ticks()
        for conversation_id, here in tuple(self._open.items()):
            if now - here.asked >= ASK_AGAIN_S:
                here.asked = now
                yield from _asking(conversation_id, here)

    def _take_for_gone(self, conversation_id: ConversationId, user_id: UserId, seen: _Seen) -> None:
        if seen.state != OFFLINE:
            seen.state, seen.since = OFFLINE, self._ticks()
            self._unsettled[conversation_id, user_id] = None

    def _look_away(self, seat: Seat) -> None:
        here = None if seat.watching is None else self._open.get(seat.watching)
        if here is None or seat.watching is None:
            return
        here.seats.pop(seat, None)
        if not here.seats:
            del self._open[seat.watching]

    def _show(self, conversation_id: ConversationId, here: _Open, user_id: UserId, seen: _Seen) -> None:
        seen.shown = seen.state
        for seat in tuple(here.seats):
            _show(seat, conversation_id, user_id, seen)


def _show(seat: Seat, conversation_id: ConversationId, user_id: UserId, seen: _Seen) -> None:
    if seat.user_id != user_id and seat.user_id in seen.audience:
        frame = push("presence", {"user_id": user_id, "state": seen.shown})
        seat.offer(StatePush(frame=frame, conversation_id=conversation_id))


def _asking(
    conversation_id: ConversationId, here: _Open, *, other_than: UserId | None = None
) -> Iterator[tuple[ConversationId, Seat]]:
    seat = next((each for each in reversed(here.seats) if each.user_id != other_than), None)
    if seat is not None:
        yield conversation_id, seat
