"""What is one person's own: what they keep unread, prefer, and were writing; nobody else sees or hears of it."""

import pytest

from tests.support.inside import Inside, Somebody
from wire.ids import new_id
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
def talk(nora: Somebody, dmitri: Somebody) -> str:
    """Give the id of their conversation: opened, then three lines of Dmitri's, all read by Nora."""
    conversation = str(nora.opens("direct", participant_ids=[dmitri.id]).json["id"])
    for body in ("one", "two", "three"):
        dmitri.posts(conversation, body)
    nora.reads(conversation, 4)
    return conversation


def counts(who: Somebody, conversation: str) -> tuple[int, int, int]:
    """Return what is unread: in the conversation, in the list, and in all."""
    listed = next(one for one in who.lists() if one["id"] == conversation)
    alone, total = who.sees(conversation)["unread"]["shared"], who.asks("GET", "/me").json["unread_total"]
    return alone, listed["unread"]["shared"], total


def keeps_unread(who: Somebody, conversation: str, seq: int) -> int:
    """Keep what stands from there on unread; return the status."""
    return who.asks("PUT", f"/conversations/{conversation}/unread", {"stream": "shared", "seq": seq}).status


def prefers(who: Somebody, conversation: str, **wish: object) -> dict[str, object]:
    """Change a preference; return how it is now."""
    answer: dict[str, object] = who.asks("PUT", f"/conversations/{conversation}/preferences", wish).json
    return answer


def drafts(who: Somebody) -> dict[tuple[str, str], str]:
    """Return what somebody was writing, by conversation and stream."""
    items = who.asks("GET", "/drafts").json["items"]
    return {(one["conversation_id"], one["stream"]): one["body"] for one in items}


def writes(who: Somebody, conversation: str, body: str, stream: str = "shared") -> int:
    """Keep a draft; return the status."""
    return who.asks("PUT", f"/conversations/{conversation}/draft", {"stream": stream, "body": body}).status


def test_what_is_kept_unread_counts_until_one_reads_there(nora: Somebody, dmitri: Somebody, talk: str) -> None:
    """Every count says so alike; reading again, even what was read before, ends it; others see no mark move back."""
    assert counts(nora, talk) == (0, 0, 0)
    read = dmitri.sees(talk)["read"]

    assert keeps_unread(nora, talk, 3) == 204
    kept = counts(nora, talk)
    seen_meanwhile = dmitri.sees(talk)["read"]
    nora.reads(talk, 4)

    assert kept == (2, 2, 2)
    assert seen_meanwhile == read
    assert counts(nora, talk) == (0, 0, 0)
    assert counts(dmitri, talk)[0] == 0


def test_ones_own_devices_hear_of_it_and_nobody_else_does(
    nora: Somebody, dmitri: Somebody, house: Inside, talk: str
) -> None:
    """When it is kept and when it is read: the conversation with its new count, for the person alone."""
    keeps_unread(nora, talk, 4)
    kept = house.events()[-1]
    nora.reads(talk, 4)
    read = house.events()[-1]

    assert (kept["type"], kept["audience"], kept["conversation"]["unread"]["shared"]) == (
        "conversation.changed",
        [nora.id],
        1,
    )
    assert (read["type"], read["audience"], read["conversation"]["unread"]["shared"]) == (
        "conversation.changed",
        [nora.id],
        0,
    )
    del dmitri


def test_ones_own_lines_are_never_unread(nora: Somebody, talk: str) -> None:
    """Kept unread from the beginning, only what others posted counts; beyond the head counts as the head."""
    nora.posts(talk, "mine")

    keeps_unread(nora, talk, 0)
    from_the_beginning = counts(nora, talk)[0]
    keeps_unread(nora, talk, 900)

    assert (from_the_beginning, counts(nora, talk)[0]) == (3, 0)


def test_preferences_are_kept_and_told_to_ones_own_devices(
    nora: Somebody, dmitri: Somebody, house: Inside, talk: str
) -> None:
    """What is left out stays as it is."""
    prefers(nora, talk, pinned=True)

    now = prefers(nora, talk, notify="mentions")

    assert now == {"conversation_id": talk, "pinned": True, "notify": "mentions", "archived": False}
    assert nora.asks("GET", "/preferences").json == {"items": [now]}
    assert dmitri.asks("GET", "/preferences").json == {"items": []}
    event = house.events()[-1]
    assert (event["type"], event["audience"], event["pinned"]) == ("preference.changed", [nora.id], True)


def test_what_is_put_away_leaves_the_list_and_comes_back_with_what_is_new(
    nora: Somebody, dmitri: Somebody, talk: str
) -> None:
    """It is found under `archived`, by its name and by its id; for the other it stays where it is."""
    prefers(nora, talk, archived=True)
    away = nora.lists(), nora.lists(filter="archived"), nora.lists(q="dmitri"), dmitri.lists()
    dmitri.posts(talk, "four")

    assert [[one["id"] for one in listed] for listed in away] == [[], [talk], [talk], [talk]]
    assert [one["id"] for one in nora.lists()] == [talk]
    assert nora.lists(filter="archived") == []
    assert nora.asks("GET", "/preferences").json["items"][0]["archived"] is False


def test_an_internal_note_brings_it_back_for_staff_and_not_for_the_patient(
    nora: Somebody, dmitri: Somebody, house: Inside
) -> None:
    """Nothing a patient sees moves by what is none of theirs."""
    ada = house.patient("Ada", house.patient_record("Ada", nora, dmitri))
    talk = str(ada.opens("patient", "Question", subject="Tablets").json["id"])
    prefers(nora, talk, archived=True)
    prefers(ada, talk, archived=True)

    dmitri.posts(talk, "Between us", stream="internal")

    assert [one["id"] for one in nora.lists()] == [talk]
    assert ada.lists() == []


def test_a_draft_follows_its_author_and_is_gone_once_it_was_posted(nora: Somebody, dmitri: Somebody, talk: str) -> None:
    """Kept as typed, white space included; the last one stands; another's post leaves it."""
    writes(nora, talk, "Good mor")
    assert writes(nora, talk, "Good morning, \n") == 204
    dmitri.posts(talk, "four")
    kept = drafts(nora), drafts(dmitri)
    nora.posts(talk, "Good morning, Dmitri")

    assert kept == ({(talk, "shared"): "Good morning, \n"}, {})
    assert drafts(nora) == {}


def test_an_empty_draft_forgets_the_one_before(nora: Somebody, talk: str) -> None:
    """White space is no draft."""
    writes(nora, talk, "Good morning")

    assert writes(nora, talk, " \n ") == 204
    assert drafts(nora) == {}


def test_a_patients_drafts_know_one_stream(nora: Somebody, house: Inside) -> None:
    """A note's draft is the staff's; to a patient that stream is not there."""
    ada = house.patient("Ada", house.patient_record("Ada", nora))
    talk = str(ada.opens("patient", "Question", subject="Tablets").json["id"])
    writes(nora, talk, "Between us", "internal")
    writes(ada, talk, "Thank you")

    assert drafts(nora) == {(talk, "internal"): "Between us"}
    assert drafts(ada) == {(talk, "shared"): "Thank you"}
    assert writes(ada, talk, "x", "internal") == 404


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("unread", {"stream": "shared"}),
        ("unread", {"stream": "shared", "seq": -1}),
        ("unread", {"stream": "both", "seq": 1}),
        ("preferences", {"notify": "loud"}),
        ("preferences", {"pinned": "very"}),
        ("preferences", {"colour": "red"}),
        ("draft", {"stream": "shared", "body": "x" * 10_001}),
        ("draft", {"stream": "shared", "body": "\u0000"}),
        ("draft", {"stream": "shared", "body": None}),
        ("draft", {"stream": "shared", "body": ["x"]}),
    ],
)
def test_bad_wishes_are_refused_and_change_nothing(
    nora: Somebody, talk: str, path: str, body: dict[str, object]
) -> None:
    """Each names what is wrong."""
    answer = nora.asks("PUT", f"/conversations/{talk}/{path}", body)

    assert (answer.status, answer.json["code"]) == (422, "invalid")
    assert answer.json["errors"]
    assert (counts(nora, talk)[0], nora.asks("GET", "/preferences").json["items"], drafts(nora)) == (0, [], {})


def test_to_a_stranger_there_is_no_such_conversation(house: Inside, talk: str) -> None:
    """Whatever is asked."""
    rosa = house.staff("Rosa")
    told = [keeps_unread(rosa, talk, 1), writes(rosa, talk, "x"), keeps_unread(rosa, new_id(), 1)]

    assert [*told, prefers(rosa, talk, pinned=True)["status"]] == [404] * 4


def test_staff_see_who_the_patient_is(nora: Somebody, dmitri: Somebody, house: Inside, talk: str) -> None:
    """Name, birth date and identifiers, put on the record; a patient and a conversation without one have none."""
    record = house.patient_record("Ada Brook", nora)
    ada = house.patient("Ada", record)
    hers = str(ada.opens("patient", "Question", subject="Tablets").json["id"])

    answer = nora.asks("GET", f"/conversations/{hers}/patient")

    assert (answer.status, answer.json["id"], answer.json["name"]) == (200, record, "Ada Brook")
    assert set(answer.json) == {"id", "name", "birth_date", "identifiers"}
    assert [
        who.asks("GET", f"/conversations/{one}/patient").status
        for who, one in ((nora, talk), (dmitri, hers), (ada, hers))
    ] == [404] * 3
    assert [
        row["user_id"] for row in house.rows("audit") if row["action"] == "patient.viewed" and not row["refused"]
    ] == [nora.id]
