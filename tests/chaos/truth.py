"""What the database and the clients' wishes together say is true, laid out for looking up."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tests.chaos.histories import EDITED, JOINED, LEFT, POSTED, RECALLED, SHARED, Move, Record, Verdict
from tests.chaos.stored import Stored, StoredEntry

FOREVER = 1 << 62


@dataclass(slots=True, kw_only=True)
class Truth:
    """The database and the wishes, laid out for looking up."""

    stored: Stored
    by_place: Mapping[tuple[str, str, int], StoredEntry]
    bodies: Mapping[str, set[str]]
    """By message: everything it may be shown as."""
    issued: Mapping[str, int]
    """By client message id: when it was first sent."""
    absences: Mapping[tuple[str, str], list["Absence"]]
    """By conversation and user."""
    insiders: set[tuple[str, str]]
    """Everybody who ever took part in a conversation."""
    members: set[tuple[str, str]]

    @classmethod
    def of(cls, record: Record, stored: Stored) -> "Truth":
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
            absences={(it, each.user): list(absences_of(it, each.user, record, stored)) for it, each in everybody},
            insiders={(it, each.user) for it, each in everybody},
            members={(it, each.user) for it, each in everybody if each.present},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Absence:
    """A time in which somebody did not take part: shared seqs from `first` to before `until`.

    `told` is the tick at which the removal was known to be stored, `again` the one at which somebody first asked to
    take them in again.
    """

    first: int
    until: int
    told: int
    again: int


def absences_of(conversation: str, user: str, record: Record, stored: Stored) -> Iterator[Absence]:
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
                yield Absence(first=first, until=entry.seq, told=told, again=wish.issued if wish else 0)
            first = 0
        else:
            first, told = entry.seq, (wish.answered if wish and wish.verdict is Verdict.ACKNOWLEDGED else FOREVER)
    if first:
        again = next((wish.issued for wish in wishes if wish.joins), FOREVER)
        yield Absence(first=first, until=FOREVER, told=told, again=again)


def _next(wishes: list[Move], *, joins: bool) -> Move | None:
    while wishes:
        wish = wishes.pop(0)
        if wish.joins is joins and wish.verdict is not Verdict.REFUSED:
            return wish
    return None
