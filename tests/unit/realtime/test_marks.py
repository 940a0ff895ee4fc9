"""Marks on their way: only the furthest leaves, once a second, and none is lost while conversations is away."""

import gevent
import pytest

from realtime.marks import BATCH_ITEMS, Marks
from realtime.session import Session
from servicekit.background import Stop
from tests.unit.realtime.stage import OTHER, WARD, LittleConversations, Stage, entry, settles
from wire.problems import Invalid, NotFound, Unavailable


@pytest.fixture
def conversations() -> LittleConversations:
    """Give a service that knows the ward."""
    little = LittleConversations()
    little.holds(entry(1))
    return little


@pytest.fixture
def session() -> Session:
    """Give Nora's session."""
    return Stage().opens().session


def test_of_many_marks_only_the_furthest_leaves(conversations: LittleConversations, session: Session) -> None:
    """Whatever the order they came in."""
    marks = Marks(conversations)
    for seq in (3, 9, 4):
        marks.note("read", session, WARD, "shared", seq)
    marks.note("delivered", session, WARD, "shared", 9)
    marks.note("read", session, WARD, "internal", 2)

    marks.flush()
    marks.flush()

    assert [(mark["kind"], mark["stream"], mark["seq"]) for mark in conversations.marked] == [
        ("read", "shared", 9),
        ("delivered", "shared", 9),
        ("read", "internal", 2),
    ]


def test_marks_wait_while_conversations_is_away(conversations: LittleConversations, session: Session) -> None:
    """And what came meanwhile counts if it is further."""
    marks = Marks(conversations)
    conversations.refusals.append(Unavailable())
    marks.note("read", session, WARD, "shared", 5)
    marks.flush()
    marks.note("read", session, WARD, "shared", 4)

    marks.flush()

    assert [mark["seq"] for mark in conversations.marked] == [5]


def test_a_batch_nobody_takes_is_not_tried_for_ever(conversations: LittleConversations, session: Session) -> None:
    """It would hold up everybody's marks behind it."""
    marks = Marks(conversations)
    conversations.refusals.append(Invalid())
    marks.note("read", session, WARD, "shared", 5)

    marks.flush()
    marks.flush()

    assert conversations.marked == []


def test_many_marks_leave_in_bounded_batches(conversations: LittleConversations, session: Session) -> None:
    """Every one of them."""
    marks = Marks(conversations)
    for number in range(BATCH_ITEMS + 1):
        marks.note("read", session, WARD, f"s{number}", 1)

    marks.flush()

    assert len(conversations.marked) == BATCH_ITEMS + 1


def test_a_mark_that_must_be_known_at_once_tells_its_refusal(
    conversations: LittleConversations, session: Session
) -> None:
    """For a conversation the socket does not know."""
    marks = Marks(conversations)

    marks.store_now("read", session, WARD, "shared", 1)

    with pytest.raises(NotFound):
        marks.store_now("read", session, OTHER, "shared", 1)


def test_marks_of_the_last_moment_are_stored_at_the_end(conversations: LittleConversations, session: Session) -> None:
    """A gateway that ends finishes its sends first, and its sockets go on reading meanwhile."""
    marks, stop = Marks(conversations), Stop()
    stop.set()
    running = gevent.spawn(marks.run, stop)
    settles(0.01)
    marks.note("read", session, WARD, "shared", 5)
    noted_before_the_end = not running.dead

    marks.close()
    running.join(5)

    assert noted_before_the_end
    assert [mark["seq"] for mark in conversations.marked] == [5]
