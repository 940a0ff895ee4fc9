"""How far a client has heard: each entry is news once, what is missing is noticed, and any cut is survived."""

from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.places import Hole, Places
from client.things import Entry
from wire.frames import RESUME_MAX

WARD, DESK = "ward", "desk"


def entry(seq: int, conversation_id: str = WARD, stream: str = "shared") -> Entry:
    """Return what places look at in an entry."""
    return cast("Entry", {"conversation_id": conversation_id, "stream": stream, "seq": seq})


@pytest.fixture
def places() -> Places:
    """Give the places of a client that holds the ward's first five entries."""
    held = Places({WARD: {"shared": 5}})
    held.hello()
    held.caught_up({WARD: {"shared": 5, "internal": 2}})
    return held


def test_the_next_entry_is_news_and_a_repeat_is_not(places: Places) -> None:
    """Six is news once; five was had before this client even started."""
    told = [places.is_news(entry(seq)) for seq in (6, 6, 5, 7)]

    assert told == [True, False, False, True]
    assert places.held() == {WARD: {"shared": 7, "internal": 2}}


def test_an_entry_ahead_of_a_missing_one_is_a_hole(places: Places) -> None:
    """Seven before six must not be handed on, and is not counted as held."""
    with pytest.raises(Hole):
        places.is_news(entry(7))

    assert places.held()[WARD]["shared"] == 5


def test_each_stream_counts_for_itself(places: Places) -> None:
    """The third internal note follows the second, wherever the shared stream is."""
    assert places.is_news(entry(3, stream="internal"))
    assert places.held()[WARD] == {"shared": 5, "internal": 3}


def test_while_catching_up_the_servers_word_stands(places: Places) -> None:
    """Who was removed and came back is not shown what was said meanwhile: that is no hole."""
    places.hello()

    told = [places.is_news(entry(seq)) for seq in (5, 9, 10)]
    places.caught_up({WARD: {"shared": 10}})

    assert told == [False, True, True]
    with pytest.raises(Hole):
        places.is_news(entry(12))


def test_a_stream_begins_where_it_is_first_heard(places: Places) -> None:
    """A new conversation is news from the entry it comes with."""
    assert [places.is_news(entry(seq, DESK)) for seq in (1, 2, 2)] == [True, True, False]


def test_what_was_left_or_reset_is_forgotten_or_moved(places: Places) -> None:
    """After `removed` nothing is resumed there; after `reset` one goes on from the head."""
    places.reset(WARD, "shared", 4_000)
    assert places.held()[WARD]["shared"] == 4_000

    places.leave(WARD)
    assert places.held() == {}
    assert places.hello() is None


def test_a_hello_asks_for_the_conversations_heard_last(places: Places) -> None:
    """A frame holds so many and no more: those that were quiet longest are left to the heads."""
    for number in range(RESUME_MAX):
        places.is_news(entry(1, f"conversation {number}"))

    resume = places.hello() or {}

    assert len(resume) == RESUME_MAX
    assert WARD not in resume
    assert f"conversation {RESUME_MAX - 1}" in resume


@given(cuts=st.lists(st.tuples(st.integers(0, 6), st.integers(0, 4)), max_size=12))
def test_over_any_number_of_lines_each_entry_is_had_once_and_in_order(cuts: list[tuple[int, int]]) -> None:
    """Each line resumes from what is held, repeats some of it, and is cut after some entries."""
    places, heard, stored = Places({WARD: {"shared": 0}}), [], 0
    for written, repeated in cuts:
        stored += written
        resume: Any = places.hello() or {WARD: {"shared": 0}}
        at = resume[WARD]["shared"]
        served = range(max(1, at + 1 - repeated), max(at, stored - repeated) + 1)  # the rest is lost with the line
        heard += [seq for seq in served if places.is_news(entry(seq))]

    assert heard == list(range(1, len(heard) + 1))
    assert places.held() == {WARD: {"shared": len(heard)}}
