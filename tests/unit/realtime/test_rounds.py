"""While no events come: one question for everybody, and a catch-up for those only who miss something."""

import pytest
from gevent.event import Event

from realtime.connection import Connection
from realtime.hub import Hub
from realtime.rounds import PEOPLE_AT_ONCE, Rounds
from tests.unit.realtime.stage import (
    DMITRI,
    NORA,
    OTHER,
    WARD,
    Stage,
    Wire,
    claims,
    entry,
    pushed,
    says,
    settles,
    takes_all,
)
from wire.ids import UserId, new_id
from wire.problems import NotFound, Problem, Unavailable


class Ward:
    """A stage with sockets of several people in one hub, all caught up, and the rounds of their gateway."""

    def __init__(self, *people: UserId) -> None:
        self.stage = Stage()
        self.stage.conversations.holds(*(entry(seq) for seq in range(1, 6)))
        self.hub = Hub(plane="staff")
        self.rounds = Rounds(self.stage.conversations, self.hub)
        self.wires = [Wire() for _ in people]
        self.sockets = [self.opens(who, wire) for who, wire in zip(people, self.wires, strict=True)]
        settles()
        self.stage.conversations.asked.clear()

    def opens(self, who: UserId, wire: Wire) -> Connection:
        socket = self.stage.opens(claims(who), wire=wire)
        self.hub.add(socket)
        says(socket, "hello")
        return socket

    def goes_round(self) -> None:
        self.rounds.begin()
        settles()


@pytest.fixture
def ward() -> Ward:
    """Give Nora at two screens, and Dmitri."""
    return Ward(NORA, NORA, DMITRI)


def test_whoever_misses_nothing_costs_no_catch_up(ward: Ward) -> None:
    """However many sockets there are: each person is asked about once, together."""
    ward.goes_round()

    assert ward.stage.conversations.counted == [[NORA, DMITRI]]
    assert ward.stage.conversations.asked == []


def test_only_the_socket_that_misses_something_catches_up(ward: Ward) -> None:
    """By the one path; and it is no news to the client."""
    ward.stage.conversations.holds(entry(6))
    for socket in ward.sockets[1:]:
        socket.offer(pushed(entry(6)))
    settles()

    ward.goes_round()

    assert [wire.seqs() for wire in ward.wires] == [[6], [6], [6]]
    assert ward.stage.conversations.asked == [({WARD: {"shared": 5}}, "joined")]
    assert len(ward.wires[0].pushes("caught_up")) == 1


def test_a_conversation_that_came_or_went_is_noticed(ward: Ward) -> None:
    """Also one without an entry more, and also when it was the last one."""
    ward.stage.conversations.holds(entry(1, at=OTHER))
    ward.goes_round()
    came = [wire.seqs(at=OTHER) for wire in ward.wires]
    ward.stage.conversations.entries.clear()
    ward.stage.conversations.gone = [WARD, OTHER]
    ward.goes_round()

    assert came == [[1]] * 3
    assert [len(wire.pushes("removed")) for wire in ward.wires] == [2] * 3


def test_a_socket_that_catches_up_already_is_asked_about_afterwards(ward: Ward) -> None:
    """Its answer may have been read before the round's; one that still waits for its turn reads later anyway."""
    recoveries = ward.stage.desk.recoveries
    takes_all(recoveries)
    ward.sockets[0].recover("poll", announce=False)
    settles()
    ward.stage.conversations.holds(entry(6))
    ward.goes_round()
    for _ in range(4):
        recoveries.release()
    settles()

    assert [wire.seqs() for wire in ward.wires] == [[6]] * 3
    assert len(ward.stage.conversations.asked) == 3


def test_an_older_conversations_is_asked_by_each_socket(ward: Ward) -> None:
    """It knows no such question; a new gateway beside it hears as fast as before."""
    ward.stage.conversations.holds(entry(6))
    ward.stage.conversations.refusals.append(NotFound())

    ward.goes_round()

    assert [wire.seqs() for wire in ward.wires] == [[6]] * 3


@pytest.mark.parametrize("trouble", [Unavailable(), Problem(), KeyError("items")])
def test_while_conversations_is_away_nobody_asks_and_the_next_round_does(ward: Ward, trouble: Exception) -> None:
    """Thousands of sockets at its door are no help to it."""
    ward.stage.conversations.holds(entry(6))
    ward.stage.conversations.refusals.append(trouble)  # type: ignore[arg-type] # whatever can be raised
    ward.goes_round()
    asked = list(ward.stage.conversations.asked)

    ward.goes_round()

    assert asked == []
    assert [wire.seqs() for wire in ward.wires] == [[6]] * 3


def test_one_round_at_a_time(ward: Ward) -> None:
    """Where conversations hangs, its door does not fill with the same question."""
    answers = Event()
    ward.stage.conversations.while_counting = answers.wait
    for _ in range(3):
        ward.goes_round()
    meanwhile = len(ward.stage.conversations.counted)

    answers.set()
    settles()
    ward.goes_round()

    assert meanwhile == 1
    assert len(ward.stage.conversations.counted) == 2


def test_a_crowd_is_asked_about_in_parts() -> None:
    """Each as large as the door takes."""
    crowd = Ward(*(UserId(new_id()) for _ in range(PEOPLE_AT_ONCE + 1)))

    crowd.goes_round()

    assert [len(people) for people in crowd.stage.conversations.counted] == [PEOPLE_AT_ONCE, 1]
    assert crowd.stage.conversations.asked == []


def test_a_hello_does_not_wait_for_those_who_recover(ward: Ward) -> None:
    """Nor they for a crowd of hellos."""
    recoveries, hellos = ward.stage.desk.recoveries, ward.stage.desk.hellos
    takes_all(recoveries)
    newcomer = Wire()
    ward.opens(DMITRI, newcomer)
    settles()
    recoveries.release()
    takes_all(hellos)
    ward.stage.conversations.holds(entry(6))
    ward.goes_round()

    assert newcomer.pushes("caught_up")
    assert [wire.seqs() for wire in (*ward.wires, newcomer)] == [[6]] * 4
