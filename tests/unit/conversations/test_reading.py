"""The list, the timeline and the directory: true counts, whole pages, names from the directory."""

from typing import Any

from tests.support.inside import Inside, Somebody
from wire.ids import new_id
from wire.permissions import Permission

SEND, GROUP = Permission.PATIENT_SEND, Permission.CREATE_GROUP


def direct(one: Somebody, other: Somebody, first: str | None = None) -> str:
    """Open a direct conversation and return its id."""
    return str(one.opens("direct", first, participant_ids=[other.id]).json["id"])


def test_the_list_has_the_newest_activity_first(house: Inside) -> None:
    """An old conversation comes up again when somebody posts in it."""
    nora = house.staff("Nora")
    first, second, third = (direct(nora, house.staff(name)) for name in ("A", "B", "C"))

    nora.posts(first, "up again")

    assert [one["id"] for one in nora.lists()] == [first, third, second]


def test_pages_follow_each_other_without_hole_or_repeat(house: Inside) -> None:
    """A cursor goes on where the page ended."""
    nora = house.staff("Nora")
    opened = [direct(nora, house.staff(f"Colleague {n}")) for n in range(7)]

    seen, cursor = [], None
    while True:
        page = nora.asks("GET", "/conversations", limit=3, **({"cursor": cursor} if cursor else {})).json
        seen += [one["id"] for one in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break

    assert seen == opened[::-1]


def test_a_cursor_we_did_not_give_out_is_invalid(house: Inside) -> None:
    """Whatever it is."""
    nora = house.staff("Nora")

    for cursor in ("x", "bm90aGluZw", "WzEsMl0", "WyIyMDI2LTAxLTAxVDAwOjAwOjAwWiIsIngiXQ"):
        refused = nora.asks("GET", "/conversations", cursor=cursor)

        assert (refused.status, list(refused.json["errors"])) == (422, ["cursor"])


def test_unread_is_what_others_posted_and_nobody_recalled(house: Inside) -> None:
    """One's own posts never count, reading takes away, recalling takes away, and the total is their sum."""
    nora, dmitri = house.staff("Nora", SEND), house.staff("Dmitri", SEND)
    here = direct(nora, dmitri)
    posts = [dmitri.posts(here, f"{n}")["entry"] for n in range(4)]
    nora.posts(here, "mine")

    counts = [nora.sees(here)["unread"]["shared"]]
    nora.reads(here, posts[0]["seq"])
    counts.append(nora.sees(here)["unread"]["shared"])
    dmitri.asks("DELETE", f"/messages/{posts[2]['message']['id']}")
    counts.append(nora.sees(here)["unread"]["shared"])

    assert counts == [4, 3, 2]
    assert nora.asks("GET", "/me").json["unread_total"] == 2
    assert dmitri.asks("GET", "/me").json["unread_total"] == 1


def test_what_was_said_before_joining_is_not_unread(house: Inside) -> None:
    """A newcomer sees the history and owes it nothing."""
    nora, rosa = house.staff("Nora", GROUP), house.staff("Rosa")
    group = nora.opens("group", "long ago", participant_ids=[house.staff("Dmitri").id], subject="Ward 3").json["id"]

    nora.asks("POST", f"/conversations/{group}/participants", {"user_id": rosa.id})
    nora.posts(group, "welcome")

    assert rosa.sees(group)["unread"]["shared"] == 1
    assert len(rosa.timeline(group)["items"]) == 4


def test_filters_choose_what_they_say(house: Inside) -> None:
    """Unread, patients, staff and closed ones, each alone."""
    nora, dmitri = house.staff("Nora", SEND, GROUP), house.staff("Dmitri", SEND)
    ada = house.patient("Ada", house.patient_record("Ada Long", nora))
    talk = ada.opens("patient", "Question", subject="Tablets").json["id"]
    chat = direct(nora, dmitri, "Hello")
    group = nora.opens("group", participant_ids=[dmitri.id], subject="Ward 3").json["id"]
    nora.asks("PATCH", f"/conversations/{group}", {"status": "closed"})

    found = {
        name: {one["id"] for one in nora.lists(filter=name)}
        for name in ("all", "unread", "patients", "staff", "closed")
    }

    assert found == {
        "all": {talk, chat, group},
        "unread": {talk},
        "patients": {talk},
        "staff": {chat, group},
        "closed": {group},
    }


def test_the_unread_filter_asks_each_conversation_for_its_own_marks(house: Inside) -> None:
    """What was read in one conversation says nothing about another; internal notes count for staff."""
    nora, dmitri = house.staff("Nora", SEND), house.staff("Dmitri", SEND)
    ada = house.patient("Ada", house.patient_record("Ada Long", nora, dmitri))
    talk = ada.opens("patient", "Question", subject="Tablets").json["id"]
    chats = [direct(dmitri, house.staff(f"Colleague {n}"), "Hello") for n in range(2)]
    chats += [direct(dmitri, nora, "Hello")]
    nora.reads(talk, 2)
    unread_before = [one["id"] for one in nora.lists(filter="unread")]

    dmitri.posts(talk, "note", stream="internal")
    nora.reads(chats[2], 2)

    assert unread_before == [chats[2]]
    assert [one["id"] for one in nora.lists(filter="unread")] == [talk]
    assert ada.lists(filter="unread") == []


def test_the_list_is_searched_by_subject_and_names(house: Inside) -> None:
    """Case does not matter, and the signs of a pattern are only signs."""
    nora, dmitri = house.staff("Nora", SEND, GROUP), house.staff("Dmitri")
    ada = house.patient("Ada", house.patient_record("Ada Lovelace", nora))
    talk = ada.opens("patient", "Question", subject="100% sure").json["id"]
    chat = direct(nora, dmitri)

    found = [[one["id"] for one in nora.lists(q=text)] for text in ("lovelace", "DMI", "100%", "1_0", "nobody")]

    assert found == [[talk], [chat], [talk], [], []]


def test_the_timeline_pages_both_ways_without_hole(house: Inside) -> None:
    """Backward from the newest to the first, forward from the first to the newest: the same entries."""
    nora, dmitri = house.staff("Nora"), house.staff("Dmitri")
    here = direct(nora, dmitri)
    house.sends([nora.item(here, f"{n}") for n in range(11)])

    back: list[dict[str, Any]] = []
    before = None
    while True:
        page = nora.timeline(here, limit=5, **({} if before is None else {"before": before}))
        back = page["items"] + back
        if not page["has_more"]:
            break
        before = page["items"][0]["seq"]
    on: list[dict[str, Any]] = []
    after = 0
    while True:
        page = dmitri.timeline(here, limit=5, after=after)
        on += page["items"]
        if not page["has_more"]:
            break
        after = page["items"][-1]["seq"]

    assert [entry["seq"] for entry in back] == list(range(1, 13))
    assert on == back
    assert page["head"] == 12


def test_bad_pages_are_refused_and_empty_ones_are_empty(house: Inside) -> None:
    """Both ways at once is invalid; before the first and after the last there is nothing."""
    nora = house.staff("Nora")
    here = direct(nora, house.staff("Dmitri"))
    path = f"/conversations/{here}/timeline"

    refused = [
        nora.asks("GET", path, before=1, after=1).status,
        nora.asks("GET", path, before="x").status,
        nora.asks("GET", path, limit=201).status,
        nora.asks("GET", path, stream="secret").status,
        nora.asks("GET", "/conversations/not-an-id/timeline").status,
    ]
    empty = [nora.timeline(here, before=1), nora.timeline(here, after=1)]

    assert refused == [422, 422, 422, 422, 404]
    assert empty == [{"items": [], "head": 1, "has_more": False}] * 2


def test_names_come_from_the_directory(house: Inside) -> None:
    """Never from a token; and a name that changes shows changed everywhere, in old entries too."""
    nora, dmitri = house.staff("Nora"), house.staff("Dmitri")
    here = direct(nora, dmitri, "Hello")

    nora.name = "Nora Married"
    house.tells_of(nora, position=2)

    shown = dmitri.sees(here)
    assert {one["name"] for one in shown["participants"]} == {"Nora Married", "Dmitri"}
    assert shown["last_entry"]["actor"]["name"] == "Nora Married"


def test_somebody_the_feed_has_not_brought_is_known_by_their_token(house: Inside) -> None:
    """Until the feed tells more; afterwards the token's name changes nothing."""
    new = house.staff("Newcomer", known=False)

    first = new.asks("GET", "/me").json["user"]["name"]
    house.tells_of(new)
    second = new.asks("GET", "/me").json["user"]["name"]

    assert (first, second) == ("Newcomer (as the token says)", "Newcomer")


def test_the_directory_shows_whom_one_may_write_to(house: Inside) -> None:
    """Colleagues with messaging, and patients for those who may write to them; never oneself, never another clinic."""
    nora, rosa = house.staff("Nora", SEND), house.staff("Rosa")
    house.staff("Hana", org=new_id())
    gone = house.staff("Gone")
    house.tells_of(gone, position=2, active=False)
    house.patient("Ada", house.patient_record("Ada Long", nora))
    house.patient_record("Never Signed In", nora)

    everybody = nora.asks("GET", "/directory").json["items"]
    by_name = nora.asks("GET", "/directory", q="ROS", kind="staff").json["items"]

    assert [(one["name"], one["kind"]) for one in everybody] == [("Rosa", "staff"), ("Ada Long", "patient")]
    assert [one["id"] for one in by_name] == [rosa.id]
    assert [one["name"] for one in rosa.asks("GET", "/directory").json["items"]] == ["Nora"]
    assert rosa.asks("GET", "/directory", kind="patient").status == 403
