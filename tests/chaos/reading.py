"""Reads one client's log against the truth. Pure.

How a client's log is read. A client holds a position in each stream: from `caught_up` or an announced conversation
where it held none, from every entry after that. `removed` ends its part in a conversation: the position is forgotten.
Entries go up by one from wherever they start, and at the end every position is the database's head.

How a leak is told. The shared stream itself says from which seq to which somebody took part. Who is taken in again may
read what was said meanwhile, so an entry of the time between is a leak only when it was heard before anybody had even
asked to take them in again. The internal stream has other numbers: there, a message is a leak that was first sent
after the removal was acknowledged. Both go by the order of events, `tick`.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from tests.chaos.breaches import Breach, Kind, name_of, place_of
from tests.chaos.histories import (
    EDITED,
    INTERNAL,
    JOINED,
    POSTED,
    SHARED,
    Announced,
    CaughtUp,
    Heard,
    History,
    Removed,
    SentAway,
    Spilled,
    Stated,
    StreamKey,
    WentOn,
)
from tests.chaos.stored import StoredEntry
from tests.chaos.truth import Truth

FURTHEST_BEHIND = 1_000
PORTAL = "portal"


@dataclass(slots=True)
class Reading:
    """One client's log, read from its first event to its last."""

    history: History
    truth: Truth
    held: dict[StreamKey, int] = field(default_factory=dict)
    seen: defaultdict[StreamKey, set[int]] = field(default_factory=lambda: defaultdict(set))
    missing: defaultdict[StreamKey, set[int]] = field(default_factory=lambda: defaultdict(set))

    def breaches(self) -> Iterator[Breach]:
        for event in self.history.events:
            match event:
                case Heard():
                    yield from self._hears(event)
                case CaughtUp():
                    self._standsplace_of(event.heads)
                case Announced():
                    yield from self._may_know(event.conversation, "", event.tick)
                    self._starts_from(event.heads)
                case Removed():
                    yield from self._forgets(event.conversation)
                case WentOn():
                    yield from self._goes_on(event)
                case Stated():
                    yield from self._may_know(event.conversation, event.stream, event.tick)
                case Spilled():
                    yield self._breach(Kind.LEAKED, f"a {event.push} shows something internal")
                case SentAway():
                    yield self._breach(Kind.WRONG, f"was sent away with {event.code}")
        yield from self._is_complete()

    def _hears(self, heard: Heard) -> Iterator[Breach]:
        key = heard.conversation, heard.stream
        stored = self.truth.by_place.get((*key, heard.seq))
        if stored is None:
            yield self._breach(Kind.WRONG, f"heard {name_of(key)} {heard.seq}, which is not stored")
            return
        yield from self._may_hear(heard, stored)
        yield from self._is_what_is_stored(heard, stored)
        yield from self._in_its_turn(key, heard, stored)

    def _in_its_turn(self, key: StreamKey, heard: Heard, stored: StoredEntry) -> Iterator[Breach]:
        if key not in self.held:
            joins = stored.type == JOINED and stored.user == self.history.user
            if heard.seq != 1 and not joins and heard.stream == SHARED:
                yield self._breach(Kind.LOST, f"{name_of(key)} began at {heard.seq} out of nowhere")
            self.held[key] = heard.seq - 1
        held = self.held[key]
        if heard.seq in self.missing[key]:
            self.missing[key].discard(heard.seq)
            yield self._breach(Kind.OUT_OF_ORDER, f"heard {name_of(key)} {heard.seq} after {held}")
        elif heard.seq <= held:
            yield self._breach(Kind.DOUBLED, f"heard {name_of(key)} {heard.seq} again, holding {held}")
        else:
            self.missing[key].update(range(held + 1, heard.seq))
            self.held[key] = heard.seq
        self.seen[key].add(heard.seq)

    def _is_what_is_stored(self, heard: Heard, stored: StoredEntry) -> Iterator[Breach]:
        said = (heard.type, heard.actor, heard.message, heard.user)
        if said != (stored.type, stored.actor, stored.message, stored.user):
            yield self._breach(Kind.WRONG, f"heard {place_of(heard)} as {heard.type}, stored is {stored.type}")
        elif heard.type in {POSTED, EDITED} and heard.body not in self.truth.bodies[heard.message]:
            yield self._breach(Kind.WRONG, f"heard {place_of(heard)} with words that were never said")

    def _may_hear(self, heard: Heard, stored: StoredEntry) -> Iterator[Breach]:
        place = heard.conversation, self.history.user
        if heard.stream == INTERNAL and self.history.plane == PORTAL:
            yield self._breach(Kind.LEAKED, f"heard {place_of(heard)} at the portal")
            return
        if place not in self.truth.insiders:
            yield self._breach(Kind.LEAKED, f"heard {place_of(heard)} and never took part")
            return
        sent = self.truth.issued.get(stored.client_message_id, 0)
        for absence in self.truth.absences[place]:
            if heard.tick >= absence.again:
                continue
            outside = absence.first <= heard.seq < absence.until if heard.stream == SHARED else absence.told < sent
            if outside:
                yield self._breach(Kind.LEAKED, f"heard {place_of(heard)} while not taking part")

    def _may_know(self, conversation: str, stream: str, tick: int) -> Iterator[Breach]:
        del tick
        if (conversation, self.history.user) not in self.truth.insiders:
            yield self._breach(Kind.LEAKED, f"heard of {conversation} and never took part")
        elif stream == INTERNAL and self.history.plane == PORTAL:
            yield self._breach(Kind.LEAKED, f"heard of {conversation}'s internal stream at the portal")

    def _starts_from(self, heads: Mapping[StreamKey, int]) -> None:
        for key, head in heads.items():
            self.held.setdefault(key, head)

    def _standsplace_of(self, heads: Mapping[StreamKey, int]) -> None:
        """Take `caught_up` at its word: what it says was sent and did not come is missing, perhaps only late."""
        self._starts_from(heads)
        for key, head in heads.items():
            if self.held[key] < head:
                self.missing[key].update(range(self.held[key] + 1, head + 1))
                self.held[key] = head

    def _goes_on(self, event: WentOn) -> Iterator[Breach]:
        key = event.conversation, event.stream
        behind = event.head - self.held.get(key, 0)
        if 0 <= behind <= FURTHEST_BEHIND:
            yield self._breach(Kind.LOST, f"{name_of(key)} went on from {event.head}, only {behind} behind")
        self.held[key] = event.head

    def _forgets(self, conversation: str) -> Iterator[Breach]:
        for key in [key for key in self.held if key[0] == conversation]:
            yield from self._lacks(key)
            for kept in (self.held, self.seen, self.missing):
                kept.pop(key, None)

    def _is_complete(self) -> Iterator[Breach]:
        streams = (SHARED,) if self.history.plane == PORTAL else (SHARED, INTERNAL)
        for key, head in self.truth.stored.heads.items():
            if (key[0], self.history.user) not in self.truth.members or key[1] not in streams:
                continue
            if key not in self.held and head:
                yield self._breach(Kind.LOST, f"never heard of {name_of(key)}, which stands at {head}")
            elif self.held.get(key, 0) > head:
                yield self._breach(Kind.WRONG, f"holds {name_of(key)} {self.held[key]}, and it stands at {head}")
            else:
                self.missing[key].update(range(self.held.get(key, 0) + 1, head + 1))
            yield from self._lacks(key)

    def _lacks(self, key: StreamKey) -> Iterator[Breach]:
        for seq in sorted(self.missing.get(key, ())):
            yield self._breach(Kind.LOST, f"never heard {name_of(key)} {seq}")

    def _breach(self, kind: Kind, what: str) -> Breach:
        return Breach(kind=kind, what=f"{self.history.client} {what}")
