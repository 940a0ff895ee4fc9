"""What a gateway's `/readyz` says of the relay: named where it alone keeps events from coming."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

import portal_gateway.app
import staff_gateway.app
from gatekit.addresses import PORTAL, STAFF, Addresses
from servicekit.background import Stop
from servicekit.composed import Composed
from servicekit.exchange import Message
from tests.support.ports import wait_until
from tests.unit.gatekit.world import World
from wire.events import MESSAGES, PULSE, encode_batch, pulse_key

BOTH = [(STAFF, staff_gateway.app.compose), (PORTAL, portal_gateway.app.compose)]


@pytest.mark.parametrize(("addresses", "compose"), BOTH)
def test_a_relay_that_is_not_heard_is_named(addresses: Addresses, compose: Callable[..., Composed]) -> None:
    """There is a broker, and no pulse over it: none leads, or it hangs, or the broker does."""
    world = World(addresses, compose)

    with hearing(world):
        wait_until(lambda: "broker" not in missing(world), within_s=5, what="the broker being there")
        unheard = missing(world)
        pulses(world)
        wait_until(lambda: "relay" not in missing(world), within_s=1, what="the relay being heard")
        wait_until(lambda: "relay" in missing(world), within_s=5, what="the relay being missed again")

    assert unheard[-1] == "relay"


def test_without_a_broker_or_without_conversations_the_relay_is_not_named() -> None:
    """Nobody is sent to look at a relay that cannot be heard, or that has nothing to tell."""
    world = World(STAFF, staff_gateway.app.compose)
    without_broker = missing(world)

    with hearing(world):
        wait_until(lambda: "broker" not in missing(world), within_s=5, what="the broker being there")
        world.conversations.away = True
        without_conversations = missing(world)

    assert without_broker[-1] == "broker"
    assert without_conversations[-1] == "conversations"


def missing(world: World) -> list[str]:
    """Return what the gateway says it misses."""
    named: list[str] = world.browser().get("/readyz").get_json()["missing"]
    return named


def pulses(world: World) -> None:
    """Publish one pulse, as the leading relay does."""
    pulse = Message(
        exchange=MESSAGES,
        routing_key=pulse_key(world.addresses.plane),
        body=encode_batch([]),
        type=PULSE,
        message_id="p",
    )
    world.exchange.publisher().publish([pulse])


@contextmanager
def hearing(world: World) -> Iterator[None]:
    """Let the gateway listen to the broker meanwhile."""
    [run] = [entry.run for entry in world.composed.background._entries if entry.name == "live.hear"]  # noqa: SLF001 - only this one loop
    stop = Stop()
    loop = threading.Thread(target=run, args=(stop,), daemon=True)
    loop.start()
    try:
        yield
    finally:
        stop.set()
        loop.join(5)
