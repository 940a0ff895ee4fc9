"""Writing more than a line: mentions, urgency, confirmation, drafts, and answers that cross."""

import re
from collections.abc import Callable
from typing import Any

from playwright.sync_api import expect

from tests.browser.conftest import Opens
from tests.support.clinic import STAFF, Clinic
from tests.support.person import new_id
from tests.support.screen import PHONE, Screen

NORA, ADA, DMITRI = "nora@harbor.example", "ada@patients.example", "dmitri@harbor.example"


def asked_by_ada(clinic: Clinic) -> tuple[str, str]:
    """Return a fresh conversation of Ada with her care team: its id and its subject."""
    subject = f"Question {new_id()[-6:]}"
    return clinic.signs_in(ADA).writes_to_care_team(subject, "Hello?"), subject


def last_message(clinic: Clinic, conversation: str) -> dict[str, Any]:
    """Return the newest message as the server tells it to Nora."""
    messages = [each["message"] for each in clinic.signs_in(NORA).reads_everything(conversation) if "message" in each]
    return dict(messages[-1])


def test_a_colleague_is_mentioned_by_keyboard(clinic: Clinic, screen: Opens) -> None:
    """@ offers those who take part and nobody else; Enter takes the name, and the message names them."""
    nora, dmitri, rosa = (clinic.signs_in(each) for each in (NORA, DMITRI, "rosa@harbor.example"))
    subject = f"Ward {new_id()[-6:]}"
    conversation = nora.opens_group(subject, dmitri, rosa)
    page = screen().signs_in(NORA).opens(subject)

    page.composer.press_sequentially("Ask @")
    offered = page.page.get_by_role("listbox", name="People to mention").get_by_role("option")
    expect(offered).to_have_count(2)
    page.composer.press_sequentially("dmi")
    expect(offered).to_have_text([re.compile("Dmitri")])
    assert page.axe() == ""
    page.composer.press("Escape")
    expect(offered).to_have_count(0)
    page.composer.press_sequentially("t")
    expect(page.composer).to_have_attribute("aria-activedescendant", re.compile("."))
    active = page.composer.get_attribute("aria-activedescendant")
    expect(page.page.locator(f"#{active}")).to_have_attribute("aria-selected", "true")
    page.composer.press("Enter")
    page.composer.press_sequentially("please")
    page.composer.press("Enter")

    name = clinic.signs_in(DMITRI).call("GET", "/me")["user"]["name"]
    page.sees(f"Ask @{name} please")
    message = last_message(clinic, conversation)
    assert (message["body"], message["mentions"]) == (f"Ask @{name} please", [dmitri.id])


def test_urgency_and_confirmation_are_said_before_sending_and_off_after_it(clinic: Clinic, screen: Opens) -> None:
    """Both switches explain themselves, go with one message, reach the patient, and are off for the next."""
    conversation, subject = asked_by_ada(clinic)
    nora, ada = screen(size=PHONE).signs_in(NORA).opens(subject), screen(portal=True).signs_in(ADA).opens(subject)
    text = f"Please stop the tablets {new_id()}"

    nora.page.get_by_role("checkbox", name="Urgent").check(force=True)
    nora.page.get_by_role("checkbox", name="Ask to confirm").check(force=True)
    told = nora.page.locator("message-composer .tell")
    expect(told).to_contain_text("It does not ring their phone")
    expect(told).to_contain_text("is asked to confirm")
    assert nora.axe() == ""
    nora.says(text)

    nora.sees_mark(text, "Sent")
    ada.sees(text)
    expect(ada.message(text)).to_contain_text("Urgent")
    for name in ("Urgent", "Ask to confirm"):
        expect(nora.page.get_by_role("checkbox", name=name)).not_to_be_checked()
    expect(told).to_be_hidden()
    message = last_message(clinic, conversation)
    assert (message["priority"], message["acknowledgement"]["asked"]) == ("urgent", True)
    expect(ada.page.get_by_role("checkbox", name="Urgent")).to_have_count(0)


def test_an_answer_that_crosses_a_newer_message_asks_first(
    clinic: Clinic, screen: Opens, forgives: Callable[[Screen], None]
) -> None:
    """Ada wrote while Nora had no line: Nora's answer is not sent, says why, and goes with one click."""
    conversation, subject = asked_by_ada(clinic)
    nora = screen().signs_in(NORA).opens(subject)
    nora.says("How are you?").sees_mark("How are you?", "Sent")
    text = f"Then take one more {new_id()}"

    clinic.kills(STAFF)
    expect(nora.page.get_by_text("Connection lost")).to_be_visible()
    nora.says(text)
    clinic.signs_in(ADA).sends(conversation, "I am allergic to it")
    clinic.starts(STAFF)

    nora.sees_mark(text, "Not sent")
    expect(nora.message(text)).to_contain_text("There are newer messages")
    nora.sees("I am allergic to it")
    assert nora.axe() == ""
    nora.message(text).get_by_role("button", name="Send anyway").click()
    nora.sees_mark(text, "Sent").sees_once(text)
    assert last_message(clinic, conversation)["body"] == text
    forgives(nora)


def test_among_colleagues_nothing_asks_first(clinic: Clinic, screen: Opens, forgives: Callable[[Screen], None]) -> None:
    """The same in a group: the message goes by itself when the line is back."""
    nora, dmitri = clinic.signs_in(NORA), clinic.signs_in(DMITRI)
    subject = f"Quick {new_id()[-6:]}"
    conversation = nora.opens_group(subject, dmitri)
    page = screen().signs_in(NORA).opens(subject)
    text = f"Coming {new_id()}"

    with clinic.replica(STAFF) as other:
        there = clinic.signs_in(DMITRI, at=other)
        clinic.kills(STAFF)
        expect(page.page.get_by_text("Connection lost")).to_be_visible()
        page.says(text)
        there.sends(conversation, "Are you coming?")
        clinic.starts(STAFF)

    page.sees_mark(text, "Sent").sees_once(text)
    forgives(page)


def test_what_one_began_to_write_stands_on_ones_other_device(clinic: Clinic, screen: Opens) -> None:
    """Begun on the desk, gone on with on the phone, sent there: nothing of it is left on the desk."""
    _, subject = asked_by_ada(clinic)
    desk = screen().signs_in(NORA).opens(subject)
    text = f"Your results are {new_id()}"

    with desk.page.expect_response(lambda answer: answer.request.method == "PUT" and answer.url.endswith("/draft")):
        desk.composer.fill(text)
    phone = screen(size=PHONE).signs_in(NORA).opens(subject)
    expect(phone.composer).to_have_value(text)
    phone.composer.press("End")
    phone.composer.press_sequentially(" fine")
    phone.composer.press("Enter")

    desk.sees(f"{text} fine")
    expect(desk.composer).to_have_value("")


def test_the_field_counts_near_its_limit_and_sends_nothing_beyond_it(clinic: Clinic, screen: Opens) -> None:
    """Close to 10,000 characters the page says how many are left; a text that is too long stays where it is."""
    conversation, subject = asked_by_ada(clinic)
    nora = screen().signs_in(NORA).opens(subject)

    nora.composer.fill("x" * 9_990)
    expect(nora.page.get_by_text("10 characters left")).to_be_visible()
    nora.composer.fill("x" * 10_005)
    expect(nora.page.get_by_text("5 characters too many")).to_be_visible()
    expect(nora.page.get_by_role("button", name="Send")).to_be_disabled()
    nora.composer.press("Enter")

    expect(nora.composer).to_have_value("x" * 10_005)
    assert nora.axe() == ""
    nora.says("Short enough").sees_mark("Short enough", "Sent")
    stored = clinic.signs_in(NORA).reads_everything(conversation)
    assert [each["message"]["body"] for each in stored if "message" in each] == ["Hello?", "Short enough"]


def test_arrow_up_in_an_empty_field_edits_what_one_wrote_last(clinic: Clinic, screen: Opens) -> None:
    """The last message of one's own comes back into the field; saved, it is changed for both sides."""
    _, subject = asked_by_ada(clinic)
    nora, ada = screen().signs_in(NORA).opens(subject), screen(portal=True).signs_in(ADA).opens(subject)
    old, new = f"Come at nine {new_id()}", f"Come at ten {new_id()}"
    nora.says(old)
    nora.sees_mark(old, "Sent")

    nora.composer.press("ArrowUp")
    expect(nora.composer).to_have_value(old)
    expect(nora.page.get_by_label("Attach files")).to_be_hidden()
    nora.composer.fill(new)
    nora.composer.press("Control+Enter")

    ada.sees(new)
    expect(nora.composer).to_have_value("")


def test_arrow_up_means_no_earlier_message_while_the_last_is_on_its_way(
    clinic: Clinic, screen: Opens, forgives: Callable[[Screen], None]
) -> None:
    """Without a line the last message waits: the one before it stays as it was."""
    _, subject = asked_by_ada(clinic)
    nora = screen().signs_in(NORA).opens(subject)
    nora.says("Come at nine").sees_mark("Come at nine", "Sent")
    nora.page.context.set_offline(True)
    nora.says("Or at ten").sees_mark("Or at ten", "Waiting to be sent")

    nora.composer.press("ArrowUp")

    expect(nora.composer).to_have_value("")
    nora.page.context.set_offline(False)
    nora.sees_mark("Or at ten", "Sent")
    nora.composer.press("ArrowUp")
    expect(nora.composer).to_have_value("Or at ten")
    forgives(nora)


def test_the_patient_reads_beside_the_field_that_it_is_not_for_emergencies(clinic: Clinic, screen: Opens) -> None:
    """On a phone, where the list is another screen, the hint stands with the field."""
    _, subject = asked_by_ada(clinic)
    ada = screen(portal=True, size=PHONE).signs_in(ADA).opens(subject)

    expect(ada.page.locator("message-composer").get_by_text("Not for emergencies")).to_be_visible()
    assert ada.axe() == ""
