"""What only a broker can do to us: go away, stall, overflow, refuse."""

import gc
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pika
import pytest

from servicekit.amqp import RabbitExchange
from servicekit.amqp.line import Line, Pauses
from servicekit.exchange import Binding, ExchangeUnavailable, Message, Publisher, Subscription
from servicekit.inprocess import InProcessExchange
from tests.support.ports import LOOPBACK, wait_until
from tests.support.rabbitmq import RabbitServer
from tests.support.tap import Tap, tapped

EVENTS = "messages.events"
QUICK = Pauses(first_s=0.05, longest_s=0.2)


class Log:
    """What a subscriber was told, in order."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def listen(self, exchange: RabbitExchange, pattern: str = "staff.#", limit: int = 1_000) -> Subscription:
        subscription = exchange.subscribe(
            [Binding(exchange=EVENTS, pattern=pattern)],
            on_message=lambda message: self.told.append(message.message_id),
            on_connected=lambda: self.told.append("connected"),
            on_lost=lambda: self.told.append("lost"),
            limit=limit,
        )
        self.waits_for("connected")
        return subscription

    def waits_for(self, *tail: str, within_s: float = 15) -> None:
        wait_until(lambda: self.told[-len(tail) :] == list(tail), within_s=within_s, what=f"…, {', '.join(tail)}")


def message(number: int | str, body: bytes = b"{}") -> Message:
    """Return a message for staff."""
    key = "staff.o.message.posted"
    return Message(exchange=EVENTS, routing_key=key, body=body, type="message.posted", message_id=str(number))


@pytest.fixture
def tap(rabbitmq_server: RabbitServer) -> Iterator[Tap]:
    """Give a wire to the broker that may be stalled and cut."""
    with tapped(rabbitmq_server.host, rabbitmq_server.port) as made:
        yield made


def through(tap: Tap, server: RabbitServer, vhost: str, **choices: float) -> RabbitExchange:
    """Return an exchange that reaches the broker through the tap."""
    url = server.url(vhost).replace(f"{server.host}:{server.port}", f"{LOOPBACK}:{tap.port}")
    return RabbitExchange(url, pauses=QUICK, **choices)  # type: ignore[arg-type]


def publishes_when_back(publisher: Publisher, what: Message) -> None:
    """Publish again and again until the broker confirms."""

    def done() -> bool:
        try:
            publisher.publish([what])
        except ExchangeUnavailable:
            return False
        return True

    wait_until(done, within_s=15, what="a publish that succeeds")


def test_a_message_carries_what_the_protocol_says(rabbitmq_url: str) -> None:
    """Content type, type, id, schema version are set, and nothing rests on the broker's disk."""
    publisher = RabbitExchange(rabbitmq_url).publisher()
    publisher.publish([message("first")])
    with pika.BlockingConnection(pika.URLParameters(rabbitmq_url)) as connection:
        channel = connection.channel()
        queue = channel.queue_declare("", exclusive=True).method.queue
        channel.queue_bind(queue, EVENTS, "#")

        publisher.publish([message("seen", b'{"batch":[]}')])

        method, properties, body = channel.basic_get(queue, auto_ack=True)
    assert (method.routing_key, body) == ("staff.o.message.posted", b'{"batch":[]}')
    assert (properties.content_type, properties.delivery_mode) == ("application/json", 1)
    assert (properties.type, properties.message_id) == ("message.posted", "seen")
    assert properties.headers == {"v": 1}
    publisher.close()


def test_a_broker_that_drops_everyone_is_found_again(rabbitmq_server: RabbitServer, rabbitmq_vhost: str) -> None:
    """Both sides come back by themselves; the subscriber is told that it lost and that it hears again."""
    exchange = RabbitExchange(rabbitmq_server.url(rabbitmq_vhost), pauses=QUICK)
    log = Log()
    subscription = log.listen(exchange)
    publisher = exchange.publisher()
    publisher.publish([message(1)])
    log.waits_for("1")
    wait_until(lambda: len(rabbitmq_server.connections(rabbitmq_vhost)) == 2, within_s=15, what="two connections")

    assert rabbitmq_server.drop_connections(rabbitmq_vhost) == 2
    log.waits_for("lost", "connected")
    publishes_when_back(publisher, message(2))

    log.waits_for("2")
    assert log.told == ["connected", "1", "lost", "connected", "2"]
    publisher.close()
    subscription.close()


def test_a_cut_wire_fails_the_publish_and_not_the_process(
    tap: Tap, rabbitmq_server: RabbitServer, rabbitmq_vhost: str
) -> None:
    """While no broker is to be had, publish raises at once; afterwards it works again."""
    exchange = through(tap, rabbitmq_server, rabbitmq_vhost)
    log = Log()
    subscription = log.listen(exchange)
    publisher = exchange.publisher()
    publisher.publish([message(1)])

    tap.cut(refuse=True)
    log.waits_for("lost")
    assert not subscription.connected
    began = time.monotonic()
    for _ in range(3):
        with pytest.raises(ExchangeUnavailable):
            publisher.publish([message(2)])
    assert time.monotonic() - began < 3
    tap.mend()
    publishes_when_back(publisher, message(3))
    wait_until(lambda: subscription.connected, within_s=15, what="the subscriber connected")
    publisher.publish([message(4)])

    log.waits_for("4")
    publisher.close()
    subscription.close()


# The broken connection's socket is never closed: its loop ended before it could be.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_what_was_handed_to_a_line_is_done_though_it_breaks_first(rabbitmq_url: str) -> None:
    """The loop ends with work undone: without it a publisher would wait its whole time for an answer."""
    opened: list[pika.SelectConnection] = []
    told: list[str] = []
    line = Line(
        pika.URLParameters(rabbitmq_url),
        name="breaking",
        pauses=QUICK,
        on_open=opened.append,
        on_lost=lambda: told.append("lost"),
    )
    line.start()
    wait_until(lambda: bool(opened), within_s=15, what="an open line")

    def breaks() -> None:
        opened[0].ioloop.stop()
        assert line.call(lambda: told.append("done"))

    opened[0].ioloop.add_callback_threadsafe(breaks)

    wait_until(lambda: told == ["lost", "done"], within_s=5, what="the work done")
    line.close()
    opened.clear()
    gc.collect()


def test_a_stalled_broker_does_not_hang_the_publisher(
    tap: Tap, rabbitmq_server: RabbitServer, rabbitmq_vhost: str
) -> None:
    """Without a confirm in time publish raises; a late confirm confuses nobody."""
    publisher = through(tap, rabbitmq_server, rabbitmq_vhost, confirm_timeout_s=0.5).publisher()
    publisher.publish([message(1)])

    tap.stall()
    began = time.monotonic()
    with pytest.raises(ExchangeUnavailable):
        publisher.publish([message(2)])
    took = time.monotonic() - began
    tap.flow()

    assert 0.4 < took < 2
    publishes_when_back(publisher, message(3))
    publisher.close()


def test_a_silent_broker_is_given_up_by_heartbeat(tap: Tap, rabbitmq_server: RabbitServer, rabbitmq_vhost: str) -> None:
    """A line on which nothing comes any more is lost within a few heartbeats and opened again."""
    log = Log()
    subscription = log.listen(through(tap, rabbitmq_server, rabbitmq_vhost, heartbeat_s=1))

    tap.stall()
    log.waits_for("lost")
    tap.cut()
    tap.flow()

    log.waits_for("lost", "connected")
    subscription.close()


def test_heartbeats_are_answered_while_a_callback_is_busy(rabbitmq_url: str) -> None:
    """A subscriber that works for longer than two heartbeats keeps its line, and so does an idle publisher."""
    exchange = RabbitExchange(rabbitmq_url, heartbeat_s=1)
    told: list[str] = []
    ready = threading.Event()
    subscription = exchange.subscribe(
        [Binding(exchange=EVENTS, pattern="#")],
        on_message=lambda got: (time.sleep(4), told.append(got.message_id)),  # type: ignore[func-returns-value, arg-type]
        on_connected=ready.set,
        on_lost=lambda: told.append("lost"),
    )
    publisher = exchange.publisher()
    assert ready.wait(10)

    publisher.publish([message("slow"), message("next")])
    wait_until(lambda: len(told) == 2, within_s=15, what="both messages")
    publisher.publish([message("after")])
    wait_until(lambda: len(told) == 3, within_s=15, what="the third")

    assert told == ["slow", "next", "after"]
    publisher.close()
    subscription.close()


def test_what_the_brokers_queue_dropped_is_not_lost_in_silence(
    tap: Tap, rabbitmq_server: RabbitServer, rabbitmq_vhost: str
) -> None:
    """When the wire stalls and the broker's bounded queue overflows, the subscriber is told when it flows."""
    log = Log()
    subscription = log.listen(through(tap, rabbitmq_server, rabbitmq_vhost), limit=300)
    publisher = RabbitExchange(rabbitmq_server.url(rabbitmq_vhost)).publisher()
    tap.stall()
    for number in range(60):
        publisher.publish([message(number * 20 + each, b"x" * 50_000) for each in range(20)])

    tap.flow()
    wait_until(lambda: "lost" in log.told, within_s=20, what="the subscriber told")
    log.waits_for("connected")
    publisher.publish([message("later")])

    log.waits_for("later")
    publisher.close()
    subscription.close()


def test_a_portal_user_cannot_hear_staff(rabbitmq_server: RabbitServer, rabbitmq_vhost: str) -> None:
    """With the broker's narrow permissions the portal hears portal keys, never connects to staff keys."""
    RabbitExchange(rabbitmq_server.url(rabbitmq_vhost)).publisher().publish([message("makes the exchange")])
    user = f"portal-{rabbitmq_vhost}"
    rabbitmq_server.add_user(user, "portal-secret")
    own = f"^{user}[.]"
    rabbitmq_server.permit(
        user, rabbitmq_vhost, configure=own, write=f"{own}|^amq[.]default$", read=f"{own}|^messages[.]events$"
    )
    rabbitmq_server.permit_topics(user, rabbitmq_vhost, exchange=EVENTS, write="^$", read="^portal[.]")
    exchange = RabbitExchange(rabbitmq_server.url(rabbitmq_vhost, user=user, password="portal-secret"), pauses=QUICK)
    refused = exchange.subscribe([Binding(exchange=EVENTS, pattern="staff.#")], on_message=lambda _message: None)

    log = Log()
    allowed = log.listen(exchange, "portal.#")

    assert log.told == ["connected"]
    assert not refused.connected
    refused.close()
    allowed.close()


def test_no_permission_to_publish_is_unavailable(rabbitmq_server: RabbitServer, rabbitmq_vhost: str) -> None:
    """A gateway's user who tries to publish is told so, in time."""
    RabbitExchange(rabbitmq_server.url(rabbitmq_vhost)).publisher().publish([message("makes the exchange")])
    user = f"reader-{rabbitmq_vhost}"
    rabbitmq_server.add_user(user, "reader-secret")
    rabbitmq_server.permit(user, rabbitmq_vhost, configure="^$", write="^$", read=".*")
    publisher = RabbitExchange(rabbitmq_server.url(rabbitmq_vhost, user=user, password="reader-secret")).publisher()

    with pytest.raises(ExchangeUnavailable):
        publisher.publish([message(1)])

    publisher.close()


def test_a_broker_that_is_not_there_is_unavailable() -> None:
    """Nothing listens: publish says so within its time, and closing does not hang."""
    publisher = RabbitExchange(f"amqp://u:p@{LOOPBACK}:1/", confirm_timeout_s=3).publisher()

    began = time.monotonic()
    with pytest.raises(ExchangeUnavailable):
        publisher.publish([message(1)])
    publisher.close()

    assert time.monotonic() - began < 5


GEVENT = """
from gevent import monkey
monkey.patch_all()
import sys, time, gevent
from servicekit.amqp import RabbitExchange
from servicekit.exchange import Binding, Message

def message(number):
    return Message(exchange="messages.events", routing_key="staff.o.t", body=b"{}", type="t", message_id=str(number))

longest = [0.0]
def watch():
    while True:
        began = time.monotonic()
        gevent.sleep(0.01)
        longest[0] = max(longest[0], time.monotonic() - began - 0.01)
gevent.spawn(watch)

told = []
exchange = RabbitExchange(sys.argv[1], heartbeat_s=1)
subscription = exchange.subscribe([Binding(exchange="messages.events", pattern="staff.#")],
    on_message=lambda got: told.append(got.message_id),
    on_connected=lambda: told.append("connected"), on_lost=lambda: told.append("lost"))
publisher = exchange.publisher()
with gevent.Timeout(20):
    while not told:
        gevent.sleep(0.01)
    longest[0] = 0.0
    gevent.wait([gevent.spawn(publisher.publish, [message(number)]) for number in range(50)])
    gevent.sleep(4)  # more than three heartbeats of silence
    publisher.publish([message("after")])
    while told[-1] != "after":
        gevent.sleep(0.01)
assert told[0] == "connected" and "lost" not in told and len(told) == 52, told
assert longest[0] < 0.5, longest
publisher.close()
subscription.close()
print("fine")
"""


def test_it_works_under_gevent(rabbitmq_url: str) -> None:
    """In a gateway's patched process lines are greenlets: they talk, keep heartbeats and never stop the hub."""
    run = subprocess.run([sys.executable, "-c", GEVENT, rabbitmq_url], capture_output=True, text=True, check=False)

    assert run.stdout == "fine\n", run.stderr


def test_the_in_process_exchange_refuses_another_process() -> None:
    """Several processes with it would lose messages in silence, so a forked child gets an error."""
    script = (
        "import os\n"
        "from servicekit.exchange import ExchangeUnavailable\n"
        "from servicekit.inprocess import InProcessExchange\n"
        "exchange = InProcessExchange(); publisher = exchange.publisher()\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    try: publisher.publish([])\n"
        "    except ExchangeUnavailable: os._exit(7)\n"
        "    os._exit(0)\n"
        "print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n"
    )

    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)

    assert InProcessExchange is not None
    assert run.stdout == "7\n", run.stderr
