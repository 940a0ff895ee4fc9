"""What waits to be written: whole, in order, by one writer, and never without bound."""

import gevent

from realtime import framing
from realtime.outbox import FRAMES_AT_MOST, Outbox, Turns
from realtime.pushes import EntryPush
from tests.unit.realtime.stage import Wire, entry, pushed, settles


class Written:
    """Hears what the outbox tells."""

    def __init__(self, wire: Wire) -> None:
        self.entries: list[EntryPush] = []
        self.breaks = 0
        self.outbox = Outbox(wire, Turns(), self.entries.append, self._broke)

    def _broke(self) -> None:
        self.breaks += 1


def frame(number: int) -> bytes:
    """Return a small frame that can be told from others."""
    return framing.text(f'{{"push": "entry", "conversation_id": "c", "stream": "s", "seq": {number}}}'.encode())


def test_frames_leave_in_order_and_many_in_one_write() -> None:
    """Whatever gathers before the writer gets its turn goes out together."""
    wire = Wire()
    outbox = Written(wire).outbox

    for number in range(100):
        outbox.put(frame(number))
    settles()

    assert wire.seqs("c", "s") == list(range(100))  # type: ignore[arg-type] # any id will do
    assert wire.writes == 1


def test_one_greenlet_writes_however_many_put() -> None:
    """A second writer would tear frames apart; order is the order of putting."""
    wire = Wire()
    wire.reads.clear()
    outbox = Written(wire).outbox

    def puts(number: int) -> None:
        outbox.put(frame(number))

    gevent.joinall([gevent.spawn(puts, number) for number in range(50)])
    wire.reads.set()
    settles()

    assert wire.seqs("c", "s") == list(range(50))  # type: ignore[arg-type] # any id will do


def test_a_client_that_does_not_read_fills_the_queue_and_no_more() -> None:
    """A full queue says no; what happens then is the connection's to decide."""
    wire = Wire()
    wire.reads.clear()
    outbox = Written(wire).outbox
    outbox.put(frame(0))
    settles()

    taken = [outbox.put(frame(number)) for number in range(FRAMES_AT_MOST + 5)]

    assert taken.count(True) == FRAMES_AT_MOST
    assert taken[-1] is False


def test_whoever_can_wait_waits_for_room() -> None:
    """A catch-up is longer than the queue and loses nothing."""
    wire = Wire()
    wire.reads.clear()
    outbox = Written(wire).outbox

    def catch_up() -> None:
        for number in range(3 * FRAMES_AT_MOST):
            outbox.put_when_room(frame(number))

    pumping = gevent.spawn(catch_up)
    settles()
    waits = not pumping.dead
    wire.reads.set()
    pumping.join(5)
    settles()

    assert waits
    assert wire.seqs("c", "s") == list(range(3 * FRAMES_AT_MOST))  # type: ignore[arg-type] # any id will do


def test_the_end_lets_go_whoever_waits_for_room() -> None:
    """A catch-up to a client that is gone does not wait for ever."""
    wire = Wire()
    wire.reads.clear()
    outbox = Written(wire).outbox

    def catch_up() -> None:
        for number in range(3 * FRAMES_AT_MOST):
            outbox.put_when_room(frame(number))

    pumping = gevent.spawn(catch_up)
    settles()

    outbox.end()
    pumping.join(5)

    assert pumping.dead


def test_an_entry_is_reported_once_it_was_written_and_not_before() -> None:
    """`delivered` means that it left."""
    wire = Wire()
    wire.reads.clear()
    written = Written(wire)
    made = pushed(entry(1))
    written.outbox.put(made.frame, made)
    settles()
    before = list(written.entries)

    wire.reads.set()
    settles()

    assert before == []
    assert written.entries == [made]


def test_a_broken_line_ends_the_queue_and_tells_once() -> None:
    """What was queued is forgotten, what comes later is dropped without complaint."""
    wire = Wire()
    wire.broken = True
    written = Written(wire)
    written.outbox.put(frame(1))
    settles()

    taken = written.outbox.put(frame(2))
    settles()

    assert taken
    assert written.breaks == 1


def test_after_the_last_frame_nothing_goes_out() -> None:
    """`bye` and the close frame are the end, with or without what waited before."""
    wire = Wire()
    outbox = Written(wire).outbox

    outbox.put(frame(1))
    outbox.last(frame(2))
    outbox.put(frame(3))
    settles()

    assert wire.seqs("c", "s") == [1, 2]  # type: ignore[arg-type] # any id will do


def test_a_client_that_did_not_read_gets_the_last_word_first() -> None:
    """What it did not read is dropped: it comes back and resumes."""
    wire = Wire()
    wire.reads.clear()
    outbox = Written(wire).outbox
    outbox.put(frame(1))
    settles()
    outbox.put(frame(2))

    outbox.last(frame(3), drop=True)
    wire.reads.set()
    settles()

    assert wire.seqs("c", "s") == [1, 3]  # type: ignore[arg-type] # any id will do
