"""Catching up: first load, resume, a hole, a broker that was away: one path, nothing missed, nothing twice."""

import gevent
import pytest

from realtime.outbox import FRAMES_AT_MOST
from realtime.pushes import StatePush
from realtime.session import Credentials
from tests.unit.realtime.stage import (
    DMITRI,
    NORA,
    OTHER,
    WARD,
    Stage,
    Wire,
    claims,
    entry,
    joined,
    pushed,
    says,
    settles,
    takes_all,
)
from wire.problems import PermissionRequired, Unauthenticated, Unavailable


@pytest.fixture
def stage() -> Stage:
    """Give a stage on which the ward has five entries."""
    made = Stage()
    made.conversations.holds(*(entry(seq) for seq in range(1, 6)))
    return made


def test_without_resume_a_socket_starts_at_the_heads(stage: Stage) -> None:
    """Nothing old is sent; what comes next is."""
    connection = stage.greeted()
    connection.offer(pushed(entry(6)))
    settles()

    assert stage.wire.seqs() == [6]
    assert stage.conversations.asked == [({}, "head")]


def test_what_was_missed_comes_first_then_caught_up_then_what_is_new(stage: Stage) -> None:
    """In order, each once, although the newest was published while the database was asked."""

    def publishes() -> None:
        for seq in (4, 5, 6):
            connection.offer(pushed(entry(seq)))

    stage.conversations.while_asked = publishes
    connection = stage.opens()
    says(connection, "hello", resume={WARD: {"shared": 2}})
    settles()

    kinds = [(frame["push"], frame.get("seq")) for frame in stage.wire.frames if "push" in frame]

    assert kinds == [("entry", 3), ("entry", 4), ("entry", 5), ("caught_up", None), ("entry", 6)]


def test_a_long_catch_up_waits_for_a_slow_reader(stage: Stage) -> None:
    """Longer than the queue, to a client that pauses: nothing is lost and nobody is cut off."""
    long = 3 * FRAMES_AT_MOST
    stage.conversations.holds(*(entry(seq) for seq in range(6, long + 1)))
    stage.wire.reads.clear()
    connection = stage.greeted(resume={WARD: {"shared": 0}})
    connection.offer(pushed(entry(long + 1)))
    settles()
    patient = not connection.leaving
    stage.wire.reads.set()
    settles(0.05)

    assert patient
    assert stage.wire.seqs() == list(range(1, long + 2))


def test_streams_too_far_behind_are_reset_and_go_on_from_their_head(stage: Stage) -> None:
    """Instead of thousands of entries: read the timeline."""
    stage.conversations.entries[WARD, "shared"] = [entry(5_000)]
    stage.conversations.resets = [{"conversation_id": WARD, "stream": "shared", "head": 5_000}]
    connection = stage.opens()
    says(connection, "hello", resume={WARD: {"shared": 5_000}})
    settles()
    connection.offer(pushed(entry(5_001)))
    settles()

    assert stage.wire.pushes("reset") == [{"push": "reset", "conversation_id": WARD, "stream": "shared", "head": 5_000}]
    assert stage.wire.seqs() == [5_001]


def test_a_conversation_one_left_meanwhile_is_told_as_removed(stage: Stage) -> None:
    """The client holds a position in it and must learn that it is over."""
    stage.conversations.gone = [OTHER]

    stage.greeted(resume={OTHER: {"shared": 3}})

    assert stage.wire.pushes("removed") == [{"push": "removed", "conversation_id": OTHER}]


def test_a_hole_is_filled_from_the_database(stage: Stage) -> None:
    """An event that was lost is asked for, after a moment in which it may still come."""
    connection = stage.greeted()
    stage.conversations.holds(entry(6), entry(7))

    connection.offer(pushed(entry(7)))
    settles()
    at_once = stage.wire.seqs()
    settles(0.3)

    assert at_once == []
    assert stage.wire.seqs() == [6, 7]
    assert stage.conversations.asked[-1] == ({WARD: {"shared": 5}}, "joined")
    assert len(stage.wire.pushes("caught_up")) == 1


def test_an_entry_that_was_only_overtaken_costs_no_question(stage: Stage) -> None:
    """It comes a moment later; order is kept and the database left alone."""
    connection = stage.greeted()

    connection.offer(pushed(entry(7)))
    connection.offer(pushed(entry(6)))
    settles(0.3)

    assert stage.wire.seqs() == [6, 7]
    assert len(stage.conversations.asked) == 1


def test_after_a_broker_was_away_everything_is_compared(stage: Stage) -> None:
    """Also conversations one was taken into meanwhile, from where one joined."""
    connection = stage.greeted()
    stage.conversations.holds(entry(6), joined(1, NORA, at=OTHER))

    connection.recover("broker", announce=True)
    settles()

    assert stage.wire.seqs() == [6]
    assert stage.wire.seqs(at=OTHER) == [1]
    assert len(stage.wire.pushes("caught_up")) == 2


def test_a_loss_during_a_catch_up_makes_another_one(stage: Stage) -> None:
    """What was published between the snapshot and the broker's return is in no snapshot yet."""
    times = iter([True])

    def loses() -> None:
        if next(times, False):
            stage.conversations.holds(entry(6))
            connection.recover("broker", announce=True)

    stage.conversations.while_asked = loses
    connection = stage.opens()
    says(connection, "hello")
    settles()

    assert stage.wire.seqs() == [6]
    assert len(stage.conversations.asked) == 2


def test_a_catch_up_waits_for_a_service_that_is_away(stage: Stage) -> None:
    """Live entries are held meanwhile; the socket stays."""
    connection = stage.opens()
    says(connection, "hello", resume={WARD: {"shared": 4}})
    stage.conversations.refusals += [Unavailable()]
    settles()
    stage.conversations.refusals.clear()
    says(connection, "hello", ref=2, resume={WARD: {"shared": 4}})
    gevent.sleep(0)
    stage.conversations.refusals += [Unavailable()]
    connection.offer(pushed(entry(6)))
    settles(0.7)

    assert stage.wire.seqs() == [5, 6]


def test_a_token_refused_while_catching_up_is_renewed_once(stage: Stage) -> None:
    """A browser's session gets another one and goes on."""
    connection = stage.opens(renew=lambda: Credentials(claims=claims(issued_s=1), access_token="second"))
    says(connection, "hello")
    settles()
    stage.conversations.refusals.append(Unauthenticated())
    connection.recover("broker", announce=True)
    settles()

    assert stage.conversations.tokens[-1] == "second"
    assert not connection.leaving


@pytest.mark.parametrize(("refusal", "code"), [(Unauthenticated(), 4001), (PermissionRequired(), 4503)])
def test_whoever_may_not_catch_up_is_let_go(stage: Stage, refusal: Exception, code: int) -> None:
    """A program with a token nobody takes, or somebody who lost the permission."""
    connection = stage.greeted()
    stage.conversations.refusals.append(refusal)  # type: ignore[arg-type] # both are Problems

    connection.recover("broker", announce=True)
    settles()

    assert stage.wire.close_code == code


def test_what_others_wrote_is_marked_as_delivered_and_ones_own_is_not(stage: Stage) -> None:
    """Once it left; and not in a crowd."""
    connection = stage.greeted(resume={WARD: {"shared": 3}})
    connection.offer(pushed(entry(6, of=NORA)))
    settles()
    stage.marks.flush()
    first = list(stage.conversations.marked)
    connection.offer(pushed(entry(7, of=DMITRI), confirm=False))
    settles()
    stage.marks.flush()

    assert [(mark["kind"], mark["seq"]) for mark in first] == [("delivered", 5)]
    assert len(stage.conversations.marked) == 1


def test_one_does_not_see_oneself_typing(stage: Stage) -> None:
    """But others do."""
    connection = stage.greeted()

    connection.offer(StatePush(frame=pushed(entry(9)).frame, transient=True, about=NORA))
    connection.offer(StatePush(frame=pushed(entry(8)).frame, transient=True, about=DMITRI))
    settles()

    assert stage.wire.seqs() == [8]


def test_asking_while_the_broker_is_away_is_no_news(stage: Stage) -> None:
    """What was missed comes, but nobody is told every two seconds to read everything again."""
    connection = stage.greeted()
    stage.conversations.holds(entry(6))

    connection.recover("poll", announce=False)
    settles()

    assert stage.wire.seqs() == [6]
    assert len(stage.wire.pushes("caught_up")) == 1


def test_an_entry_nobody_understands_holds_up_no_catch_up(stage: Stage) -> None:
    """It is skipped; else the client would come back to it for ever."""
    stage.conversations.entries[WARD, "shared"][3] = {"seq": 4}

    stage.greeted(resume={WARD: {"shared": 2}})

    assert stage.wire.seqs() == [3, 5]
    assert stage.wire.pushes("caught_up")


def test_a_recovery_before_the_first_catch_up_asks_for_nothing_old(stage: Stage) -> None:
    """Between hello and its answer there is nothing to recover; asking then would bring everything there ever was."""
    connection = stage.opens()
    says(connection, "hello", resume={WARD: {"shared": 4}})
    connection.recover("poll", announce=False)
    settles()

    assert stage.conversations.asked == [({WARD: {"shared": 4}}, "head")]
    assert stage.wire.seqs() == [5]


def test_what_is_lost_while_a_socket_waits_to_ask_costs_no_second_question(stage: Stage) -> None:
    """What it is about to read has it all."""
    connection = stage.greeted()
    recoveries = stage.desk.recoveries
    takes_all(recoveries)
    connection.recover("poll", announce=False)
    settles()
    stage.conversations.holds(entry(6))

    connection.recover("broker", announce=True)
    recoveries.release()
    settles()

    assert len(stage.conversations.asked) == 2
    assert stage.wire.seqs() == [6]
    assert len(stage.wire.pushes("caught_up")) == 2


def test_who_went_while_waiting_to_ask_costs_no_question(stage: Stage) -> None:
    """A thousand come back at once and many give up: the places in the queue are for those who are still there."""
    hellos = stage.desk.hellos
    takes_all(hellos)
    gone = [stage.opens(wire=Wire()) for _ in range(3)]
    for connection in gone:
        says(connection, "hello")
    settles()
    for connection in gone:
        connection.finish(0)
    stays = stage.opens()
    says(stays, "hello", resume={WARD: {"shared": 4}})

    hellos.release()
    settles()

    assert stage.conversations.asked == [({WARD: {"shared": 4}}, "head")]
    assert stage.wire.seqs() == [5]


def test_who_went_while_waiting_to_recover_costs_no_question(stage: Stage) -> None:
    """Likewise where every socket asks, because no events come."""
    connection = stage.greeted()
    recoveries = stage.desk.recoveries
    takes_all(recoveries)
    connection.recover("poll", announce=False)
    settles()

    connection.finish(0)
    recoveries.release()
    settles()

    assert len(stage.conversations.asked) == 1
