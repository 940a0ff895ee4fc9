"""Files in messages: by every way in, watched, stopped, waited for, refused, seen large and listed."""

import re
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.sync_api import FilePayload, Locator, Route, expect

from tests.browser.conftest import Opens
from tests.support import papers
from tests.support.clinic import Clinic
from tests.support.person import new_id
from tests.support.screen import PATIENCE_MS, PHONE, Screen

NORA, ADA = "nora@harbor.example", "ada@patients.example"
FILES_OF = """(files) => {
  const carried = new DataTransfer();
  for (const { name, type, content } of files)
    carried.items.add(new File([Uint8Array.from(atob(content), (char) => char.charCodeAt(0))], name, { type }));
  return carried;
}"""

PASTE = """(field, clipboardData) => field.dispatchEvent(
  new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true }))"""


def picture(name: str, size: tuple[int, int] = (320, 200)) -> FilePayload:
    """Return a picture to attach."""
    return {"name": name, "mimeType": "image/png", "buffer": papers.picture("PNG", size)}


def paper(name: str) -> FilePayload:
    """Return a PDF to attach."""
    return {"name": name, "mimeType": "application/pdf", "buffer": papers.PDF}


def in_text(file: FilePayload) -> dict[str, str]:
    """Return a file as a page's script can make it again."""
    return {"name": file["name"], "type": file["mimeType"], "content": b64encode(file["buffer"]).decode()}


def asked_by_ada(clinic: Clinic) -> tuple[str, str]:
    """Return a fresh conversation of Ada with her care team: its id and its subject."""
    subject = f"Question {new_id()[-6:]}"
    return clinic.signs_in(ADA).writes_to_care_team(subject, "Hello?"), subject


def tray(screen: Screen) -> Locator:
    """Return the list of files over the field."""
    return screen.page.get_by_role("list", name="Files to send")


def attaches(screen: Screen, *files: FilePayload) -> None:
    """Choose files by the button, as soon as it can be used."""
    expect(screen.page.locator("message-composer .tools:not([inert])")).to_be_visible(timeout=PATIENCE_MS)
    screen.page.get_by_label("Attach files").set_input_files(list(files))


def pastes(screen: Screen, *files: FilePayload) -> None:
    """Paste files into the field."""
    carried = screen.page.evaluate_handle(FILES_OF, [in_text(file) for file in files])
    screen.composer.evaluate(PASTE, carried)


def drags_in(screen: Screen, *files: FilePayload) -> Any:  # noqa: ANN401 - a handle of the page's
    """Hold files over the messages; returns what is held."""
    carried = screen.page.evaluate_handle(FILES_OF, [in_text(file) for file in files])
    screen.log.dispatch_event("dragenter", {"dataTransfer": carried})
    return carried


def last_message(clinic: Clinic, conversation: str) -> dict[str, Any]:
    """Return the newest message as the server tells it to Nora."""
    messages = [each["message"] for each in clinic.signs_in(NORA).reads_everything(conversation) if "message" in each]
    return dict(messages[-1])


def forgives_refusal(screen: Screen) -> None:
    """Forget that the page's console wrote down a file which was refused on purpose."""
    screen.complaints = [each for each in screen.complaints if "status of 4" not in each]


@contextmanager
def slow_uploads(screen: Screen) -> Iterator[Callable[[], None]]:
    """Keep uploads on their way until told to let them through."""
    held: list[Route] = []

    def holds(route: Route) -> None:
        held.append(route)

    screen.page.route(re.compile("/attachments$"), holds)

    def lets_through() -> None:
        for route in held:
            route.continue_()
        held.clear()

    yield lets_through


def test_files_come_by_button_by_paste_and_by_drop_and_go_in_one_message(clinic: Clinic, screen: Opens) -> None:
    """Three ways in, three chips, one message of three files; the patient sees the pictures and the paper."""
    conversation, subject = asked_by_ada(clinic)
    nora, ada = screen().signs_in(NORA).opens(subject), screen(portal=True, size=PHONE).signs_in(ADA).opens(subject)
    text = f"Please look {new_id()}"

    attaches(nora, picture("left arm.png"))
    pastes(nora, paper("letter.pdf"))
    carried = drags_in(nora, picture("right arm.png"))
    expect(nora.page.locator("#thread.dropping")).to_be_visible()
    nora.log.dispatch_event("drop", {"dataTransfer": carried})
    for name in ("left arm.png", "letter.pdf", "right arm.png"):
        expect(tray(nora).get_by_role("listitem").filter(has_text=name).get_by_role("progressbar")).to_be_hidden()
    assert nora.axe() == ""
    nora.says(text)

    expect(tray(nora)).to_be_hidden()
    for page in (nora, ada):
        page.sees(text)
        expect(page.message(text).get_by_role("button", name=re.compile("^Open picture"))).to_have_count(2)
        expect(page.message(text).get_by_role("link", name=re.compile("^Open letter.pdf"))).to_be_visible()
        assert page.axe() == ""
    message = last_message(clinic, conversation)
    assert [each["name"] for each in message["attachments"]] == ["left arm.png", "letter.pdf", "right arm.png"]


def test_a_picture_keeps_its_room_and_opens_large_by_keyboard(clinic: Clinic, screen: Opens) -> None:
    """The thumbnail has its size before it is there; Enter opens it, arrows go on, Escape leads back to it."""
    _, subject = asked_by_ada(clinic)
    nora = screen().signs_in(NORA).opens(subject)

    attaches(nora, picture("one.png", (400, 300)), picture("two.png"))
    nora.page.keyboard.press("Enter")
    first = nora.log.get_by_role("button", name="Open picture: one.png")
    expect(first).to_be_visible(timeout=PATIENCE_MS)
    expect(first.locator("img")).to_have_js_property("complete", value=True)
    assert [first.locator("img").get_attribute(side) for side in ("width", "height")] == ["320", "240"]
    first.press("Enter")
    viewer = nora.page.get_by_role("dialog", name="one.png")
    expect(viewer.get_by_role("img", name="one.png")).to_be_visible(timeout=PATIENCE_MS)
    assert nora.axe() == ""
    nora.page.keyboard.press("ArrowRight")
    expect(nora.page.get_by_role("dialog", name="two.png").get_by_role("img", name="two.png")).to_be_visible()
    nora.page.keyboard.press("Escape")

    expect(nora.page.locator("dialog[open]")).to_have_count(0)
    expect(first).to_be_focused()


def test_an_upload_shows_how_far_it_is_and_can_be_stopped(clinic: Clinic, screen: Opens) -> None:
    """While a file is on its way there is a bar; taken out, it is gone, and the message goes without it."""
    conversation, subject = asked_by_ada(clinic)
    nora = screen().signs_in(NORA).opens(subject)

    with slow_uploads(nora):
        attaches(nora, paper("wrong.pdf"))
        expect(tray(nora).get_by_role("progressbar", name="Uploading wrong.pdf")).to_be_visible()
        assert nora.axe() == ""
        nora.page.get_by_role("button", name="Remove wrong.pdf").click()
    expect(tray(nora)).to_be_hidden()
    nora.says("Without a file")

    nora.sees_mark("Without a file", "Sent")
    assert last_message(clinic, conversation)["attachments"] == []


def test_a_file_taken_out_after_it_arrived_is_forgotten_by_the_server(clinic: Clinic, screen: Opens) -> None:
    """Taking out a chip asks the server to delete what it holds."""
    _, subject = asked_by_ada(clinic)
    nora = screen().signs_in(NORA).opens(subject)
    attaches(nora, paper("wrong.pdf"))
    expect(tray(nora).get_by_role("progressbar")).to_be_hidden()

    with nora.page.expect_response(lambda answer: answer.request.method == "DELETE") as deleted:
        nora.page.get_by_role("button", name="Remove wrong.pdf").click()

    assert deleted.value.status == 204


@pytest.mark.parametrize("portal", [False, True])
def test_a_message_waits_visibly_for_its_files_and_goes_once(clinic: Clinic, screen: Opens, *, portal: bool) -> None:
    """Enter while a file is on its way: the page says what it waits for; then one message goes with text and file."""
    conversation, subject = asked_by_ada(clinic)
    page = screen(portal=portal, size=PHONE if portal else None).signs_in(ADA if portal else NORA).opens(subject)
    text = f"Here it is {new_id()}"

    with slow_uploads(page) as lets_through:
        attaches(page, paper("form.pdf"))
        page.says(text)
        expect(page.page.get_by_text("goes out as soon as the files are there")).to_be_visible()
        expect(page.message(text)).to_have_count(0)
        assert page.axe() == ""
        lets_through()

    page.sees_once(text)
    expect(page.composer).to_have_value("")
    assert [each["name"] for each in last_message(clinic, conversation)["attachments"]] == ["form.pdf"]


def test_a_message_that_waits_for_its_files_goes_although_one_looks_elsewhere(clinic: Clinic, screen: Opens) -> None:
    """Nora goes to another conversation while a file is on its way: her message is sent all the same, once."""
    conversation, subject = asked_by_ada(clinic)
    _, other = asked_by_ada(clinic)
    nora = screen().signs_in(NORA).opens(subject)
    text = f"On its own {new_id()}"

    with slow_uploads(nora) as lets_through:
        attaches(nora, paper("form.pdf"))
        nora.says(text)
        nora.opens(other)
        lets_through()
    nora.opens(subject)

    nora.sees_once(text)
    expect(nora.composer).to_have_value("")
    assert [each["name"] for each in last_message(clinic, conversation)["attachments"]] == ["form.pdf"]


def test_what_cannot_be_sent_says_why_and_keeps_the_rest(clinic: Clinic, screen: Opens) -> None:
    """A program, an empty file and one too large each say what is wrong; nothing goes before they are out."""
    conversation, subject = asked_by_ada(clinic)
    nora = screen().signs_in(NORA).opens(subject)
    program: FilePayload = {"name": "setup.exe", "mimeType": "application/x-msdownload", "buffer": b"MZ\x90\0" * 64}
    nothing: FilePayload = {"name": "empty.pdf", "mimeType": "application/pdf", "buffer": b""}
    huge: FilePayload = {"name": "film.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.4" + bytes(26_000_000)}

    attaches(nora, program, nothing, huge, paper("good.pdf"))
    chip = tray(nora).get_by_role("listitem")
    expect(chip.filter(has_text="setup.exe")).to_contain_text("This kind of file cannot be sent.")
    expect(chip.filter(has_text="empty.pdf")).to_contain_text("This file is empty.")
    expect(chip.filter(has_text="film.pdf")).to_contain_text("A file can have 25 MB at most.")
    assert nora.axe() == ""
    nora.says("Only the good one")
    expect(nora.message("Only the good one")).to_have_count(0)
    for name in ("setup.exe", "empty.pdf", "film.pdf"):
        nora.page.get_by_role("button", name=f"Remove {name}").click()
    nora.composer.press("Enter")

    nora.sees_mark("Only the good one", "Sent")
    assert [each["name"] for each in last_message(clinic, conversation)["attachments"]] == ["good.pdf"]
    forgives_refusal(nora)


def test_files_that_are_there_survive_a_reload_and_need_no_words(clinic: Clinic, screen: Opens) -> None:
    """Attached, reloaded, sent without a word: the message is named after its file, and shows it once."""
    conversation, subject = asked_by_ada(clinic)
    ada = screen(portal=True, size=PHONE).signs_in(ADA).opens(subject)
    attaches(ada, paper("referral.pdf"))
    expect(tray(ada).get_by_role("progressbar")).to_be_hidden()

    ada.page.reload()
    expect(tray(ada)).to_contain_text("referral.pdf")
    ada.page.get_by_role("button", name="Send").click()

    expect(ada.log.get_by_role("link", name=re.compile("^Open referral.pdf"))).to_be_visible(timeout=PATIENCE_MS)
    message = last_message(clinic, conversation)
    assert (message["body"], len(message["attachments"])) == ("referral.pdf", 1)
    expect(tray(ada)).to_be_hidden()


def test_the_files_of_a_conversation_are_listed_on_both_pages(clinic: Clinic, screen: Opens) -> None:
    """In the panel for staff, behind "Files" for patients; a note's file is listed for staff only."""
    _, subject = asked_by_ada(clinic)
    nora, ada = screen().signs_in(NORA).opens(subject), screen(portal=True, size=PHONE).signs_in(ADA).opens(subject)
    attaches(nora, picture("arm.png"))
    nora.says("For both")
    nora.sees_mark("For both", "Sent")
    nora.page.get_by_role("radio", name="Internal note").check(force=True)
    attaches(nora, paper("lab.pdf"))
    nora.says("For us")
    nora.sees_mark("For us", "Sent")

    nora.page.get_by_role("button", name="Conversation details").click()
    ada.sees("For both")
    ada.page.get_by_role("button", name="Files", exact=True).click()

    panel = nora.page.get_by_role("region", name="Conversation details")
    expect(panel.get_by_role("link", name=re.compile("^Open lab.pdf"))).to_be_visible(timeout=PATIENCE_MS)
    expect(panel.get_by_role("button", name="Open picture: arm.png")).to_be_visible()
    dialog = ada.page.get_by_role("dialog", name="Files in this conversation")
    expect(dialog.get_by_role("button", name="Open picture: arm.png")).to_be_visible(timeout=PATIENCE_MS)
    expect(dialog).not_to_contain_text("lab.pdf")
    for page in (nora, ada):
        assert page.axe() == ""
