"""Nora and Ada sign in through the real pages and talk, live, both ways."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from playwright.sync_api import expect

from tests.browser.conftest import Opens
from tests.support.clinic import STAFF, Clinic
from tests.support.person import new_id
from tests.support.screen import PHONE, Screen

NORA, ADA = "nora@harbor.example", "ada@patients.example"


def asked_by_ada(clinic: Clinic) -> tuple[str, str]:
    """Return a fresh conversation of Ada with her care team: its id and its subject."""
    subject = f"Question {new_id()[-6:]}"
    return clinic.signs_in(ADA).writes_to_care_team(subject, "Hello?"), subject


def test_nora_and_ada_talk_live(clinic: Clinic, screen: Opens) -> None:
    """What one writes appears on the other's page without a reload, and marks move from sent to read."""
    conversation, subject = asked_by_ada(clinic)
    nora, ada = screen().signs_in(NORA), screen(portal=True, size=PHONE).signs_in(ADA)
    nora.opens(subject)
    ada.opens(subject)

    ada.says("May I get up?")
    nora.sees("May I get up?")
    nora.says("Slowly, yes.")
    ada.sees("Slowly, yes.")

    nora.sees_mark("Slowly, yes.", "Read")
    for page in (nora, ada):
        page.sees_once("May I get up?").sees_once("Slowly, yes.")
    stored = clinic.signs_in(NORA).reads_everything(conversation)
    assert [each["message"]["body"] for each in stored if "message" in each][-2:] == ["May I get up?", "Slowly, yes."]


def test_typing_shows_while_the_other_writes(clinic: Clinic, screen: Opens) -> None:
    """Nora sees that Ada is writing."""
    _, subject = asked_by_ada(clinic)
    nora, ada = screen().signs_in(NORA).opens(subject), screen(portal=True).signs_in(ADA).opens(subject)

    ada.composer.press_sequentially("I wonder")

    expect(nora.page.get_by_text("is writing")).to_be_visible()


def test_a_patient_writes_to_the_care_team_and_it_appears_on_the_list(clinic: Clinic, screen: Opens) -> None:
    """A new message from the portal's dialog shows up live in Nora's list, unread."""
    subject = f"Rash {new_id()[-6:]}"
    nora, ada = screen().signs_in(NORA), screen(portal=True, size=PHONE).signs_in(ADA)
    expect(nora.list.get_by_role("link").first).to_be_visible()

    ada.page.get_by_role("button", name="New message").click()
    dialog = ada.page.get_by_role("dialog", name="Write to your care team")
    dialog.get_by_label("What is it about?").fill(subject)
    dialog.get_by_label("Your message").fill("It itches")
    dialog.get_by_role("button", name="Send message").click()

    ada.sees("It itches")
    expect(nora.row(subject)).to_contain_text("1 unread message")
    nora.opens(subject).sees("It itches")
    expect(nora.row(subject)).not_to_contain_text("unread")
    assert clinic.signs_in(ADA).lists()[0]["subject"] == subject


def test_a_conversation_starts_from_the_directory(screen: Opens) -> None:
    """Nora finds Rosa among the people and writes to her."""
    nora, rosa = screen().signs_in(NORA), screen().signs_in("rosa@harbor.example")
    text = f"Can you call back? {new_id()}"

    nora.page.get_by_role("button", name="New conversation").click()
    dialog = nora.page.get_by_role("dialog")
    dialog.get_by_label("Find people").fill("Rosa")
    dialog.get_by_role("list", name="People").get_by_role("button", name=re.compile("Rosa")).click()
    expect(nora.composer).to_be_visible()
    nora.says(text)

    rosa.opens(text).sees(text)


def test_an_internal_note_never_reaches_the_patient(clinic: Clinic, screen: Opens) -> None:
    """The note is marked on Nora's page and nowhere on Ada's, not even after a reload."""
    conversation, subject = asked_by_ada(clinic)
    nora, ada = screen().signs_in(NORA).opens(subject), screen(portal=True).signs_in(ADA).opens(subject)
    note, answer = f"Check the scan {new_id()}", f"We will call you {new_id()}"

    nora.page.get_by_role("radio", name="Internal note").check(force=True)
    nora.says(note)
    nora.sees(note)
    expect(nora.message(note)).to_contain_text("Internal note")
    nora.page.get_by_role("radio", name=re.compile("^To ")).check(force=True)
    nora.says(answer)
    ada.sees(answer)

    assert note not in ada.page.content()
    ada.page.reload()
    ada.sees(answer)
    assert note not in ada.page.content()
    assert "nternal" not in ada.page.content()
    assert clinic.signs_in(NORA).conversation(conversation)["heads"]["internal"] == 1


def test_a_lost_line_shows_and_what_was_written_goes_out_when_it_is_back(
    clinic: Clinic, screen: Opens, forgives: Callable[[Screen], None]
) -> None:
    """With the gateway gone the page says so, typing goes on, and the message arrives once when it is back."""
    _, subject = asked_by_ada(clinic)
    nora, ada = screen().signs_in(NORA).opens(subject), screen(portal=True).signs_in(ADA).opens(subject)
    text = f"Written in a tunnel {new_id()}"

    clinic.kills(STAFF)
    expect(nora.page.get_by_text("Connection lost")).to_be_visible()
    nora.says(text)
    nora.sees_mark(text, "Waiting to be sent")
    clinic.starts(STAFF)

    nora.sees_mark(text, "Sent")
    ada.sees_once(text)
    expect(nora.page.get_by_text("Connection lost")).to_be_hidden()
    forgives(nora)


def test_a_message_that_waits_survives_a_reload(
    clinic: Clinic, screen: Opens, forgives: Callable[[Screen], None]
) -> None:
    """What could not be sent is still there after the page was closed and opened again, and goes out once."""
    conversation, subject = asked_by_ada(clinic)
    nora = screen().signs_in(NORA).opens(subject)
    text = f"Do not lose me {new_id()}"

    clinic.kills(STAFF)
    expect(nora.page.get_by_text("Connection lost")).to_be_visible()
    nora.says(text)
    nora.page.goto("about:blank")
    clinic.starts(STAFF)
    nora.opens_address(conversation)

    nora.sees_mark(text, "Sent").sees_once(text)
    stored = clinic.signs_in(NORA).reads_everything(conversation)
    assert [each["message"]["body"] for each in stored if "message" in each].count(text) == 1
    forgives(nora)


@contextmanager
def without_a_line(clinic: Clinic, nora: Screen, conversation: str) -> Iterator[Callable[[], None]]:
    """Take Nora's line away; what is given brings it back, the conversation having been closed by Dmitri meanwhile."""
    with clinic.replica(STAFF) as other:
        dmitri = clinic.signs_in("dmitri@harbor.example", at=other)
        clinic.kills(STAFF)
        expect(nora.page.get_by_text("Connection lost")).to_be_visible()

        def closed_meanwhile() -> None:
            dmitri.call("PATCH", f"/conversations/{conversation}", json={"status": "closed"})
            clinic.starts(STAFF)

        yield closed_meanwhile


def reopens(clinic: Clinic, conversation: str) -> None:
    """Have Dmitri open the conversation again."""
    clinic.signs_in("dmitri@harbor.example").call("PATCH", f"/conversations/{conversation}", json={"status": "open"})


def test_a_failed_send_says_so_and_can_be_sent_again(
    clinic: Clinic, screen: Opens, forgives: Callable[[Screen], None]
) -> None:
    """The conversation was closed meanwhile: the message says "Not sent"; reopened, it goes with "Try again"."""
    conversation, subject = asked_by_ada(clinic)
    nora = screen().signs_in(NORA).opens(subject)
    text = f"Too late? {new_id()}"

    with without_a_line(clinic, nora, conversation) as closed_meanwhile:
        nora.says(text)
        closed_meanwhile()
        nora.sees_mark(text, "Not sent")
        reopens(clinic, conversation)
    nora.message(text).get_by_role("button", name="Try again").click()

    nora.sees_mark(text, "Sent").sees_once(text)
    forgives(nora)


def test_what_failed_in_a_conversation_one_has_left_is_said_and_marked_in_the_list(
    clinic: Clinic, screen: Opens, forgives: Callable[[Screen], None]
) -> None:
    """Nora went on to another conversation: a word says where it was, the row keeps saying it until it has gone."""
    conversation, subject = asked_by_ada(clinic)
    _, other = asked_by_ada(clinic)
    nora = screen().signs_in(NORA).opens(subject)
    text = f"Left behind {new_id()}"

    with without_a_line(clinic, nora, conversation) as closed_meanwhile:
        nora.says(text)
        nora.row(other).click()
        closed_meanwhile()
        expect(nora.page.get_by_role("status").filter(has_text="Ada Moreno")).to_contain_text(
            "Your message in “Ada Moreno” was not sent."
        )
        expect(nora.row(subject)).to_contain_text("Not sent")
        expect(nora.row(other)).not_to_contain_text("Not sent")
        assert nora.axe() == ""
        reopens(clinic, conversation)
    nora.opens(subject).message(text).get_by_role("button", name="Try again").click()

    nora.sees_mark(text, "Sent")
    expect(nora.row(subject)).not_to_contain_text("Not sent")
    forgives(nora)
