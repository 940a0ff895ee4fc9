"""Forwarding: a copy with its origin, in another conversation, and to a patient only on a second word."""

import pytest

from tests.support.inside import Answer, Inside, Somebody
from wire.ids import new_id
from wire.permissions import Permission

SEND, GROUP = Permission.PATIENT_SEND, Permission.CREATE_GROUP


@pytest.fixture
def nora(house: Inside) -> Somebody:
    """Give a nurse."""
    return house.staff("Nora", SEND, GROUP)


@pytest.fixture
def dmitri(house: Inside) -> Somebody:
    """Give a doctor."""
    return house.staff("Dmitri", SEND, GROUP)


@pytest.fixture
def ward(nora: Somebody, dmitri: Somebody) -> str:
    """Give the id of a group."""
    return str(nora.opens("group", participant_ids=[dmitri.id], subject="Ward 3").json["id"])


@pytest.fixture
def ada(nora: Somebody, dmitri: Somebody, house: Inside) -> Somebody:
    """Give a patient."""
    return house.patient("Ada", house.patient_record("Ada", nora, dmitri))


@pytest.fixture
def hers(ada: Somebody) -> str:
    """Give the id of her conversation."""
    return str(ada.opens("patient", "Is the dose right?", subject="Tablets").json["id"])


def first_message(who: Somebody, conversation: str) -> dict[str, object]:
    """Return the first message there."""
    posted = next(entry for entry in who.timeline(conversation)["items"] if entry["type"] == "message.posted")
    message: dict[str, object] = posted["message"]
    return message


def forwards(who: Somebody, message: object, into: str, **more: object) -> Answer:
    """Forward a message."""
    body = {"conversation_id": into, "client_message_id": new_id(), **more}
    return who.asks("POST", f"/messages/{message}/forward", body)


def test_a_forwarded_message_is_a_copy_that_says_where_it_came_from(
    nora: Somebody, dmitri: Somebody, ada: Somebody, hers: str, ward: str
) -> None:
    """The forwarder is its author there; who wrote it first, when, and in what conversation stands beside."""
    source = first_message(nora, hers)

    answer = forwards(nora, source["id"], ward)

    told = dmitri.timeline(ward)["items"][-1]
    assert (answer.status, told) == (201, answer.json)
    assert (told["actor"]["id"], told["message"]["body"]) == (nora.id, "Is the dose right?")
    origin = told["message"]["forwarded"]
    assert (origin["author"]["id"], origin["kind"], origin["subject"]) == (ada.id, "patient", "Tablets")
    assert "forwarded" not in source


def test_the_same_client_id_is_one_message(nora: Somebody, hers: str, ward: str) -> None:
    """Repeated it brings the first result; for another source it is a conflict."""
    source, key = first_message(nora, hers)["id"], new_id()
    once = forwards(nora, source, ward, client_message_id=key)
    head = nora.timeline(ward)["head"]

    again = forwards(nora, source, ward, client_message_id=key)
    other = forwards(nora, nora.posts(hers, "Another")["entry"]["message"]["id"], ward, client_message_id=key)

    assert (again.status, again.json) == (200, once.json)
    assert other.json["code"] == "conflict"
    assert nora.timeline(ward)["head"] == head


def test_a_patient_gets_it_only_on_a_second_word(
    nora: Somebody, dmitri: Somebody, ada: Somebody, hers: str, ward: str
) -> None:
    """Unconfirmed it is a conflict and nothing is stored; an internal note beside it needs no second word."""
    source = dmitri.posts(ward, "Half the dose.")["entry"]["message"]["id"]
    before = ada.timeline(hers)["items"]

    refused = forwards(nora, source, hers)
    unheard = ada.timeline(hers)["items"]
    noted = forwards(nora, source, hers, stream="internal")
    confirmed = forwards(nora, source, hers, confirmed=True)

    assert (refused.json["code"], unheard) == ("conflict", before)
    assert (noted.status, confirmed.status) == (201, 201)
    assert [entry["message"]["body"] for entry in ada.timeline(hers)["items"][len(before) :]] == ["Half the dose."]


def test_the_first_origin_stays(nora: Somebody, dmitri: Somebody, house: Inside, hers: str, ward: str) -> None:
    """Forwarded on, it still names who wrote it."""
    once = forwards(nora, first_message(nora, hers)["id"], ward).json
    rosa = house.staff("Rosa", SEND)
    talk = dmitri.opens("direct", participant_ids=[rosa.id]).json["id"]

    twice = forwards(dmitri, once["message"]["id"], talk).json

    assert twice["message"]["forwarded"] == once["message"]["forwarded"]


def test_who_may_not(nora: Somebody, dmitri: Somebody, ada: Somebody, house: Inside, hers: str, ward: str) -> None:
    """Not what one does not hear, not to where one does not write, not what was recalled, and no patient."""
    mine = nora.posts(ward, "A plan")["entry"]["message"]["id"]
    rosa = house.staff("Rosa")
    talk = rosa.opens("direct", participant_ids=[nora.id]).json["id"]
    hers_too = first_message(ada, hers)["id"]

    assert forwards(rosa, mine, talk).json["code"] == "not_found"
    assert forwards(dmitri, mine, talk).json["code"] == "not_found"
    assert forwards(ada, hers_too, hers).json["code"] == "not_found"
    nora.asks("DELETE", f"/messages/{mine}")
    assert forwards(nora, mine, talk).json["code"] == "conflict"
    assert forwards(nora, new_id(), talk).json["code"] == "not_found"


def test_a_recalled_copy_shows_no_origin(nora: Somebody, hers: str, ward: str) -> None:
    """Whose words they were is part of what was recalled."""
    copy = forwards(nora, first_message(nora, hers)["id"], ward).json["message"]["id"]
    nora.asks("DELETE", f"/messages/{copy}")

    shown = nora.timeline(ward)["items"][-2]["message"]

    assert (shown["id"], shown["body"]) == (copy, "")
    assert "forwarded" not in shown
