"""Whatever goes away comes back without a hole, a repeat or a reload, and `/readyz` names it meanwhile.

Real parts are really taken away: the power of PostgreSQL and RabbitMQ is cut, processes are killed, lines are cut.
"""

import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.clinic import AUTH, CONVERSATIONS, PORTAL, RELAY, STAFF, Clinic
from tests.support.hearing import heard_after, whole
from tests.support.numbers import numbers, readiness
from tests.support.person import Device, Person, Refused, new_id
from tests.support.ports import LOOPBACK, wait_until
from tests.support.power import Power
from tests.support.tap import tapped

HEARD_WITHIN_S = 2.0
LEADS_WITHIN_S = 2.0
BACK_WITHIN_S = 45.0


@pytest.fixture
def database_power(clinic: Clinic) -> Iterator[Power]:
    """Give PostgreSQL's main switch, and its power back afterwards."""
    yield clinic.postgres.power
    if not clinic.postgres.answers():
        clinic.postgres.power.give()
        wait_until(clinic.postgres.answers, within_s=BACK_WITHIN_S, what="PostgreSQL back")
    all_ready(clinic)


@pytest.fixture
def broker_power(clinic: Clinic) -> Iterator[Power]:
    """Give RabbitMQ's main switch, and its power back afterwards."""
    yield clinic.rabbit.power
    if not clinic.rabbit.answers():
        clinic.rabbit.power.give()
    all_ready(clinic)


def all_ready(clinic: Clinic) -> None:
    """Wait until every process says that it misses nothing."""
    clinic.starts(*clinic.missing())
    for program in clinic.programs.values():
        wait_until(program.ready, within_s=BACK_WITHIN_S, what=f"{program.name} being ready")


def says(clinic: Clinic, process: str, *expected: object) -> None:
    """Wait until a process' readiness says this: status code, word, and what is missing."""
    wait_until(lambda: readiness(clinic, process) == expected, within_s=20, what=f"{process} saying {expected}")


def gaps(clinic: Clinic) -> float:
    """Return how often a recovery left something out: it never does."""
    return sum(numbers(clinic, name).of("messages_live_gaps_total") for name in (STAFF, PORTAL))


def test_without_the_broker_messages_are_stored_acknowledged_and_heard(
    clinic: Clinic, nora: Person, broker_power: Power
) -> None:
    """RabbitMQ's power is cut: gateways ask the database; when it is back nothing is missed, repeated or reloaded.

    While the broker starts, its work is on the processors of all others: what is said then must be heard, and the clock
    is read again once it serves, when gateways and relay find it in whatever order.
    """
    ada = clinic.signs_in("ada@patients.example")
    conversation = ada.writes_to_care_team(f"No broker {new_id()}", "Hello?")
    with nora.device() as hers, ada.device() as phone:
        hers.sends(conversation, f"with the broker {new_id()}")

        broker_power.cut()
        waits = [heard_after(hers, phone, conversation) for _ in range(5)]
        says(clinic, STAFF, 200, "impaired", ["broker"])
        says(clinic, PORTAL, 200, "impaired", ["broker"])
        says(clinic, RELAY, 503, "not ready", ["broker"])
        says(clinic, AUTH, 200, "impaired", ["broker"])
        away = {name: numbers(clinic, name) for name in (STAFF, RELAY)}
        broker_power.give()
        while not clinic.rabbit.answers():
            heard_after(hers, phone, conversation)
        while not all(clinic.programs[name].ready() for name in (RELAY, STAFF, PORTAL)):
            waits.append(heard_after(hers, phone, conversation))
        wait_until(
            lambda: numbers(clinic, RELAY).of("messages_outbox_events") == 0,
            within_s=BACK_WITHIN_S,
            what="an empty outbox",
        )
        waits.append(heard_after(hers, phone, conversation))

        whole(hers, nora, conversation)
        whole(phone, nora, conversation)

    assert max(waits) < HEARD_WITHIN_S
    assert away[STAFF].of("messages_live_broker_connected") == 0
    assert away[STAFF].of("messages_live_catch_ups_total", cause="poll") >= 1
    assert away[RELAY].of("messages_relay_broker_connected") == 0
    assert away[RELAY].of("messages_publish_failures_total") >= 1
    assert away[RELAY].of("messages_outbox_events") >= 3
    assert away[RELAY].of("messages_outbox_oldest_seconds") > 0
    assert gaps(clinic) == 0


def test_without_the_database_nothing_is_acknowledged_and_a_repeat_is_stored_once(
    clinic: Clinic, nora: Person, dmitri: Person, database_power: Power
) -> None:
    """PostgreSQL's power is cut: sends are `unavailable`, lines stay open; back again, the same send is stored once."""
    conversation, client_id, text = nora.opens_conversation_with(dmitri), new_id(), f"not lost {new_id()}"
    with nora.device() as hers, dmitri.device() as his:
        hers.sends(conversation, f"with the database {new_id()}")

        database_power.cut()
        with pytest.raises(Refused) as refused:
            hers.sends(conversation, text, client_message_id=client_id)
        says(clinic, CONVERSATIONS, 503, "not ready", ["database", "migrations"])
        says(clinic, AUTH, 503, "not ready", ["database", "migrations"])
        says(clinic, RELAY, 503, "not ready", ["database", "migrations", "auth"])
        says(clinic, STAFF, 503, "not ready", ["auth", "conversations"])
        heard_meanwhile = his.has_heard(text)
        database_power.give()
        wait_until(clinic.postgres.answers, within_s=BACK_WITHIN_S, what="PostgreSQL back")
        reply = until_taken(hers, conversation, text, client_id)
        again = hers.sends(conversation, text, client_message_id=client_id)
        his.hears(text)

        whole(hers, nora, conversation)
        whole(his, nora, conversation)

    assert refused.value.code == "unavailable"
    assert not heard_meanwhile
    assert again["message_id"] == reply["message_id"]
    assert his.bodies(conversation).count(text) == 1
    assert gaps(clinic) == 0


def until_taken(author: Device, conversation: str, text: str, client_id: str) -> dict[str, object]:
    """Repeat a send under its id on the same line, as a client does, until it is taken."""
    end = time.monotonic() + BACK_WITHIN_S
    while True:
        try:
            return author.sends(conversation, text, client_message_id=client_id)
        except Refused as refused:
            if refused.code != "unavailable" or time.monotonic() > end:
                raise
            time.sleep(0.1)


def test_when_the_leading_relay_is_killed_another_leads_within_two_seconds(
    clinic: Clinic, nora: Person, dmitri: Person
) -> None:
    """The standby takes over and publishes what waits, in order; nobody needs the database for it."""
    conversation = nora.opens_conversation_with(dmitri)
    with (
        clinic.replica(RELAY) as standby,
        nora.device() as hers,
        dmitri.device() as his,
        ThreadPoolExecutor(1) as beside,
    ):
        heard_after(hers, his, conversation)
        stood_by = numbers(clinic, standby).of("messages_relay_leading")

        clinic.kills(RELAY)
        leads = beside.submit(leads_after, clinic, standby, time.monotonic())
        waits = [heard_after(hers, his, conversation) for _ in range(5)]
        took = leads.result()
        whole(his, nora, conversation)
        clinic.starts(RELAY)

    assert stood_by == 0
    assert took < LEADS_WITHIN_S
    assert max(waits) < LEADS_WITHIN_S


def leads_after(clinic: Clinic, relay: str, moment: float) -> float:
    """Return how many seconds after a moment a relay is seen to lead."""
    wait_until(lambda: numbers(clinic, relay).of("messages_relay_leading") == 1, within_s=10, what=f"{relay} leading")
    return time.monotonic() - moment


def test_while_the_leading_relay_hangs_everybody_hears_within_two_seconds(
    clinic: Clinic, nora: Person, dmitri: Person
) -> None:
    """The leader is stopped where it stands, the lead in its hands: gateways miss its pulse and ask the database."""
    ada = clinic.signs_in("ada@patients.example")
    conversation, with_ada = nora.opens_conversation_with(dmitri), ada.writes_to_care_team(f"Hung {new_id()}", "Hello?")
    with nora.device() as hers, dmitri.device() as his, ada.device() as phone:
        heard_after(hers, his, conversation)
        heard_after(hers, phone, with_ada)
        polls = numbers(clinic, STAFF).of("messages_live_catch_ups_total", cause="poll")

        clinic.processes[RELAY].send(signal.SIGSTOP)
        waits = [heard_after(hers, his, conversation) for _ in range(3)]
        waits += [heard_after(hers, phone, with_ada) for _ in range(3)]
        polled = numbers(clinic, STAFF).of("messages_live_catch_ups_total", cause="poll") - polls
        with clinic.replica(RELAY) as standby:
            wait_until(
                lambda: numbers(clinic, standby).of("messages_relay_leading") == 1,
                within_s=20,
                what="another relay leading",
            )
            clinic.processes[RELAY].send(signal.SIGCONT)
            waits += [heard_after(hers, his, conversation) for _ in range(5)]
            whole(his, nora, conversation)
            whole(phone, nora, with_ada)
    all_ready(clinic)

    assert max(waits) < HEARD_WITHIN_S
    assert polled >= 1
    assert gaps(clinic) == 0


def test_a_batch_whose_answer_was_lost_is_repeated_and_stored_once(
    clinic: Clinic, nora: Person, dmitri: Person
) -> None:
    """The line between gateway and conversations is cut after the commit: the author gets the first result."""
    conversation, text = nora.opens_conversation_with(dmitri), f"answered late {new_id()}"
    with tapped(LOOPBACK, clinic.programs[CONVERSATIONS].port) as tap:
        address = f"http://{LOOPBACK}:{tap.port}"
        with clinic.replica(STAFF, CONVERSATIONS_URL=address) as name:
            author = clinic.signs_in("nora@harbor.example", at=name)
            with author.device() as hers, dmitri.device() as his:
                hers.sends(conversation, f"the line is good {new_id()}")
                before = numbers(clinic, CONVERSATIONS).of("messages_batch_outcomes_total", outcome="repeated")

                tap.stall()
                asked = hers.the_line.says("send", conversation_id=conversation, client_message_id=new_id(), body=text)
                heard = his.hears(text)
                tap.cut()
                tap.flow()
                reply = hers.the_line.waits_for(lambda frame: frame.get("ref") == asked, "the acknowledgement")

                whole(his, nora, conversation)

    after = numbers(clinic, CONVERSATIONS).of("messages_batch_outcomes_total", outcome="repeated")
    stored = [entry for entry in nora.reads_everything(conversation) if entry.get("message", {}).get("body") == text]
    assert reply["ok"]
    assert (reply["seq"], reply["message_id"]) == (heard["seq"], heard["message"]["id"])
    assert len(stored) == 1
    assert after - before == 1


def test_readiness_names_a_service_that_is_away(clinic: Clinic, nora: Person, dmitri: Person) -> None:
    """Without auth everybody who is signed in goes on; without conversations a gateway serves nobody."""
    conversation = nora.opens_conversation_with(dmitri)
    with nora.device() as hers:
        clinic.kills(AUTH)
        for name in (CONVERSATIONS, RELAY, STAFF, PORTAL):
            says(clinic, name, 200, "impaired", ["auth"])
        without_auth = hers.sends(conversation, f"signed in before {new_id()}")
        clinic.starts(AUTH)
        clinic.kills(CONVERSATIONS)
        says(clinic, STAFF, 503, "not ready", ["conversations"])
        says(clinic, PORTAL, 503, "not ready", ["conversations"])
        clinic.starts(CONVERSATIONS)
        all_ready(clinic)

    assert without_auth["ok"]


def test_readiness_names_a_database_without_its_migrations(clinic: Clinic) -> None:
    """A database that was put back to an older release's tables is no database for this one; a newer one is."""
    ((version,),) = clinic.database.ask("SELECT version_num FROM conversations_version")

    clinic.database.ask("UPDATE conversations_version SET version_num = '0001'")
    says(clinic, CONVERSATIONS, 503, "not ready", ["migrations"])
    says(clinic, RELAY, 503, "not ready", ["migrations"])
    clinic.database.ask("UPDATE conversations_version SET version_num = 'newer'")
    says(clinic, CONVERSATIONS, 200, "ready", [])
    clinic.database.ask("UPDATE conversations_version SET version_num = %s", version)

    says(clinic, RELAY, 200, "ready", [])
