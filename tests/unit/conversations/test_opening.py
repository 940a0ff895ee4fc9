"""Opening conversations: who may, whom it reaches, and that repeating it makes no second one."""

from tests.support.inside import Inside
from wire.ids import new_id
from wire.permissions import Permission


def test_two_people_have_one_direct_conversation(house: Inside) -> None:
    """Whoever of the two opens it again gets the first one back, with 200."""
    nora, dmitri = house.staff("Nora"), house.staff("Dmitri")

    first = nora.opens("direct", "Hello", participant_ids=[dmitri.id])
    again = dmitri.opens("direct", "Hello back", participant_ids=[nora.id])

    assert (first.status, again.status) == (201, 200)
    assert again.json["id"] == first.json["id"]
    assert again.json["last_entry"]["message"]["body"] == "Hello back"
    assert again.json["heads"] == {"shared": 3, "internal": 0}


def test_the_same_client_id_brings_back_the_same_conversation(house: Inside) -> None:
    """A repeated opening stores neither a second conversation nor a second message."""
    nora, rosa, key = house.staff("Nora", Permission.CREATE_GROUP), house.staff("Rosa"), new_id()

    first = nora.opens("group", "Hello", key, participant_ids=[rosa.id], subject="Ward 3")
    again = nora.opens("group", "Hello", key, participant_ids=[rosa.id], subject="Ward 3")

    assert (first.status, again.status) == (201, 200)
    assert again.json == first.json
    assert len(house.rows("messages")) == 1


def test_another_first_message_under_a_used_client_id_is_a_conflict(house: Inside) -> None:
    """What was sent first stays; the caller learns that the id is taken."""
    nora, rosa, key = house.staff("Nora", Permission.CREATE_GROUP), house.staff("Rosa"), new_id()
    nora.opens("group", "Hello", key, participant_ids=[rosa.id])

    other = nora.opens("group", "Something else", key, participant_ids=[rosa.id])

    assert (other.status, other.json["code"]) == (409, "conflict")
    assert [row["body"] for row in house.rows("messages")] == ["Hello"]


def test_a_group_needs_the_permission_for_it(house: Inside) -> None:
    """Without pf.messaging.create_group nothing is stored."""
    rosa, nora = house.staff("Rosa"), house.staff("Nora")

    refused = rosa.opens("group", participant_ids=[nora.id])

    assert (refused.status, refused.json["code"]) == (403, "permission_required")
    assert house.rows("conversations") == []


def test_writing_to_patients_needs_the_permission_for_it(house: Inside) -> None:
    """Without pm.messages.send no patient conversation is opened."""
    olga = house.staff("Olga")
    patient_id = house.patient_record("Ada Long", olga)
    house.patient("Ada", patient_id)

    refused = olga.opens("patient", "Hello", patient_id=patient_id)

    assert (refused.status, refused.json["code"]) == (403, "permission_required")


def test_a_conversation_reaches_only_staff_who_can_be_written_to(house: Inside) -> None:
    """Somebody without messaging, of another clinic or unknown makes the whole opening invalid."""
    nora = house.staff("Nora")
    stranger = house.staff("Hana", org=new_id())
    gone = house.staff("Gone")
    house.tells_of(gone, position=2, active=False)

    for other in (stranger.id, gone.id, new_id()):
        refused = nora.opens("direct", "Hello", participant_ids=[other])

        assert (refused.status, list(refused.json["errors"])) == (422, ["participant_ids"])


def test_staff_reach_everybody_who_reads_for_a_patient(house: Inside) -> None:
    """The child's conversation is with the mother, as a proxy; the patient's own account is the patient."""
    dmitri = house.staff("Dmitri", Permission.PATIENT_SEND)
    maria_id, leo_id = house.patient_record("Maria", dmitri), house.patient_record("Leo", dmitri)
    maria = house.patient("Maria", maria_id, leo_id)

    about_leo = dmitri.opens("patient", "How is he?", patient_id=leo_id).json
    about_maria = dmitri.opens("patient", "How are you?", patient_id=maria_id).json

    assert about_leo["patient"] == {"id": leo_id, "name": "Leo"}
    assert {(one["name"], one["role"]) for one in about_leo["participants"]} == {
        ("Dmitri", "owner"),
        ("Maria", "proxy"),
    }
    assert {(one["name"], one["role"]) for one in about_maria["participants"]} >= {("Maria", "patient")}
    assert {one["id"] for one in maria.lists()} == {about_leo["id"], about_maria["id"]}


def test_a_patient_nobody_reads_for_cannot_be_written_to(house: Inside) -> None:
    """No message is accepted that nobody would get."""
    nora = house.staff("Nora", Permission.PATIENT_SEND)
    patient_id = house.patient_record("Nobody Reads", nora)

    refused = nora.opens("patient", "Hello", patient_id=patient_id)

    assert (refused.status, list(refused.json["errors"])) == (422, ["patient_id"])


def test_a_patient_writes_to_the_care_team(house: Inside) -> None:
    """From the portal it goes to the staff recorded as caring for that patient, and to nobody else."""
    nora, dmitri, rosa = (house.staff(name, Permission.PATIENT_SEND) for name in ("Nora", "Dmitri", "Rosa"))
    ada = house.patient("Ada", house.patient_record("Ada Long", nora, dmitri))

    opened = ada.opens("patient", "I have a question", subject="Tablets")

    assert opened.status == 201
    assert {one["name"] for one in opened.json["participants"]} == {"Ada", "Nora", "Dmitri"}
    assert nora.sees(opened.json["id"])["unread"] == {"shared": 1, "internal": 0}
    assert rosa.lists() == []


def test_without_a_care_team_a_patient_is_told_so(house: Inside) -> None:
    """Nothing is stored that nobody would read."""
    ada = house.patient("Ada", house.patient_record("Ada Long"))

    refused = ada.opens("patient", "Hello?", subject="Question")

    assert (refused.status, refused.json["code"]) == (409, "conflict")
    assert "caring for this patient" in refused.json["detail"]
    assert house.rows("conversations") == []


def test_a_patient_opens_nothing_for_somebody_else(house: Inside) -> None:
    """A patient one does not stand for does not exist."""
    nora = house.staff("Nora")
    house.patient("Pia", pia_id := house.patient_record("Pia", nora))
    ada = house.patient("Ada", house.patient_record("Ada Long", nora))

    refused = ada.opens("patient", "Hello", subject="Question", patient_id=pia_id)

    assert (refused.status, refused.json["code"]) == (404, "not_found")


def test_everybody_hears_of_a_new_conversation_before_its_first_entry(house: Inside) -> None:
    """What is announced has heads of 0, so that the entries that follow are all news."""
    nora, dmitri = house.staff("Nora"), house.staff("Dmitri")

    opened = nora.opens("direct", "Hello", participant_ids=[dmitri.id]).json

    told = house.events()
    assert [event["type"] for event in told] == ["conversation.changed", "conversation.opened", "message.posted"]
    assert told[0]["conversation"]["heads"] == {"shared": 0, "internal": 0}
    assert all(set(event["audience"]) == {nora.id, dmitri.id} for event in told)
    assert [event["entry"]["seq"] for event in told[1:]] == [1, 2]
    assert opened["last_entry"] == told[-1]["entry"]
