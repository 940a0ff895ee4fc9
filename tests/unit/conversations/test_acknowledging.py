"""Acknowledging: once for each person who was asked, told to everybody who hears the message, and shown with it."""

import pytest

from tests.support.inside import Inside, Somebody
from wire.ids import new_id
from wire.permissions import Permission

SEND, GROUP, MODERATE = Permission.PATIENT_SEND, Permission.CREATE_GROUP, Permission.MODERATE


@pytest.fixture
def nora(house: Inside) -> Somebody:
    """Give a nurse."""
    return house.staff("Nora", SEND, GROUP)


@pytest.fixture
def dmitri(house: Inside) -> Somebody:
    """Give a doctor."""
    return house.staff("Dmitri", SEND)


@pytest.fixture
def talk(nora: Somebody, dmitri: Somebody) -> str:
    """Give the id of their conversation."""
    return str(nora.opens("direct", participant_ids=[dmitri.id]).json["id"])


def asked(author: Somebody, conversation: str, **more: object) -> str:
    """Post a message that asks for acknowledgement, and return its id."""
    posted = author.posts(conversation, "Please confirm.", ask_acknowledgement=True, **more)
    return str(posted["entry"]["message"]["id"])


def acknowledge(who: Somebody, message: str) -> tuple[int, dict[str, object]]:
    """Acknowledge; return the status and what was said."""
    answer = who.asks("POST", f"/messages/{message}/acknowledgement")
    return answer.status, answer.json


def test_an_acknowledgement_is_an_entry_and_shows_with_the_message(
    nora: Somebody, dmitri: Somebody, talk: str, house: Inside
) -> None:
    """It takes the next seq, everybody hears it, and the message tells who gave it and when."""
    message = asked(nora, talk)
    status, entry = acknowledge(dmitri, message)

    posted, said = dmitri.timeline(talk)["items"][-2:]
    assert (status, said) == (200, entry)
    assert (entry["type"], entry["message_id"], entry["seq"]) == ("message.acknowledged", message, posted["seq"] + 1)
    assert posted["message"]["acknowledgement"] == {"asked": True, "by": [{"id": dmitri.id, "at": entry["at"]}]}
    heard = house.events()[-1]
    assert (heard["entry"], set(heard["audience"])) == (entry, {nora.id, dmitri.id})
    missed = nora.catches_up({talk: {"shared": posted["seq"] - 1}})["entries"]
    assert missed == [posted, entry]


def test_saying_it_again_changes_nothing(nora: Somebody, dmitri: Somebody, talk: str) -> None:
    """The first entry comes back, and no second one is there."""
    message = asked(nora, talk)
    first = acknowledge(dmitri, message)
    again = acknowledge(dmitri, message)

    assert again == first
    assert dmitri.timeline(talk)["head"] == first[1]["seq"]


def test_saying_it_again_is_answered_though_the_message_was_recalled_since(
    nora: Somebody, dmitri: Somebody, talk: str
) -> None:
    """Whoever lost the answer learns that it is stored; only a first acknowledgement comes too late."""
    message = asked(nora, talk)
    first = acknowledge(dmitri, message)
    nora.asks("DELETE", f"/messages/{message}")

    assert acknowledge(dmitri, message) == first


def test_it_moves_no_unread_count(nora: Somebody, dmitri: Somebody, talk: str) -> None:
    """What is unread are messages, and an acknowledgement is none."""
    message = asked(nora, talk)
    before = nora.sees(talk)["unread"]
    acknowledge(dmitri, message)

    assert nora.sees(talk)["unread"] == before


def test_only_who_was_asked_may(nora: Somebody, dmitri: Somebody, talk: str, house: Inside) -> None:
    """Not where nothing was asked, not its author, not what was recalled; to a stranger there is no such message."""
    plain = str(nora.posts(talk, "Hello")["entry"]["message"]["id"])
    mine, gone = asked(dmitri, talk), asked(nora, talk)
    nora.asks("DELETE", f"/messages/{gone}")
    stranger = house.staff("Rosa", SEND)

    codes = [acknowledge(dmitri, message)[1]["code"] for message in (plain, mine, gone, new_id())]
    codes.append(acknowledge(stranger, mine)[1]["code"])

    assert codes == ["conflict", "conflict", "conflict", "not_found", "not_found"]
    assert [entry for entry in nora.timeline(talk)["items"] if entry["type"] == "message.acknowledged"] == []


def test_a_patient_acknowledges_what_is_shared_and_knows_of_no_note(nora: Somebody, house: Inside) -> None:
    """The shared stream is theirs; a note that asks does not exist for them, and staff answer it among themselves."""
    dmitri = house.staff("Dr Okafor", SEND)
    ada = house.patient("Ada", house.patient_record("Ada", nora, dmitri))
    talk = str(ada.opens("patient", "Question", subject="Tablets").json["id"])
    shared, note = asked(nora, talk), asked(nora, talk, stream="internal")

    assert acknowledge(ada, shared)[0] == 200
    assert acknowledge(ada, note)[1]["code"] == "not_found"
    status, entry = acknowledge(dmitri, note)
    assert (status, entry["stream"]) == (200, "internal")
