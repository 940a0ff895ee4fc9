"""What must never mix: the internal stream and the portal, one organisation and another, canaries and logs."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pika
import psycopg
import pytest
from pika.exceptions import ChannelClosedByBroker

from tests.support.clinic import AUTH, CONVERSATIONS, PORTAL, PUSH_SERVICE, STAFF, Clinic
from tests.support.doors import said
from tests.support.person import Person, Refused, new_id


def keys_of(tree: Any) -> Iterator[str]:  # noqa: ANN401 - any JSON
    """Yield every key and every string of a JSON document."""
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield key
            yield from keys_of(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from keys_of(value)
    elif isinstance(tree, str):
        yield tree


def test_patients_see_no_trace_of_internal_notes(nora: Person, ada: Person) -> None:
    """Neither lists, timelines, heads, unread counts nor live frames show that a note exists."""
    conversation = ada.writes_to_care_team(f"Knee {new_id()}", "It hurts")
    before = ada.conversation(conversation)
    with ada.device() as phone, nora.device() as hers:
        note, answer = f"Looks serious {new_id()}", f"Come by today {new_id()}"

        hers.sends(conversation, note, stream="internal")
        hers.the_line.asks("typing", conversation_id=conversation, stream="internal", active=True)
        hers.hears(note)
        hers.sends(conversation, answer)
        phone.hears(answer)
        phone.the_line.asks("ping")
        frames = list(phone.the_line.heard)

    seen = [
        frames,
        ada.call("GET", "/me"),
        ada.lists(),
        ada.conversation(conversation),
        ada.reads_everything(conversation),
    ]
    assert "internal" not in set(keys_of(seen))
    assert note not in json.dumps(seen)
    assert [frame for frame in frames if frame.get("push") == "typing"] == []
    assert ada.conversation(conversation)["heads"]["shared"] == before["heads"]["shared"] + 1
    assert nora.conversation(conversation)["heads"]["internal"] >= 1


def test_whom_one_may_write_for_is_known_before_anything_was_written(clinic: Clinic) -> None:
    """Oneself first, then those one stands for, by name; and a message about such a one is theirs."""
    maria = clinic.signs_in("maria@patients.example")

    patients = maria.call("GET", "/me")["patients"]
    first = {"client_message_id": new_id(), "body": "He has a rash"}
    about = maria.call(
        "POST", "/conversations", json={"subject": "Leo", "patient_id": patients[1]["id"], "first_message": first}
    )

    assert [patient["name"].split()[0] for patient in patients] == ["Maria", "Leo"]
    assert about["patient"] == patients[1]
    assert "patients" not in clinic.signs_in("nora@harbor.example").call("GET", "/me")


def test_patients_cannot_ask_for_the_internal_stream(nora: Person, ada: Person) -> None:
    """Reading, writing, marking or resuming `internal` from the portal is refused or yields nothing."""
    conversation = ada.writes_to_care_team(f"Curious {new_id()}", "What do you write about me?")
    note = f"Careful {new_id()}"
    nora.sends(conversation, note, stream="internal")

    attempts = [
        ada.raw("GET", f"/conversations/{conversation}/timeline?stream=internal"),
        ada.raw("POST", f"/conversations/{conversation}/messages", json={**said(), "stream": "internal"}),
        ada.raw("PUT", f"/conversations/{conversation}/read", json={"stream": "internal", "seq": 1}),
    ]
    with ada.device() as phone:
        replies = [
            phone.the_line.asks("send", conversation_id=conversation, stream="internal", **said()),
            phone.the_line.asks("read", conversation_id=conversation, stream="internal", seq=1),
            phone.the_line.asks("typing", conversation_id=conversation, stream="internal", active=True),
        ]
    with ada.opens_line() as line:
        line.says("hello", resume={conversation: {"shared": 0, "internal": 0}})
        line.asks("ping")
        heard = json.dumps(line.heard)

    assert {each.status_code for each in attempts} <= {403, 404, 422}
    assert [reply["ok"] for reply in replies] == [False, False, False]
    assert note not in heard + "".join(each.text for each in attempts)
    assert nora.conversation(conversation)["heads"]["internal"] == 1


def test_the_portals_broker_user_cannot_listen_to_staff(clinic: Clinic) -> None:
    """RabbitMQ itself refuses to bind staff.# for the portal gateway, and lets it bind portal.#."""
    url = clinic.rabbit.url("/", user=PORTAL, password=clinic.broker_passwords[PORTAL])

    def binds(pattern: str) -> bool:
        with pika.BlockingConnection(pika.URLParameters(url)) as connection:
            channel = connection.channel()
            queue = channel.queue_declare(f"{PORTAL}.test-{new_id()}", exclusive=True).method.queue
            try:
                channel.queue_bind(queue, "messages.events", pattern)
            except ChannelClosedByBroker as refused:
                assert refused.reply_code == 403  # noqa: PT017 - the pattern decides whether it is raised
                return False
            return True

    assert [binds(pattern) for pattern in ("staff.#", "#", "*.*.#")] == [False, False, False]
    assert binds("portal.#")


def test_no_gateway_can_publish_events(clinic: Clinic) -> None:
    """Only conversations and the relay write to messages.events."""
    for name in (PORTAL, STAFF):
        url = clinic.rabbit.url("/", user=name, password=clinic.broker_passwords[name])
        with pika.BlockingConnection(pika.URLParameters(url)) as connection:
            channel = connection.channel()
            channel.confirm_delivery()
            with pytest.raises(ChannelClosedByBroker):
                channel.basic_publish("messages.events", "staff.x.message.posted", b"{}")


def test_organisations_never_mix(clinic: Clinic, nora: Person) -> None:
    """Hana of Hilltop finds nobody and nothing of Harbor, and cannot draw its people into a conversation."""
    hana = clinic.signs_in("hana@hilltop.example")
    ours = {each["id"] for each in nora.lists()}

    theirs = {each["id"] for each in hana.lists()}
    names = [each["name"] for each in hana.call("GET", "/directory")["items"]]
    with pytest.raises(Refused) as refused:
        hana.opens(kind="direct", participant_ids=[nora.id])

    assert ours & theirs == set()
    assert not any("Nora" in name or "Ada" in name for name in names)
    assert refused.value.code in {"invalid", "not_found"}


def test_the_database_itself_parts_organisations(clinic: Clinic) -> None:
    """Row-level security: the services' own role sees no row without saying which organisation it serves."""
    with psycopg.connect(clinic.database.dsn("conversations")) as connection:
        seen = connection.execute("SELECT count(*) FROM conversations").fetchone()

    assert clinic.database.ask("SELECT count(*) FROM conversations")[0][0] > 0
    assert seen == (0,)


@contextmanager
def overheard(clinic: Clinic) -> Iterator[list[str]]:
    """Give what the broker's messages say beside their bodies, gathered once the block has ended."""
    heard: list[str] = []
    with pika.BlockingConnection(pika.URLParameters(clinic.rabbit.url("/"))) as connection:
        channel = connection.channel()
        queue = channel.queue_declare("", exclusive=True).method.queue
        for exchange in ("messages.events", "auth.events"):
            channel.queue_bind(queue, exchange, "#")
        yield heard
        while (got := channel.basic_get(queue, auto_ack=True))[0] is not None:
            heard.append(f"{got[0].routing_key} {got[1]}")


def test_what_the_newer_calls_carry_reaches_no_log_metric_or_event_key(
    clinic: Clinic, nora: Person, ada: Person
) -> None:
    """Words looked for, names typed in a picker, file names, drafts, addresses of browsers: on both planes."""
    canary = f"Canary{new_id().replace('-', '')}"
    dmitri = clinic.signs_in("dmitri@harbor.example")
    with overheard(clinic) as heard:
        ward = nora.opens_group(f"{canary} ward", dmitri)
        hers = ada.writes_to_care_team(f"{canary} topic", f"{canary} first")
        with nora.device() as screen, ada.device() as phone:
            for who in (nora, ada):
                _carries(who, hers, canary)
            asking = nora.sends(ward, f"{canary} please confirm", priority="urgent", ask_acknowledgement=True)
            message = asking["message"]["id"]
            nora.call("PATCH", f"/messages/{message}", json={"body": f"{canary} edited"})
            nora.call("POST", f"/messages/{message}/reminder")
            nora.call("GET", f"/messages/{message}/receipts")
            dmitri.call("POST", f"/messages/{message}/acknowledgement")
            wish = {"conversation_id": hers, "client_message_id": new_id(), "confirmed": True}
            nora.call("POST", f"/messages/{message}/forward", json=wish)
            phone.hears(f"{canary} edited")
            screen.the_line.asks("watch", conversation_id=canary)
            screen.the_line.asks("typing", conversation_id=ward, stream=canary, active=True)
        found = nora.call("GET", "/search", params={"q": canary})["items"]

    spoken = [canary, canary.lower(), "Nora", "Ada ", nora.access_token, ada.access_token]
    logs = clinic.logs()
    metrics = "".join(
        httpx.get(clinic.origin_of(name) + "/metrics", trust_env=False).text
        for name in (AUTH, CONVERSATIONS, STAFF, PORTAL)
    )
    assert len(found) >= 5
    assert len(heard) >= 5
    assert [word for word in spoken if word in logs] == []
    assert [word for word in spoken if word in metrics] == []
    assert [word for word in spoken if word in "\n".join(heard)] == []
    assert clinic.rabbit.files_with(canary) == []


def _carries(who: Person, conversation: str, canary: str) -> None:
    """Say the word wherever there is room for one, rightly and wrongly."""
    file = who.uploads(f"{canary} inside".encode(), f"{canary}.txt")
    who.posts_files(conversation, file, body=f"{canary} with a file", mentions=[who.id])
    assert who.raw("GET", f"/attachments/{file['id']}").content
    who.raw("POST", "/attachments", files={"file": (f"{canary}.exe", b"MZ")})
    who.raw("POST", "/attachments", files={canary: (canary, b"%PDF")})
    for query in (f"q={canary}", f"q={canary}%00", f"q=a&limit={canary}", f"q=a&cursor={canary}", f"q=a&{canary}=1"):
        for path in ("/search", "/conversations", "/directory"):
            who.raw("GET", f"{path}?{query}")
    draft, browser = {"body": f"{canary} not sent"}, {"endpoint": f"{PUSH_SERVICE}/{canary}"}
    who.raw("PUT", f"/conversations/{conversation}/draft", json={**draft, canary: canary})
    assert who.raw("PUT", f"/conversations/{conversation}/draft", json=draft).is_success
    who.raw("PUT", f"/conversations/{conversation}/preferences", json={"notify": canary})
    who.raw("PUT", "/push/subscription", json={"endpoint": f"https://{canary}.example/"})
    assert who.raw("PUT", "/push/subscription", json=browser).is_success
    assert who.raw("DELETE", "/push/subscription", json=browser).is_success


def test_canary_words_reach_no_log_and_no_metric(clinic: Clinic, nora: Person, ada: Person) -> None:
    """What people write, their names, passwords and tokens appear in no log line, metric or broker file."""
    canary = f"Canary{new_id().replace('-', '')}"
    conversation = nora.opens_group(f"{canary} subject", clinic.signs_in("dmitri@harbor.example"))
    nora.sends(conversation, f"{canary} body")
    nora.raw("POST", f"/conversations/{conversation}/messages", json={**said(f"{canary} odd"), canary: canary})
    nora.raw("POST", f"/conversations/{conversation}/messages", content=f'{{"body": "{canary}'.encode())
    nora.raw("GET", f"/conversations?q={canary}&filter={canary}")
    nora.raw("GET", f"/conversations/{canary}")
    nora.raw("GET", f"/search?q={canary}")
    nora.raw("GET", f"/search?q={canary}&from={canary}&cursor={canary}")
    nora.raw("GET", f"/directory?q={canary}&kind=staff")
    nora.raw("PUT", f"/conversations/{conversation}/draft", json={"stream": "shared", "body": f"{canary} draft"})
    nora.raw("PUT", "/push/subscription", json={"endpoint": f"https://{canary}.example/{canary}"})
    with pytest.raises(Refused):
        Person(clinic.origin, f"{canary}@harbor.example", password=canary).signs_in()
    stranger = Person(clinic.origin, "nora@harbor.example")
    stranger.access_token = f"{canary}.{canary}.{canary}"
    stranger.raw("GET", "/me")
    with ada.device() as phone:
        phone.sends(ada.writes_to_care_team(f"{canary} topic", f"{canary} first"), f"{canary} second")
        phone.the_line.sends_raw(json.dumps({"op": canary, "ref": "1"}))
        phone.the_line.sends_raw(canary)
        phone.the_line.waits_for_end()

    spoken = [canary, nora.access_token, nora.refresh_token, "messages-demo", "Nora"]
    logs = clinic.logs()
    metrics = "".join(
        httpx.get(clinic.origin_of(name) + "/metrics", trust_env=False).text
        for name in (AUTH, CONVERSATIONS, STAFF, PORTAL)
    )

    assert [word for word in spoken if word in logs] == []
    assert [word for word in spoken if word in metrics] == []
    assert clinic.rabbit.files_with(canary) == []
    assert logs.count("\n") > 5
