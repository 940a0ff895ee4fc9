"""The numbers an operator sees move with what happens, and name nobody."""

import re

import httpx

from tests.support.clinic import AUTH, CONVERSATIONS, PORTAL, RELAY, SERVICES, STAFF, Clinic
from tests.support.numbers import Numbers, numbers
from tests.support.person import new_id
from tests.support.ports import wait_until

HEARD = "messages_fan_out_delay_seconds_count"
AN_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-|@|eyJ")


def everywhere(clinic: Clinic) -> dict[str, Numbers]:
    """Read every process."""
    return {name: numbers(clinic, name) for name in SERVICES}


def at_rest(clinic: Clinic) -> dict[str, Numbers]:
    """Read every process once the outbox is empty and the gateways, who hear after that, hear nothing more."""
    seen = [everywhere(clinic)]

    def same_again() -> bool:
        seen.append(everywhere(clinic))
        return seen[-1][RELAY].of("messages_outbox_events") == 0 and heard(seen[-2], seen[-1]) == (0, 0)

    wait_until(same_again, within_s=10, what="an empty outbox and nothing more heard")
    return seen[-1]


def heard(before: dict[str, Numbers], after: dict[str, Numbers]) -> tuple[float, float]:
    """Return how many entries the two gateways have heard in between."""
    staff, portal = (after[name].of(HEARD) - before[name].of(HEARD) for name in (STAFF, PORTAL))
    return staff, portal


def test_a_message_moves_the_numbers_of_every_hop(clinic: Clinic) -> None:
    """One message from nurse to patient is counted once where it is sent, stored, published and heard."""
    nora, ada = clinic.signs_in("nora@harbor.example"), clinic.signs_in("ada@patients.example")
    start = at_rest(clinic)
    conversation = ada.writes_to_care_team(f"Counting {new_id()}", "Is anybody there?")
    opening = len(ada.reads_everything(conversation))
    with nora.device() as hers, ada.device() as phone:
        wait_until(
            lambda: min(heard(start, everywhere(clinic))) >= opening, within_s=10, what="the opening heard by both"
        )
        before = at_rest(clinic)
        text = f"Yes {new_id()}"
        reply = hers.sends(conversation, text)
        phone.hears(text)
        hers.catches_up_to((conversation, "shared"), reply["seq"])
        lags = before[RELAY].of("messages_relay_lag_seconds_count")
        wait_until(
            lambda: numbers(clinic, RELAY).of("messages_relay_lag_seconds_count") > lags,
            within_s=10,
            what="a confirm counted",
        )
        wait_until(lambda: min(heard(before, everywhere(clinic))) >= 1, within_s=10, what="the message heard by both")
        after = everywhere(clinic)

    def grown(process: str, name: str, **labels: str) -> float:
        return after[process].of(name, **labels) - before[process].of(name, **labels)

    assert grown(STAFF, "messages_sends_total", plane="staff", outcome="stored") == 1
    assert grown(STAFF, "messages_send_batch_items_count", plane="staff") == 1
    assert grown(CONVERSATIONS, "messages_batch_outcomes_total", door="/sends", outcome="stored") == 1
    assert grown(CONVERSATIONS, "messages_batch_items_count", door="/sends") == 1
    assert grown(CONVERSATIONS, "messages_batch_seconds_count", door="/sends") == 1
    assert grown(CONVERSATIONS, "messages_commit_seconds_count") == 1
    assert grown(RELAY, "messages_events_published_total", plane="staff") >= 1
    assert grown(RELAY, "messages_events_published_total", plane="portal") >= 1
    assert grown(STAFF, HEARD, plane="staff") == 1
    assert grown(PORTAL, HEARD, plane="portal") == 1
    assert grown(PORTAL, "messages_live_deliveries_total", plane="portal") >= 1
    assert after[STAFF].of("messages_live_connections", plane="staff") >= 1
    assert after[STAFF].of("messages_live_broker_connected", plane="staff") == 1
    assert after[RELAY].of("messages_relay_broker_connected") == 1
    assert after[RELAY].of("messages_relay_leading") == 1
    assert after[RELAY].of("messages_outbox_oldest_seconds") < 1
    assert after[STAFF].of("messages_live_gaps_total") == after[PORTAL].of("messages_live_gaps_total") == 0


def test_a_repeat_a_resume_and_a_sign_out_are_counted(clinic: Clinic) -> None:
    """A repeated send stores nothing new, a resumed line says so, a sign-out ends sockets within a second."""
    nora, dmitri = clinic.signs_in("nora@harbor.example"), clinic.signs_in("dmitri@harbor.example")
    conversation, client_id = nora.opens_conversation_with(dmitri), new_id()
    screen = nora.device()
    before = everywhere(clinic)
    for _ in range(2):
        screen.sends(conversation, "Once", client_message_id=client_id)
    screen.drops()
    screen.connects()
    nora.signs_out()
    screen.the_line.waits_for_end()
    after = everywhere(clinic)

    def grown(process: str, name: str, **labels: str) -> float:
        return after[process].of(name, **labels) - before[process].of(name, **labels)

    assert grown(CONVERSATIONS, "messages_batch_outcomes_total", door="/sends", outcome="repeated") == 1
    assert grown(STAFF, "messages_live_hellos_total", resume="yes") == 1
    assert grown(STAFF, "messages_live_closes_total", code="4501") == 1
    assert grown(STAFF, "messages_revocation_delay_seconds_count") == 1
    assert grown(STAFF, "messages_revocation_delay_seconds_sum") < 1
    assert after[CONVERSATIONS].of("messages_changes_silence_seconds") < 5


def test_doors_are_timed_by_template_and_no_label_names_anybody(clinic: Clinic) -> None:
    """A conversation's page counts under its template; what no door knows counts as one; no id, address or token."""
    nora = clinic.signs_in("nora@harbor.example")
    conversation = nora.opens_conversation_with(clinic.signs_in("dmitri@harbor.example"))
    before = numbers(clinic, STAFF)

    nora.timeline(conversation)
    nora.raw("GET", f"/nothing/{new_id()}")
    nora.raw("BREW", f"/conversations/{conversation}")

    after = numbers(clinic, STAFF)
    door = {"door": "/messaging/api/conversations/<uuid:conversation_id>/timeline", "method": "GET", "status": "2xx"}
    unknown = {"door": "unknown", "method": "any", "status": "4xx"}
    assert after.of("messages_http_seconds_count", **door) - before.of("messages_http_seconds_count", **door) == 1
    assert after.of("messages_http_seconds_count", **unknown) - before.of("messages_http_seconds_count", **unknown) == 2
    for name in (AUTH, CONVERSATIONS, RELAY, STAFF, PORTAL):
        told = httpx.get(clinic.origin_of(name) + "/metrics", trust_env=False).text
        assert f'service="{name}"' in told or name == RELAY
        assert AN_ID.findall(told) == []
