"""Proves a run from what its clients wrote down and what the database holds. Pure: no clock, no I/O.

Promises: whatever is not right is named, each breach once and by its kind:

- lost: acknowledged and not stored; never heard by somebody who was to hear it; stored and never published;
- doubled: stored twice; heard twice;
- out of order: heard after something that comes later; stored before something the same client had sent earlier;
- leaked: heard by somebody who was not in its audience when they heard it;
- wrong: anything else that cannot be (a seq that is not the acknowledged one, other words than were stored, …).
"""

from collections import Counter, defaultdict
from collections.abc import Iterator

from tests.chaos.breaches import Breach, Kind, amendment_of, name_of, post_of
from tests.chaos.histories import EDITED, POSTED, RECALLED, Amendment, Move, Post, Record, StreamKey, Verdict
from tests.chaos.reading import Reading
from tests.chaos.stored import Stored, StoredEntry
from tests.chaos.truth import Truth


def check(record: Record, stored: Stored) -> list[Breach]:
    """Return every breach; an empty list is the proof."""
    return [
        *_streams_are_whole(stored),
        *_nothing_is_stored_twice(stored),
        *_posts_are_stored(record, stored),
        *_own_order_is_kept(record),
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
            yield Breach(kind=Kind.WRONG, what=f"{name_of(key)} has not 1 to {head}: {seqs[:3]}…{seqs[-3:]}")


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
                    yield Breach(kind=Kind.DOUBLED, what=f"{about} is {what} {times} times in {name_of(key)}")


def _posts_are_stored(record: Record, stored: Stored) -> Iterator[Breach]:
    by_body: defaultdict[str, list[tuple[StreamKey, StoredEntry]]] = defaultdict(list)
    for key, entries in stored.entries.items():
        for entry in entries:
            if entry.type == POSTED:
                by_body[entry.body].append((key, entry))
    for post in record.posts:
        found = by_body.get(post.body, [])
        if len(found) > 1:
            yield Breach(kind=Kind.DOUBLED, what=f"{post_of(post)} is stored {len(found)} times")
        yield from _post_is_stored(post, found[0] if found else None)


def _post_is_stored(post: Post, found: tuple[StreamKey, StoredEntry] | None) -> Iterator[Breach]:
    if post.verdict is Verdict.UNKNOWN:
        yield Breach(kind=Kind.WRONG, what=f"{post_of(post)} was never answered")
    elif post.verdict is Verdict.REFUSED and found is not None:
        yield Breach(kind=Kind.WRONG, what=f"{post_of(post)} was refused ({post.code}) and is stored")
    elif post.verdict is Verdict.ACKNOWLEDGED and found is None:
        yield Breach(kind=Kind.LOST, what=f"{post_of(post)} was acknowledged and is not stored")
    elif post.verdict is Verdict.ACKNOWLEDGED and found is not None:
        key, entry = found
        said = ((post.conversation, post.stream), post.seq, post.message_id, post.author, post.client_message_id)
        if said != (key, entry.seq, entry.message, entry.actor, entry.client_message_id):
            yield Breach(kind=Kind.WRONG, what=f"{post_of(post)} was acknowledged as {post.seq}, stored as {entry.seq}")


def _own_order_is_kept(record: Record) -> Iterator[Breach]:
    """Check that what a client sent without having to repeat it stands in the order in which it was sent."""
    last: dict[tuple[str, str, str], Post] = {}
    for post in record.posts:
        if post.verdict is not Verdict.ACKNOWLEDGED or post.tries > 1:
            continue
        place = post.client, post.conversation, post.stream
        if place in last and last[place].seq >= post.seq:
            yield Breach(kind=Kind.OUT_OF_ORDER, what=f"{post_of(post)} stands before what was sent before it")
        last[place] = post


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
            yield Breach(kind=Kind.WRONG, what=f"{amendment_of(wish)} was never answered")
        elif wish.verdict is Verdict.REFUSED and found and wish.tries == 1:
            # Repeated, it may be refused for what happened meanwhile: it carries no client id to be known by.
            yield Breach(kind=Kind.WRONG, what=f"{amendment_of(wish)} was refused ({wish.code}) and is stored")
        elif wish.verdict is Verdict.ACKNOWLEDGED and wish.seq not in [each.seq for each in found]:
            yield Breach(kind=Kind.LOST, what=f"{amendment_of(wish)} was acknowledged and is not stored")


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
    truth = Truth.of(record, stored)
    for history in record.histories:
        yield from Reading(history, truth).breaches()
