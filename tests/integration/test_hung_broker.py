"""RabbitMQ hangs: its lines stand open and nothing comes over them. Everybody hears as fast as when it is away."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.support.clinic import PORTAL, STAFF, Clinic
from tests.support.hearing import heard_after, whole
from tests.support.numbers import numbers, readiness
from tests.support.person import Person, new_id
from tests.support.ports import wait_until

HEARD_WITHIN_S = 2.0
BACK_WITHIN_S = 60.0
STANDS_S = 4.0


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
        unheard_s = silence(hung, STAFF)
        hung.rabbit.power.thaw()
        wait_until(lambda: readiness(hung, STAFF)[1] == "ready", within_s=BACK_WITHIN_S, what="events coming again")
        heard_after(hers, his, conversation)
        whole(his, nora, conversation)
        whole(phone, nora, with_ada)

    assert max(waits) < HEARD_WITHIN_S
    assert named == dict.fromkeys((STAFF, PORTAL), (200, "impaired", ["relay"]))
    assert unheard_s > 1


def test_who_misses_nothing_reads_nothing_again(hung: Clinic, nora: Person, dmitri: Person) -> None:
    """Many sockets stand open and the broker hangs: the database is asked for all of them in one, some times a second.

    And the one conversation that moved is read by those alone who hear it.
    """
    conversation = nora.opens_conversation_with(dmitri)
    with ExitStack() as screens, nora.device() as hers:
        his = [screens.enter_context(dmitri.device()) for _ in range(4)]
        patients = [hung.signs_in(email) for email in ("ada@patients.example", "maria@patients.example")]
        phones = [screens.enter_context(one.device()) for one in patients for _ in range(4)]
        heard_after(hers, his[0], conversation)

        hung.rabbit.power.freeze()
        wait_until(lambda: silence(hung, STAFF) > STANDS_S, within_s=20, what="a long silence")
        idle = polls(hung, STAFF), polls(hung, PORTAL)
        wait_until(lambda: silence(hung, STAFF) > 2 * STANDS_S, within_s=20, what="a longer one")
        still_idle = polls(hung, STAFF), polls(hung, PORTAL)
        waits = [heard_after(hers, each, conversation) for each in his]
        moved = polls(hung, STAFF), polls(hung, PORTAL)
        for screen in (hers, *his, *phones):
            assert not screen.the_line.ended

    assert still_idle == idle
    assert max(waits) < HEARD_WITHIN_S
    assert moved[0] > idle[0]
    assert moved[1] == idle[1]


def silence(clinic: Clinic, gateway: str) -> float:
    """Return for how long a gateway has not heard the relay."""
    return numbers(clinic, gateway).of("messages_live_relay_silence_seconds")


def polls(clinic: Clinic, gateway: str) -> float:
    """Return how often sockets of a gateway read what they may have missed, because no events come."""
    return numbers(clinic, gateway).of("messages_live_catch_ups_total", cause="poll")
