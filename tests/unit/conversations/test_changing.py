"""Editing, recalling, participants, renaming, closing: every change is a numbered entry, and nothing is forgotten."""

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
    """Give a doctor who moderates."""
    return house.staff("Dmitri", SEND, MODERATE)


@pytest.fixture
def group(nora: Somebody, dmitri: Somebody, house: Inside) -> str:
    """Give the id of Nora's group with Dmitri and Rosa."""
    rosa = house.staff("Rosa", SEND)
    return str(nora.opens("group", participant_ids=[dmitri.id, rosa.id], subject="Ward 3").json["id"])


def post(author: Somebody, conversation: str, body: str) -> str:
    """Post and return the message's id."""
    return str(author.posts(conversation, body)["entry"]["message"]["id"])


def test_an_edit_is_an_entry_and_history_shows_the_message_as_it_is_now(nora: Somebody, group: str) -> None:
    """The posted entry shows the last body; each edit shows its own; what it said before can be read."""
    message = post(nora, group, "frist")

    first = nora.asks("PATCH", f"/messages/{message}", {"body": "first"}).json
    nora.asks("PATCH", f"/messages/{message}", {"body": "First!"})

    posted, *edits = nora.timeline(group)["items"][1:]
    assert (posted["message"]["body"], posted["message"]["edited_at"]) == ("First!", edits[-1]["edited_at"])
    assert [(edit["type"], edit["body"]) for edit in edits] == [
        ("message.edited", "first"),
        ("message.edited", "First!"),
    ]
    assert edits[0] == first
    history = nora.asks("GET", f"/messages/{message}/history").json["items"]
    assert [version["body"] for version in history] == ["frist", "first"]
    assert [version["at"] for version in history] == [posted["at"], first["at"]]


def test_a_repeated_edit_is_one_edit(nora: Somebody, group: str) -> None:
    """The same body again brings back the entry that gave it, also where it was never edited."""
    message = post(nora, group, "one")
    unchanged = nora.asks("PATCH", f"/messages/{message}", {"body": "one"}).json
    edit = nora.asks("PATCH", f"/messages/{message}", {"body": "two"}).json

    again = nora.asks("PATCH", f"/messages/{message}", {"body": "two"}).json

    assert again == edit
    assert unchanged["type"] == "message.posted"
    assert nora.timeline(group)["head"] == 3


def test_a_recalled_message_shows_its_body_nowhere(nora: Somebody, dmitri: Somebody, group: str) -> None:
    """Not as itself, not in its edits, not in answers to it, not in a catch-up."""
    message = post(nora, group, "SECRET one")
    nora.asks("PATCH", f"/messages/{message}", {"body": "SECRET two"})
    dmitri.posts(group, "what?", reply_to=message)

    recalled = nora.asks("DELETE", f"/messages/{message}")
    again = nora.asks("DELETE", f"/messages/{message}")

    assert recalled.json["type"] == "message.recalled"
    assert again.json == recalled.json
    shown = [dmitri.timeline(group), dmitri.catches_up({group: {"shared": 0}}), dmitri.sees(group)]
    assert "SECRET" not in str(shown)
    assert shown[0]["items"][1]["message"]["recalled"] is True


def test_what_was_recalled_stays_on_the_record(nora: Somebody, dmitri: Somebody, house: Inside, group: str) -> None:
    """Its author and moderators can read it in the history; others cannot."""
    message = post(nora, group, "said and recalled")
    nora.asks("DELETE", f"/messages/{message}")
    rosa = next(one for one in house.rows("accounts") if one["name"] == "Rosa")
    onlooker = Somebody(
        house=house, id=rosa["id"], org=house.org, name="Rosa", plane="staff", permissions=nora.permissions[:1]
    )

    seen = [one.asks("GET", f"/messages/{message}/history") for one in (nora, dmitri, onlooker)]

    assert [answer.status for answer in seen] == [200, 200, 403]
    assert seen[1].json["items"][0]["body"] == "said and recalled"


def test_only_authors_edit_and_only_authors_and_moderators_recall(nora: Somebody, dmitri: Somebody, group: str) -> None:
    """And what was recalled cannot be edited any more."""
    hers, his = post(nora, group, "hers"), post(dmitri, group, "his")

    assert dmitri.asks("PATCH", f"/messages/{hers}", {"body": "x"}).json["code"] == "permission_required"
    assert nora.asks("DELETE", f"/messages/{his}").json["code"] == "permission_required"
    assert dmitri.asks("DELETE", f"/messages/{hers}").status == 200
    assert nora.asks("PATCH", f"/messages/{hers}", {"body": "x"}).json["code"] == "conflict"


def test_bad_bodies_are_refused_and_change_nothing(nora: Somebody, group: str) -> None:
    """Empty, huge, with control characters, of another type, with fields nobody knows."""
    message = post(nora, group, "good")

    bad: tuple[object, ...] = (
        {"body": " "},
        {"body": "x" * 10_001},
        {"body": "\0"},
        {"body": 1},
        {},
        {"body": "y", "seq": 1},
        [],
    )
    for body in bad:
        assert nora.asks("PATCH", f"/messages/{message}", body).status == 422

    assert nora.timeline(group)["items"][-1]["message"]["body"] == "good"


def test_a_newcomer_hears_of_the_conversation_first_and_then_of_joining(
    nora: Somebody, house: Inside, group: str
) -> None:
    """Announced with the heads before their joining, so that the joining is the next entry."""
    newcomer, before = house.staff("Newcomer"), len(house.events())

    added = nora.asks("POST", f"/conversations/{group}/participants", {"user_id": newcomer.id})

    announced, joined = house.events()[before:]
    assert added.json["participants"][-1]["id"] == newcomer.id
    assert (announced["type"], announced["audience"]) == ("conversation.changed", [newcomer.id])
    assert announced["conversation"]["heads"]["shared"] == joined["entry"]["seq"] - 1
    assert joined["entry"]["user"] == {"id": newcomer.id, "name": "Newcomer", "kind": "staff"}
    assert newcomer.id in joined["audience"]


def test_adding_somebody_twice_changes_nothing(nora: Somebody, dmitri: Somebody, group: str) -> None:
    """The conversation comes back as it is."""
    before = nora.sees(group)

    again = nora.asks("POST", f"/conversations/{group}/participants", {"user_id": dmitri.id})

    assert (again.status, again.json) == (200, before)


def test_only_people_who_can_be_written_to_are_added(nora: Somebody, house: Inside, group: str) -> None:
    """Not patients, not other clinics, not unknown ids."""
    ada = house.patient("Ada", house.patient_record("Ada", nora))
    hana = house.staff("Hana", org=new_id())

    refused = [
        nora.asks("POST", f"/conversations/{group}/participants", {"user_id": one})
        for one in (ada.id, hana.id, new_id(), "x")
    ]

    assert [answer.status for answer in refused] == [422] * 4


def test_whoever_leaves_is_told_and_hears_no_more(nora: Somebody, dmitri: Somebody, house: Inside, group: str) -> None:
    """Leaving needs no permission; the others get an entry; coming back is possible."""
    before = len(house.events())

    left = dmitri.asks("DELETE", f"/conversations/{group}/participants/{dmitri.id}")
    back = nora.asks("POST", f"/conversations/{group}/participants", {"user_id": dmitri.id})

    removed, entry, announced, joined = house.events()[before:]
    assert left.status == 200
    assert dmitri.id not in {one["id"] for one in left.json["participants"]}
    assert (removed["type"], removed["audience"]) == ("participant.removed", [dmitri.id])
    assert (entry["entry"]["type"], dmitri.id in entry["audience"]) == ("participant.left", False)
    assert announced["audience"] == [dmitri.id]
    assert joined["entry"]["seq"] == entry["entry"]["seq"] + 1
    assert back.status == 200
    assert dmitri.sees(group)["unread"]["shared"] == 0


def test_who_may_add_and_remove(nora: Somebody, dmitri: Somebody, house: Inside, group: str) -> None:
    """The owner and moderators; nobody in a conversation of two; the patient and the last of the staff stay."""
    member, other = house.staff("Member", SEND), house.staff("Other")
    nora.asks("POST", f"/conversations/{group}/participants", {"user_id": member.id})
    ada = house.patient("Ada", house.patient_record("Ada", nora))
    talk = ada.opens("patient", "Question", subject="Tablets").json["id"]
    pair = nora.opens("direct", participant_ids=[dmitri.id]).json["id"]

    refused = [
        member.asks("POST", f"/conversations/{group}/participants", {"user_id": other.id}),
        member.asks("DELETE", f"/conversations/{group}/participants/{nora.id}"),
        nora.asks("POST", f"/conversations/{pair}/participants", {"user_id": other.id}),
        nora.asks("DELETE", f"/conversations/{pair}/participants/{nora.id}"),
        nora.asks("DELETE", f"/conversations/{talk}/participants/{ada.id}"),
        nora.asks("DELETE", f"/conversations/{talk}/participants/{nora.id}"),
        nora.asks("DELETE", f"/conversations/{group}/participants/{other.id}"),
    ]

    expected = [*["permission_required"] * 2, *["conflict"] * 4, "not_found"]
    assert [answer.json["code"] for answer in refused] == expected
    assert dmitri.asks("POST", f"/conversations/{group}/participants", {"user_id": other.id}).status == 200


def test_renaming_closing_and_reopening_are_entries(nora: Somebody, group: str) -> None:
    """Each once, however often it is asked for; both in one call as well."""
    renamed = nora.asks("PATCH", f"/conversations/{group}", {"subject": "Ward 4"})
    nora.asks("PATCH", f"/conversations/{group}", {"subject": "Ward 4"})
    closed = nora.asks("PATCH", f"/conversations/{group}", {"status": "closed"})
    nora.asks("PATCH", f"/conversations/{group}", {"status": "closed"})
    both = nora.asks("PATCH", f"/conversations/{group}", {"status": "open", "subject": "Ward 5"})

    entries = nora.timeline(group)["items"][1:]
    assert [entry["type"].removeprefix("conversation.") for entry in entries] == [
        "renamed",
        "closed",
        "renamed",
        "reopened",
    ]
    assert [entry.get("subject") for entry in entries] == ["Ward 4", None, "Ward 5", None]
    assert renamed.json["subject"] == "Ward 4"
    assert closed.json["can_reply"]["allowed"] is False
    assert (both.json["status"], both.json["subject"], both.json["can_reply"]["allowed"]) == ("open", "Ward 5", True)


def test_a_closed_conversation_is_announced_as_each_sees_it(nora: Somebody, house: Inside) -> None:
    """Staff may not reply any more, the patient may; each with their own unread count."""
    ada = house.patient("Ada", house.patient_record("Ada", nora))
    talk = ada.opens("patient", "Question", subject="Tablets").json["id"]

    nora.asks("PATCH", f"/conversations/{talk}", {"status": "closed"})

    (staff, portal) = (house.events(plane)[-1]["conversation"] for plane in ("staff", "portal"))
    assert (staff["can_reply"]["allowed"], staff["unread"]) == (False, {"shared": 1, "internal": 0})
    assert (portal["can_reply"]["allowed"], portal["unread"]) == (True, {"shared": 0})


def test_who_may_rename_and_close(nora: Somebody, dmitri: Somebody, house: Inside, group: str) -> None:
    """Everybody in a group renames it, its owner and moderators close it; a conversation of two has neither."""
    member = house.staff("Member")
    nora.asks("POST", f"/conversations/{group}/participants", {"user_id": member.id})
    pair = nora.opens("direct", participant_ids=[dmitri.id]).json["id"]

    assert member.asks("PATCH", f"/conversations/{group}", {"subject": "Ours"}).status == 200
    assert member.asks("PATCH", f"/conversations/{group}", {"status": "closed"}).json["code"] == "permission_required"
    assert dmitri.asks("PATCH", f"/conversations/{group}", {"status": "closed"}).status == 200
    assert nora.asks("PATCH", f"/conversations/{pair}", {"status": "closed"}).json["code"] == "conflict"
    assert nora.asks("PATCH", f"/conversations/{group}", {"status": "gone"}).status == 422


def test_nothing_is_edited_in_a_closed_conversation_but_it_can_be_recalled(nora: Somebody, group: str) -> None:
    """A mistake can always be taken from sight."""
    message = post(nora, group, "wrong patient")
    nora.asks("PATCH", f"/conversations/{group}", {"status": "closed"})

    assert nora.asks("PATCH", f"/messages/{message}", {"body": "x"}).json["code"] == "conversation_closed"
    assert nora.asks("DELETE", f"/messages/{message}").status == 200
