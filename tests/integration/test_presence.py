"""Who is there, over real sockets, RabbitMQ and two gateway processes that know nothing of each other."""

import pytest

from tests.support.clinic import Clinic
from tests.support.person import Person

NORA, DMITRI, ROSA = "nora@harbor.example", "dmitri@harbor.example", "rosa@harbor.example"
STAFF = "staff-gateway"


@pytest.fixture
def nora(clinic: Clinic) -> Person:
    """Give Nora, signed in."""
    return clinic.signs_in(NORA)


def test_a_colleague_comes_looks_away_comes_back_and_goes(clinic: Clinic, nora: Person) -> None:
    """Heard by whoever has the conversation open, at another process; sends go on meanwhile."""
    with clinic.replica(STAFF) as other:
        dmitri = clinic.signs_in(DMITRI, at=other)
        conversation = nora.opens_conversation_with(dmitri)
        with nora.device() as hers:
            hers.the_line.asks("watch", conversation_id=conversation)
            with dmitri.device() as his:
                hers.the_line.hears("presence", user_id=dmitri.id, state="online")
                his.the_line.asks("watch", conversation_id=None, away=True)
                hers.the_line.hears("presence", user_id=dmitri.id, state="away")
                his.the_line.asks("watch", conversation_id=conversation, away=False)
                his.the_line.hears("presence", user_id=nora.id, state="online")
                his.sends(conversation, "Here I am")
            hers.the_line.hears("presence", user_id=dmitri.id, state="offline", within_s=10)
            heard = hers.the_line.pushes("presence")

    assert [push["state"] for push in heard] == ["online", "away", "online", "offline"]
    assert all(set(push) == {"push", "user_id", "state"} for push in heard)


def test_of_two_devices_at_two_processes_both_must_go(clinic: Clinic, nora: Person) -> None:
    """The process that still has them says so before anybody is shown less."""
    with clinic.replica(STAFF) as other:
        here, there = clinic.signs_in(DMITRI), clinic.signs_in(DMITRI, at=other)
        conversation = nora.opens_conversation_with(here)
        with nora.device() as hers, there.device():
            with here.device():
                hers.the_line.asks("watch", conversation_id=conversation)
                hers.the_line.hears("presence", user_id=here.id, state="online")
            rosa = clinic.signs_in(ROSA)
            ward = nora.opens_group("Who is there", rosa)
            with rosa.device():
                hers.the_line.asks("watch", conversation_id=ward)
                hers.the_line.hears("presence", user_id=rosa.id, state="online")
                hers.the_line.asks("watch", conversation_id=conversation)
                hers.the_line.hears("presence", user_id=here.id, state="online")
            of_him = [push["state"] for push in hers.the_line.pushes("presence") if push["user_id"] == here.id]

    assert set(of_him) == {"online"}


def test_whoever_signs_out_is_shown_as_gone(clinic: Clinic, nora: Person) -> None:
    """Their token can no longer say it; auth's word is enough."""
    rosa = clinic.signs_in(ROSA)
    conversation = nora.opens_conversation_with(rosa)
    who = rosa.id
    with nora.device() as hers, rosa.device():
        hers.the_line.asks("watch", conversation_id=conversation)
        hers.the_line.hears("presence", user_id=who, state="online")

        rosa.signs_out()

        hers.the_line.hears("presence", user_id=who, state="offline", within_s=10)


def test_removal_ends_it_and_a_stranger_finds_nothing_to_watch(clinic: Clinic, nora: Person) -> None:
    """Before and after: whoever takes no part is not told that there is a conversation."""
    rosa, dmitri = clinic.signs_in(ROSA), clinic.signs_in(DMITRI)
    ward = nora.opens_group("Presence", rosa, dmitri)
    alone = nora.opens_group("Without Rosa", dmitri)
    with rosa.device() as hers, dmitri.device() as his:
        stranger = hers.the_line.asks("watch", conversation_id=alone)
        hers.the_line.asks("watch", conversation_id=ward)
        hers.the_line.hears("presence", user_id=dmitri.id, state="online")

        nora.call("DELETE", f"/conversations/{ward}/participants/{rosa.id}")
        hers.the_line.hears("removed", conversation_id=ward)
        with nora.device() as desk:
            desk.the_line.asks("watch", conversation_id=ward)
            his.the_line.asks("watch", conversation_id=None, away=True)
            desk.the_line.hears("presence", user_id=dmitri.id, state="away")
        removed = hers.the_line.asks("watch", conversation_id=ward)
        heard = [push["state"] for push in hers.the_line.pushes("presence") if push["user_id"] == dmitri.id]

    assert stranger["problem"]["code"] == removed["problem"]["code"] == "not_found"
    assert heard == ["online"]


def test_patients_hear_nothing_and_cannot_ask(clinic: Clinic, nora: Person) -> None:
    """On the portal there is no such op, and no push."""
    ada = clinic.signs_in("ada@patients.example")
    conversation = ada.lists()[0]["id"]
    with nora.device() as hers, ada.device() as phone:
        refused = phone.the_line.asks("watch", conversation_id=conversation)
        hers.the_line.asks("watch", conversation_id=conversation)
        hers.sends(conversation, "Good morning, Ada")
        phone.hears("Good morning, Ada")
        shown_to_ada, shown_to_nora = (device.the_line.pushes("presence") for device in (phone, hers))

    assert refused["problem"]["code"] == "invalid"
    assert shown_to_ada == []
    assert ada.id not in {push["user_id"] for push in shown_to_nora}
