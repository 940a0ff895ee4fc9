"""Proves a run from what its clients wrote down and what the database holds. Pure: no clock, no I/O.

Promises: whatever is not right is named, each breach once and by its kind:

- lost: acknowledged and not stored; never heard by somebody who was to hear it; stored and never published;
- doubled: stored twice; heard twice;
- out of order: heard after something that comes later;
- leaked: heard by somebody who was not in its audience when they heard it;
- wrong: anything else that cannot be (a seq that is not the acknowledged one, other words than were stored, …).

How a client's log is read. A client holds a position in each stream: from `caught_up` or an announced conversation
where it held none, from every entry after that. `removed` ends its part in a conversation: the position is forgotten.
Entries go up by one from wherever they start, and at the end every position is the database's head.

How a leak is told. The shared stream itself says from which seq to which somebody took part. Who is taken in again may
read what was said meanwhile, so an entry of the time between is a leak only when it was heard before anybody had even
asked to take them in again. The internal stream has other numbers: there, a message is a leak that was first sent
after the removal was acknowledged. Both go by the order of events, `tick`.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from tests.chaos.histories import (
    EDITED,
    INTERNAL,
    JOINED,
    LEFT,
    POSTED,
    RECALLED,
    SHARED,
    Amendment,
    Announced,
    CaughtUp,
    Heard,
    History,
    Move,
    Post,
    Record,
    Removed,
    SentAway,
    Spilled,
    Stated,
    StreamKey,
    Verdict,
    WentOn,
)
from tests.chaos.stored import Stored, StoredEntry

FURTHEST_BEHIND = 1_000
PORTAL = "portal"
FOREVER = 1 << 62


class Kind(StrEnum):
    """What a breach is a breach of."""

    LOST = "lost"
    DOUBLED = "doubled"
    OUT_OF_ORDER = "out of order"
    LEAKED = "leaked"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True, kw_only=True)
class Breach:
    """One thing that is not as promised, in ids and numbers."""

    kind: Kind
    what: str


def check(record: Record, stored: Stored) -> list[Breach]:
    """Return every breach; an empty list is the proof."""
    return [
        *_streams_are_whole(stored),
        *_nothing_is_stored_twice(stored),
        *_posts_are_stored(record, stored),
        *_amendments_are_stored(record, stored),
        *_moves_are_stored(record, stored),
        *_everything_left(stored),
        *_every_log_is_true(record, stored),
    ]


# What is stored.


def _streams_are_whole(stored: Stored) -> Iterator[Breach]:
    for key, head in stored.heads.items():
        seqs = [entry.seq for entry in stored.entries.get(key, ())]
        if seqs != list(range(1, head + 1)):
            yield Breach(kind=Kind.WRONG, what=f"{_name(key)} has not 1 to {head}: {seqs[:3]}…{seqs[-3:]}")


def _nothing_is_stored_twice(stored: Stored) -> Iterator[Breach]:
    by_identity = Counter((row.conversation, row.author, row.client_message_id) for row in stored.messages)
    for (conversation, _, client_message_id), times in by_identity.items():
        if times > 1:
            yield Breach(kind=Kind.DOUBLED, what=f"{client_message_id} is stored {times} times in {conversation}")
    for key, entries in stored.entries.items():
        posted = Counter(entry.message for entry in entries if entry.type == POSTED)
        recalled = Counter(entry.message for entry in entries if entry.type == RECALLED)
        edited = Counter((entry.message, entry.body) for entry in entries if entry.type == EDITED)
        for what, counts in (("posted", posted), ("recalled", recalled), ("edited", edited)):
            for about, times in counts.items():
                if times > 1:
                    yield Breach(kind=Kind.DOUBLED, what=f"{about} is {what} {times} times in {_name(key)}")


def _posts_are_stored(record: Record, stored: Stored) -> Iterator[Breach]:
    by_body: defaultdict[str, list[tuple[StreamKey, StoredEntry]]] = defaultdict(list)
    for key, entries in stored.entries.items():
        for entry in entries:
            if entry.type == POSTED:
                by_body[entry.body].append((key, entry))
    for post in record.posts:
        found = by_body.get(post.body, [])
        if len(found) > 1:
            yield Breach(kind=Kind.DOUBLED, what=f"{_post(post)} is stored {len(found)} times")
        yield from _post_is_stored(post, found[0] if found else None)


def _post_is_stored(post: Post, found: tuple[StreamKey, StoredEntry] | None) -> Iterator[Breach]:
    if post.verdict is Verdict.UNKNOWN:
        yield Breach(kind=Kind.WRONG, what=f"{_post(post)} was never answered")
    elif post.verdict is Verdict.REFUSED and found is not None:
        yield Breach(kind=Kind.WRONG, what=f"{_post(post)} was refused ({post.code}) and is stored")
    elif post.verdict is Verdict.ACKNOWLEDGED and found is None:
        yield Breach(kind=Kind.LOST, what=f"{_post(post)} was acknowledged and is not stored")
    elif post.verdict is Verdict.ACKNOWLEDGED and found is not None:
        key, entry = found
        said = ((post.conversation, post.stream), post.seq, post.message_id, post.author, post.client_message_id)
        if said != (key, entry.seq, entry.message, entry.actor, entry.client_message_id):
            yield Breach(kind=Kind.WRONG, what=f"{_post(post)} was acknowledged as {said[1:3]}, stored as {entry.seq}")


def _amendments_are_stored(record: Record, stored: Stored) -> Iterator[Breach]:
    by_message: defaultdict[str, list[StoredEntry]] = defaultdict(list)
    for entries in stored.entries.values():
        for entry in entries:
            if entry.type in {EDITED, RECALLED}:
                by_message[entry.message].append(entry)
    for wish in record.amendments:
        about = by_message[wish.message_id]
        found = [each for each in about if _fits(wish, each)]
        if wish.verdict is Verdict.UNKNOWN:
            yield Breach(kind=Kind.WRONG, what=f"{_amendment(wish)} was never answered")
        elif wish.verdict is Verdict.REFUSED and found:
            yield Breach(kind=Kind.WRONG, what=f"{_amendment(wish)} was refused ({wish.code}) and is stored")
        elif wish.verdict is Verdict.ACKNOWLEDGED and wish.seq not in [each.seq for each in found]:
            yield Breach(kind=Kind.LOST, what=f"{_amendment(wish)} was acknowledged and is not stored")


def _fits(wish: Amendment, entry: StoredEntry) -> bool:
    if wish.body is None:
        return entry.type == RECALLED
    return entry.type == EDITED and entry.body == wish.body


def _moves_are_stored(record: Record, stored: Stored) -> Iterator[Breach]:
    last: dict[tuple[str, str], Move] = {}
    for move in record.moves:
        last[move.conversation, move.user] = move
    present = {
        (conversation, each.user) for conversation, all_ in stored.members.items() for each in all_ if each.present
    }
    for place, move in last.items():
        if move.verdict is Verdict.UNKNOWN:
            yield Breach(kind=Kind.WRONG, what=f"moving {move.user} in {move.conversation} was never answered")
        elif move.verdict is Verdict.ACKNOWLEDGED and (place in present) is not move.joins:
            word = "taken into" if move.joins else "let out of"
            yield Breach(kind=Kind.LOST, what=f"{move.user} was {word} {move.conversation}: acknowledged, not stored")


def _everything_left(stored: Stored) -> Iterator[Breach]:
    if stored.waiting:
        yield Breach(kind=Kind.LOST, what=f"{stored.waiting} events are stored and were never published")


# What was heard.


def _every_log_is_true(record: Record, stored: Stored) -> Iterator[Breach]:
    truth = _Truth.of(record, stored)
    for history in record.histories:
        yield from _Reading(history, truth).breaches()


@dataclass(slots=True, kw_only=True)
class _Truth:
    """The database and the wishes, laid out for looking up."""

    stored: Stored
    by_place: Mapping[tuple[str, str, int], StoredEntry]
    bodies: Mapping[str, set[str]]
    """By message: everything it may be shown as."""
    issued: Mapping[str, int]
    """By client message id: when it was first sent."""
    absences: Mapping[tuple[str, str], list["_Absence"]]
    """By conversation and user."""
    insiders: set[tuple[str, str]]
    """Everybody who ever took part in a conversation."""
    members: set[tuple[str, str]]

    @classmethod
    def of(cls, record: Record, stored: Stored) -> "_Truth":
        bodies: defaultdict[str, set[str]] = defaultdict(set)
        for entries in stored.entries.values():
            for entry in entries:
                if entry.type in {POSTED, EDITED}:
                    bodies[entry.message].add(entry.body)
                elif entry.type == RECALLED:
                    bodies[entry.message].add("")
        everybody = [(conversation, each) for conversation, all_ in stored.members.items() for each in all_]
        return cls(
            stored=stored,
            by_place={(*key, entry.seq): entry for key, entries in stored.entries.items() for entry in entries},
            bodies=bodies,
            issued={post.client_message_id: post.issued for post in record.posts},
            absences={(it, each.user): list(_absences(it, each.user, record, stored)) for it, each in everybody},
            insiders={(it, each.user) for it, each in everybody},
            members={(it, each.user) for it, each in everybody if each.present},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Absence:
    """A time in which somebody did not take part: shared seqs from `first` to before `until`.

    `told` is the tick at which the removal was known to be stored, `again` the one at which somebody first asked to
    take them in again.
    """

    first: int
    until: int
    told: int
    again: int


def _absences(conversation: str, user: str, record: Record, stored: Stored) -> Iterator[_Absence]:
    """Pair the entries that let somebody out and in with the wishes behind them, in order.

    One wish may be behind no entry (it was refused, or had come true already), never behind two.
    """
    entries = [
        entry
        for entry in stored.entries.get((conversation, SHARED), ())
        if entry.type in {JOINED, LEFT} and entry.user == user
    ]
    wishes = [move for move in record.moves if (move.conversation, move.user) == (conversation, user)]
    first, told = (1, 0) if entries and entries[0].type == JOINED else (0, 0)
    for entry in entries:
        wish = _next(wishes, joins=entry.type == JOINED)
        if entry.type == JOINED:
            if first:
                yield _Absence(first=first, until=entry.seq, told=told, again=wish.issued if wish else 0)
            first = 0
        else:
            first, told = entry.seq, (wish.answered if wish and wish.verdict is Verdict.ACKNOWLEDGED else FOREVER)
    if first:
        again = next((wish.issued for wish in wishes if wish.joins), FOREVER)
        yield _Absence(first=first, until=FOREVER, told=told, again=again)


def _next(wishes: list[Move], *, joins: bool) -> Move | None:
    while wishes:
        wish = wishes.pop(0)
        if wish.joins is joins and wish.verdict is not Verdict.REFUSED:
            return wish
    return None


@dataclass(slots=True)
class _Reading:
    """One client's log, read from its first event to its last."""

    history: History
    truth: _Truth
    held: dict[StreamKey, int] = field(default_factory=dict)
    seen: defaultdict[StreamKey, set[int]] = field(default_factory=lambda: defaultdict(set))
    missing: defaultdict[StreamKey, set[int]] = field(default_factory=lambda: defaultdict(set))

    def breaches(self) -> Iterator[Breach]:
        for event in self.history.events:
            match event:
                case Heard():
                    yield from self._hears(event)
                case CaughtUp():
                    self._stands_at(event.heads)
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
            yield self._breach(Kind.WRONG, f"heard {_name(key)} {heard.seq}, which is not stored")
            return
        yield from self._may_hear(heard, stored)
        yield from self._is_what_is_stored(heard, stored)
        yield from self._in_its_turn(key, heard, stored)

    def _in_its_turn(self, key: StreamKey, heard: Heard, stored: StoredEntry) -> Iterator[Breach]:
        if key not in self.held:
            joins = stored.type == JOINED and stored.user == self.history.user
            if heard.seq != 1 and not joins and heard.stream == SHARED:
                yield self._breach(Kind.LOST, f"{_name(key)} began at {heard.seq} out of nowhere")
            self.held[key] = heard.seq - 1
        held = self.held[key]
        if heard.seq in self.missing[key]:
            self.missing[key].discard(heard.seq)
            yield self._breach(Kind.OUT_OF_ORDER, f"heard {_name(key)} {heard.seq} after {held}")
        elif heard.seq <= held:
            yield self._breach(Kind.DOUBLED, f"heard {_name(key)} {heard.seq} again, holding {held}")
        else:
            self.missing[key].update(range(held + 1, heard.seq))
            self.held[key] = heard.seq
        self.seen[key].add(heard.seq)

    def _is_what_is_stored(self, heard: Heard, stored: StoredEntry) -> Iterator[Breach]:
        said = (heard.type, heard.actor, heard.message, heard.user)
        if said != (stored.type, stored.actor, stored.message, stored.user):
            yield self._breach(Kind.WRONG, f"heard {_at(heard)} as {heard.type}, stored is {stored.type}")
        elif heard.type in {POSTED, EDITED} and heard.body not in self.truth.bodies[heard.message]:
            yield self._breach(Kind.WRONG, f"heard {_at(heard)} with words that were never said")

    def _may_hear(self, heard: Heard, stored: StoredEntry) -> Iterator[Breach]:
        place = heard.conversation, self.history.user
        if heard.stream == INTERNAL and self.history.plane == PORTAL:
            yield self._breach(Kind.LEAKED, f"heard {_at(heard)} at the portal")
            return
        if place not in self.truth.insiders:
            yield self._breach(Kind.LEAKED, f"heard {_at(heard)} and never took part")
            return
        sent = self.truth.issued.get(stored.client_message_id, 0)
        for absence in self.truth.absences[place]:
            if heard.tick >= absence.again:
                continue
            outside = absence.first <= heard.seq < absence.until if heard.stream == SHARED else absence.told < sent
            if outside:
                yield self._breach(Kind.LEAKED, f"heard {_at(heard)} while not taking part")

    def _may_know(self, conversation: str, stream: str, tick: int) -> Iterator[Breach]:
        del tick
        if (conversation, self.history.user) not in self.truth.insiders:
            yield self._breach(Kind.LEAKED, f"heard of {conversation} and never took part")
        elif stream == INTERNAL and self.history.plane == PORTAL:
            yield self._breach(Kind.LEAKED, f"heard of {conversation}'s internal stream at the portal")

    def _starts_from(self, heads: Mapping[StreamKey, int]) -> None:
        for key, head in heads.items():
            self.held.setdefault(key, head)

    def _stands_at(self, heads: Mapping[StreamKey, int]) -> None:
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
            yield self._breach(Kind.LOST, f"{_name(key)} went on from {event.head}, only {behind} behind")
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
                yield self._breach(Kind.LOST, f"never heard of {_name(key)}, which stands at {head}")
            elif self.held.get(key, 0) > head:
                yield self._breach(Kind.WRONG, f"holds {_name(key)} {self.held[key]}, and it stands at {head}")
            else:
                self.missing[key].update(range(self.held.get(key, 0) + 1, head + 1))
            yield from self._lacks(key)

    def _lacks(self, key: StreamKey) -> Iterator[Breach]:
        for seq in sorted(self.missing.get(key, ())):
            yield self._breach(Kind.LOST, f"never heard {_name(key)} {seq}")

    def _breach(self, kind: Kind, what: str) -> Breach:
        return Breach(kind=kind, what=f"{self.history.client} {what}")


def _name(key: StreamKey) -> str:
    return f"{key[0]}/{key[1]}"


def _at(heard: Heard) -> str:
    return f"{heard.conversation}/{heard.stream} {heard.seq}"


def _post(post: Post) -> str:
    return f"{post.client}'s {post.client_message_id} in {post.conversation}/{post.stream}"


def _amendment(wish: Amendment) -> str:
    word = "recall" if wish.body is None else "edit"
    return f"{wish.client}'s {word} of {wish.message_id} in {wish.conversation}/{wish.stream}"
