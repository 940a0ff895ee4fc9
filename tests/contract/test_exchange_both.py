"""RabbitMQ and the in-process exchange keep the same promises: these tests run on both."""

import threading
from collections.abc import Iterator

import pytest

from servicekit.amqp import RabbitExchange
from servicekit.exchange import Binding, Exchange, ExchangeUnavailable, Message
from servicekit.inprocess import InProcessExchange
from tests.support.ports import wait_until

EVENTS = "messages.events"


@pytest.fixture(params=["rabbitmq", "inprocess"])
def exchange(request: pytest.FixtureRequest) -> Iterator[Exchange]:
    """Give each implementation in turn."""
    if request.param == "inprocess":
        yield InProcessExchange()
    else:
        yield RabbitExchange(request.getfixturevalue("rabbitmq_url"))


class Ear:
    """A subscriber that writes down what it was told."""

    def __init__(self, exchange: Exchange, *patterns: str, limit: int = 1_000) -> None:
        self.told: list[str] = []
        self.busy = threading.Event()
        self.go_on = threading.Event()
        self.go_on.set()
        self.subscription = exchange.subscribe(
            [Binding(exchange=EVENTS, pattern=pattern) for pattern in patterns],
            on_message=self._hear,
            on_connected=lambda: self.told.append("connected"),
            on_lost=lambda: self.told.append("lost"),
            limit=limit,
        )
        wait_until(lambda: "connected" in self.told, within_s=10, what="the subscriber connected")

    @property
    def heard(self) -> list[str]:
        return [each for each in self.told if each not in {"connected", "lost"}]

    def hears(self, *ids: str) -> None:
        wait_until(lambda: len(self.heard) >= len(ids), within_s=10, what=f"{len(ids)} messages")
        assert self.heard == list(ids)

    def _hear(self, message: Message) -> None:
        self.busy.set()
        self.go_on.wait(10)
        self.told.append(message.message_id)


def message(number: int | str, key: str = "staff.o.message.posted", body: bytes = b"{}") -> Message:
    """Return a message under a routing key."""
    return Message(exchange=EVENTS, routing_key=key, body=body, type="message.posted", message_id=str(number))


@pytest.mark.parametrize(
    ("pattern", "key", "matches"),
    [
        ("staff.#", "staff.o.message.posted", True),
        ("staff.#", "portal.o.message.posted", False),
        ("staff.#", "staff", True),
        ("#", "anything.at.all", True),
        ("*.o.message.*", "portal.o.message.edited", True),
        ("*.o.*", "portal.o.message.edited", False),
        ("staff.*.typing", "staff.o.typing", True),
        ("staff.*.typing", "staff..typing", True),
        ("staff.#.posted", "staff.posted", True),
        ("staff.o.typing", "staff.oxtyping", False),
        ("staff.#.o.#", "staff.a.b.o", True),
    ],
)
def test_a_pattern_matches_the_same_keys_everywhere(
    exchange: Exchange, pattern: str, key: str, *, matches: bool
) -> None:
    """A star stands for one word, a hash for any number of words, whatever carries the messages."""
    ear = Ear(exchange, pattern, "the.end")
    publisher = exchange.publisher()

    publisher.publish([message("asked", key), message("end", "the.end")])

    ear.hears(*(["asked", "end"] if matches else ["end"]))
    publisher.close()
    ear.subscription.close()


def test_messages_arrive_whole_and_in_order(exchange: Exchange) -> None:
    """What was published in one order is heard in it, with its type and its bytes."""
    got: list[Message] = []
    ready = threading.Event()
    binding = Binding(exchange=EVENTS, pattern="staff.#")
    subscription = exchange.subscribe([binding], on_message=got.append, on_connected=ready.set)
    publisher = exchange.publisher()
    assert ready.wait(10)

    sent = [message(number, body=f'{{"n":{number}}}'.encode()) for number in range(300)]
    for start in range(0, 300, 7):
        publisher.publish(sent[start : start + 7])

    wait_until(lambda: len(got) >= 300, within_s=10, what="300 messages")
    assert got == sent
    publisher.close()
    subscription.close()


def test_two_matching_bindings_bring_one_message(exchange: Exchange) -> None:
    """A message is heard once by a subscriber, however many of its bindings match."""
    ear = Ear(exchange, "staff.#", "*.o.#")
    publisher = exchange.publisher()

    publisher.publish([message(1), message(2)])

    ear.hears("1", "2")
    publisher.close()
    ear.subscription.close()


def test_every_subscriber_hears_for_itself(exchange: Exchange) -> None:
    """Each gateway gets every message; they do not share a queue."""
    first, second = Ear(exchange, "staff.#"), Ear(exchange, "staff.#")
    publisher = exchange.publisher()

    publisher.publish([message(1), message(2)])

    first.hears("1", "2")
    second.hears("1", "2")
    publisher.close()
    first.subscription.close()
    second.subscription.close()


def test_nobody_listening_is_fine(exchange: Exchange) -> None:
    """Zero gateways is a normal state: publishing succeeds."""
    publisher = exchange.publisher()

    publisher.publish([message(1)])
    publisher.publish([])

    publisher.close()


def test_a_closed_publisher_refuses(exchange: Exchange) -> None:
    """Whoever publishes after the close is told, and does not hang."""
    publisher = exchange.publisher()
    publisher.publish([message(1)])

    publisher.close()

    with pytest.raises(ExchangeUnavailable):
        publisher.publish([message(2)])


def test_a_closed_subscription_is_silent(exchange: Exchange) -> None:
    """No callback begins once the subscription was closed, while others go on hearing."""
    closed, open_ = Ear(exchange, "staff.#"), Ear(exchange, "staff.#")
    publisher = exchange.publisher()

    closed.subscription.close()
    publisher.publish([message(1)])

    open_.hears("1")
    assert closed.told == ["connected"]
    assert not closed.subscription.connected
    publisher.close()
    open_.subscription.close()


def test_whoever_falls_behind_is_told_and_starts_afresh(exchange: Exchange) -> None:
    """A subscriber behind by more than its limit hears `lost`, then `connected`, then what is published later."""
    ear = Ear(exchange, "staff.#", limit=10)
    publisher = exchange.publisher()

    ear.go_on.clear()
    publisher.publish([message("slow")])
    assert ear.busy.wait(10)
    publisher.publish([message(number) for number in range(40)])
    ear.go_on.set()
    wait_until(lambda: ear.told.count("connected") > ear.told.count("lost") > 0, within_s=10, what="lost, connected")
    publisher.publish([message("later")])

    wait_until(lambda: "later" in ear.told, within_s=10, what="the later message")
    assert ear.told.index("slow") < ear.told.index("lost") < ear.told.index("later")
    assert [each for each in ear.told if each in {"connected", "lost"}][::2] == ["connected"] * ear.told.count(
        "connected"
    )
    assert ear.told.count("connected") == ear.told.count("lost") + 1
    publisher.close()
    ear.subscription.close()


def test_a_slow_subscriber_harms_no_other(exchange: Exchange) -> None:
    """One that overflows stops neither the publisher nor the others."""
    slow, quick = Ear(exchange, "staff.#", limit=5), Ear(exchange, "staff.#")
    publisher = exchange.publisher()

    slow.go_on.clear()
    publisher.publish([message(number) for number in range(100)])

    quick.hears(*(str(number) for number in range(100)))
    slow.go_on.set()
    publisher.close()
    slow.subscription.close()
    quick.subscription.close()


def test_a_callback_that_raises_is_survived(exchange: Exchange) -> None:
    """One odd message does not silence those after it."""
    heard: list[str] = []
    ready = threading.Event()

    def trip(got: Message) -> None:
        heard.append(got.message_id)
        if got.message_id == "1":
            raise RuntimeError

    subscription = exchange.subscribe([Binding(exchange=EVENTS, pattern="#")], on_message=trip, on_connected=ready.set)
    publisher = exchange.publisher()
    assert ready.wait(10)

    publisher.publish([message(1), message(2)])

    wait_until(lambda: heard == ["1", "2"], within_s=10, what="both messages")
    publisher.close()
    subscription.close()


def test_many_threads_may_share_a_publisher(exchange: Exchange) -> None:
    """Parcels of several threads all arrive, and each thread's own stay in order."""
    ear = Ear(exchange, "staff.#")
    publisher = exchange.publisher()

    def talk(name: str) -> None:
        for number in range(30):
            publisher.publish([message(f"{name}{number:02}")])

    talkers = [threading.Thread(target=talk, args=(name,)) for name in "abcd"]
    for talker in talkers:
        talker.start()
    for talker in talkers:
        talker.join(20)

    wait_until(lambda: len(ear.heard) == 120, within_s=10, what="120 messages")
    for name in "abcd":
        assert [each for each in ear.heard if each[0] == name] == [f"{name}{number:02}" for number in range(30)]
    publisher.close()
    ear.subscription.close()
