"""The heart of "nothing missed, nothing twice": positions, holding, holes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.pushes import EntryPush, Push, StatePush
from realtime.streams import HELD_AT_MOST, Streams, TooFarBehind
from tests.unit.realtime.stage import DMITRI, NORA, OTHER, WARD, entry, joined, pushed


def seqs(pushes: list[Push]) -> list[int]:
    """Return the numbers of the entries among what went out."""
    return [push.seq for push in pushes if isinstance(push, EntryPush)]


def live(streams: Streams, *numbers: int) -> list[int]:
    """Offer entries live and return what went out."""
    return seqs([ready for number in numbers for ready in streams.offer(pushed(entry(number)))])


def caught_up(streams: Streams, head: int) -> list[int]:
    """End a catch-up at `head` and return what went out of what was held."""
    streams.arrive({WARD: {"shared": head}})
    out: list[Push] = []
    while (ready := streams.next_held()) is not None:
        out += ready
    return seqs(out)


@pytest.fixture
def streams() -> Streams:
    """Give Nora's place: entry 5 of the ward was the last."""
    nora = Streams(NORA)
    caught_up(nora, 5)
    return nora


def test_the_next_entry_goes_out_and_a_repeat_does_not(streams: Streams) -> None:
    """The broker delivers at least once; the client hears once."""
    assert live(streams, 6, 6, 5, 1, 7) == [6, 7]


def test_an_entry_ahead_of_its_turn_waits_for_the_missing_one(streams: Streams) -> None:
    """Sent at once it would make its elder look like a repeat."""
    first = live(streams, 8, 7)
    broken = streams.broken
    then = live(streams, 6)

    assert first == []
    assert broken
    assert then == [6, 7, 8]
    assert not streams.broken


def test_a_hole_is_jumped_only_by_a_catch_up(streams: Streams) -> None:
    """After it the database's head is the truth, and what waited behind it goes on from there."""
    live(streams, 8, 9, 12)
    streams.hold()

    assert streams.missed(pushed(entry(6)))
    assert streams.missed(pushed(entry(7)))
    assert streams.missed(pushed(entry(8)))
    assert caught_up(streams, 8) == [9]
    assert streams.broken
    assert live(streams, 10, 11) == [10, 11, 12]


def test_what_comes_live_while_catching_up_goes_out_after_it_and_once() -> None:
    """Register, then read: whatever was published in between is in both."""
    streams = Streams(NORA)
    streams.resume({WARD: {"shared": 3}})
    held = live(streams, 5, 6, 7)

    missed = [number for number in (4, 5, 6) if streams.missed(pushed(entry(number)))]

    assert held == []
    assert missed == [4, 5, 6]
    assert caught_up(streams, 6) == [7]


def test_a_client_that_claims_more_than_there_is_hears_what_comes(streams: Streams) -> None:
    """The head of the database counts, not the client's word."""
    streams = Streams(NORA)
    streams.resume({WARD: {"shared": 900}})

    caught_up(streams, 5)

    assert live(streams, 6) == [6]


def test_a_conversation_begins_with_its_first_entry_or_with_ones_own_joining(streams: Streams) -> None:
    """Without a position, an entry is the start only when it must be."""
    new = seqs(list(streams.offer(pushed(entry(1, at=OTHER)))))
    asked_in = seqs(list(streams.offer(pushed(joined(9, NORA, at=DMITRI)))))  # type: ignore[arg-type] # any id will do

    assert new == [1]
    assert asked_in == [9]


def test_somebody_elses_joining_is_no_start(streams: Streams) -> None:
    """It may be entry 9 of a conversation whose entries 1 to 8 are on their way."""
    out = seqs(list(streams.offer(pushed(joined(9, DMITRI, at=OTHER)))))

    assert out == []
    assert streams.broken


def test_whoever_left_is_not_brought_back_by_an_echo(streams: Streams) -> None:
    """An entry that trails the removal waits for one catch-up and is then dropped."""
    list(streams.offer(StatePush(frame=b"", conversation_id=WARD, removes=True)))
    echo = live(streams, 7)
    streams.hold()
    streams.arrive({})

    assert echo == []
    assert streams.next_held() is None
    assert not streams.broken


def test_a_removal_that_was_held_still_removes() -> None:
    """What is held keeps its order with what it is about."""
    streams = Streams(NORA)
    streams.offer(StatePush(frame=b"", conversation_id=WARD, removes=True))

    caught_up(streams, 5)

    assert not streams.hears(WARD, "shared")


def test_transient_states_are_not_kept() -> None:
    """Nobody wants to know who was typing before the line was lost."""
    streams = Streams(NORA)

    streams.offer(StatePush(frame=b"", transient=True))

    assert streams.next_held() is None


def test_more_than_a_socket_may_hold_is_too_much() -> None:
    """The buffer of a catch-up that does not end is bounded."""
    streams = Streams(NORA)
    for number in range(HELD_AT_MOST):
        streams.offer(pushed(entry(number + 1)))

    with pytest.raises(TooFarBehind):
        streams.offer(pushed(entry(HELD_AT_MOST + 1)))


def test_more_holes_than_a_socket_may_hold_is_too_much(streams: Streams) -> None:
    """Likewise for what waits for its turn."""
    for number in range(HELD_AT_MOST):
        streams.offer(pushed(entry(number + 10)))

    with pytest.raises(TooFarBehind):
        streams.offer(pushed(entry(HELD_AT_MOST + 10)))


@given(
    head=st.integers(0, 12),
    start=st.integers(0, 12),
    arrivals=st.lists(st.integers(1, 20), max_size=60),
    snapshots=st.lists(st.integers(0, 60), max_size=4),
)
def test_any_arrival_of_repeats_and_losses_goes_out_once_and_in_order(
    head: int, start: int, arrivals: list[int], snapshots: list[int]
) -> None:
    """Whatever is repeated, lost or overtaken, with catch-ups thrown in anywhere: no gap, no repeat, up to the head.

    The database holds `head` entries at first and, at any moment, at least what was published by then.
    """
    streams = Streams(NORA)
    streams.resume({WARD: {"shared": min(start, head)}})
    out: list[int] = []
    stored = head

    def catch_up() -> None:
        streams.hold()
        position = streams.positions().get(WARD, {}).get("shared", stored)
        out.extend(number for number in range(position + 1, stored + 1) if streams.missed(pushed(entry(number))))
        out.extend(caught_up(streams, stored))

    catch_up()
    for moment, number in enumerate(arrivals):
        stored = max(stored, number)
        out.extend(live(streams, number))
        if moment in snapshots:
            catch_up()
    catch_up()

    assert out == list(range(min(start, head) + 1, stored + 1))
    assert not streams.broken


def test_a_tally_is_what_the_socket_holds() -> None:
    """Whatever brought it there: a resume, the heads, an entry live; what it left counts no more."""
    nora = Streams(NORA)
    nora.arrive({WARD: {"shared": 3, "internal": 2}, OTHER: {"shared": 0}})
    nora.next_held()
    at_first = nora.tally()
    list(nora.offer(pushed(entry(4))))
    moved = nora.tally()
    nora.leave(WARD)

    assert at_first == (2, 5)
    assert moved == (2, 6)
    assert nora.tally() == (1, 0)
