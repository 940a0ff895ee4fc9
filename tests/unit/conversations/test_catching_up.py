"""Catching up: exactly what is missing, each once, in order; or an explicit reset; never a silent gap."""

import random
from typing import Any

import pytest

from conversations.service import catching_up
from tests.support.inside import Inside, Somebody
from wire.permissions import Permission

SEND, GROUP = Permission.PATIENT_SEND, Permission.CREATE_GROUP


@pytest.fixture
def nora(house: Inside) -> Somebody:
    """Give a nurse."""
    return house.staff("Nora", SEND, GROUP)


@pytest.fixture
def dmitri(house: Inside) -> Somebody:
    """Give a doctor."""
    return house.staff("Dmitri", SEND)


@pytest.fixture
def talk(house: Inside, nora: Somebody, dmitri: Somebody) -> str:
    """Give the id of a patient conversation of both."""
    ada = house.patient("Ada", house.patient_record("Ada", nora, dmitri))
    return str(ada.opens("patient", "Question", subject="Tablets").json["id"])


def seqs(answer: dict[str, Any], stream: str = "shared") -> list[int]:
    """Return the seqs of one stream in the order they came."""
    return [entry["seq"] for entry in answer["entries"] if entry["stream"] == stream]


def test_what_was_missed_comes_in_order_and_ends_at_the_heads(nora: Somebody, dmitri: Somebody, talk: str) -> None:
    """Both streams, edits and recalls included, each once."""
    message = dmitri.posts(talk, "three")["entry"]["message"]["id"]
    dmitri.asks("PATCH", f"/messages/{message}", {"body": "3"})
    dmitri.posts(talk, "note", stream="internal")

    answer = nora.catches_up({talk: {"shared": 1, "internal": 0}})

    assert (seqs(answer), seqs(answer, "internal")) == ([2, 3, 4], [1])
    assert answer["heads"] == {talk: {"shared": 4, "internal": 1}}
    assert answer["entries"][-3:] == nora.timeline(talk)["items"][-3:]
    assert nora.catches_up(answer["heads"])["entries"] == []


def test_replaying_the_timeline_or_the_events_gives_the_same(house: Inside, nora: Somebody, dmitri: Somebody) -> None:
    """Whatever happened, the entries told live are the entries read later, seq for seq, without a hole."""
    chance = random.Random(7)  # noqa: S311 - a story, no secret
    group = nora.opens("group", "Hello", participant_ids=[dmitri.id], subject="Ward 3").json["id"]
    mine: list[str] = []
    for n in range(60):
        act = chance.randrange(4)
        if act == 1 and mine:
            nora.asks("PATCH", f"/messages/{chance.choice(mine)}", {"body": f"edit {n}"})
        elif act == 2 and mine:
            nora.asks("DELETE", f"/messages/{mine.pop()}")
        elif act == 3:
            nora.asks("PATCH", f"/conversations/{group}", {"subject": f"Ward {n}"})
        else:
            mine.append(nora.posts(group, f"post {n}")["entry"]["message"]["id"])

    told = [event["entry"] for event in house.events() if "entry" in event]
    read = nora.timeline(group, after=0, limit=200)["items"]
    caught = nora.catches_up({group: {"shared": 0}})["entries"]

    assert [(entry["seq"], entry["type"]) for entry in told] == [(entry["seq"], entry["type"]) for entry in read]
    assert [entry["seq"] for entry in read] == list(range(1, len(read) + 1))
    assert caught == read


def test_what_is_not_listed_starts_at_the_head_or_where_one_joined(nora: Somebody, dmitri: Somebody, talk: str) -> None:
    """As the caller asks; a stream alone may be left out as well."""
    dmitri.posts(talk, "note", stream="internal")

    assert nora.catches_up({})["entries"] == []
    assert seqs(nora.catches_up({}, "joined")) == [1, 2]
    assert seqs(nora.catches_up({talk: {"shared": 1}}), "internal") == []
    assert seqs(nora.catches_up({talk: {"shared": 1}}, "joined"), "internal") == [1]


def test_a_newcomer_who_missed_everything_starts_where_they_joined(
    house: Inside, nora: Somebody, dmitri: Somebody
) -> None:
    """The joining itself is the first they hear."""
    rosa = house.staff("Rosa")
    group = nora.opens("group", "long ago", participant_ids=[dmitri.id], subject="Ward 3").json["id"]
    nora.asks("POST", f"/conversations/{group}/participants", {"user_id": rosa.id})

    answer = rosa.catches_up({}, "joined")

    assert [entry["type"] for entry in answer["entries"]] == ["participant.joined"]


def test_too_far_behind_is_said_and_not_half_told(
    house: Inside, nora: Somebody, talk: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stream beyond the limit is reset with its head and contributes nothing; so is a position nobody gave out."""
    monkeypatch.setattr(catching_up, "CATCH_UP_LIMIT", 10)
    house.sends([nora.item(talk, f"{n}") for n in range(10)])

    behind = nora.catches_up({talk: {"shared": 1, "internal": 0}})
    just = nora.catches_up({talk: {"shared": 2, "internal": 0}})
    beyond = nora.catches_up({talk: {"shared": 99, "internal": 0}})

    assert behind["resets"] == beyond["resets"] == [{"conversation_id": talk, "stream": "shared", "head": 12}]
    assert (behind["entries"], beyond["entries"], len(just["entries"])) == ([], [], 10)


def test_bad_positions_are_refused(nora: Somebody) -> None:
    """With the fields named, and nothing done."""
    bad: tuple[object, ...] = (
        {"x": {"shared": 1}},
        {nora.id: {"shared": -1}},
        {nora.id: {"other": 1}},
        {nora.id: 1},
        [],
    )
    for positions in bad:
        assert nora.asks("POST", "/catch-up", {"positions": positions, "unlisted": "head"}).status == 422
    assert nora.asks("POST", "/catch-up", {"positions": {}, "unlisted": "somewhere"}).status == 422


@pytest.mark.parametrize("asked", [{}, {"with_me": False}])
def test_who_one_is_comes_along_where_it_is_asked_for(nora: Somebody, dmitri: Somebody, asked: dict[str, bool]) -> None:
    """As `/me` tells it; a gateway that does not ask gets nothing it does not know."""
    talk = nora.opens("direct", participant_ids=[dmitri.id]).json["id"]
    dmitri.posts(talk, "Hello")
    bare = {"positions": {}, "unlisted": "head"}

    told = nora.asks("POST", "/catch-up", bare | {"with_me": True}).json
    without = nora.asks("POST", "/catch-up", bare | asked).json

    assert told.pop("me") == nora.asks("GET", "/me").json
    assert told == without
    assert nora.asks("GET", "/me").json["unread_total"] == 1
