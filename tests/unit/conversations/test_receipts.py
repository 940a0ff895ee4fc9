"""What became of a message: who got it, read it, acknowledged it, and reminding those who did not."""

import pytest
from sqlalchemy import delete

from conversations.store import fence
from conversations.tables import mark_moves
from servicekit.database import transaction
from tests.support.inside import Answer, Inside, Somebody
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
def rosa(house: Inside) -> Somebody:
    """Give a receptionist."""
    return house.staff("Rosa")


@pytest.fixture
def group(nora: Somebody, dmitri: Somebody, rosa: Somebody) -> str:
    """Give the id of their group."""
    return str(nora.opens("group", participant_ids=[dmitri.id, rosa.id], subject="Ward 3").json["id"])


def posted(author: Somebody, conversation: str, **more: object) -> tuple[str, int]:
    """Post; return the message's id and seq."""
    entry = author.posts(conversation, "Please confirm.", **more)["entry"]
    return entry["message"]["id"], entry["seq"]


def receipts(who: Somebody, message: str) -> dict[str, tuple[object, object, object]]:
    """Return by person what became of a message."""
    items = who.asks("GET", f"/messages/{message}/receipts").json["items"]
    return {one["user"]["id"]: (one["delivered_at"], one["read_at"], one["acknowledged_at"]) for one in items}


def reminds(who: Somebody, message: str) -> Answer:
    """Ask for the acknowledgement once more."""
    return who.asks("POST", f"/messages/{message}/reminder")


def test_each_step_has_its_time(nora: Somebody, dmitri: Somebody, rosa: Somebody, group: str) -> None:
    """Delivered, read, acknowledged: the time of the first move past the message, whatever was read later."""
    message, seq = posted(nora, group, ask_acknowledgement=True)
    dmitri.reads(group, seq, kind="delivered")
    first = receipts(nora, message)
    dmitri.reads(group, seq)
    entry = dmitri.asks("POST", f"/messages/{message}/acknowledgement").json
    then = receipts(nora, message)
    posted(nora, group)
    dmitri.reads(group, seq + 2)

    delivered_at, read_at, acknowledged_at = then[dmitri.id]
    assert set(first) == {dmitri.id, rosa.id}
    assert first[dmitri.id] == (delivered_at, None, None)
    assert isinstance(delivered_at, str)
    assert isinstance(read_at, str)
    assert delivered_at <= read_at <= entry["at"]
    assert acknowledged_at == entry["at"]
    assert then[rosa.id] == (None, None, None)
    assert receipts(nora, message) == then


def test_who_reads_has_got_it(nora: Somebody, dmitri: Somebody, group: str) -> None:
    """A reader whose device told of no delivery has it all the same."""
    message, seq = posted(nora, group)
    dmitri.reads(group, seq)

    delivered_at, read_at, _ = receipts(nora, message)[dmitri.id]

    assert delivered_at == read_at
    assert read_at is not None


def test_in_a_large_group_each_reading_has_its_time(house: Inside, nora: Somebody, dmitri: Somebody) -> None:
    """Who read in the morning and again at night read the morning's message in the morning, however many take part."""
    others = [house.staff(f"Colleague {number}").id for number in range(32)]
    ward = str(nora.opens("group", participant_ids=[dmitri.id, *others], subject="Everybody").json["id"])
    message, seq = posted(nora, ward)
    dmitri.reads(ward, seq)
    in_the_morning = receipts(nora, message)
    posted(nora, ward)
    dmitri.reads(ward, seq + 1)
    dmitri.asks("PUT", f"/conversations/{ward}/unread", {"stream": "shared", "seq": seq + 1})

    _, read_at, _ = in_the_morning[dmitri.id]
    assert isinstance(read_at, str)
    assert receipts(nora, message) == in_the_morning
    assert in_the_morning[others[0]] == (None, None, None)


def test_of_a_reading_whose_time_was_not_kept_nothing_is_told(
    house: Inside, nora: Somebody, dmitri: Somebody, group: str
) -> None:
    """The mark knows when it moved last, which is not when the message was read: null, as protocol.md has it."""
    message, seq = posted(nora, group)
    dmitri.reads(group, seq)
    with transaction(house.owner) as connection:
        fence.enter(connection, house.org)
        connection.execute(delete(mark_moves))

    assert receipts(nora, message)[dmitri.id] == (None, None, None)
    assert nora.sees(group)["read"][dmitri.id]["shared"] == seq


def test_patients_and_strangers_see_no_receipts(nora: Somebody, dmitri: Somebody, house: Inside, group: str) -> None:
    """They are for staff who take part."""
    ada = house.patient("Ada", house.patient_record("Ada", nora, dmitri))
    talk = str(ada.opens("patient", "Question", subject="Tablets").json["id"])
    shared, _ = posted(nora, talk)
    message, _ = posted(nora, group)
    stranger = house.staff("Hana", SEND)

    codes = [
        who.asks("GET", f"/messages/{one}/receipts").json["code"] for who, one in ((ada, shared), (stranger, message))
    ]

    assert codes == ["not_found", "not_found"]
    assert nora.asks("GET", f"/messages/{new_id()}/receipts").status == 404


def test_a_reminder_reaches_those_who_have_not_acknowledged_and_nobody_else(
    nora: Somebody, dmitri: Somebody, rosa: Somebody, house: Inside, group: str
) -> None:
    """One event, for them alone, naming the message and who asks."""
    message, seq = posted(nora, group, ask_acknowledgement=True)
    dmitri.asks("POST", f"/messages/{message}/acknowledgement")

    answer = reminds(nora, message)

    assert (answer.status, answer.json) == (200, {"reminded": [rosa.id]})
    event = house.events()[-1]
    assert (event["type"], event["audience"]) == ("message.reminder", [rosa.id])
    assert (event["message_id"], event["seq"], event["stream"]) == (message, seq, "shared")
    assert event["user"] == {"id": nora.id, "name": "Nora"}


def test_nobody_is_reminded_twice_in_a_moment(nora: Somebody, dmitri: Somebody, house: Inside, group: str) -> None:
    """The second one is refused with the seconds to wait, whoever asks, and nobody is told."""
    message, _ = posted(nora, group, ask_acknowledgement=True)
    reminds(nora, message)
    told = len(house.events())

    again = reminds(dmitri, message)

    assert (again.status, again.json["code"]) == (429, "rate_limited")
    assert 0 < again.json["retry_after"] <= 300
    assert len(house.events()) == told


def test_who_may_remind(nora: Somebody, dmitri: Somebody, rosa: Somebody, group: str) -> None:
    """Its author and moderators, of a message that asks."""
    asking, _ = posted(nora, group, ask_acknowledgement=True)
    plain, _ = posted(nora, group)

    assert reminds(rosa, asking).json["code"] == "permission_required"
    assert reminds(nora, plain).json["code"] == "conflict"
    assert reminds(dmitri, asking).status == 200
