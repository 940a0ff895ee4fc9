"""What gateways that hear nothing ask for all their sockets together: how much there is for each of these people."""

from typing import Any

import pytest

from conversations.web.doors import TALLIES_AT_ONCE
from tests.support.inside import Inside, Somebody
from wire.ids import new_id
from wire.permissions import Permission


@pytest.fixture
def nora(house: Inside) -> Somebody:
    """Give a nurse."""
    return house.staff("Nora", Permission.PATIENT_SEND, Permission.CREATE_GROUP)


@pytest.fixture
def dmitri(house: Inside) -> Somebody:
    """Give a doctor."""
    return house.staff("Dmitri", Permission.PATIENT_SEND)


def told(house: Inside, *people: Somebody, plane: str = "staff", org: str | None = None) -> dict[str, tuple[int, int]]:
    """Ask as a gateway; return conversations and entries by person."""
    items = [{"org": org or one.org, "user_id": one.id, "more": "later"} for one in people]
    answer = house.call("POST", "/tallies", {"items": items}, headers=house.service(plane))
    assert answer.status == 200, answer
    return {each["user_id"]: (each["conversations"], each["entries"]) for each in answer.json["items"]}


def held(heads: dict[str, Any]) -> tuple[int, int]:
    """Return the same of somebody who has caught up."""
    return len(heads), sum(seq for streams in heads.values() for seq in streams.values())


def test_whoever_has_caught_up_holds_as_much_as_is_told(house: Inside, nora: Somebody, dmitri: Somebody) -> None:
    """On both planes, each by what may be heard there; and one entry more is seen at once."""
    ada = house.patient("Ada", house.patient_record("Ada", nora, dmitri))
    talk = ada.opens("patient", "Question", subject="Tablets").json["id"]
    nora.opens("direct", participant_ids=[dmitri.id])
    before = {one.id: held(one.catches_up({})["heads"]) for one in (nora, dmitri, ada)}
    at_first = told(house, nora, dmitri) | told(house, ada, plane="portal")

    nora.posts(talk, "note", stream="internal")
    noted = told(house, nora, dmitri) | told(house, ada, plane="portal")
    nora.posts(talk, "answer")
    answered = told(house, nora, dmitri) | told(house, ada, plane="portal")

    assert at_first == before
    assert noted == {one.id: (before[one.id][0], before[one.id][1] + 1) for one in (nora, dmitri)} | {
        ada.id: before[ada.id]
    }
    assert answered == {one.id: held(one.catches_up({})["heads"]) for one in (nora, dmitri, ada)}


def test_what_one_has_left_and_what_is_another_organisations_counts_for_nobody(
    house: Inside, nora: Somebody, dmitri: Somebody
) -> None:
    """Whoever takes part in nothing is left out."""
    group = nora.opens("group", "Hello", participant_ids=[dmitri.id], subject="Ward 3").json["id"]
    nora.asks("DELETE", f"/conversations/{group}/participants/{dmitri.id}")

    assert told(house, nora, dmitri) == {nora.id: held(nora.catches_up({})["heads"])}
    assert told(house, nora, org=new_id()) == {}


def test_what_is_about_a_patient_one_no_longer_stands_for_counts_no_more(house: Inside, nora: Somebody) -> None:
    """A proxy who stays one for somebody else: their socket, which is not shown it any more, misses nothing."""
    ada, leo = house.patient_record("Ada", nora), house.patient_record("Leo", nora)
    maria = house.patient("Maria", ada, leo)
    for patient in (ada, leo):
        nora.opens("patient", "Hello", subject="Tablets", patient_id=patient)
    before = told(house, maria, plane="portal")

    maria.patients = (leo,)
    house.tells_of(maria, position=2)

    assert before[maria.id][0] == 2
    assert told(house, maria, plane="portal") == {maria.id: held(maria.catches_up({})["heads"])}


def test_only_a_gateway_is_told_and_of_so_many_at_once(house: Inside, nora: Somebody) -> None:
    """In its own name: nobody's token opens this door."""
    item = {"org": nora.org, "user_id": nora.id}
    bare = house.call("POST", "/tallies", {"items": [item]}, headers={"Authorization": f"Bearer {nora.token}"})
    many = house.call("POST", "/tallies", {"items": [item] * (TALLIES_AT_ONCE + 1)}, headers=house.service("staff"))
    odd = house.call("POST", "/tallies", {"items": [{"org": nora.org}]}, headers=house.service("staff"))

    assert bare.status == 401
    assert (many.status, odd.status) == (422, 422)
