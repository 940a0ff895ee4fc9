# ruff: noqa: D103 - each breach says by its name what it is
"""The checker finds each thing it looks for: true histories pass, and one broken on purpose is named by its kind."""

from collections.abc import Callable

import pytest

from tests.chaos.breaches import Kind
from tests.chaos.histories import (
    INTERNAL,
    JOINED,
    LEFT,
    POSTED,
    RECALLED,
    SHARED,
    Announced,
    CaughtUp,
    Move,
    Post,
    Removed,
    SentAway,
    Spilled,
    Stated,
    Verdict,
    WentOn,
)
from tests.chaos.stored import StoredEntry
from tests.chaos.ward import ADA, DMITRI, NORA, OTHER, ROSA, WARD, Ward


def kinds(ward: Ward) -> list[Kind]:
    return [breach.kind for breach in ward.breaches()]


@pytest.fixture
def ward() -> Ward:
    """Give a ward in which much has happened, all of it as promised."""
    ward = Ward()
    post, _ = ward.says(NORA, "one")
    ward.says(ADA, "two")
    ward.amends(post, "one, better")
    ward.says(DMITRI, "note", stream=INTERNAL)
    ward.moves(ROSA, joins=True)
    ward.says(ROSA, "hello")
    ward.says(ROSA, "between us", stream=INTERNAL)
    ward.moves(ROSA, joins=False)
    ward.says(NORA, "without Rosa")
    ward.amends(post, None)
    return ward


def test_what_is_as_promised_is_no_breach(ward: Ward) -> None:
    """Posts, edits, recalls, notes, joins and leaves, each heard by whom it may concern: nothing to name."""
    assert ward.breaches() == []


def test_who_comes_back_hears_what_was_missed_first(ward: Ward) -> None:
    """A line that was lost, and entries that come late but in order, are no breach."""
    _, missed = ward.says(NORA, "missed", heard_by=(NORA, ADA))
    _, next_ = ward.says(NORA, "next", heard_by=(NORA, ADA))
    for entry in (missed, next_):
        ward.hears(DMITRI, entry)
    ward.notes(DMITRI, CaughtUp(tick=ward.record.tick(), heads=ward.heads(DMITRI)))

    assert ward.breaches() == []


def test_who_is_taken_in_again_may_read_what_was_said_meanwhile(ward: Ward) -> None:
    """A client that slept through its removal and return resumes, and hears all of it."""
    rosa = ward.logs[ROSA].events
    missed = [entry for entry in ward.entries[WARD, SHARED] if entry.type != JOINED][-3:]
    assert isinstance(rosa.pop(), Removed)
    ward.present[ROSA] = True
    joined = ward.stores(JOINED, NORA, user=ROSA)
    again = Move(
        client="nora-1",
        author=NORA,
        conversation=WARD,
        user=ROSA,
        joins=True,
        issued=ward.record.tick(),
        issued_at=0.0,
        verdict=Verdict.ACKNOWLEDGED,
    )
    ward.record.moves.append(again)
    for entry in (*missed, joined):
        ward.hears(ROSA, entry)
    for user in (NORA, DMITRI, ADA):
        ward.hears(user, joined)

    assert ward.breaches() == []


def acknowledged_and_gone(ward: Ward) -> None:
    ward.record.posts.append(
        Post(
            client="ada-1",
            author=ADA,
            conversation=WARD,
            stream=SHARED,
            client_message_id="key",
            body="gone",
            issued=ward.record.tick(),
            issued_at=0.0,
            verdict=Verdict.ACKNOWLEDGED,
            seq=99,
        )
    )


def an_edit_that_is_gone(ward: Ward) -> None:
    post, _ = ward.says(NORA, "late")
    wish = ward.amends(post, "later")
    wish.body = "latest"


def a_hole_in_a_log(ward: Ward) -> None:
    ward.says(NORA, "not for Dmitri", heard_by=(NORA, ADA))
    ward.says(NORA, "for all")


def a_tail_that_never_came(ward: Ward) -> None:
    ward.says(NORA, "the last word", heard_by=(NORA, DMITRI))


def a_note_that_never_came(ward: Ward) -> None:
    ward.says(NORA, "the last note", stream=INTERNAL, heard_by=(NORA,))


def a_caught_up_that_is_not_true(ward: Ward) -> None:
    ward.says(NORA, "skipped", heard_by=(NORA, ADA))
    ward.notes(DMITRI, CaughtUp(tick=ward.record.tick(), heads=ward.heads(DMITRI)))


def a_reset_without_need(ward: Ward) -> None:
    ward.says(NORA, "skipped", heard_by=(NORA, ADA))
    ward.notes(
        DMITRI,
        WentOn(tick=ward.record.tick(), conversation=WARD, stream=SHARED, head=len(ward.entries[WARD, SHARED])),
    )


def an_event_that_waits_for_ever(ward: Ward) -> None:
    ward.waiting = 1


def a_removal_that_is_gone(ward: Ward) -> None:
    ward.record.moves.append(
        Move(
            client="nora-1",
            author=NORA,
            conversation=WARD,
            user=DMITRI,
            joins=False,
            issued=ward.record.tick(),
            issued_at=0.0,
            verdict=Verdict.ACKNOWLEDGED,
        )
    )


def stored_twice_under_two_keys(ward: Ward) -> None:
    _, entry = ward.says(NORA, "twice")
    ward.tells(
        ward.stores(POSTED, NORA, message="another id", body=entry.body, client_message_id="another key"),
    )


def stored_twice_under_one_key(ward: Ward) -> None:
    ward.says(NORA, "twice")
    ward.messages.append(ward.messages[-1])


def recalled_twice(ward: Ward) -> None:
    post, _ = ward.says(NORA, "once")
    ward.amends(post, None)
    ward.tells(ward.stores(RECALLED, NORA, message=post.message_id))


def heard_twice(ward: Ward) -> None:
    _, entry = ward.says(NORA, "again")
    ward.hears(DMITRI, entry)


def heard_again_after_coming_back(ward: Ward) -> None:
    ward.notes(DMITRI, CaughtUp(tick=ward.record.tick(), heads=ward.heads(DMITRI)))
    ward.hears(DMITRI, ward.entries[WARD, SHARED][-2])


def heard_in_the_wrong_order(ward: Ward) -> None:
    _, first = ward.says(NORA, "first", heard_by=(NORA, ADA))
    _, second = ward.says(NORA, "second", heard_by=(NORA, ADA))
    ward.hears(DMITRI, second)
    ward.hears(DMITRI, first)


def late_after_caught_up(ward: Ward) -> None:
    _, entry = ward.says(NORA, "late", heard_by=(NORA, ADA))
    ward.notes(DMITRI, CaughtUp(tick=ward.record.tick(), heads=ward.heads(DMITRI)))
    ward.hears(DMITRI, entry)


def sent_first_and_stored_last(ward: Ward) -> None:
    ward.says(NORA, "earlier")
    ward.says(NORA, "later")
    ward.record.posts[-1], ward.record.posts[-2] = ward.record.posts[-2], ward.record.posts[-1]


def a_note_at_the_portal(ward: Ward) -> None:
    _, entry = ward.says(NORA, "secret", stream=INTERNAL)
    ward.hears(ADA, entry, stream=INTERNAL)


def heard_after_removal(ward: Ward) -> None:
    _, entry = ward.says(NORA, "behind her back")
    ward.hears(ROSA, entry)


def a_note_after_removal(ward: Ward) -> None:
    _, entry = ward.says(NORA, "behind her back", stream=INTERNAL)
    ward.hears(ROSA, entry, stream=INTERNAL)


def the_entry_of_ones_own_removal(ward: Ward) -> None:
    left = next(entry for entry in ward.entries[WARD, SHARED] if entry.type == LEFT)
    ward.hears(ROSA, left)


def heard_by_a_stranger(ward: Ward) -> None:
    ward.logs[ROSA].user = "olga"


def a_state_for_a_stranger(ward: Ward) -> None:
    ward.notes(NORA, Stated(tick=ward.record.tick(), conversation=OTHER, stream=SHARED))


def a_state_of_notes_at_the_portal(ward: Ward) -> None:
    ward.notes(ADA, Stated(tick=ward.record.tick(), conversation=WARD, stream=INTERNAL))


def an_internal_trace_at_the_portal(ward: Ward) -> None:
    ward.notes(ADA, Spilled(tick=ward.record.tick(), push="conversation"))


def a_stranger_told_of_the_conversation(ward: Ward) -> None:
    ward.notes(NORA, Announced(tick=ward.record.tick(), conversation=OTHER, heads={}))


def refused_and_stored(ward: Ward) -> None:
    post, _ = ward.says(NORA, "no")
    post.verdict = Verdict.REFUSED


def never_answered(ward: Ward) -> None:
    post, _ = ward.says(NORA, "hm")
    post.verdict = Verdict.UNKNOWN


def acknowledged_with_anothers_seq(ward: Ward) -> None:
    post, _ = ward.says(NORA, "mine")
    post.seq -= 1


def words_nobody_said(ward: Ward) -> None:
    _, entry = ward.says(NORA, "said", heard_by=(NORA, ADA))
    ward.hears(DMITRI, entry, body="not said")


def another_kind_of_entry(ward: Ward) -> None:
    _, entry = ward.says(NORA, "said", heard_by=(NORA, ADA))
    ward.hears(DMITRI, StoredEntry(seq=entry.seq, type=RECALLED, actor=NORA, message=entry.message))


def a_stored_hole(ward: Ward) -> None:
    ward.entries[OTHER, SHARED] = [StoredEntry(seq=2, type=POSTED, actor=NORA, message="m", body="b")]


def sent_away(ward: Ward) -> None:
    ward.notes(NORA, SentAway(tick=ward.record.tick(), code=4505))


@pytest.mark.parametrize(
    ("breaks", "kind"),
    [
        *((each, Kind.LOST) for each in (acknowledged_and_gone, an_edit_that_is_gone, a_hole_in_a_log)),
        *((each, Kind.LOST) for each in (a_tail_that_never_came, a_note_that_never_came)),
        *((each, Kind.LOST) for each in (a_caught_up_that_is_not_true, a_reset_without_need)),
        *((each, Kind.LOST) for each in (an_event_that_waits_for_ever, a_removal_that_is_gone)),
        *((each, Kind.DOUBLED) for each in (stored_twice_under_two_keys, stored_twice_under_one_key, recalled_twice)),
        *((each, Kind.DOUBLED) for each in (heard_twice, heard_again_after_coming_back)),
        *((each, Kind.OUT_OF_ORDER) for each in (heard_in_the_wrong_order, late_after_caught_up)),
        (sent_first_and_stored_last, Kind.OUT_OF_ORDER),
        *((each, Kind.LEAKED) for each in (a_note_at_the_portal, heard_after_removal, a_note_after_removal)),
        *((each, Kind.LEAKED) for each in (the_entry_of_ones_own_removal, heard_by_a_stranger)),
        *((each, Kind.LEAKED) for each in (a_state_for_a_stranger, a_state_of_notes_at_the_portal)),
        *((each, Kind.LEAKED) for each in (an_internal_trace_at_the_portal, a_stranger_told_of_the_conversation)),
        *((each, Kind.WRONG) for each in (refused_and_stored, never_answered, acknowledged_with_anothers_seq)),
        *((each, Kind.WRONG) for each in (words_nobody_said, another_kind_of_entry, a_stored_hole, sent_away)),
    ],
)
def test_each_breach_is_found_and_named(ward: Ward, breaks: Callable[[Ward], None], kind: Kind) -> None:
    """One thing broken on purpose is found, and is of the kind it is."""
    breaks(ward)

    assert kind in kinds(ward)


@pytest.mark.parametrize(
    "breaks", [a_hole_in_a_log, a_tail_that_never_came, heard_twice, heard_in_the_wrong_order, heard_after_removal]
)
def test_a_breach_is_named_once_and_not_taken_for_another(ward: Ward, breaks: Callable[[Ward], None]) -> None:
    """A loss is one loss, a repeat one repeat: the four counts can be believed."""
    breaks(ward)

    named = kinds(ward)

    # Who heard something out of turn also has it out of place in their log.
    assert len(named) - named.count(Kind.LEAKED) <= 1
    assert named
