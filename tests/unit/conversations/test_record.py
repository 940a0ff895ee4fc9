"""The record: who read, listed, posted, changed and was refused, and nothing of what was said."""

from tests.support.inside import Inside
from wire.ids import new_id
from wire.permissions import Permission


def test_everything_one_does_is_on_the_record(house: Inside) -> None:
    """By whom, in which session, on which plane, about what."""
    nora = house.staff("Nora", Permission.PATIENT_SEND)
    ada = house.patient("Ada", house.patient_record("Ada", nora))
    talk = ada.opens("patient", "Question", subject="Tablets").json["id"]
    nora.lists()
    nora.sees(talk)
    nora.timeline(talk)
    message = nora.posts(talk, "answr")["entry"]["message"]["id"]
    nora.asks("PATCH", f"/messages/{message}", {"body": "answer"})
    nora.asks("GET", f"/messages/{message}/history")
    nora.asks("DELETE", f"/messages/{message}")
    nora.reads(talk, 2)
    nora.catches_up({talk: {"shared": 2, "internal": 0}})
    nora.asks("PATCH", f"/conversations/{talk}", {"status": "closed", "subject": "Done"})
    nora.asks("GET", "/directory")

    rows = house.rows("audit")

    assert [row["action"] for row in rows] == [
        "conversation.opened",
        "message.posted",
        "conversations.listed",
        "conversation.viewed",
        "timeline.read",
        "message.posted",
        "message.edited",
        "message.history_read",
        "message.recalled",
        "message.marked_read",
        "timeline.caught_up",
        "conversation.renamed",
        "conversation.closed",
        "directory.searched",
    ]
    assert {row["plane"] for row in rows[:2]} == {"portal"}
    assert {(row["user_id"], row["session_id"]) for row in rows[2:]} == {(nora.id, nora.session)}
    read = rows[4]
    assert (read["conversation_id"], read["stream"], read["first_seq"], read["last_seq"]) == (talk, "shared", 1, 2)


def test_what_was_refused_is_on_the_record_and_undone(house: Inside) -> None:
    """One line for each refusal, with its code, and nothing else is stored."""
    nora, stranger = house.staff("Nora"), house.staff("Stranger")
    here = nora.opens("direct", "Hello", participant_ids=[house.staff("Dmitri").id]).json["id"]
    before = {name: house.rows(name) for name in ("messages", "entries", "outbox", "marks")}
    lines = len(house.rows("audit"))

    stranger.asks("GET", f"/conversations/{here}/timeline")
    stranger.posts(here, "let me in")
    stranger.reads(here, 2)
    nora.posts(here, "to nothing", reply_to=new_id())
    stranger.opens("group", participant_ids=[nora.id])

    refused = [(row["action"], row["refused"], row["user_id"]) for row in house.rows("audit")[lines:]]
    assert refused == [
        ("timeline.read", "not_found", stranger.id),
        ("message.posted", "not_found", stranger.id),
        ("message.marked_read", "not_found", stranger.id),
        ("message.posted", "invalid", nora.id),
        ("conversation.opened", "permission_required", stranger.id),
    ]
    assert {name: house.rows(name) for name in before} == before


def test_the_record_holds_nothing_that_was_said(house: Inside) -> None:
    """No body, no subject, no name, no token."""
    nora = house.staff("CANARY Nora")
    here = nora.opens("direct", "CANARY body", participant_ids=[house.staff("CANARY Dmitri").id]).json["id"]
    nora.posts(here, "CANARY again")
    nora.lists(q="CANARY search")

    record = str(house.rows("audit"))

    assert "CANARY" not in record
    assert nora.token not in record
