"""RabbitMQ hangs: its lines stand open and nothing comes over them. Everybody hears as fast as when it is away."""

import time
from collections.abc import Iterator

import pytest

from tests.support.clinic import PORTAL, STAFF, Clinic
from tests.support.numbers import numbers, readiness
from tests.support.person import Device, Person, new_id
from tests.support.ports import wait_until

HEARD_WITHIN_S = 2.0
BACK_WITHIN_S = 60.0


@pytest.fixture
def hung(clinic: Clinic) -> Iterator[Clinic]:
    """Give the clinic, and afterwards its broker back in motion."""
    yield clinic
    clinic.rabbit.power.thaw()
    for program in clinic.programs.values():
        wait_until(program.ready, within_s=BACK_WITHIN_S, what=f"{program.name} being ready")


def test_while_the_broker_hangs_everybody_hears_within_two_seconds(hung: Clinic, nora: Person, dmitri: Person) -> None:
    """Gateways miss the relay's pulse at once, long before the broker's heartbeat is missed, and say what they miss."""
    ada = hung.signs_in("ada@patients.example")
    conversation, with_ada = nora.opens_conversation_with(dmitri), ada.writes_to_care_team(f"Hung {new_id()}", "Hello?")
    with nora.device() as hers, dmitri.device() as his, ada.device() as phone:
        heard_after(hers, his, conversation)
        heard_after(hers, phone, with_ada)

        hung.rabbit.power.freeze()
        waits = [heard_after(hers, his, conversation) for _ in range(3)]
        waits += [heard_after(hers, phone, with_ada) for _ in range(3)]
        named = {name: readiness(hung, name) for name in (STAFF, PORTAL)}
        silence = numbers(hung, STAFF).of("messages_live_relay_silence_seconds")
        hung.rabbit.power.thaw()
        wait_until(lambda: readiness(hung, STAFF)[1] == "ready", within_s=BACK_WITHIN_S, what="events coming again")
        heard_after(hers, his, conversation)
        whole(his, nora, conversation)
        whole(phone, nora, with_ada)

    assert max(waits) < HEARD_WITHIN_S
    assert named == dict.fromkeys((STAFF, PORTAL), (200, "impaired", ["relay"]))
    assert silence > 1


def heard_after(author: Device, listener: Device, conversation: str) -> float:
    """Send a message, and return the seconds from its acknowledgement to its being heard."""
    text = f"do you hear me {new_id()}"
    author.sends(conversation, text)
    acknowledged = time.monotonic()
    listener.hears(text)
    return time.monotonic() - acknowledged


def whole(screen: Device, reader: Person, conversation: str) -> None:
    """Hold a screen's log against the database: to the head, in order, each entry once, on the line it began with."""
    stored = reader.reads_everything(conversation)
    screen.catches_up_to((conversation, "shared"), stored[-1]["seq"])
    heard = screen.log[(conversation, "shared")]
    assert screen.breaches == []
    assert [entry["seq"] for entry in heard] == list(range(heard[0]["seq"], stored[-1]["seq"] + 1))
    assert not screen.the_line.ended
