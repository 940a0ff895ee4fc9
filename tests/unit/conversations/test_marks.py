"""Marks only move forward, count as the head at most, and are told to those who may hear the stream."""

import pytest

from tests.support.inside import Inside, Somebody
from wire.permissions import Permission

SEND, GROUP = Permission.PATIENT_SEND, Permission.CREATE_GROUP


@pytest.fixture
def nora(house: Inside) -> Somebody:
    """Give a nurse."""
    return house.staff("Nora", SEND, GROUP)


@pytest.fixture
def ada(house: Inside, nora: Somebody) -> Somebody:
    """Give a patient."""
    return house.patient("Ada", house.patient_record("Ada", nora))


@pytest.fixture
def talk(ada: Somebody) -> str:
    """Give the id of Ada's conversation with Nora."""
    return str(ada.opens("patient", "Question", subject="Tablets").json["id"])


def test_a_mark_never_moves_back_and_is_told_when_it_moved(
    house: Inside, nora: Somebody, ada: Somebody, talk: str
) -> None:
    """Once for each move, on both planes; what changes nothing is told to nobody."""
    for seq in (1, 2, 2, 1):
        assert nora.reads(talk, seq) == {"ok": True}

    told = [event for event in house.events("portal") if event["type"] == "mark.read"]
    assert [event["seq"] for event in told] == [1, 2]
    assert [event["seq"] for event in house.events() if event["type"] == "mark.read"] == [1, 2]
    assert all(event["audience"] == [ada.id] and event["user_id"] == nora.id for event in told)
    assert ada.sees(talk)["read"] == {nora.id: {"shared": 2}}
    assert nora.sees(talk)["read"] == {nora.id: {"shared": 2, "internal": 0}}


def test_a_mark_beyond_the_head_counts_as_the_head(house: Inside, nora: Somebody, talk: str) -> None:
    """So what comes later is unread all the same."""
    nora.reads(talk, 2**53 - 1)

    assert nora.sees(talk)["read"][nora.id]["shared"] == 2
    assert house.events()[-1]["seq"] == 2


def test_delivered_is_a_mark_of_its_own(house: Inside, nora: Somebody, talk: str) -> None:
    """It tells that a device has it and takes nothing from what is unread."""
    nora.reads(talk, 2, kind="delivered")

    assert (house.events()[-1]["type"], house.events()[-1]["seq"]) == ("mark.delivered", 2)
    assert nora.sees(talk)["unread"]["shared"] == 1
    assert nora.sees(talk)["read"] == {}


def test_one_bad_mark_harms_no_other(house: Inside, nora: Somebody, talk: str) -> None:
    """Each is taken or refused by itself, down to its JSON type."""
    good = {"token": nora.token, "kind": "read", "conversation_id": talk, "stream": "shared", "seq": 2}
    bad = [None, {}, good | {"token": "x"}, good | {"kind": "seen"}, good | {"seq": "2"}, good | {"conversation_id": 1}]

    results = house.call("POST", "/marks", {"items": [*bad, good]}, headers=house.service("staff")).json["results"]

    codes = [result.get("problem", {}).get("code") for result in results]
    assert codes == ["invalid", *["unauthenticated"] * 2, *["invalid"] * 3, None]
    assert nora.sees(talk)["unread"]["shared"] == 0


def test_in_large_groups_reading_is_told_to_ones_own_devices_only(house: Inside, nora: Somebody) -> None:
    """And deliveries are neither kept nor told."""
    others = [house.staff(f"Colleague {n}").id for n in range(32)]
    group = nora.opens("group", "Hello all", participant_ids=others).json["id"]
    before = len(house.events())

    nora.reads(group, 2)
    nora.reads(group, 2, kind="delivered")

    (told,) = house.events()[before:]
    assert (told["type"], told["audience"]) == ("mark.read", [nora.id])
    assert [row["delivered_seq"] for row in house.rows("marks")] == [0]
