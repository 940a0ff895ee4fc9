"""The whole way of one message, by clients that know only protocol.md."""

import httpx
import pytest

from tests.support.clinic import Clinic
from tests.support.forger import claims_of, header_of
from tests.support.person import Person, Refused, is_uuid7, new_id

NORA, DMITRI, ROSA, ADA = (
    "nora@harbor.example",
    "dmitri@harbor.example",
    "rosa@harbor.example",
    "ada@patients.example",
)


@pytest.fixture
def nora(clinic: Clinic) -> Person:
    """Give Nora, signed in."""
    return clinic.signs_in(NORA)


@pytest.fixture
def ada(clinic: Clinic) -> Person:
    """Give Ada, signed in."""
    return clinic.signs_in(ADA)


def test_discovery_names_where_everything_is(clinic: Clinic) -> None:
    """OpenID discovery lists the endpoints of protocol.md under the issuer."""
    found = httpx.get(f"{clinic.origin}/auth/.well-known/openid-configuration", trust_env=False).json()

    issuer = f"{clinic.origin}/auth"
    assert found["issuer"] == issuer
    for name, path in {
        "authorization_endpoint": "/authorize",
        "token_endpoint": "/token",
        "jwks_uri": "/jwks.json",
        "userinfo_endpoint": "/userinfo",
        "revocation_endpoint": "/revoke",
        "introspection_endpoint": "/introspect",
        "end_session_endpoint": "/logout",
    }.items():
        assert found[name] == issuer + path


def test_a_staff_token_says_what_protocol_promises(nora: Person, clinic: Clinic) -> None:
    """The staff token carries permissions, lives ten minutes at most and is signed as RFC 9068 says."""
    header, claims = header_of(nora.access_token), claims_of(nora.access_token)

    assert (header["typ"], header["alg"]) == ("at+jwt", "ES256")
    assert header["kid"]
    assert (claims["iss"], claims["aud"], claims["client_id"]) == (f"{clinic.origin}/auth", "staff", "messages-cli")
    assert claims["exp"] - claims["iat"] <= 600
    assert set(claims["permissions"]) == {
        "pf.messaging.view",
        "pf.messaging.create_group",
        "pm.messages.view",
        "pm.messages.send",
    }
    assert "patients" not in claims
    assert all(claims[name] for name in ("sub", "sid", "jti", "org", "name"))


def test_a_portal_token_names_patients_and_no_permissions(ada: Person) -> None:
    """The portal token stands for patients, its own first."""
    claims = claims_of(ada.access_token)

    assert claims["aud"] == "portal"
    assert len(claims["patients"]) == 1
    assert "permissions" not in claims


def test_the_seeded_clinic_is_there(clinic: Clinic, nora: Person, ada: Person) -> None:
    """Nora's list shows the seeded conversations, Ada's only her own."""
    kinds = {(each["kind"], each["subject"]) for each in nora.lists()}
    hers = ada.lists()

    assert any(kind == "direct" for kind, _ in kinds)
    assert ("group", "Ward 3") in kinds
    assert any(kind == "patient" for kind, _ in kinds)
    assert {each["kind"] for each in hers} == {"patient"}
    assert clinic.signs_in("otto@harbor.example").access_token


def test_a_colleague_hears_what_was_posted_over_rest(clinic: Clinic, nora: Person) -> None:
    """A post is stored, answered with its entry, and heard live as the same entry."""
    dmitri = clinic.signs_in(DMITRI)
    conversation = nora.opens_conversation_with(dmitri)
    with dmitri.device() as screen:
        text = f"Bed 4 is free {new_id()}"

        posted = nora.sends(conversation, text)
        heard = screen.hears(text)

    assert {name: heard[name] for name in posted} == posted
    assert is_uuid7(posted["message"]["id"])
    assert posted["type"] == "message.posted"
    assert posted["actor"]["name"].startswith("Nora")
    assert nora.reads_everything(conversation)[-1] == posted


def test_a_send_over_the_socket_is_acknowledged_and_heard_on_all_devices(clinic: Clinic, nora: Person) -> None:
    """The reply tells the seq after the commit; the author's other device hears the entry too."""
    dmitri = clinic.signs_in(DMITRI)
    conversation = nora.opens_conversation_with(dmitri)
    with nora.device() as phone, nora.device() as desk, dmitri.device() as his:
        text = f"On my way {new_id()}"

        reply = phone.sends(conversation, text)
        entries = [screen.hears(text) for screen in (phone, desk, his)]

    assert {entry["seq"] for entry in entries} == {reply["seq"]}
    assert {entry["message"]["id"] for entry in entries} == {reply["message_id"]}
    assert set(reply) >= {"message_id", "conversation_id", "stream", "seq", "at"}


def test_nurse_and_patient_talk_both_ways(nora: Person, ada: Person) -> None:
    """What Ada writes reaches Nora live, and Nora's answer reaches Ada."""
    conversation = ada.lists()[0]["id"]
    with nora.device() as hers, ada.device() as phone:
        question, answer = f"May I eat? {new_id()}", f"From six on. {new_id()}"

        phone.sends(conversation, question)
        hers.hears(question)
        hers.sends(conversation, answer)
        heard = phone.hears(answer)

    assert heard["actor"]["kind"] == "staff"
    assert heard["stream"] == "shared"


def test_the_same_client_id_is_the_same_message(clinic: Clinic, nora: Person) -> None:
    """A repeated send returns the first result with 200; another body under the id is a conflict."""
    conversation = nora.opens_conversation_with(clinic.signs_in(DMITRI))
    said = {"client_message_id": new_id(), "body": "Once only"}
    path = f"/conversations/{conversation}/messages"

    first, second = nora.raw("POST", path, json=said), nora.raw("POST", path, json=said)
    other = nora.raw("POST", path, json={**said, "body": "Something else"})

    assert (first.status_code, second.status_code, other.status_code) == (201, 200, 409)
    assert first.json() == second.json()
    assert other.json()["code"] == "conflict"


def test_a_direct_conversation_exists_once(clinic: Clinic, nora: Person) -> None:
    """Opening it again, from either side, returns the same one with 200."""
    rosa = clinic.signs_in(ROSA)
    nora.opens_conversation_with(rosa)

    again = nora.raw("POST", "/conversations", json={"kind": "direct", "participant_ids": [rosa.id]})
    theirs = rosa.raw("POST", "/conversations", json={"kind": "direct", "participant_ids": [nora.id]})

    assert (again.status_code, theirs.status_code) == (200, 200)
    assert again.json()["id"] == theirs.json()["id"]


def test_opening_twice_with_one_client_id_opens_once(nora: Person, clinic: Clinic) -> None:
    """A group asked for again under the same first message comes back as the same conversation."""
    wanted = {
        "kind": "group",
        "subject": "Night shift",
        "participant_ids": [clinic.signs_in(DMITRI).id],
        "first_message": {"client_message_id": new_id(), "body": "Who is in?"},
    }

    first, second = nora.opens(**wanted), nora.opens(**wanted)

    assert first["id"] == second["id"]
    assert len(nora.reads_everything(first["id"])) == second["heads"]["shared"]


def test_a_new_conversation_appears_on_the_others_screen(clinic: Clinic, nora: Person) -> None:
    """Whoever is added hears of the conversation, and then every entry of it from the first."""
    rosa = clinic.signs_in(ROSA)
    with rosa.device() as screen:
        conversation = nora.opens_group(f"Discharge {new_id()}", rosa)
        nora.sends(conversation, "Papers are ready")

        pushed = screen.the_line.waits_for(
            lambda frame: frame.get("push") == "conversation" and frame.get("id") == conversation,
            "the new conversation",
        )
        screen.hears("Papers are ready")

    assert pushed["kind"] == "group"
    assert screen.breaches == []
    assert rosa.conversation(conversation)["unread"]["shared"] >= 1


def test_the_timeline_pages_both_ways(clinic: Clinic, nora: Person) -> None:
    """Backwards from the head and forwards from the start show the same entries, each once."""
    conversation = nora.opens_group(f"Paging {new_id()}", clinic.signs_in(DMITRI))
    for number in range(7):
        nora.sends(conversation, f"Line {number}")

    forwards = nora.reads_everything(conversation)
    backwards: list[dict[str, object]] = []
    page = nora.timeline(conversation, limit=3)
    while True:
        backwards = page["items"] + backwards
        if not page["has_more"]:
            break
        page = nora.timeline(conversation, limit=3, before=page["items"][0]["seq"])

    assert backwards == forwards
    assert [entry["seq"] for entry in forwards] == list(range(1, page["head"] + 1))


def test_unread_falls_when_read_and_never_rises_by_reading_back(clinic: Clinic, nora: Person) -> None:
    """Unread counts others' messages after the mark; a mark never moves back."""
    dmitri = clinic.signs_in(DMITRI)
    conversation = dmitri.opens_group(f"Counting {new_id()}", nora)
    seqs = [dmitri.sends(conversation, f"Word {number}")["seq"] for number in range(3)]

    before = nora.conversation(conversation)["unread"]["shared"]
    for seq in (seqs[1], seqs[0]):
        nora.call("PUT", f"/conversations/{conversation}/read", json={"stream": "shared", "seq": seq})
    after = nora.conversation(conversation)["unread"]["shared"]

    assert before >= 3
    assert after == 1
    assert dmitri.conversation(conversation)["unread"]["shared"] == 0


def test_an_edit_and_a_recall_are_entries_everyone_hears(clinic: Clinic, nora: Person) -> None:
    """Edits and recalls take a seq, are heard live, and history shows the message as it is now."""
    dmitri = clinic.signs_in(DMITRI)
    conversation = nora.opens_group(f"Corrections {new_id()}", dmitri)
    with dmitri.device() as screen:
        posted = nora.sends(conversation, "Give 10 mg")
        message = posted["message"]["id"]

        edited = nora.call("PATCH", f"/messages/{message}", json={"body": "Give 1 mg"})
        recalled = nora.call("DELETE", f"/messages/{message}")
        screen.catches_up_to((conversation, "shared"), recalled["seq"])

    assert [edited["type"], recalled["type"]] == ["message.edited", "message.recalled"]
    assert [edited["seq"], recalled["seq"]] == [posted["seq"] + 1, posted["seq"] + 2]
    assert screen.breaches == []
    shown = next(entry for entry in nora.reads_everything(conversation) if entry["seq"] == posted["seq"])
    assert shown["message"]["recalled"]
    assert shown["message"]["body"] == ""
    earlier = nora.call("GET", f"/messages/{message}/history")["items"]
    assert [each["body"] for each in earlier][:1] == ["Give 10 mg"]


def test_who_was_removed_hears_nothing_more(clinic: Clinic, nora: Person) -> None:
    """Removal is pushed, later entries stay away, and the conversation is gone for them."""
    rosa, dmitri = clinic.signs_in(ROSA), clinic.signs_in(DMITRI)
    conversation = nora.opens_group(f"Rounds {new_id()}", rosa, dmitri)
    with rosa.device() as hers, dmitri.device() as his:
        nora.call("DELETE", f"/conversations/{conversation}/participants/{rosa.id}")
        hers.the_line.hears("removed", conversation_id=conversation)
        nora.sends(conversation, "Without Rosa")
        his.hears("Without Rosa")
        reply = hers.the_line.asks("ping")

    assert reply["ok"]
    assert not hers.has_heard("Without Rosa")
    with pytest.raises(Refused) as refused:
        rosa.conversation(conversation)
    assert refused.value.code == "not_found"


def test_a_closed_conversation_takes_no_staff_message_and_a_patient_reopens_it(nora: Person, ada: Person) -> None:
    """Closed means closed for staff; a patient's new message opens it again."""
    conversation = ada.writes_to_care_team(f"Prescription {new_id()}", "Please renew it")
    nora.call("PATCH", f"/conversations/{conversation}", json={"status": "closed"})

    with pytest.raises(Refused) as refused:
        nora.sends(conversation, "Too late")
    ada.sends(conversation, "One more thing")

    assert refused.value.code == "conversation_closed"
    assert nora.conversation(conversation)["status"] == "open"
    assert [entry["type"] for entry in nora.reads_everything(conversation)][-2:] in (
        ["conversation.reopened", "message.posted"],
        ["message.posted", "conversation.reopened"],
    )


def test_typing_and_read_marks_are_heard_as_states(clinic: Clinic, nora: Person) -> None:
    """Typing, read and delivered reach the colleague without taking a seq."""
    dmitri = clinic.signs_in(DMITRI)
    conversation = nora.opens_conversation_with(dmitri)
    with nora.device() as hers, dmitri.device() as his:
        seq = hers.sends(conversation, f"Read this {new_id()}")["seq"]

        his.the_line.asks("typing", conversation_id=conversation, stream="shared", active=True)
        his.the_line.asks("read", conversation_id=conversation, stream="shared", seq=seq)
        typing = hers.the_line.hears("typing", conversation_id=conversation, active=True)
        read = hers.the_line.hears("read", conversation_id=conversation, stream="shared", seq=seq)
        delivered = hers.the_line.hears("delivered", conversation_id=conversation, user_id=dmitri.id, stream="shared")

    assert typing["user"]["id"] == read["user_id"] == dmitri.id
    assert delivered["seq"] <= seq
    assert nora.conversation(conversation)["heads"]["shared"] == seq


def test_what_people_type_comes_back_as_they_typed_it(clinic: Clinic, nora: Person) -> None:
    """Emoji, right-to-left script, line breaks and markup survive unchanged, at full length too."""
    conversation = nora.opens_conversation_with(clinic.signs_in(DMITRI))
    texts = ["👩‍⚕️ ok", "שלום עולם", "a\n\n  b", "<script>alert(1)</script>", "x" * 10_000, "Ñandú ½"]

    stored = [nora.sends(conversation, text)["message"]["body"] for text in texts]

    assert stored == texts
