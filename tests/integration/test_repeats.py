"""Said twice is done once: each writing call repeated, as a client does that lost the answer."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from tests.support import papers
from tests.support.clinic import PUSH_SERVICE, Clinic
from tests.support.person import Person, new_id

NORA, DMITRI, ADA = "nora@harbor.example", "dmitri@harbor.example", "ada@patients.example"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A conversation of Ada with Nora and Dmitri, a group of the two, and what was said there."""

    nora: Person
    dmitri: Person
    ada: Person
    talk: str
    ward: str
    asking: str
    """Nora's message in the talk, which asks for acknowledgement."""
    adas: str
    """Ada's message in the talk."""
    wards: str
    """Nora's message in the group."""


@pytest.fixture
def stage(clinic: Clinic) -> Stage:
    """Give it."""
    nora, dmitri, ada = (clinic.signs_in(email) for email in (NORA, DMITRI, ADA))
    talk = ada.writes_to_care_team(f"Twice {new_id()}", "Hello")
    ward = nora.opens_group(f"Twice {new_id()}", dmitri)
    asking = nora.sends(talk, "Please confirm", ask_acknowledgement=True)["message"]["id"]
    adas, wards = ada.sends(talk, "Will do")["message"]["id"], nora.sends(ward, "For Ada")["message"]["id"]
    return Stage(nora=nora, dmitri=dmitri, ada=ada, talk=talk, ward=ward, asking=asking, adas=adas, wards=wards)


Call = tuple[Person, str, str, dict[str, Any] | None]
MESSAGE = {"body": "Once", "priority": "urgent", "ask_acknowledgement": True}

WRITING: dict[str, Callable[[Stage, str], Call]] = {
    "staff post": lambda on, key: (
        *(on.nora, "POST", f"/conversations/{on.talk}/messages"),
        {**MESSAGE, "client_message_id": key, "mentions": [on.dmitri.id, on.ada.id], "reply_to": on.adas},
    ),
    "a patient posts": lambda on, key: (
        *(on.ada, "POST", f"/conversations/{on.talk}/messages"),
        {**MESSAGE, "client_message_id": key, "mentions": [on.nora.id]},
    ),
    "with a file": lambda on, key: (
        *(on.nora, "POST", f"/conversations/{on.ward}/messages"),
        {"body": "Once", "client_message_id": key, "attachment_ids": [on.nora.uploads(papers.PDF)["id"]]},
    ),
    "forward": lambda on, key: (
        *(on.nora, "POST", f"/messages/{on.wards}/forward"),
        {"conversation_id": on.talk, "client_message_id": key, "confirmed": True},
    ),
    "staff open": lambda on, key: (
        *(on.nora, "POST", "/conversations"),
        {
            "kind": "group",
            "subject": "Once",
            "participant_ids": [on.dmitri.id],
            "first_message": {"client_message_id": key, "body": "Once"},
        },
    ),
    "a patient opens": lambda on, key: (
        *(on.ada, "POST", "/conversations"),
        {"subject": "Once", "first_message": {"client_message_id": key, "body": "Once"}},
    ),
    "acknowledge": lambda on, _: (on.dmitri, "POST", f"/messages/{on.asking}/acknowledgement", None),
    "a patient acknowledges": lambda on, _: (on.ada, "POST", f"/messages/{on.asking}/acknowledgement", None),
    "edit": lambda on, _: (on.nora, "PATCH", f"/messages/{on.asking}", {"body": "Please do confirm"}),
    "a patient edits": lambda on, _: (on.ada, "PATCH", f"/messages/{on.adas}", {"body": "Will do so"}),
    "recall": lambda on, _: (on.nora, "DELETE", f"/messages/{on.asking}", None),
    "a patient recalls": lambda on, _: (on.ada, "DELETE", f"/messages/{on.adas}", None),
    "rename": lambda on, _: (on.nora, "PATCH", f"/conversations/{on.ward}", {"subject": "Again"}),
    "close": lambda on, _: (on.nora, "PATCH", f"/conversations/{on.ward}", {"status": "closed"}),
    "draft": lambda on, _: (on.nora, "PUT", f"/conversations/{on.talk}/draft", {"body": "I was"}),
    "a patient's draft": lambda on, _: (on.ada, "PUT", f"/conversations/{on.talk}/draft", {"body": "I was"}),
    "prefer": lambda on, _: (on.nora, "PUT", f"/conversations/{on.talk}/preferences", {"pinned": True}),
    "archive": lambda on, _: (on.ada, "PUT", f"/conversations/{on.talk}/preferences", {"archived": True}),
    "unread": lambda on, _: (on.nora, "PUT", f"/conversations/{on.talk}/unread", {"stream": "shared", "seq": 2}),
    "read": lambda on, _: (on.ada, "PUT", f"/conversations/{on.talk}/read", {"stream": "shared", "seq": 2}),
    "subscribe": lambda on, key: (on.nora, "PUT", "/push/subscription", {"endpoint": f"{PUSH_SERVICE}/{key}"}),
    "unsubscribe": lambda on, key: (on.ada, "DELETE", "/push/subscription", {"endpoint": f"{PUSH_SERVICE}/{key}"}),
}


def everything(clinic: Clinic, on: Stage) -> list[object]:
    """Return what all three are shown, and how much is stored that nobody is shown."""
    shown: list[object] = []
    for who in (on.nora, on.dmitri, on.ada):
        drafts = [{**one, "updated_at": ""} for one in who.call("GET", "/drafts")["items"]]
        shown += [who.lists(), who.call("GET", "/preferences"), drafts, who.call("GET", "/me")["unread_total"]]
        shown += [who.reads_everything(each["id"]) for each in who.lists()[:3]]
    tables = ("entries", "messages", "attachments", "acknowledgements", "push_subscriptions")
    counts = [clinic.database.ask(f"SELECT count(*) FROM {table}") for table in tables]  # noqa: S608 - our own names
    # Deliveries are told by the devices of the test, whenever they like.
    return [*shown, *counts, clinic.database.ask("SELECT count(*) FROM mark_moves WHERE kind = 'read'")]


@pytest.mark.parametrize("what", WRITING)
def test_a_call_repeated_changes_nothing_and_is_answered_as_the_first(clinic: Clinic, stage: Stage, what: str) -> None:
    """The same answer twice more, 200 instead of 201; nobody is shown or pushed an entry again."""
    who, method, path, body = WRITING[what](stage, new_id())
    with stage.dmitri.device() as his, stage.ada.device() as phone:
        once = who.raw(method, path, json=body)
        before = everything(clinic, stage)

        again = [who.raw(method, path, json=body) for _ in range(2)]
        after = everything(clinic, stage)
        end = stage.nora.sends(stage.talk, "The end")
        for screen in (his, phone):
            screen.hears("The end")
            assert screen.breaches == []
            pushed = [
                (each["conversation_id"], each["stream"], each["seq"]) for each in screen.the_line.pushes("entry")
            ]
            assert len(pushed) == len(set(pushed))

    assert once.is_success, once.text
    assert {each.status_code for each in again} == {200 if once.status_code == 201 else once.status_code}
    assert [each.content for each in again] == [once.content] * 2
    assert after == before
    assert end["seq"] == stage.nora.conversation(stage.talk)["heads"]["shared"]


@pytest.mark.parametrize("email", [NORA, ADA])
def test_the_socket_and_the_call_know_each_others_client_ids(stage: Stage, email: str) -> None:
    """Sent over the one and repeated over the other it is one message; other words under the id are a conflict."""
    who = {NORA: stage.nora, ADA: stage.ada}[email]
    one, two = new_id(), new_id()
    with who.device() as screen:
        first = screen.sends(stage.talk, "Over the socket", client_message_id=one)
        repeated = who.raw(
            "POST", f"/conversations/{stage.talk}/messages", json={"client_message_id": one, "body": "Over the socket"}
        )
        posted = who.sends(stage.talk, "Over REST", client_message_id=two)
        second = screen.sends(stage.talk, "Over REST", client_message_id=two)
        conflict = screen.the_line.asks(
            "send", conversation_id=stage.talk, client_message_id=one, body="Something else"
        )

    assert (repeated.status_code, repeated.json()["seq"]) == (200, first["seq"])
    assert (second["seq"], second["message_id"]) == (posted["seq"], posted["message"]["id"])
    assert conflict["problem"]["code"] == "conflict"
    assert who.conversation(stage.talk)["heads"]["shared"] == posted["seq"]
