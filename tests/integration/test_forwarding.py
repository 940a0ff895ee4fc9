"""Forwarding through both gateways: to a patient only on a second word, and without a trace of where it came from."""

import json
from typing import Any

import pytest

from tests.support import papers
from tests.support.clinic import Clinic
from tests.support.person import JSON, Person, new_id


@pytest.fixture
def hers(ada: Person) -> str:
    """Give a conversation of Ada with Nora and Dmitri."""
    return ada.writes_to_care_team(f"Dose {new_id()}", "How much?")


def forwards(who: Person, message: str, into: str, **more: object) -> Any:  # noqa: ANN401 - httpx's response
    """Forward a message; returns the whole answer."""
    body = {"conversation_id": into, "client_message_id": new_id(), **more}
    return who.raw("POST", f"/messages/{message}/forward", json=body)


def everything_shown_to(patient: Person, conversation: str, body: str) -> str:
    """Return all that the portal shows of a conversation, as text."""
    return json.dumps(
        [
            patient.lists(),
            patient.conversation(conversation),
            patient.reads_everything(conversation),
            patient.call("GET", "/search", params={"q": body, "conversation_id": conversation}),
            patient.call("GET", f"/conversations/{conversation}/files"),
            patient.call("GET", "/me"),
        ]
    )


def test_a_patient_gets_the_words_and_the_files_and_no_origin(
    nora: Person, dmitri: Person, rosa: Person, ada: Person, hers: str
) -> None:
    """Live, caught up, read, listed and found: nothing of the ward, its author or the message it was."""
    subject, body = f"Ward {new_id()}", f"Half the dose {new_id()}"
    ward = nora.opens_group(subject, dmitri, rosa)
    plan = rosa.uploads(papers.PDF, "plan.pdf")
    source = rosa.posts_files(ward, plan, body=body)["message"]["id"]
    with ada.device() as phone, dmitri.device() as his:
        held = phone.held
        answer = forwards(nora, source, hers, confirmed=True)
        live = phone.hears(body)
        seen = his.the_line.hears("entry", conversation_id=hers, seq=answer.json()["seq"])
        heard = json.dumps(phone.the_line.heard)
    with ada.opens_line() as line:
        line.says("hello", resume={hers: held[hers]})
        line.hears("entry", seq=live["seq"], conversation_id=hers)
        line.hears("caught_up")
        caught_up = json.dumps(line.heard)

    everything = heard + caught_up + everything_shown_to(ada, hers, body)
    (copy,) = live["message"]["attachments"]
    assert answer.status_code == 201
    assert [word for word in ("forwarded", subject, ward, source, rosa.id, plan["id"]) if word in everything] == []
    assert copy["url"] == f"/portal/api/attachments/{copy['id']}"
    assert ada.raw("GET", f"/attachments/{copy['id']}").content == papers.PDF
    assert ada.raw("GET", f"/attachments/{plan['id']}").status_code == 404
    origin = seen["message"]["forwarded"]
    assert (origin["author"]["id"], origin["kind"], origin["subject"]) == (rosa.id, "group", subject)


def test_without_the_second_word_nothing_reaches_the_patient(
    nora: Person, dmitri: Person, ada: Person, hers: str
) -> None:
    """`conflict` as long as `confirmed` is not true; beside it as a note it needs none and is heard by staff alone."""
    body = f"Between us {new_id()}"
    source = nora.sends(nora.opens_conversation_with(dmitri), body)["message"]["id"]
    before = ada.reads_everything(hers)

    with ada.device() as phone:
        refused = [forwards(nora, source, hers), forwards(nora, source, hers, confirmed=False)]
        wrong = [forwards(nora, source, hers, confirmed=value) for value in ("yes", "true", 1, None, [True])]
        noted = forwards(nora, source, hers, stream="internal")
        nora.sends(hers, "Good morning")
        phone.hears("Good morning")
        heard = json.dumps(phone.the_line.heard)

    assert [(each.status_code, each.json()["code"]) for each in refused] == [(409, "conflict")] * 2
    assert [(each.status_code, list(each.json()["errors"])) for each in wrong] == [(422, ["confirmed"])] * 5
    assert (noted.status_code, noted.json()["stream"]) == (201, "internal")
    assert body not in heard + everything_shown_to(ada, hers, body)
    assert ada.reads_everything(hers)[:-1] == before


def test_a_note_is_shown_to_the_patient_only_by_a_second_word_and_as_the_forwarders(
    nora: Person, dmitri: Person, ada: Person, hers: str
) -> None:
    """Of a note about them the patient reads, once that was confirmed, the words; never that it was one, or whose."""
    body = f"Take it with food {new_id()}"
    note = dmitri.sends(hers, body, stream="internal")["message"]["id"]

    unconfirmed = forwards(nora, note, hers)
    unheard = everything_shown_to(ada, hers, body)
    confirmed = forwards(nora, note, hers, confirmed=True)

    shown = ada.reads_everything(hers)[-1]
    assert (unconfirmed.status_code, unconfirmed.json()["code"]) == (409, "conflict")
    assert body not in unheard
    assert (confirmed.status_code, shown["message"]["body"], shown["actor"]["id"]) == (201, body, nora.id)
    assert [word for word in ("forwarded", note, "internal") if word in everything_shown_to(ada, hers, body)] == []


def test_one_forwards_only_what_one_reads_to_where_one_writes(
    clinic: Clinic, nora: Person, dmitri: Person, rosa: Person, hers: str
) -> None:
    """Not a stranger's message, nor into a stranger's conversation, nor what one left: not found, nothing stored."""
    private = nora.opens_conversation_with(dmitri)
    ward = nora.opens_group(f"Ward {new_id()}", dmitri, rosa)
    secret, shared = (nora.sends(each, f"Secret {new_id()}")["message"]["id"] for each in (private, ward))
    note = nora.sends(hers, "About her", stream="internal")["message"]["id"]
    hana = clinic.signs_in("hana@hilltop.example")
    hanas = hana.lists()[0]["id"]
    own = rosa.opens_conversation_with(nora)
    heads = [nora.conversation(each)["heads"] for each in (private, ward, hers, own)]

    attempts = [
        forwards(rosa, secret, own),
        forwards(rosa, note, own),
        forwards(rosa, shared, private),
        forwards(rosa, shared, hers, confirmed=True),
        forwards(rosa, shared, hers, stream="internal"),
        forwards(hana, shared, hanas, confirmed=True),
        forwards(nora, shared, hanas, confirmed=True),
        forwards(nora, new_id(), ward),
    ]

    assert [(each.status_code, each.json()["code"]) for each in attempts] == [(404, "not_found")] * len(attempts)
    assert [nora.conversation(each)["heads"] for each in (private, ward, hers, own)] == heads
    nora.call("DELETE", f"/conversations/{ward}/participants/{rosa.id}")
    assert forwards(rosa, shared, own).json()["code"] == "not_found"
    nora.call("DELETE", f"/messages/{shared}")
    recalled: JSON = forwards(dmitri, shared, private).json()
    assert recalled["code"] == "conflict"
