"""One socket's place in every stream it hears, and the merging of what was missed with what comes live.

Pure: no I/O, no clock. Promises, whatever the order in which things arrive:

- each entry goes out once, in seq order per stream, and none is skipped unless the database itself skips it;
- while catching up, live pushes are held; what the catch-up already told is dropped when they are let go;
- an entry ahead of its turn waits; `broken` then tells that something is missing, and only a catch-up may jump it.

Why positions and not "newest wins": a broker may repeat, and after a loss an entry may overtake the one before it;
an entry sent ahead of its turn would make its elder look like a repeat, and the client would never see it.
"""

from collections import deque
from collections.abc import Collection, Iterable, Mapping
from typing import Final, NamedTuple

from realtime.pushes import EntryPush, Push
from wire.ids import ConversationId, UserId

HELD_AT_MOST: Final = 2_000
"""Pushes that wait for a catch-up or for their turn, per socket."""

StreamKey = tuple[ConversationId, str]


class Tally(NamedTuple):
    """How much somebody holds, or there is for them: a stream has no holes, so who holds as many misses nothing."""

    conversations: int
    entries: int


class TooFarBehind(Exception):
    """More is waiting than a socket may hold."""


class Streams:
    """The positions of one socket."""

    def __init__(self, user_id: UserId) -> None:
        self._user_id = user_id
        self._positions: dict[StreamKey, int] = {}
        self._ahead: dict[StreamKey, dict[int, EntryPush]] = {}
        self._held: deque[Push] = deque()
        self._waiting = 0
        self._gaps: set[StreamKey] = set()
        self.catching_up = True

    @property
    def broken(self) -> bool:
        """Tell whether an entry waits for one that did not come."""
        return bool(self._ahead)

    def hears(self, conversation_id: ConversationId, stream: str) -> bool:
        """Tell whether the socket has a place in this stream."""
        return (conversation_id, stream) in self._positions

    def positions(self) -> dict[ConversationId, dict[str, int]]:
        """Return the seq that went out last, per conversation and stream."""
        listed: dict[ConversationId, dict[str, int]] = {}
        for (conversation_id, stream), seq in self._positions.items():
            listed.setdefault(conversation_id, {})[stream] = seq
        return listed

    def tally(self) -> Tally:
        """Return in how many conversations the socket has a place, and how many entries that are."""
        return Tally(
            conversations=len({conversation_id for conversation_id, _ in self._positions}),
            entries=sum(self._positions.values()),
        )

    def hold(self) -> None:
        """Keep live pushes back from now on, until `next_held` returned None."""
        self.catching_up = True

    def offer(self, push: Push) -> Iterable[Push]:
        """Return what may go out now that `push` came live; TooFarBehind when too much waits."""
        if self.catching_up:
            self._keep(push)
            return ()
        return self._in_order(push)

    def missed(self, push: EntryPush) -> bool:
        """Take an entry from the database; True when it is news to the socket."""
        key = (push.conversation_id, push.stream)
        position = self._positions.get(key)
        if position is not None and push.seq <= position:
            return False
        if position is not None and push.seq > position + 1:
            self._gaps.add(key)
        self._positions[key] = push.seq
        return True

    def resume(self, positions: Mapping[ConversationId, Mapping[str, int]]) -> None:
        """Begin where the client says it is."""
        for conversation_id, streams in positions.items():
            for stream, seq in streams.items():
                self._positions[conversation_id, stream] = seq

    def leave(self, conversation_id: ConversationId) -> None:
        """Forget a conversation the user no longer takes part in."""
        for key in [key for key in self._positions if key[0] == conversation_id]:
            del self._positions[key]
        for key in [key for key in self._ahead if key[0] == conversation_id]:
            self._waiting -= len(self._ahead.pop(key))

    def arrive(self, heads: Mapping[ConversationId, Mapping[str, int]], resets: Collection[StreamKey] = ()) -> int:
        """Stand at the heads the catch-up reported; what is held goes out by `next_held`.

        Returns in how many streams the catch-up left out an entry without saying so by a reset: it never should.

        The heads are the truth: a client may have claimed more than there is, and a conversation without a head is
        one the user does not take part in. What waited for its turn before the catch-up began and is in no such
        conversation is dropped, else a removed user's last echo would be asked for again and again.
        """
        there = {(cid, stream): seq for cid, streams in heads.items() for stream, seq in streams.items()}
        behind = {key for key, head in there.items() if self._positions.get(key, head) < head}
        gaps, self._gaps = (behind | self._gaps).difference(resets), set()
        self._positions = there
        ahead = [push for (cid, _), waiting in self._ahead.items() if cid in heads for push in waiting.values()]
        self._held.extendleft(reversed(ahead))
        self._ahead = {}
        self._waiting = len(self._held)
        return len(gaps)

    def next_held(self) -> Iterable[Push] | None:
        """Return what may go out of the next held push; None when there is none, and pushes flow again.

        Until then whatever comes live queues behind, so a slow reader's catch-up is never overtaken.
        """
        if not self._held:
            self.catching_up = False
            return None
        self._waiting -= 1
        return self._in_order(self._held.popleft())

    def _in_order(self, push: Push) -> Iterable[Push]:
        if isinstance(push, EntryPush):
            return self._in_turn(push)
        if push.removes and push.conversation_id is not None:
            self.leave(push.conversation_id)
        return (push,)

    def _keep(self, push: Push) -> None:
        if not isinstance(push, EntryPush) and push.transient:
            return
        self._count()
        self._held.append(push)

    def _in_turn(self, push: EntryPush) -> Iterable[Push]:
        key = (push.conversation_id, push.stream)
        position = self._positions.get(key)
        if position is None and (push.seq == 1 or push.joined == self._user_id):
            position = push.seq - 1
        if position is None or push.seq > position + 1:
            self._park(key, push)
            return ()
        if push.seq <= position:
            return ()
        return self._onward(key, push)

    def _onward(self, key: StreamKey, push: EntryPush) -> list[Push]:
        """Return `push` and what waited right behind it."""
        out: list[Push] = [push]
        self._positions[key] = push.seq
        waiting = self._ahead.get(key)
        if waiting is None:
            return out
        while (follower := waiting.pop(self._positions[key] + 1, None)) is not None:
            self._positions[key] = follower.seq
            out.append(follower)
        self._waiting -= len(out) - 1
        for late in [seq for seq in waiting if seq <= self._positions[key]]:
            del waiting[late]
            self._waiting -= 1
        if not waiting:
            del self._ahead[key]
        return out

    def _park(self, key: StreamKey, push: EntryPush) -> None:
        waiting = self._ahead.setdefault(key, {})
        if push.seq not in waiting:
            self._count()
            waiting[push.seq] = push

    def _count(self) -> None:
        self._waiting += 1
        if self._waiting > HELD_AT_MOST:
            raise TooFarBehind
