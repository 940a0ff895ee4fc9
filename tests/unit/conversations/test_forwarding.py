"""Forwarding: a copy with its origin, in another conversation, and to a patient only on a second word."""

from typing import Any

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


def posts_in(who: Somebody, conversation: str) -> list[dict[str, Any]]:
    """Return the messages there, as somebody reads them."""
    return [entry for entry in who.timeline(conversation)["items"] if entry["type"] == "message.posted"]


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


def test_a_repeat_brings_the_first_result_whatever_happened_since(
    nora: Somebody, dmitri: Somebody, hers: str, ward: str
) -> None:
    """The source was edited, then recalled, and the forwarder left: what was stored is stored."""
    source, key = nora.posts(hers, "Before")["entry"]["message"]["id"], new_id()
    once = forwards(nora, source, ward, client_message_id=key)
    nora.asks("PATCH", f"/messages/{source}", {"body": "After"})
    edited = forwards(nora, source, ward, client_message_id=key)
    nora.asks("DELETE", f"/messages/{source}")
    nora.asks("DELETE", f"/conversations/{ward}/participants/{nora.id}")

    left = forwards(nora, source, ward, client_message_id=key)

    assert (edited.status, edited.json) == (200, once.json)
    assert (left.status, left.json) == (200, once.json)
    assert forwards(nora, source, ward).json["code"] == "not_found"
    assert [entry["message"]["body"] for entry in posts_in(dmitri, ward)] == ["Before"]


def test_a_client_id_is_used_once_for_posts_and_forwards_alike(nora: Somebody, hers: str, ward: str) -> None:
    """A post under the id of a forward is another message, and the other way round, though they say the same."""
    source, one, two = first_message(nora, hers), new_id(), new_id()
    forwards(nora, source["id"], ward, client_message_id=one)
    nora.posts(ward, str(source["body"]), client_message_id=two)

    assert nora.posts(ward, str(source["body"]), client_message_id=one)["problem"]["code"] == "conflict"
    assert forwards(nora, source["id"], ward, client_message_id=two).json["code"] == "conflict"


def test_what_is_forwarded_is_what_the_message_says_now(nora: Somebody, hers: str, ward: str) -> None:
    """The copy has the present words, and is edited no more when the source is."""
    source = nora.posts(hers, "Before", mentions=[nora.id], priority="urgent", ask_acknowledgement=True)
    source_id = source["entry"]["message"]["id"]
    nora.asks("PATCH", f"/messages/{source_id}", {"body": "Now"})
    copy = forwards(nora, source_id, ward).json["message"]
    nora.asks("PATCH", f"/messages/{source_id}", {"body": "Later"})

    shown = posts_in(nora, ward)[-1]["message"]

    assert (copy["body"], shown["body"]) == ("Now", "Now")
    assert (shown["mentions"], shown["priority"], shown["acknowledgement"]["asked"]) == ([], "normal", False)
    assert shown["reply_to"] is None


def test_the_author_goes_by_the_name_the_directory_has(
    nora: Somebody, dmitri: Somebody, house: Inside, hers: str, ward: str
) -> None:
    """Who is renamed later is shown by the new name beside every copy of their words."""
    forwards(nora, first_message(nora, hers)["id"], ward)
    author = posts_in(nora, hers)[0]["actor"]["id"]
    renamed = Somebody(house=house, id=author, org=house.org, name="Ada Brook", plane="portal")
    house.tells_of(renamed, position=2)

    assert posts_in(dmitri, ward)[-1]["message"]["forwarded"]["author"]["name"] == "Ada Brook"


def test_a_patient_never_learns_where_it_came_from(
    nora: Somebody, dmitri: Somebody, ada: Somebody, house: Inside, hers: str, ward: str
) -> None:
    """Not live, not read, not as the last entry, not caught up, not as what was missed; staff see it in all of them."""
    head = ada.timeline(hers)["head"]
    source = dmitri.posts(ward, "Half the dose.")["entry"]["message"]["id"]
    copy = forwards(nora, source, hers, confirmed=True).json
    said = house.events("portal")[-1]["entry"]

    def shown_to(who: Somebody) -> list[dict[str, object]]:
        caught_up = who.catches_up({hers: {"shared": head}})["entries"]
        missed = who.posts(hers, "And?", seen_seq=head)["problem"]["entries"]
        return [posts_in(who, hers)[-1], who.sees(hers)["last_entry"], *caught_up, *missed]

    hidden, seen = shown_to(ada), shown_to(dmitri)

    assert [entry["seq"] for entry in (said, *hidden)] == [copy["seq"]] * 5
    assert "forwarded" not in repr([said, *hidden])
    assert "Ward 3" not in repr([said, *hidden])
    assert seen == [copy] * 4
    assert house.events()[-1]["entry"] == copy


def test_the_record_tells_what_was_forwarded_and_where_to(nora: Somebody, house: Inside, hers: str, ward: str) -> None:
    """One line names the source and the place it went to, one the message it became there; a refusal has one too."""
    source = first_message(nora, hers)["id"]
    copy = forwards(nora, source, ward).json
    forwards(nora, source, hers)

    lines = [row for row in house.rows("audit") if row["action"] in {"message.forwarded", "message.posted"}][-3:]

    told = [
        (row["action"], row["conversation_id"], row["subject_id"], row["last_seq"], row["refused"]) for row in lines
    ]
    assert told == [
        ("message.forwarded", ward, source, copy["seq"], None),
        ("message.posted", ward, copy["message"]["id"], copy["seq"], None),
        ("message.forwarded", hers, None, None, "conflict"),
    ]


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
