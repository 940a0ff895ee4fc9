"""Who learns nothing: strangers, patients of the internal stream, other organisations, callers without both keys."""

import json
from typing import Any

import pytest

from tests.support.inside import Inside, Somebody
from wire.ids import new_id
from wire.permissions import Permission

SEND, MODERATE = Permission.PATIENT_SEND, Permission.MODERATE


@pytest.fixture
def nora(house: Inside) -> Somebody:
    """Give a nurse who may write to patients."""
    return house.staff("Nora", SEND)


@pytest.fixture
def ada(house: Inside, nora: Somebody) -> Somebody:
    """Give a patient Nora cares for."""
    return house.patient("Ada", house.patient_record("Ada Long", nora))


@pytest.fixture
def talk(ada: Somebody) -> dict[str, Any]:
    """Give the conversation Ada opened."""
    opened: dict[str, Any] = ada.opens("patient", "I have a question", subject="Tablets").json
    return opened


def test_a_stranger_gets_not_found_at_every_door(house: Inside, nora: Somebody, talk: dict[str, Any]) -> None:
    """Whatever their permissions, the same answer as for a conversation that does not exist."""
    conversation, message = talk["id"], talk["last_entry"]["message"]["id"]
    strangers = [
        house.staff("Moderator", SEND, MODERATE),
        house.staff("Hana", SEND, MODERATE, org=new_id()),
        house.patient("Pia", house.patient_record("Pia", nora)),
    ]

    for stranger in strangers:
        for here, this in ((conversation, message), (new_id(), new_id())):
            answers = [
                stranger.asks("GET", f"/conversations/{here}"),
                stranger.asks("PATCH", f"/conversations/{here}", {"status": "closed"}),
                stranger.asks("GET", f"/conversations/{here}/timeline"),
                stranger.asks("POST", f"/conversations/{here}/participants", {"user_id": stranger.id}),
                stranger.asks("DELETE", f"/conversations/{here}/participants/{nora.id}"),
                stranger.asks("PATCH", f"/messages/{this}", {"body": "mine now"}),
                stranger.asks("DELETE", f"/messages/{this}"),
                stranger.asks("GET", f"/messages/{this}/history"),
                stranger.asks("POST", "/typing", {"conversation_id": here, "stream": "shared", "active": True}),
            ]
            batch = [stranger.posts(here, "hello"), stranger.reads(here, 1)]

            assert [answer.json["code"] for answer in answers] == ["not_found"] * len(answers)
            assert [result["problem"]["code"] for result in batch] == ["not_found"] * 2
            assert stranger.catches_up({here: {"shared": 0}})["gone"] == [here]
        assert stranger.lists() == []


def test_whoever_was_removed_is_a_stranger(house: Inside, nora: Somebody, talk: dict[str, Any]) -> None:
    """From the next call on, and in no audience any more."""
    rosa = house.staff("Rosa", SEND)
    nora.asks("POST", f"/conversations/{talk['id']}/participants", {"user_id": rosa.id})
    nora.asks("DELETE", f"/conversations/{talk['id']}/participants/{rosa.id}")
    before = len(house.events())

    refused = rosa.posts(talk["id"], "still here")
    nora.posts(talk["id"], "gone?")

    assert refused["problem"]["code"] == "not_found"
    assert rosa.catches_up({talk["id"]: {"shared": 1}})["gone"] == [talk["id"]]
    assert all(rosa.id not in event["audience"] for event in house.events()[before:])


def test_a_proxy_whose_standing_ended_is_a_stranger(house: Inside, nora: Somebody) -> None:
    """A token that no longer names the patient opens nothing, although the row of the participant is still there."""
    leo = house.patient_record("Leo", nora)
    maria = house.patient("Maria", house.patient_record("Maria", nora), leo)
    conversation = maria.opens("patient", "He coughs", subject="Leo", patient_id=leo).json["id"]

    maria.patients = maria.patients[:1]
    maria._token = house.token_for(maria)  # noqa: SLF001 - the token of tomorrow

    assert maria.asks("GET", f"/conversations/{conversation}").status == 404
    assert maria.lists() == []
    assert maria.posts(conversation, "hello")["problem"]["code"] == "not_found"


def test_a_proxy_whose_standing_ended_hears_no_more(house: Inside, nora: Somebody) -> None:
    """As soon as the directory knows, whatever token is still around: out of the audience, out of the participants."""
    maria_id, leo_id = house.patient_record("Maria", nora), house.patient_record("Leo", nora)
    maria = house.patient("Maria", maria_id, leo_id)
    father = house.patient("Father", house.patient_record("Father"), leo_id)
    conversation = maria.opens("patient", "He coughs", subject="Leo", patient_id=leo_id).json["id"]

    maria.patients = (maria_id,)
    house.tells_of(maria, position=2)
    nora.posts(conversation, "Come in")

    assert house.events("portal")[-1]["audience"] == [father.id]
    assert maria.posts(conversation, "hello")["problem"]["code"] == "not_found"
    assert maria.id not in {one["id"] for one in nora.sees(conversation)["participants"]}


def test_a_proxy_who_comes_later_finds_what_there_is(house: Inside, nora: Somebody) -> None:
    """On their first look they join the conversations of the patient they now stand for, and everybody sees it."""
    leo_id = house.patient_record("Leo", nora)
    maria = house.patient("Maria", house.patient_record("Maria", nora), leo_id)
    conversation = maria.opens("patient", "He coughs", subject="Leo", patient_id=leo_id).json["id"]
    father = house.patient("Father", house.patient_record("Father", nora), leo_id)

    found = father.lists()
    posted = father.posts(conversation, "I am here too")

    assert [one["id"] for one in found] == [conversation]
    assert found[0]["unread"] == {"shared": 0}
    assert posted["status"] == 201
    assert nora.timeline(conversation)["items"][-2]["user"]["name"] == "Father"
    assert len(father.lists()) == 1


def everything_of(person: Somebody, conversation: str) -> str:
    """Return all a patient can be shown, as one text."""
    shown = [
        person.asks("GET", "/me").json,
        person.asks("GET", "/conversations").json,
        *(person.asks("GET", "/conversations", filter=chosen).json for chosen in ("unread", "patients", "closed")),
        person.sees(conversation),
        person.timeline(conversation),
        person.timeline(conversation, after=0),
        person.catches_up({conversation: {"shared": 0}}),
        person.catches_up({}, "joined"),
    ]
    return json.dumps(shown, sort_keys=True)


def test_no_trace_of_the_internal_stream_reaches_a_patient(
    house: Inside, nora: Somebody, ada: Somebody, talk: dict[str, Any]
) -> None:
    """Nothing a patient can be shown differs, to the byte, before and after all that staff do among themselves."""
    dmitri = house.staff("Dmitri", SEND, MODERATE)
    nora.asks("POST", f"/conversations/{talk['id']}/participants", {"user_id": dmitri.id})
    other = ada.opens("patient", "Another question", subject="Later").json["id"]
    before, told = everything_of(ada, talk["id"]), house.events("portal")

    note = nora.posts(talk["id"], "CANARY", stream="internal")["entry"]["message"]["id"]
    dmitri.posts(talk["id"], "CANARY too", stream="internal", reply_to=note)
    nora.asks("PATCH", f"/messages/{note}", {"body": "CANARY again"})
    dmitri.asks("DELETE", f"/messages/{note}")
    dmitri.reads(talk["id"], 3, stream="internal")
    dmitri.reads(talk["id"], 3, stream="internal", kind="delivered")

    assert everything_of(ada, talk["id"]) == before
    assert house.events("portal") == told
    assert "internal" not in before
    assert [one["id"] for one in ada.lists()] == [other, talk["id"]]
    assert [one["id"] for one in nora.lists()] == [talk["id"], other]


def test_a_patient_cannot_ask_for_the_internal_stream(nora: Somebody, ada: Somebody, talk: dict[str, Any]) -> None:
    """It does not exist for them, at any door."""
    note = nora.posts(talk["id"], "CANARY", stream="internal")["entry"]["message"]["id"]

    answers = [
        ada.asks("GET", f"/conversations/{talk['id']}/timeline", stream="internal"),
        ada.asks("PATCH", f"/messages/{note}", {"body": "x"}),
        ada.asks("DELETE", f"/messages/{note}"),
        ada.asks("POST", "/typing", {"conversation_id": talk["id"], "stream": "internal", "active": True}),
    ]
    batch = [
        ada.posts(talk["id"], "x", stream="internal"),
        ada.reads(talk["id"], 1, stream="internal"),
    ]
    answer = ada.posts(talk["id"], "about that", reply_to=note)

    assert [one.status for one in answers] == [404] * 4
    assert [one["problem"]["code"] for one in batch] == ["not_found"] * 2
    assert answer["problem"]["code"] == "invalid"
    assert "CANARY" not in json.dumps(ada.catches_up({talk["id"]: {"shared": 0, "internal": 0}}))


def test_a_portal_token_opens_no_door_of_staff(ada: Somebody, talk: dict[str, Any]) -> None:
    """Directory, history, renaming, closing, participants: none of it exists on the portal."""
    message = talk["last_entry"]["message"]["id"]

    answers = [
        ada.asks("GET", "/directory"),
        ada.asks("GET", f"/messages/{message}/history"),
        ada.asks("PATCH", f"/conversations/{talk['id']}", {"status": "closed"}),
        ada.asks("POST", f"/conversations/{talk['id']}/participants", {"user_id": ada.id}),
        ada.asks("DELETE", f"/conversations/{talk['id']}/participants/{ada.id}"),
    ]

    assert [answer.status for answer in answers] == [404] * 5


def test_staff_without_messaging_get_no_further_than_the_door(house: Inside) -> None:
    """Without pf.messaging.view every door says permission_required."""
    otto = house.staff("Otto")
    otto.permissions = ()

    answers = [
        otto.asks("GET", "/me"),
        otto.asks("GET", "/conversations"),
        otto.asks("GET", f"/conversations/{new_id()}"),
        otto.asks("GET", "/directory"),
        otto.asks("POST", "/catch-up", {"positions": {}, "unlisted": "head"}),
        otto.opens("direct", participant_ids=[new_id()]),
    ]
    batch = [otto.posts(new_id(), "hello"), otto.reads(new_id(), 1)]

    assert [answer.json["code"] for answer in answers] == ["permission_required"] * 6
    assert [result["problem"]["code"] for result in batch] == ["permission_required"] * 2


def test_an_account_is_of_one_organisation(house: Inside, nora: Somebody) -> None:
    """A token that names another one than the directory does opens nothing."""
    hilltop = house.staff("Hana", org=new_id()).org
    mistaken = {"X-User-Token": house.token_for(nora, org=hilltop)} | house.service("staff")

    answer = house.call("GET", "/me", headers=mistaken)
    listed = house.call("GET", "/conversations", headers=mistaken)

    assert answer.status == 401
    assert listed.json == {"items": [], "next_cursor": None}


def test_both_keys_are_needed_and_must_match(house: Inside, nora: Somebody, ada: Somebody) -> None:
    """No service token, no user token, a token in the wrong place or at the wrong gateway: unauthenticated."""
    staff, portal = house.service("staff"), house.service("portal")

    refused = [
        {},
        staff,
        {"X-User-Token": nora.token},
        {"Authorization": f"Bearer {nora.token}", "X-User-Token": nora.token},
        staff | {"X-User-Token": ada.token},
        portal | {"X-User-Token": nora.token},
        staff | {"X-User-Token": staff["Authorization"].removeprefix("Bearer ")},
        staff | {"X-User-Token": house.token_for(nora, exp=1)},
        staff | {"X-User-Token": house.token_for(nora, iss="https://elsewhere.example")},
    ]
    answers = [house.call("GET", "/me", headers=headers) for headers in refused]
    batch = house.call("POST", "/sends", {"items": []}, headers={"Authorization": f"Bearer {nora.token}"})

    assert [answer.status for answer in answers] == [401] * len(refused)
    assert (batch.status, batch.json["code"]) == (401, "unauthenticated")


@pytest.mark.parametrize("body", [None, b"", b"[]", b"{}", b'{"items": 1}', b"\xff", b'{"items": ' + b"[" * 5000])
def test_a_batch_that_is_none_is_refused_whole(house: Inside, body: bytes | None) -> None:
    """A problem, and no traceback."""
    client = house.composed.wsgi.test_client()

    answers = [client.post(door, data=body, headers=house.service("staff")) for door in ("/sends", "/marks")]

    assert [(answer.status_code, answer.mimetype) for answer in answers] == [(422, "application/problem+json")] * 2
    assert client.get("/sends").status_code == 405
