"""Search through both gateways shows what the caller may read at that moment, and never anything else."""

import json

from client import SignInRefused
from tests.support import papers
from tests.support.clinic import Clinic
from tests.support.person import JSON, Person, new_id
from tests.support.ports import wait_until
from wire import demo

PASSWORD = "a long enough password"


def a_word() -> str:
    """Return a word that nobody else in the clinic writes."""
    return "w" + new_id().replace("-", "")


def finds(who: Person, word: str, **query: str) -> list[str]:
    """Return the bodies of what somebody finds, the newest first."""
    asked: JSON = {"q": word, **query}
    return [item["entry"]["message"]["body"] for item in who.call("GET", "/search", params=asked)["items"]]


def test_whoever_left_finds_nothing_there_any_more(nora: Person, dmitri: Person, rosa: Person) -> None:
    """Not what was said while they took part, nor afterwards; the conversation does not exist for them."""
    word = a_word()
    ward = nora.opens_group(f"Search {new_id()}", dmitri, rosa)
    own = rosa.sends(ward, f"{word} by Rosa herself")
    nora.sends(ward, f"{word} at eight", mentions=[rosa.id])
    before = finds(rosa, word)

    rosa.call("DELETE", f"/conversations/{ward}/participants/{rosa.id}")
    nora.sends(ward, f"{word} without Rosa")

    assert before == [f"{word} at eight", f"{word} by Rosa herself"]
    assert finds(rosa, word) == []
    for query in ({}, {"from": rosa.id}, {"mentions": "me"}, {"since": own["at"][:10]}):
        answer = rosa.raw("GET", "/search", params={"q": word, "conversation_id": ward, **query})
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert len(finds(dmitri, word)) == 3


def test_what_was_recalled_or_said_otherwise_is_not_found(nora: Person, dmitri: Person, ada: Person) -> None:
    """An edited message by what it says now, on both planes; a recalled one by nobody, its author included."""
    before, after, gone = a_word(), a_word(), a_word()
    conversation = ada.writes_to_care_team(f"Search {new_id()}", "Hello")
    edited = nora.sends(conversation, f"Take {before}")["message"]["id"]
    letter = nora.uploads(papers.PDF, "letter.pdf")
    recalled = nora.posts_files(conversation, letter, body=f"Take {gone}")["message"]["id"]
    everybody = (nora, dmitri, ada)
    found_first = [(finds(who, before), finds(who, gone), finds(who, gone, has="file")) for who in everybody]

    nora.call("PATCH", f"/messages/{edited}", json={"body": f"Take {after}"})
    dmitri.call("DELETE", f"/messages/{recalled}")

    assert found_first == [([f"Take {before}"], [f"Take {gone}"], [f"Take {gone}"])] * 3
    for who in everybody:
        assert [finds(who, word) for word in (before, after, gone)] == [[], [f"Take {after}"], []]
        with_files = who.call("GET", "/search", params={"has": "file", "conversation_id": conversation})["items"]
        assert with_files == []


def test_a_patient_finds_nothing_of_the_notes(nora: Person, dmitri: Person, ada: Person) -> None:
    """By word, by author, by day, by file, by mention: the shared stream and not a trace of the other."""
    word = a_word()
    conversation = ada.writes_to_care_team(f"Search {new_id()}", "Hello")
    nora.posts_files(
        conversation,
        nora.uploads(papers.PDF, "note.pdf"),
        body=f"{word} note",
        stream="internal",
        mentions=[ada.id, dmitri.id],
    )
    nora.sends(conversation, f"{word} shared")

    queries: list[JSON] = [
        {"q": word},
        {"q": f'"{word} note"'},
        {"q": word, "conversation_id": conversation},
        {"conversation_id": conversation, "from": nora.id},
        {"conversation_id": conversation, "has": "file"},
        {"conversation_id": conversation, "mentions": "me"},
        {"conversation_id": conversation, "since": "2020-01-01"},
    ]
    answers = [ada.call("GET", "/search", params=query) for query in queries]

    assert f"{word} note" not in json.dumps(answers)
    assert "internal" not in json.dumps(answers)
    assert [len(answer["items"]) for answer in answers] == [1, 0, 1, 1, 0, 0, 2]
    assert finds(dmitri, word) == [f"{word} shared", f"{word} note"]
    assert ada.raw("GET", "/search", params={"q": word, "stream": "internal"}).status_code == 422


def test_an_account_that_stands_for_a_patient_no_more_finds_nothing_of_them(clinic: Clinic, dmitri: Person) -> None:
    """An aunt of Leo's reads for him until that is taken away: her token ends, and with the next one he is unknown."""
    olga, maria = clinic.signs_in("olga@harbor.example"), clinic.signs_in("maria@patients.example")
    word, email = a_word(), f"aunt-{new_id()}@patients.example"
    account = {"kind": "patient", "email": email, "name": "Tia Silva", "password": PASSWORD}
    stands_for = [demo.PATIENT_MARIA, demo.PATIENT_LEO]
    made = olga.http.post("/auth/api/users", headers=olga.bearer, json={**account, "patients": stands_for})
    assert made.is_success, made.text
    aunt = Person(clinic.origin, email, password=PASSWORD).signs_in()
    conversation = aunt.writes_to_care_team(f"Leo {new_id()}", f"{word} fever", patient_id=demo.PATIENT_LEO)
    dmitri.sends(conversation, f"{word} and how much?")
    before = finds(aunt, word)

    changed = olga.http.patch(
        f"/auth/api/users/{aunt.id}", headers=olga.bearer, json={"patients": [demo.PATIENT_MARIA]}
    )
    assert changed.is_success, changed.text
    wait_until(lambda: aunt.raw("GET", "/me").status_code == 401, within_s=5, what="the old token's end")
    old = aunt.raw("GET", "/search", params={"q": word})
    try:
        aunt.renews_token()
    except SignInRefused:
        aunt.signs_in()

    assert before == [f"{word} and how much?", f"{word} fever"]
    assert old.status_code == 401
    assert finds(aunt, word) == []
    assert aunt.raw("GET", "/search", params={"conversation_id": conversation}).status_code == 404
    assert aunt.raw("GET", f"/conversations/{conversation}").status_code == 404
    assert finds(maria, word) == before


def test_nobody_finds_what_they_never_took_part_in(clinic: Clinic, nora: Person, dmitri: Person, ada: Person) -> None:
    """Neither colleagues, nor other patients, nor another clinic, whatever they ask by; drafts are found by nobody."""
    word = a_word()
    private = nora.opens_conversation_with(dmitri)
    nora.posts_files(private, nora.uploads(papers.PDF, f"{word}.pdf"), body=f"{word} between us", mentions=[dmitri.id])
    nora.call("PUT", f"/conversations/{private}/draft", json={"body": f"{word} not sent yet"})
    strangers = [ada] + [
        clinic.signs_in(email)
        for email in ("rosa@harbor.example", "maria@patients.example", "hana@hilltop.example", "pia@patients.example")
    ]

    assert finds(dmitri, word) == finds(nora, word) == [f"{word} between us"]
    for who in strangers:
        queries: list[JSON] = [{"q": word}, {"q": word, "from": nora.id}, {"from": nora.id, "has": "file"}]
        found = [who.call("GET", "/search", params=query) for query in queries]
        assert word not in json.dumps(found), who
        assert who.raw("GET", "/search", params={"q": word, "conversation_id": private}).status_code == 404
        assert word not in who.raw("GET", "/drafts").text
