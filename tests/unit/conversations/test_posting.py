"""The batch door of sends: each item by itself, once, in order, and stored with everything that belongs to it."""

from typing import Any

import pytest

from tests.support.inside import Inside, Somebody
from wire.ids import new_id
from wire.permissions import Permission


@pytest.fixture
def nora(house: Inside) -> Somebody:
    """Give a nurse who may write to patients."""
    return house.staff("Nora", Permission.PATIENT_SEND, Permission.CREATE_GROUP)


@pytest.fixture
def dmitri(house: Inside) -> Somebody:
    """Give a doctor who may write to patients."""
    return house.staff("Dmitri", Permission.PATIENT_SEND)


@pytest.fixture
def direct(nora: Somebody, dmitri: Somebody) -> str:
    """Give the id of Nora's and Dmitri's conversation."""
    return str(nora.opens("direct", participant_ids=[dmitri.id]).json["id"])


def codes(results: list[dict[str, Any]]) -> list[str]:
    """Return "ok" or the problem's code of each result."""
    return [result["problem"]["code"] if "problem" in result else "ok" for result in results]


def test_seqs_have_no_holes_and_keep_the_order_of_the_batch(
    house: Inside, nora: Somebody, dmitri: Somebody, direct: str
) -> None:
    """Posts of several authors in one batch take the next seqs in the order they came."""
    items = [(nora if n % 2 else dmitri).item(direct, f"number {n}") for n in range(10)]

    results = house.sends(items)

    assert [result["entry"]["seq"] for result in results] == list(range(2, 12))
    assert [entry["message"]["body"] for entry in nora.timeline(direct)["items"][1:]] == [
        item["body"] for item in items
    ]


def test_one_bad_item_harms_no_other(house: Inside, nora: Somebody, direct: str) -> None:
    """Whatever is wrong with an item, down to its JSON type, its neighbours are stored."""
    stranger = house.staff("Stranger")
    good = [nora.item(direct, f"good {n}") for n in range(3)]
    bad = [
        None,
        7,
        ["a list"],
        {},
        nora.item(direct, "no token") | {"token": None},
        nora.item(direct, "bad token") | {"token": "x.y.z"},
        nora.item(direct, ""),
        nora.item(direct, "x" * 10_001),
        nora.item(direct, "nul \0"),
        nora.item(direct, "no such stream", stream="secret"),
        nora.item(direct, "no id") | {"client_message_id": 12},
        nora.item("not-an-id", "elsewhere"),
        nora.item(new_id(), "unknown"),
        stranger.item(direct, "not mine"),
        nora.item(direct, "to nothing", reply_to=new_id()),
        nora.item(direct, "negative", seen_seq=-1),
    ]

    results = house.sends([good[0], *bad[:8], good[1], *bad[8:], good[2]])

    assert [n for n, code in enumerate(codes(results)) if code == "ok"] == [0, 9, len(results) - 1]
    assert [row["body"] for row in house.rows("messages")] == ["good 0", "good 1", "good 2"]
    assert codes(results)[1:9] == [*["invalid"] * 3, *["unauthenticated"] * 3, *["invalid"] * 2]
    assert set(codes(results)[10:-1]) == {"invalid", "not_found"}


def test_a_repeat_brings_back_the_first_result(nora: Somebody, direct: str, house: Inside) -> None:
    """The same client id with the same body is one message, in the same batch and later."""
    item = nora.item(direct, "once")

    first, twin = house.sends([item, item])
    later = house.sends([item])[0]

    assert (first["status"], twin["status"], later["status"]) == (201, 200, 200)
    assert first["entry"] == twin["entry"] == later["entry"]
    assert len(house.rows("messages")) == 1


def test_a_repeat_by_somebody_removed_meanwhile_brings_back_the_first_result(
    nora: Somebody, dmitri: Somebody, house: Inside
) -> None:
    """Whose answer was lost learns that the message is stored; anything new of theirs is not found."""
    group = str(nora.opens("group", subject="Ward", participant_ids=[dmitri.id]).json["id"])
    item = dmitri.item(group, "Was this heard?")
    first = house.sends([item])[0]
    nora.asks("DELETE", f"/conversations/{group}/participants/{dmitri.id}")

    again, changed, new = house.sends([item, item | {"body": "Or this?"}, dmitri.item(group, "And now?")])

    assert (again["status"], again["entry"]) == (200, first["entry"])
    assert codes([changed, new]) == ["not_found", "not_found"]
    assert len(house.rows("messages")) == 1


def test_another_body_under_a_used_id_is_a_conflict(nora: Somebody, direct: str, house: Inside) -> None:
    """Also in the same batch; and the first one stays as it is."""
    item = nora.item(direct, "first")

    results = house.sends([item, item | {"body": "second"}])

    assert codes(results) == ["ok", "conflict"]
    assert codes(house.sends([item | {"body": "third"}])) == ["conflict"]


def test_a_repeat_after_an_edit_is_still_a_repeat(nora: Somebody, direct: str, house: Inside) -> None:
    """What counts is what was posted, not what it became; the answer shows what it is now."""
    item = nora.item(direct, "frist")
    message_id = house.sends([item])[0]["entry"]["message"]["id"]
    nora.asks("PATCH", f"/messages/{message_id}", {"body": "first"})

    again = house.sends([item])[0]

    assert (again["status"], again["entry"]["message"]["body"]) == (200, "first")


def test_an_answer_shows_what_it_answers(nora: Somebody, dmitri: Somebody, direct: str) -> None:
    """Also when both come in one batch's store, and only within one stream."""
    question = nora.posts(direct, "When is the\nround?")["entry"]

    answer = dmitri.posts(direct, "At nine", reply_to=question["message"]["id"])["entry"]
    shown = nora.timeline(direct)["items"][-1]

    assert answer["message"]["reply_to"] == {
        "id": question["message"]["id"],
        "seq": question["seq"],
        "excerpt": "When is the round?",
    }
    assert shown == answer


def test_an_answer_across_conversations_is_invalid(
    house: Inside, nora: Somebody, dmitri: Somebody, direct: str
) -> None:
    """A message elsewhere is not there."""
    rosa = house.staff("Rosa")
    elsewhere = nora.opens("direct", "Hi", participant_ids=[rosa.id]).json["last_entry"]["message"]["id"]

    refused = dmitri.posts(direct, "about that", reply_to=elsewhere)

    assert list(refused["problem"]["errors"]) == ["reply_to"]


def test_an_author_who_has_not_seen_the_newest_is_stopped(nora: Somebody, dmitri: Somebody, direct: str) -> None:
    """The refusal holds what came in between; who has seen it may post; one's own posts stop nobody."""
    seen = nora.timeline(direct)["head"]
    missed = dmitri.posts(direct, "Wait")["entry"]

    stopped = nora.posts(direct, "Go", seen_seq=seen)
    posted = nora.posts(direct, "Go", seen_seq=missed["seq"])
    straight_on = nora.posts(direct, "Go on", seen_seq=missed["seq"])

    assert (stopped["problem"]["code"], stopped["problem"]["entries"]) == ("stale", [missed])
    assert (posted["status"], straight_on["status"]) == (201, 201)


def test_two_in_one_batch_who_have_not_seen_each_other(
    house: Inside, nora: Somebody, dmitri: Somebody, direct: str
) -> None:
    """The second is stopped by the first although neither was stored before."""
    seen = nora.timeline(direct)["head"]

    first, second = house.sends([nora.item(direct, "A", seen_seq=seen), dmitri.item(direct, "B", seen_seq=seen)])

    assert first["status"] == 201
    assert second["problem"]["entries"] == [first["entry"]]


def test_only_the_patient_writes_into_a_closed_conversation(house: Inside, nora: Somebody, dmitri: Somebody) -> None:
    """Staff get conversation_closed; the patient's message opens it again, and everybody may write."""
    ada = house.patient("Ada", house.patient_record("Ada", nora, dmitri))
    conversation = ada.opens("patient", "Question", subject="Tablets").json["id"]
    nora.asks("PATCH", f"/conversations/{conversation}", {"status": "closed"})

    refused = nora.posts(conversation, "Too late")
    results = house.sends([ada.item(conversation, "One more"), ada.item(conversation, "And another")], "portal")

    assert refused["problem"]["code"] == "conversation_closed"
    assert [result["status"] for result in results] == [201, 201]
    types = [entry["type"] for entry in nora.timeline(conversation)["items"]]
    assert types[-4:] == ["conversation.closed", "conversation.reopened", "message.posted", "message.posted"]
    assert nora.sees(conversation)["status"] == "open"
    assert house.events()[-1]["conversation"]["can_reply"] == {"allowed": True, "reason": None}


def test_internal_notes_are_for_patient_conversations_only(nora: Somebody, direct: str) -> None:
    """Elsewhere there is no internal stream."""
    refused = nora.posts(direct, "psst", stream="internal")

    assert refused["problem"]["code"] == "not_found"


def test_staff_without_the_permission_write_notes_but_not_to_patients(house: Inside, nora: Somebody) -> None:
    """Without pm.messages.send the shared stream is closed to them, and can_reply says why."""
    olga = house.staff("Olga")
    ada = house.patient("Ada", house.patient_record("Ada", nora, olga))
    conversation = ada.opens("patient", "Question", subject="Tablets").json["id"]

    shared, internal = olga.posts(conversation, "Hello"), olga.posts(conversation, "Note", stream="internal")

    assert shared["problem"]["code"] == "permission_required"
    assert internal["status"] == 201
    assert olga.sees(conversation)["can_reply"]["allowed"] is False


def test_a_message_is_stored_with_its_entry_event_and_record(house: Inside, nora: Somebody, direct: str) -> None:
    """One of each, telling the same."""
    before = len(house.rows("outbox"))

    entry = nora.posts(direct, "Ünïcödé 🫀 שלום", priority="urgent", mentions=[nora.id, new_id()])["entry"]

    assert entry["message"]["body"] == "Ünïcödé 🫀 שלום"
    assert (entry["message"]["priority"], entry["message"]["mentions"]) == ("urgent", [nora.id])
    assert [event["entry"] for event in house.events()[before:]] == [entry]
    assert (house.rows("audit")[-1]["action"], house.rows("audit")[-1]["last_seq"]) == ("message.posted", entry["seq"])
    assert nora.timeline(direct)["items"][-1] == entry


def test_one_batch_spans_organisations(house: Inside, nora: Somebody, direct: str) -> None:
    """Each group behind its own fence, the results in the order of the items."""
    hilltop = new_id()
    hana, hugo = house.staff("Hana", org=hilltop), house.staff("Hugo", org=hilltop)
    elsewhere = hana.opens("direct", participant_ids=[hugo.id]).json["id"]

    results = house.sends(
        [
            hana.item(elsewhere, "one"),
            nora.item(direct, "two"),
            nora.item(elsewhere, "no"),
            hugo.item(elsewhere, "three"),
        ]
    )

    assert codes(results) == ["ok", "ok", "not_found", "ok"]
    assert [result["entry"]["seq"] for result in results if "entry" in result] == [2, 2, 3]


def test_an_account_that_was_closed_posts_nothing(house: Inside, nora: Somebody, direct: str) -> None:
    """Even while its token has not ended."""
    house.tells_of(nora, position=2, active=False)

    assert codes([nora.posts(direct, "still here")]) == ["not_found"]
