"""What a socket's recovery counts: holes, what closed them, gaps that must never be, queues that were full."""

from prometheus_client import REGISTRY

from realtime.outbox import FRAMES_AT_MOST
from realtime.streams import Streams
from tests.unit.realtime.stage import NORA, OTHER, WARD, Stage, entry, pushed, settles


def counted(name: str, **labels: str) -> float:
    """Return a number as it stands; 0 when it was never counted."""
    return REGISTRY.get_sample_value(name, {"plane": "staff", **labels}) or 0.0


def staged() -> Stage:
    """Give a stage on which the ward has five entries."""
    made = Stage()
    made.conversations.holds(*(entry(seq) for seq in range(1, 6)))
    return made


def test_a_hole_is_counted_once_and_by_what_closed_it() -> None:
    """One hole is closed by the event that was only late, one from the database."""
    stage = staged()
    connection = stage.greeted()
    holes = counted("messages_live_holes_total")
    late, lost = (counted("messages_live_holes_filled_total", by=by) for by in ("event", "database"))

    for seq in (7, 6):
        connection.offer(pushed(entry(seq)))
    settles(0.3)
    stage.conversations.holds(*(entry(seq) for seq in range(6, 11)))
    for seq in (9, 10):
        connection.offer(pushed(entry(seq)))
    settles(0.3)

    assert stage.wire.seqs() == [6, 7, 8, 9, 10]
    assert counted("messages_live_holes_total") - holes == 2
    assert counted("messages_live_holes_filled_total", by="event") - late == 1
    assert counted("messages_live_holes_filled_total", by="database") - lost == 1


def test_a_recovery_that_leaves_something_out_is_counted() -> None:
    """The database's answer lacks entry 4: that is a gap, and nothing else here is."""
    stage, gaps = staged(), counted("messages_live_gaps_total")
    stage.greeted(resume={WARD: {"shared": 2}})
    whole = counted("messages_live_gaps_total") - gaps
    del stage.conversations.entries[WARD, "shared"][3]

    stage.greeted(resume={WARD: {"shared": 2}})

    assert whole == 0
    assert counted("messages_live_gaps_total") - gaps == 1


def test_a_head_that_was_not_reached_is_a_gap_unless_it_was_reset() -> None:
    """Whoever stands at 3 and is told that 9 is the head must have had 4 to 9, or a reset."""
    nora = Streams(NORA)
    nora.resume({WARD: {"shared": 3}, OTHER: {"shared": 3}})

    missed = nora.arrive({WARD: {"shared": 9}, OTHER: {"shared": 9}}, resets=[(OTHER, "shared")])
    afterwards = nora.arrive({WARD: {"shared": 9}, OTHER: {"shared": 9}})

    assert missed == 1
    assert afterwards == 0


def test_a_queue_that_is_full_is_counted_apart_from_other_closes() -> None:
    """Of all that is closed with 4008, how many were not reading."""
    stage, full = staged(), counted("messages_live_queue_full_closes_total")
    connection = stage.greeted()
    stage.wire.reads.clear()

    for seq in range(6, 3 * FRAMES_AT_MOST):
        connection.offer(pushed(entry(seq)))
        if seq % 50 == 0:
            settles()

    assert connection.leaving
    assert counted("messages_live_queue_full_closes_total") - full == 1
