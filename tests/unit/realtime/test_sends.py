"""The send queue: batches by themselves, order, one answer for each, whatever fails."""

from collections.abc import Callable, Iterator
from typing import Any

import gevent
import pytest

from realtime.sends import BATCH_ITEMS, WAITING_AT_MOST, Sends
from realtime.upstream import Stored
from servicekit.background import Stop
from tests.unit.realtime.stage import DMITRI, NORA, LittleConversations, claims, message, settles
from wire.problems import NotFound, Problem, RateLimited, Unavailable


class Desk:
    """A running queue and what it answered, in order."""

    def __init__(self, per_minute: int = 100_000) -> None:
        self.conversations = LittleConversations()
        self.sends = Sends(self.conversations, plane="staff", per_minute=per_minute)
        self.answers: list[tuple[int, Stored | Problem]] = []
        self.stop = Stop()
        self.running = gevent.spawn(self.sends.run, self.stop)

    def puts(self, number: int, *, body: str = "hello") -> None:
        self.sends.put(claims(), lambda: "token", message(number, body=body), self.notes(number))

    def notes(self, number: int) -> Callable[[Stored | Problem], None]:
        return lambda outcome: self.answers.append((number, outcome))

    def ends(self) -> None:
        self.stop.set()
        self.sends.close()
        self.running.join(5)


@pytest.fixture
def desk() -> Iterator[Desk]:
    """Give a running queue."""
    running = Desk()
    yield running
    running.ends()


def client_ids(batch: list[Any]) -> list[int]:
    """Return the numbers the messages were made with."""
    return [int(item["client_message_id"][-12:], 16) for item in batch]


def test_a_send_into_an_idle_queue_leaves_at_once_and_alone(desk: Desk) -> None:
    """No timer: an idle system adds no delay."""
    desk.puts(1)
    settles()

    assert [len(batch) for batch in desk.conversations.batches] == [1]
    assert isinstance(desk.answers[0][1], Stored)


def test_while_one_batch_is_on_its_way_the_next_one_fills(desk: Desk) -> None:
    """What comes meanwhile leaves together, in the order it came."""
    desk.conversations.while_sending = lambda: gevent.sleep(0.01)
    desk.puts(0)
    settles()
    for number in range(1, 6):
        desk.puts(number)
    settles(0.1)

    assert [client_ids(batch) for batch in desk.conversations.batches] == [[0], [1, 2, 3, 4, 5]]
    assert [number for number, _ in desk.answers] == [0, 1, 2, 3, 4, 5]


def test_a_batch_is_bounded_in_items_and_in_bytes(desk: Desk) -> None:
    """A flood becomes several batches, none larger than the door takes."""
    for number in range(BATCH_ITEMS + 1):
        desk.puts(number)
    settles()
    by_items = [len(batch) for batch in desk.conversations.batches]
    desk.conversations.batches.clear()
    for number in range(150):
        desk.puts(number, body="x" * 10_000)
    settles()
    by_bytes = [len(batch) for batch in desk.conversations.batches]

    assert by_items == [BATCH_ITEMS, 1]
    assert by_bytes == [83, 67]


def test_one_bad_item_harms_no_other(desk: Desk) -> None:
    """Each gets its own answer."""
    desk.conversations.while_sending = lambda: gevent.sleep(0.01)
    desk.puts(0)
    settles()
    desk.puts(1)
    desk.puts(2, body="refused")
    desk.puts(3)
    settles(0.1)

    kinds = [type(outcome) for _, outcome in desk.answers]

    assert kinds == [Stored, Stored, NotFound, Stored]


@pytest.mark.parametrize("trouble", [Unavailable(), Problem(), KeyError("results"), BrokenPipeError(), ValueError()])
def test_the_queue_outlives_any_failure_and_answers_what_it_held(desk: Desk, trouble: Exception) -> None:
    """`unavailable`: the same client id may be tried again; the next send goes through."""
    desk.conversations.refusals.append(trouble)  # type: ignore[arg-type] # whatever can be raised

    desk.puts(1)
    settles()
    desk.puts(2)
    settles()

    assert [type(outcome) for _, outcome in desk.answers] == [Unavailable, Stored]


def test_an_asker_that_fails_takes_nobody_with_it(desk: Desk) -> None:
    """A socket that died while its send was under way is nobody else's trouble."""

    def dies(_outcome: Stored | Problem) -> None:
        raise RuntimeError

    desk.sends.put(claims(), lambda: "token", message(1), dies)
    desk.puts(2)
    settles()

    assert [number for number, _ in desk.answers] == [2]


def test_each_item_carries_its_authors_own_token(desk: Desk) -> None:
    """The gateway asserts nothing."""
    desk.sends.put(claims(NORA), lambda: "noras", message(1), desk.notes(1))
    desk.sends.put(claims(DMITRI), lambda: "dmitris", message(2), desk.notes(2))
    settles()

    tokens = [item["token"] for batch in desk.conversations.batches for item in batch]

    assert tokens == ["noras", "dmitris"]


def test_more_than_ones_share_a_minute_is_refused_and_says_when_again() -> None:
    """Per user, whatever socket or door it comes through."""
    desk = Desk(per_minute=3)
    for number in range(3):
        desk.puts(number)

    with pytest.raises(RateLimited) as refused:
        desk.puts(4)
    desk.sends.put(claims(DMITRI), lambda: "dmitris", message(5), desk.notes(5))
    settles()
    desk.ends()

    assert 1 <= refused.value.retry_after <= 60
    assert [number for number, _ in desk.answers] == [0, 1, 2, 5]


def test_a_full_queue_says_so_at_once(desk: Desk) -> None:
    """Rather than holding what it cannot get rid of."""
    for number in range(WAITING_AT_MOST):
        desk.puts(number)

    with pytest.raises(Unavailable):
        desk.puts(WAITING_AT_MOST)


def test_rest_waits_for_its_answer(desk: Desk) -> None:
    """The same queue, with an entry or a problem at the end."""
    stored = desk.sends.post(claims(), "token", message(1))

    assert stored.status == 201
    with pytest.raises(NotFound):
        desk.sends.post(claims(), "token", message(2, body="refused"))


def test_at_the_end_everything_is_answered_and_nothing_more_taken(desk: Desk) -> None:
    """A gateway that stops finishes its sends."""
    desk.conversations.while_sending = lambda: gevent.sleep(0.01)
    desk.puts(1)
    settles()
    desk.puts(2)
    settled = desk.sends.settle(5)
    desk.ends()

    assert settled
    assert [number for number, _ in desk.answers] == [1, 2]
    assert desk.running.dead
    with pytest.raises(Unavailable):
        desk.puts(3)


def test_what_its_author_takes_back_before_it_leaves_is_neither_sent_nor_answered(desk: Desk) -> None:
    """They hold it themselves; what stands beside it goes out, and a queue of nothing else comes to rest."""
    desk.conversations.while_sending = lambda: gevent.sleep(0.01)
    desk.puts(0)
    settles()
    desk.sends.put(claims(), lambda: None, message(1), desk.notes(1))
    desk.puts(2)
    settles(0.05)
    desk.sends.put(claims(), lambda: None, message(3), desk.notes(3))

    assert desk.sends.settle(5)
    assert [client_ids(batch) for batch in desk.conversations.batches] == [[0], [2]]
    assert [number for number, _ in desk.answers] == [0, 2]


def test_a_message_is_counted_once_however_often_it_goes_out() -> None:
    """Its author says that it was counted before."""
    desk = Desk(per_minute=1)
    desk.puts(1)

    desk.sends.put(claims(), lambda: "token", message(1), desk.notes(1), counted=True)
    again = desk.sends.post(claims(), "token", message(1), counted=True)
    with pytest.raises(RateLimited):
        desk.puts(2)
    desk.ends()

    assert isinstance(again, Stored)
    assert [number for number, _ in desk.answers] == [1, 1]
