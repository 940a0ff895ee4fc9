"""Mentions through both gateways: of whoever may hear the message, each once, and of nobody else."""

import httpx
import pytest

from tests.support.clinic import CONVERSATIONS, Clinic
from tests.support.doors import said, service_token
from tests.support.person import JSON, Person, new_id
from wire.bodies import MENTIONS_MAX


def mentioned_in(entry: JSON) -> list[str]:
    """Return whom a message mentions."""
    found: list[str] = entry["message"]["mentions"]
    return found


def mentions_me(person: Person, conversation: str, **query: int) -> list[str]:
    """Return what mentions somebody in a conversation, the newest first."""
    asked: JSON = {"mentions": "me", "conversation_id": conversation, **query}
    return [item["entry"]["message"]["body"] for item in person.call("GET", "/search", params=asked)["items"]]


def test_who_takes_part_is_mentioned_once_and_nobody_else(
    clinic: Clinic, nora: Person, dmitri: Person, rosa: Person, ada: Person
) -> None:
    """Twice named is once mentioned, oneself too; who left, a stranger, another clinic and nobody at all are not."""
    hana = clinic.signs_in("hana@hilltop.example")
    ward = nora.opens_group(f"Mentions {new_id()}", dmitri, rosa)
    nora.call("DELETE", f"/conversations/{ward}/participants/{rosa.id}")
    named = [dmitri.id, rosa.id, nora.id, dmitri.id, ada.id, hana.id, new_id(), dmitri.id]

    with nora.device() as hers, dmitri.device() as his:
        hers.sends(ward, "over the socket", mentions=named)
        heard = his.hears("over the socket")
        posted = nora.sends(ward, "over REST", mentions=named)
        also_heard = his.hears("over REST")

    expected = [dmitri.id, nora.id]
    assert [mentioned_in(entry) for entry in (heard, posted, also_heard)] == [expected] * 3
    assert [mentioned_in(entry) for entry in nora.timeline(ward)["items"][-2:]] == [expected] * 2
    assert mentions_me(dmitri, ward) == mentions_me(nora, ward) == ["over REST", "over the socket"]
    for other in (rosa, hana, ada):
        found = other.call("GET", "/search", params={"mentions": "me", "limit": 200})["items"]
        assert ward not in {item["conversation"]["id"] for item in found}
        assert other.raw("GET", f"/search?mentions=me&conversation_id={ward}").status_code == 404


def test_a_patient_is_mentioned_in_what_they_hear_only(nora: Person, dmitri: Person, ada: Person) -> None:
    """A note that names the patient mentions staff alone, and the patient's own list of mentions knows of none."""
    conversation = ada.writes_to_care_team(f"Knee {new_id()}", "It hurts")
    with ada.device() as phone:
        note = nora.sends(conversation, "Ask @Ada again", stream="internal", mentions=[ada.id, dmitri.id])
        shared = nora.sends(conversation, "@Ada, come by", mentions=[ada.id, dmitri.id])
        heard = phone.hears("@Ada, come by")
        answered = phone.sends(conversation, "@Nora, when?", mentions=[nora.id, ada.id])

    assert (mentioned_in(note), mentioned_in(shared)) == ([dmitri.id], [ada.id, dmitri.id])
    assert mentioned_in(heard) == [ada.id, dmitri.id]
    assert mentions_me(ada, conversation) == ["@Nora, when?", "@Ada, come by"]
    assert mentions_me(dmitri, conversation) == ["@Ada, come by", "Ask @Ada again"]
    assert mentions_me(nora, conversation) == ["@Nora, when?"]
    assert nora.timeline(conversation)["items"][-1]["seq"] == answered["seq"]


@pytest.mark.parametrize("email", ["nora@harbor.example", "ada@patients.example"])
def test_more_than_may_be_mentioned_is_refused(clinic: Clinic, email: str) -> None:
    """A hundred are taken, one more is `invalid` on both doors of both planes, and stores nothing."""
    writer = clinic.signs_in(email)
    conversation = next(each["id"] for each in writer.lists() if each["kind"] == "patient")
    most = [new_id() for _ in range(MENTIONS_MAX)]
    assert mentioned_in(writer.sends(conversation, "Everybody?", mentions=most)) == []
    head = writer.conversation(conversation)["heads"]
    too_many = {**said(), "mentions": [*most, new_id()]}

    answer = writer.raw("POST", f"/conversations/{conversation}/messages", json=too_many)
    with writer.device() as screen:
        reply = screen.the_line.asks("send", conversation_id=conversation, **too_many)

    assert (answer.status_code, list(answer.json()["errors"])) == (422, ["mentions"])
    assert (reply["problem"]["code"], list(reply["problem"]["errors"])) == ("invalid", ["mentions"])
    assert writer.conversation(conversation)["heads"] == head


def test_wrong_mentions_of_one_message_harm_no_other_in_its_batch(clinic: Clinic, nora: Person, dmitri: Person) -> None:
    """At the batch door each message is judged alone, and those beside it keep whom they mention."""
    conversation = nora.opens_conversation_with(dmitri)

    def item(body: str, mentions: object) -> JSON:
        place = {"token": nora.access_token, "conversation_id": conversation, "stream": "shared"}
        return {**place, **said(body), "mentions": mentions}

    wrong: list[object] = ["everybody", [7], [None], ["x"], {dmitri.id: 1}, [[dmitri.id]], [new_id()] * 101]
    items = [item("first", [dmitri.id]), *(item("wrong", each) for each in wrong), item("last", [dmitri.id])]
    answer = httpx.post(
        clinic.origin_of(CONVERSATIONS) + "/sends",
        headers={"Authorization": f"Bearer {service_token(clinic)}"},
        json={"items": items},
        trust_env=False,
    )

    results = answer.json()["results"]
    assert [each.get("problem", {}).get("code") for each in results] == [None, *["invalid"] * len(wrong), None]
    assert all(list(each["problem"]["errors"]) == ["mentions"] for each in results[1:-1])
    last = dmitri.timeline(conversation)["items"][-2:]
    assert [(each["message"]["body"], mentioned_in(each)) for each in last] == [
        ("first", [dmitri.id]),
        ("last", [dmitri.id]),
    ]


def test_an_edit_changes_the_body_and_nothing_else(nora: Person, dmitri: Person) -> None:
    """Mentions, priority and what was asked stay as they were, and an edit that names others is refused."""
    conversation = nora.opens_conversation_with(dmitri)
    sent = nora.sends(conversation, "@Dmitri, at 8", mentions=[dmitri.id], priority="urgent", ask_acknowledgement=True)
    message = sent["message"]

    with dmitri.device() as his:
        refused = nora.raw("PATCH", f"/messages/{message['id']}", json={"body": "No", "mentions": []})
        entry = nora.call("PATCH", f"/messages/{message['id']}", json={"body": "At 9, all of you"})
        heard = his.the_line.hears("entry", type="message.edited", message_id=message["id"])

    now = next(each for each in dmitri.timeline(conversation)["items"] if each["seq"] == sent["seq"])["message"]
    assert (refused.status_code, list(refused.json()["errors"])) == (422, ["mentions"])
    assert now == message | {"body": "At 9, all of you", "edited_at": entry["edited_at"]}
    assert set(heard) - {"push", "conversation_id", "stream", "seq", "type", "at", "actor"} == {
        "message_id",
        "body",
        "edited_at",
    }
    assert mentions_me(dmitri, conversation, limit=1) == ["At 9, all of you"]


def test_what_mentions_me_comes_in_pages_and_goes_with_what_i_may_read(
    nora: Person, dmitri: Person, rosa: Person
) -> None:
    """Newest first, page by page; without what was recalled; and nothing once one takes no part any more."""
    ward = nora.opens_group(f"Mentions {new_id()}", dmitri, rosa)
    entries = [nora.sends(ward, f"@Rosa {number}", mentions=[rosa.id]) for number in range(5)]
    nora.sends(ward, "@Dmitri", mentions=[dmitri.id])
    nora.call("DELETE", f"/messages/{entries[1]['message']['id']}")
    found: list[str] = []
    query: JSON = {"mentions": "me", "conversation_id": ward, "limit": 2}
    page: JSON = {"next_cursor": ""}
    while page["next_cursor"] is not None:
        page = rosa.call("GET", "/search", params={**query, "cursor": page["next_cursor"]})
        found += [item["entry"]["message"]["body"] for item in page["items"]]

    nora.call("DELETE", f"/conversations/{ward}/participants/{rosa.id}")
    everywhere = rosa.call("GET", "/search", params={"mentions": "me", "limit": 200})["items"]

    assert found == ["@Rosa 4", "@Rosa 3", "@Rosa 2", "@Rosa 0"]
    assert ward not in {item["conversation"]["id"] for item in everywhere}
