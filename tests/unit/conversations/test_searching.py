"""Searching: what is found by which words and by what else, by whom, and what nobody finds."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from conversations.service.searching import excerpt_of
from tests.support.inside import Answer, Inside, Somebody
from tests.support.ports import wait_until
from tests.support.seeking import seeks
from wire.ids import new_id
from wire.permissions import Permission
from wire.times import from_wire
from wire.words import Words

SEND, GROUP, MODERATE = Permission.PATIENT_SEND, Permission.CREATE_GROUP, Permission.MODERATE


@pytest.fixture
def nora(house: Inside) -> Somebody:
    """Give a nurse."""
    return house.staff("Nora", SEND, GROUP)


@pytest.fixture
def dmitri(house: Inside) -> Somebody:
    """Give a doctor."""
    return house.staff("Dmitri", SEND, MODERATE)


@pytest.fixture
def talk(nora: Somebody, dmitri: Somebody) -> str:
    """Give the id of their conversation."""
    return str(nora.opens("direct", participant_ids=[dmitri.id]).json["id"])


def finds(who: Somebody, q: str = "", **more: object) -> list[str]:
    """Return the bodies somebody finds, as they are ordered."""
    answer = who.asks("GET", "/search", q=q, **more)
    assert answer.status == 200, answer
    return [item["entry"]["message"]["body"] for item in answer.json["items"]]


def refused(answer: Answer) -> tuple[int, list[str]]:
    """Return a refusal's status and the fields it names."""
    return answer.status, list(answer.json.get("errors", ()))


@pytest.mark.parametrize(
    ("q", "found"),
    [
        ("tablets", True),
        ("TABLETS", True),
        ("tab", True),
        ("ablets", False),
        ("tab morning", False),
        ("morning tab", True),
        ("manana", True),
        ("MAÑANA", True),
        ("después", True),
        ('"after the tablets"', True),
        ('"the after tablets"', False),
        ('"after the tab', True),
        ('"after the tab"', False),
        ("“after the tablets”", True),
        ("500mg", True),
        ("50", True),
        ("12-45", True),
        ("tablets AND morning", False),
        ("tablets -morning | (after*", True),
        ("'; DROP TABLE messages; --", False),
        ("הטיפול", True),
        ("Ελληνικός", True),
        ("ΕΛΛΗΝΙΚΟΣ", True),
        ("МОСКВА", True),
        ("😀", False),
        ("after 😀 tablets", True),
        ("\x01tablets\x7f", True),
        ("% _ \\", False),
        ('"', False),
    ],
)
def test_words_are_found_however_they_are_written(nora: Somebody, talk: str, q: str, *, found: bool) -> None:
    """Case, accents, signs and word order do not matter, the last word may be begun; nothing typed is an error."""
    body = "In the MORNING, after the tablets (500mg, 12-45): Mañana, despues! 😀 Ελληνικός Москва הטיפול"
    nora.posts(talk, body)
    nora.posts(talk, "Something else.")

    assert finds(nora, q) == ([body] if found else [])


def test_the_newest_comes_first_and_a_cursor_goes_on(nora: Somebody, talk: str) -> None:
    """Pages follow each other without a gap or a repeat, though many messages have the same moment."""
    for n in range(7):
        nora.posts(talk, f"Round {n}")
    pages: list[list[str]] = []
    cursor: str | None = None

    while cursor is not None or not pages:
        page = nora.asks("GET", "/search", q="round", limit=3, **({"cursor": cursor} if cursor else {})).json
        pages.append([item["entry"]["message"]["body"] for item in page["items"]])
        cursor = page["next_cursor"]

    assert pages == [["Round 6", "Round 5", "Round 4"], ["Round 3", "Round 2", "Round 1"], ["Round 0"]]


def test_an_edited_message_is_found_by_what_it_says_now_and_a_recalled_one_no_more(nora: Somebody, talk: str) -> None:
    """Also by nobody who wrote it."""
    edited = nora.posts(talk, "The white tablets")["entry"]["message"]["id"]
    recalled = nora.posts(talk, "The blue tablets")["entry"]["message"]["id"]

    nora.asks("PATCH", f"/messages/{edited}", {"body": "The green pills"})
    nora.asks("DELETE", f"/messages/{recalled}")

    assert finds(nora, "tablets") == []
    assert finds(nora, "pills") == ["The green pills"]
    assert finds(nora, conversation_id=talk) == ["The green pills"]


def test_nobody_finds_what_they_may_not_read(house: Inside, nora: Somebody, dmitri: Somebody) -> None:
    """Not a stranger, not who left, not a patient what staff say among themselves, not another clinic."""
    rosa, far = house.staff("Rosa"), house.staff("Fay", SEND, MODERATE, org=new_id())
    patient = house.patient_record("Ada", nora, dmitri)
    ada, bert = house.patient("Ada", patient), house.patient("Bert", house.patient_record("Bert", nora))
    about = str(ada.opens("patient", subject="Tablets", first="May I take the tablets?").json["id"])
    nora.posts(about, "Her tablets worry me", stream="internal")
    nora.asks("POST", f"/conversations/{about}/participants", {"user_id": rosa.id})
    seen = finds(rosa, "tablets")
    nora.asks("DELETE", f"/conversations/{about}/participants/{rosa.id}")

    assert seen == ["Her tablets worry me", "May I take the tablets?"]
    assert finds(dmitri, "tablets") == seen
    assert finds(ada, "tablets") == ["May I take the tablets?"]
    for stranger in (rosa, bert, far):
        assert finds(stranger, "tablets") == []
        assert stranger.asks("GET", "/search", q="tablets", conversation_id=about).status == 404


def test_messages_are_found_by_person_conversation_and_day(nora: Somebody, dmitri: Somebody, talk: str) -> None:
    """Alone and together; days are those of UTC and count whole."""
    group = str(nora.opens("group", participant_ids=[dmitri.id], subject="Ward 3").json["id"])
    nora.posts(talk, "tablets one")
    dmitri.posts(talk, "tablets two")
    dmitri.posts(group, "tablets three")
    today = datetime.now(UTC).date().isoformat()

    assert finds(nora, "tablets", **{"from": dmitri.id}) == ["tablets three", "tablets two"]
    assert finds(nora, "tablets", **{"from": dmitri.id}, conversation_id=talk) == ["tablets two"]
    assert finds(nora, **{"from": nora.id}) == ["tablets one"]
    assert len(finds(nora, since=today, until=today)) == 3
    assert len(finds(nora, until="9999-12-31")) == 3
    assert finds(nora, "tablets", until="2020-01-01") == finds(nora, since="2990-01-01") == []


def test_moments_are_exact_so_that_a_day_may_begin_where_one_is(nora: Somebody, dmitri: Somebody, talk: str) -> None:
    """From a moment on, and before one; a zone other than UTC is understood, and none is refused."""
    first = nora.posts(talk, "tablets one")["entry"]["at"]
    wait_until(
        lambda: datetime.now(UTC) > from_wire(first) + timedelta(milliseconds=2), within_s=1, what="a later time"
    )
    second = dmitri.posts(talk, "tablets two")["entry"]["at"]
    elsewhere = from_wire(second).astimezone(timezone(timedelta(hours=-7))).isoformat()

    assert finds(nora, since=second) == finds(nora, since=elsewhere) == ["tablets two"]
    assert finds(nora, until=second) == finds(nora, since=first, until=elsewhere) == ["tablets one"]
    assert nora.asks("GET", "/search", since="2026-11-28T08:00:00").status == 422


def test_one_finds_what_mentions_oneself_and_what_brings_files(nora: Somebody, dmitri: Somebody, talk: str) -> None:
    """With words or without any."""
    nora.posts(talk, "Could you look?", mentions=[dmitri.id])
    file = nora.uploads(b"Dear colleague").json["id"]
    nora.posts(talk, "The letter", attachment_ids=[file])

    assert finds(dmitri, mentions="me") == ["Could you look?"]
    assert finds(dmitri, "letter", mentions="me") == finds(nora, mentions="me") == []
    assert finds(dmitri, has="file") == finds(dmitri, "lett", has="file") == ["The letter"]


def test_what_is_found_comes_as_it_is_shown_elsewhere(nora: Somebody, dmitri: Somebody, talk: str) -> None:
    """The entry as the timeline has it, the conversation as it is seen, and where the words stand."""
    nora.posts(talk, "Please\nlook at the Mañana list, mañana!")

    item = nora.asks("GET", "/search", q="manana").json["items"][0]

    assert item["entry"] == dmitri.timeline(talk)["items"][-1]
    assert item["conversation"] == nora.sees(talk)
    assert item["excerpt"] == "Please look at the Mañana list, mañana!"
    assert [item["excerpt"][start:end] for start, end in item["matches"]] == ["Mañana", "mañana"]


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({}, "q"),
        ({"q": "  \n "}, "q"),
        ({"q": " ".join(f"w{n}" for n in range(100))}, "q"),
        ({"q": "word " * 200}, "q"),
        ({"q": "x" * 501}, "q"),
        ({"q": "a", "cursor": "nonsense"}, "cursor"),
        ({"q": "a", "cursor": "é"}, "cursor"),
        ({"q": "a", "cursor": "WzEsMl0"}, "cursor"),
        ({"q": "a", "cursor": "e30"}, "cursor"),
        ({"from": "Nora"}, "from"),
        ({"conversation_id": "1"}, "conversation_id"),
        ({"since": "yesterday"}, "since"),
        ({"until": "2026-02-30"}, "until"),
        ({"has": "cats"}, "has"),
        ({"mentions": "you"}, "mentions"),
        ({"q": "a", "limit": 0}, "limit"),
        ({"q": "a", "limit": 201}, "limit"),
        ({"q": "a", "sort": "up"}, "sort"),
    ],
)
def test_what_cannot_be_asked_is_refused_with_its_field(nora: Somebody, wrong: dict[str, Any], field: str) -> None:
    """Every refusal says which part of the question it is about."""
    assert refused(nora.asks("GET", "/search", **wrong)) == (422, [field])


def test_the_record_tells_who_searched_and_never_for_what(house: Inside, nora: Somebody, talk: str) -> None:
    """Also of a refusal."""
    finds(nora, "canary", conversation_id=talk)
    nora.asks("GET", "/search", q="canary", conversation_id=new_id())

    lines = [row for row in house.rows("audit") if row["action"] == "messages.searched"]
    assert [(row["user_id"], row["refused"]) for row in lines] == [(nora.id, None), (nora.id, "not_found")]
    assert lines[0]["conversation_id"] == talk
    assert "canary" not in str(lines)


def test_an_excerpt_is_one_short_line_around_what_was_found() -> None:
    """It never ends within what it marks, and says where something was left out."""
    body = "word " * 100 + "needle\tand thread " + "word " * 100

    excerpt, matches = excerpt_of(body, Words.of("needle"))

    assert len(excerpt) == 160
    assert excerpt.startswith("…")
    assert excerpt.endswith("…")
    assert "\t" not in excerpt
    assert [excerpt[start:end] for start, end in matches] == ["needle"]
    assert excerpt_of("short", Words.of("")) == ("short", [])
    assert excerpt_of("x" * 300, Words.of("x")) == ("x" * 159 + "…", [[0, 159]])


def test_search_finds_what_a_plain_look_through_everything_finds(house: Inside) -> None:
    """Random talk, edits, recalls, joins and leaves: found is what the reader's timelines show and no more."""
    seeks(house, examples=12)
