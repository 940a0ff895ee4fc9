"""Who is there: passed on to colleagues who take part, to nobody else, and stored nowhere."""

from collections.abc import Callable, Iterator
from threading import Thread
from typing import Any

import orjson
import pytest

from conversations.model import Parcel
from conversations.service.fleeting import DROPPED, WAITING_AT_MOST, Fleeting
from conversations.service.marking import HEARD_AT_MOST
from servicekit.background import Stop
from servicekit.exchange import Binding, ExchangeUnavailable, Message
from servicekit.inprocess import InProcessExchange
from tests.support.inside import Inside, Somebody
from tests.support.ports import wait_until
from wire.events import MESSAGES
from wire.ids import new_id
from wire.permissions import Permission

SEND, GROUP = Permission.PATIENT_SEND, Permission.CREATE_GROUP


@pytest.fixture
def nora(house: Inside) -> Somebody:
    """Give a nurse."""
    return house.staff("Nora", SEND, GROUP)


@pytest.fixture
def heard(house: Inside) -> Iterator[list[tuple[str, dict[str, Any]]]]:
    """Give what the exchange brings of presence: routing key and event."""
    found: list[tuple[str, dict[str, Any]]] = []

    def hear(message: Message) -> None:
        found.extend((message.routing_key, event) for event in orjson.loads(message.body)["batch"])

    subscription = house.exchange.subscribe([Binding(exchange=MESSAGES, pattern="#")], on_message=hear)
    house.composed.background.start()
    yield found
    house.composed.background.stop()
    subscription.close()


def tells(who: Somebody, conversation_id: object, state: object = "online", **more: object) -> dict[str, Any]:
    """Say that somebody is there; returns what came of it."""
    item = {"token": who.token, "kind": "presence", "conversation_id": conversation_id, "state": state, **more}
    results: list[dict[str, Any]] = who.house.call(
        "POST", "/marks", {"items": [item]}, headers=who.house.service(who.plane)
    ).json["results"]
    return results[0]


def presence(heard: list[tuple[str, dict[str, Any]]]) -> list[tuple[str, dict[str, Any]]]:
    """Return what was heard of presence."""
    return [(key, event) for key, event in heard if event["type"] == "presence"]


def test_colleagues_of_the_conversation_hear_it_and_no_patient(
    house: Inside, nora: Somebody, heard: list[tuple[str, dict[str, Any]]]
) -> None:
    """The teller is among them, for their other devices' sake; nothing is stored."""
    ada = house.patient("Ada", house.patient_record("Ada", nora))
    talk = ada.opens("patient", "Question", subject="Tablets").json["id"]
    stored = house.rows("marks")

    assert tells(nora, talk, "away", asks=True) == {"ok": True}
    wait_until(lambda: bool(presence(heard)), within_s=5, what="the event")

    [(key, event)] = presence(heard)
    assert key == f"staff.{house.org}.presence"
    assert event == {
        "event_id": event["event_id"],
        "type": "presence",
        "org": house.org,
        "audience": [nora.id],
        "conversation_id": talk,
        "user_id": nora.id,
        "state": "away",
        "asks": True,
    }
    assert house.rows("marks") == stored
    assert not [row for row in house.rows("outbox") if row["type"] == "presence"]


def test_strangers_and_patients_are_refused_and_it_is_on_the_record(house: Inside, nora: Somebody) -> None:
    """A stranger, somebody of another organisation and the patient themselves all get not_found."""
    ada = house.patient("Ada", house.patient_record("Ada", nora))
    talk = ada.opens("patient", "Question", subject="Tablets").json["id"]
    rosa, hana = house.staff("Rosa", SEND), house.staff("Hana", SEND, org=new_id())

    codes = [tells(who, talk)["problem"]["code"] for who in (rosa, hana, ada)]

    assert codes == ["not_found"] * 3
    refused = [row for row in house.rows("audit") if row["action"] == "presence.told"]
    refused = [row for row in refused if row["org"] == house.org]
    assert [(row["user_id"], row["refused"]) for row in refused] == [(rosa.id, "not_found"), (ada.id, "not_found")]


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"state": "asleep"}, "state"),
        ({"state": None}, "state"),
        ({"state": ["online"]}, "state"),
        ({"conversation_id": "x"}, "conversation_id"),
        ({"asks": "yes"}, "asks"),
    ],
)
def test_what_is_wrong_is_named_and_harms_no_mark_beside_it(
    house: Inside, nora: Somebody, wrong: dict[str, object], field: str
) -> None:
    """Marks and presence share a batch; each result is in its own place."""
    talk = nora.opens("group", "Hello", subject="Ward", participant_ids=[house.staff("Rosa").id]).json["id"]
    good = {"token": nora.token, "kind": "presence", "conversation_id": talk, "state": "online", "asks": False}
    mark = {"token": nora.token, "kind": "read", "conversation_id": talk, "stream": "shared", "seq": 1}

    results = house.call("POST", "/marks", {"items": [good | wrong, mark, good]}, headers=house.service("staff")).json[
        "results"
    ]

    assert list(results[0]["problem"]["errors"]) == [field]
    assert results[1:] == [{"ok": True}, {"ok": True}]


def test_in_a_large_group_it_is_nobodys_business(
    house: Inside, nora: Somebody, heard: list[tuple[str, dict[str, Any]]]
) -> None:
    """Said and accepted, but not passed on."""
    many = [house.staff(f"Colleague {number}").id for number in range(HEARD_AT_MOST)]
    large = nora.opens("group", "Hello", subject="All", participant_ids=many).json["id"]
    small = nora.opens("group", "Hello", subject="Few", participant_ids=many[:1]).json["id"]

    assert tells(nora, large, asks=True) == tells(nora, small, asks=True) == {"ok": True}
    wait_until(lambda: bool(presence(heard)), within_s=5, what="the event of the small one")

    assert [event["conversation_id"] for _, event in presence(heard)] == [small]


class NoBroker(InProcessExchange):
    """An exchange whose broker is away."""

    def publisher(self) -> Any:  # noqa: ANN401 - a publisher that always fails
        class Away:
            def publish(self, _messages: object) -> None:
                raise ExchangeUnavailable

            def close(self) -> None:
                pass

        return Away()


def running(fleeting: Fleeting) -> Callable[[], None]:
    """Let it publish beside the test; returns what ends it."""
    stop = Stop()
    beside = Thread(target=fleeting.run, args=(stop,))
    beside.start()

    def ends() -> None:
        stop.set()
        fleeting.wake()
        beside.join(5)
        assert not beside.is_alive()

    return ends


def test_what_is_too_much_or_finds_no_broker_is_dropped_and_counted() -> None:
    """And the loop goes on."""
    before = DROPPED._value.get()  # noqa: SLF001 - what Prometheus would be told
    fleeting = Fleeting(NoBroker())
    parcel = Parcel(org="o", type="typing", staff="{}", portal=None)

    fleeting.tell([(str(number), parcel) for number in range(WAITING_AT_MOST + 5)])
    ends = running(fleeting)

    wait_until(
        lambda: DROPPED._value.get() - before == WAITING_AT_MOST + 5,  # noqa: SLF001 - as above
        within_s=5,
        what="the count",
    )
    ends()
