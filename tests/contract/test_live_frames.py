"""The frames the live exchange writes and the golden samples have the same shape, reply by reply and push by push."""

from typing import Any

import gevent
import orjson
import pytest

from realtime.presence import Seat
from realtime.subscriber import Subscriber
from servicekit.background import Stop
from servicekit.exchange import Message
from tests.unit.realtime.stage import DMITRI, NOON, WARD, ShowAll, Stage, claims, entry, pushed, says, settles
from wire import samples
from wire.events import MESSAGES, Event, encode_batch
from wire.frames import CloseCode
from wire.ids import UserId

FRAMES = samples.load("frames")
EVENTS = samples.load("events")


def shape(value: Any) -> Any:  # noqa: ANN401 - any JSON
    """Return the names and kinds of a frame, without what they hold; an id as a name is any id."""
    if isinstance(value, dict):
        return {"<id>" if name.count("-") == 4 else name: shape(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [shape(inner) for inner in value[:1]]
    return type(value).__name__


@pytest.fixture
def stage() -> Stage:
    """Give a stage on which everything can be said."""
    made = Stage()
    made.conversations.holds(entry(1))
    made.conversations.holds(entry(1, stream="internal"))
    made.known["second"] = claims(issued_s=1)
    return made


def test_replies_look_like_the_samples(stage: Stage) -> None:
    """Each op's reply; what `me` holds is the gateway's and conversations'."""
    running = gevent.spawn(stage.sends.run, Stop())
    connection = stage.greeted(resume={WARD: {"shared": 1, "internal": 1}})
    for op in ("send", "read", "typing", "ping"):
        connection.receive(orjson.dumps(FRAMES[f"client.{op}"] | {"ref": op}).decode())
    says(connection, "token", ref="token", access_token="second")
    says(connection, "ping", ref="refused", unknown=True)
    settles()
    running.kill()

    for op in ("send", "typing", "ping", "token"):
        reply = stage.wire.reply(op)
        assert shape(reply | {"ref": 0}) == shape(FRAMES[f"reply.{op}"] | {"ref": 0}), op
    hello = stage.wire.reply("h")
    assert hello.keys() == FRAMES["reply.hello"].keys()
    refused = stage.wire.reply("refused")
    del refused["problem"]["errors"]
    assert shape(refused) == shape(FRAMES["reply.refused"])


def test_what_the_exchange_says_by_itself_looks_like_the_samples(stage: Stage) -> None:
    """caught_up, reset, beat and bye."""
    stage.conversations.resets = [{"conversation_id": WARD, "stream": "shared", "head": 4_012}]
    connection = stage.greeted()
    stage.clock.turns(26)
    connection.alive()
    connection.look()
    connection.leave(CloseCode.DRAINING, "the gateway restarts", retry_after_ms=1_800)
    settles()

    for kind in ("caught_up", "reset", "beat", "bye"):
        [frame] = stage.wire.pushes(kind)
        assert shape(frame) == shape(FRAMES[f"push.{kind}"]), kind


@pytest.mark.parametrize("name", [name for name in EVENTS if name != "presence"])
def test_an_event_of_the_samples_becomes_a_push_of_the_samples(name: str) -> None:
    """From the broker to the socket, field by field."""
    heard: list[Any] = []

    class Ear:
        def fan_out(self, audience: tuple[UserId, ...], ready: Any) -> None:  # noqa: ANN401 - any push
            assert audience == tuple(EVENTS[name]["audience"])
            heard.append(ready)

    sample = dict(EVENTS[name])
    head = {field: sample.pop(field) for field in ("event_id", "type", "org", "audience")}
    event = Event(**(head | {"audience": tuple(head["audience"])}), body=sample)
    stage = Stage()
    subscriber = Subscriber(Ear(), ShowAll(), stage.presence, lambda: NOON, plane="staff")  # type: ignore[arg-type] # an ear is enough

    subscriber.hear(
        Message(exchange=MESSAGES, routing_key="staff.x.y", body=encode_batch([event]), type="t", message_id="m")
    )
    stage.wire.write(heard[0].frame)

    [frame] = stage.wire.frames
    kind = frame["push"]
    fields = {name: value for name, value in frame.items() if name != "push"}
    expected = sample.get("entry") or sample.get("conversation") or sample
    assert fields == expected
    assert f"push.{kind}" in FRAMES


def test_who_is_there_is_told_without_the_conversation() -> None:
    """The sample event becomes the sample push, at the socket that watches there."""
    stage = Stage()
    sample = dict(EVENTS["presence"])
    head = {field: sample.pop(field) for field in ("event_id", "type", "org", "audience")}
    watcher = Seat(session=stage.opens(claims(DMITRI)).session, offer=lambda pushed: stage.wire.write(pushed.frame))
    stage.presence.come(watcher)
    stage.presence.watch(watcher, sample["conversation_id"], away=False)

    stage.presence.hear(Event(**(head | {"audience": tuple(head["audience"])}), body=sample))

    assert stage.wire.frames == [FRAMES["push.presence"]]


def test_an_entry_goes_out_as_it_is_documented() -> None:
    """The sample entry, byte for byte what a client would get."""
    stage = Stage()
    sample = dict(FRAMES["push.entry"])
    sample.pop("push")

    stage.wire.write(pushed(sample).frame)

    assert stage.wire.frames == [FRAMES["push.entry"]]
