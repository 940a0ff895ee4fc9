"""Asking for acknowledgement through both gateways: who gives it, who hears of it, who is reminded, what is told."""

import json

import pytest

from tests.support.doors import said
from tests.support.person import JSON, Device, Person, new_id
from tests.support.ports import wait_until


@pytest.fixture
def talk(ada: Person) -> str:
    """Give a conversation of Ada with Nora and Dmitri."""
    return ada.writes_to_care_team(f"Fasting {new_id()}", "From when on?")


def asks_for_it(who: Person, conversation: str, **more: str) -> str:
    """Post a message that asks for acknowledgement; returns its id."""
    body = {**said("From midnight on, please confirm"), "ask_acknowledgement": True, **more}
    return str(who.call("POST", f"/conversations/{conversation}/messages", json=body)["message"]["id"])


def acknowledged_on(screen: Device, message: str) -> list[JSON]:
    """Return the acknowledgements of a message that a screen was pushed."""
    return [each for each in screen.the_line.pushes("entry") if each.get("message_id") == message]


def reminders_on(screen: Device, message: str) -> list[JSON]:
    """Return how a screen was reminded of a message."""
    return [each for each in screen.the_line.pushes("reminder") if each["message_id"] == message]


def given_by(who: Person, conversation: str, message: str) -> list[str]:
    """Return who acknowledged a message, as somebody's timeline shows it."""
    shown = [each["message"] for each in who.timeline(conversation)["items"] if "message" in each]
    return [each["id"] for one in shown if one["id"] == message for each in one["acknowledgement"]["by"]]


def test_each_acknowledges_once_and_everybody_hears_it_once(
    nora: Person, dmitri: Person, ada: Person, talk: str
) -> None:
    """Doctor and patient, on both planes: the first one is an entry for all three, the second one nothing."""
    with nora.device() as hers, dmitri.device() as his, ada.device() as phone:
        message = str(hers.sends(talk, "Please confirm", ask_acknowledgement=True)["message_id"])
        first = {who: who.call("POST", f"/messages/{message}/acknowledgement") for who in (dmitri, ada)}
        again = {who: who.call("POST", f"/messages/{message}/acknowledgement") for who in (dmitri, ada)}
        no_such_op = his.the_line.asks("acknowledge", message_id=message)
        nora.sends(talk, "Thank you")
        for screen in (hers, his, phone):
            screen.hears("Thank you")
        heard = [acknowledged_on(screen, message) for screen in (hers, his, phone)]
        breaches = [*hers.breaches, *his.breaches, *phone.breaches]

    assert again == first
    assert no_such_op["problem"]["code"] == "invalid"
    for entries in heard:
        assert [(each["type"], each["actor"]["id"]) for each in entries] == [
            ("message.acknowledged", dmitri.id),
            ("message.acknowledged", ada.id),
        ]
        assert [{**each, "push": ""} for each in entries] == [{**each, "push": ""} for each in first.values()]
    assert breaches == []
    assert [given_by(who, talk, message) for who in (nora, ada)] == [[dmitri.id, ada.id]] * 2
    assert [each["type"] for each in nora.reads_everything(talk)].count("message.acknowledged") == 2


def test_its_author_and_a_message_that_asks_nothing_are_a_conflict(nora: Person, ada: Person, talk: str) -> None:
    """Nothing is stored, on either plane."""
    asking, plain = asks_for_it(nora, talk), str(nora.sends(talk, "No need to answer")["message"]["id"])
    head = nora.conversation(talk)["heads"]

    answers = [
        nora.raw("POST", f"/messages/{asking}/acknowledgement"),
        nora.raw("POST", f"/messages/{plain}/acknowledgement"),
        ada.raw("POST", f"/messages/{plain}/acknowledgement"),
    ]

    assert [(each.status_code, each.json()["code"]) for each in answers] == [(409, "conflict")] * 3
    assert nora.conversation(talk)["heads"] == head


def test_a_reminder_reaches_who_has_not_acknowledged_and_nobody_else(
    nora: Person, dmitri: Person, ada: Person, talk: str
) -> None:
    """The patient on the portal's socket, once, with what the protocol says and no more; the others hear nothing."""
    message = asks_for_it(nora, talk)
    dmitri.call("POST", f"/messages/{message}/acknowledgement")
    seq = next(each["seq"] for each in nora.timeline(talk)["items"] if each.get("message", {}).get("id") == message)

    with nora.device() as hers, dmitri.device() as his, ada.device() as phone:
        reminded = nora.call("POST", f"/messages/{message}/reminder")
        phone.the_line.hears("reminder", message_id=message)
        again = nora.raw("POST", f"/messages/{message}/reminder")
        nora.sends(talk, "Anybody?")
        for screen in (hers, his, phone):
            screen.hears("Anybody?")
        heard = [reminders_on(screen, message) for screen in (hers, his, phone)]

    name = nora.call("GET", "/me")["user"]["name"]
    expected = {"conversation_id": talk, "stream": "shared", "seq": seq, "message_id": message}
    assert reminded == {"reminded": [ada.id]}
    assert heard == [[], [], [{"push": "reminder", **expected, "user": {"id": nora.id, "name": name}}]]
    assert (again.status_code, again.json()["code"]) == (429, "rate_limited")
    assert 1 <= int(again.headers["Retry-After"]) <= 300


def test_of_a_note_staff_are_reminded_and_the_patient_learns_nothing(
    nora: Person, dmitri: Person, ada: Person, talk: str
) -> None:
    """On the staff socket; on the portal there is neither the message nor the reminder."""
    note = asks_for_it(nora, talk, stream="internal")

    with dmitri.device() as his, ada.device() as phone:
        reminded = nora.call("POST", f"/messages/{note}/reminder")
        his.the_line.hears("reminder", message_id=note)
        nora.sends(talk, "For you too")
        phone.hears("For you too")
        heard = json.dumps(phone.the_line.heard)

    assert reminded == {"reminded": [dmitri.id]}
    assert note not in heard
    assert ada.raw("POST", f"/messages/{note}/acknowledgement").json()["code"] == "not_found"


def test_what_a_patient_posts_has_the_same_fields_as_what_staff_post(
    nora: Person, dmitri: Person, ada: Person, talk: str
) -> None:
    """`POST …/messages` is one call for both planes (protocol.md section 4); reminding is staff's alone.

    A patient's message may so be urgent and ask; its author being no staff, a moderator reminds of it, and nobody else.
    """
    with nora.device() as hers, ada.device() as phone:
        sent = phone.sends(talk, "Bleeding again", priority="urgent", ask_acknowledgement=True)
        live = hers.hears("Bleeding again")["message"]
        message = str(sent["message_id"])
        attempts = [ada.raw("POST", f"/messages/{message}/{what}") for what in ("reminder", "acknowledgement")]
        not_hers = nora.raw("POST", f"/messages/{message}/reminder")
        reminded = dmitri.call("POST", f"/messages/{message}/reminder")
        hers.the_line.hears("reminder", message_id=message)
        entry = nora.call("POST", f"/messages/{message}/acknowledgement")
        phone.the_line.hears("entry", type="message.acknowledged", message_id=message)

    assert (live["priority"], live["acknowledgement"]) == ("urgent", {"asked": True, "by": []})
    assert [(each.status_code, each.json()["code"]) for each in attempts] == [(404, "not_found"), (409, "conflict")]
    assert not_hers.json()["code"] == "permission_required"
    assert reminded == {"reminded": [nora.id]}
    shown = next(each["message"] for each in ada.timeline(talk)["items"] if each["seq"] == sent["seq"])
    assert shown["acknowledgement"] == {"asked": True, "by": [{"id": nora.id, "at": entry["at"]}]}


def test_receipts_tell_staff_of_both_planes_and_only_what_is_known(
    nora: Person, dmitri: Person, ada: Person, talk: str
) -> None:
    """Delivered to the phone, read there, acknowledged: each with its time; who has no device has none."""
    message = asks_for_it(nora, talk)

    def of(who: Person) -> JSON:
        return next(
            each for each in nora.call("GET", f"/messages/{message}/receipts")["items"] if each["user"]["id"] == who.id
        )

    before = of(ada)
    with ada.device() as phone:
        # What was posted before a device came is delivered with the next thing it hears.
        seq = nora.sends(talk, "Are you there?")["seq"]
        phone.hears("Are you there?")
        wait_until(lambda: of(ada)["delivered_at"] is not None, within_s=10, what="the delivery being known")
        delivered = of(ada)
        assert phone.the_line.asks("read", conversation_id=talk, stream="shared", seq=seq)["ok"]
        wait_until(lambda: of(ada)["read_at"] is not None, within_s=10, what="the reading being known")
    read = of(ada)
    acknowledged_at = ada.call("POST", f"/messages/{message}/acknowledgement")["at"]

    times = ("delivered_at", "read_at", "acknowledged_at")
    assert [before[name] for name in times] == [None, None, None]
    assert (delivered["read_at"], delivered["acknowledged_at"]) == (None, None)
    assert read["delivered_at"] == delivered["delivered_at"] <= read["read_at"]
    assert of(ada) == {**read, "acknowledged_at": acknowledged_at}
    assert [of(dmitri)[name] for name in times] == [None, None, None]
    assert nora.id not in {each["user"]["id"] for each in nora.call("GET", f"/messages/{message}/receipts")["items"]}
