"""The forty steps of docs/a-days-work.md, in their order and numbered as there: Nora's shift and Ada's fortnight.

With MESSAGES_PICTURES=folder each step leaves a picture of every screen in it, to be looked at; with
MESSAGES_TEST_ORIGIN=http://localhost:8080 the day is spent at what `make run` or `make up` began.
"""

import os
import re
import statistics
import time
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import FilePayload, Locator, Page, expect

from tests.browser.conftest import Opens, Place
from tests.browser.test_files import drags_in, pastes, tray
from tests.browser.test_finding import arranges, results
from tests.support import papers
from tests.support.person import new_id
from tests.support.screen import PHONE, SENT, Screen

NORA, DMITRI, ROSA, ADA = "nora@harbor.example", "dmitri@harbor.example", "rosa@harbor.example", "ada@patients.example"
WIDE = {"width": 1440, "height": 900}
PICTURES = os.environ.get("MESSAGES_PICTURES")

# Whether what is kept to be read without a line says a word.
KEPT = """async (word) => {
  const kept = await caches.open("messages-kept");
  const texts = (await kept.keys()).map(async (one) => (await kept.match(one, { ignoreVary: true })).text());
  return (await Promise.all(texts)).some((text) => text.includes(word));
}"""


class Day:
    """Counts the steps, and keeps pictures of them where they are wanted."""

    def __init__(self, **screens: Screen) -> None:
        """Begin with these screens, by whose they are."""
        self.screens = screens

    def step(self, number: int) -> None:
        """Say that a step is done."""
        if PICTURES:
            Path(PICTURES).mkdir(parents=True, exist_ok=True)
            for name, screen in self.screens.items():
                screen.page.screenshot(path=f"{PICTURES}/{number:02}-{name}.png")


def drops(screen: Screen, *files: FilePayload) -> None:
    """Drag files over the messages and let them go there."""
    screen.log.dispatch_event("drop", {"dataTransfer": drags_in(screen, *files)})


def file(name: str, media_type: str, content: bytes) -> FilePayload:
    """Return a file to give to the page."""
    return {"name": name, "mimeType": media_type, "buffer": content}


def chips(screen: Screen) -> Locator:
    """Return the files that go with the next message, one by one."""
    return tray(screen).get_by_role("listitem")


def title_counts(page: Page) -> int:
    """Return the number in the tab's title."""
    counted = re.match(r"\((\d+)\)", page.title())
    return int(counted[1]) if counted else 0


def arrives(text: str, sender: Screen, reader: Screen) -> float:
    """Send what was written; returns the seconds until it stands on the other page."""
    begun = time.monotonic()
    sender.composer.press("Enter")
    reader.sees(text)
    return time.monotonic() - begun


def test_noras_shift(place: Place, screen: Opens, forgives: Callable[[Screen], None]) -> None:  # noqa: PLR0915 - thirty steps
    """From the bookmark in the morning until the next person sits down at the desk."""
    nora_, dmitri_, rosa_ = (place.signs_in(each) for each in (NORA, DMITRI, ROSA))
    mark = new_id()[-6:]
    ward, other, also, tablets = f"Ward {mark}", f"Night {mark}", f"Stroke unit {mark}", f"Tablets {mark}"
    ward_id = nora_.opens_group(ward, dmitri_, rosa_)
    other_id = nora_.opens_group(other, dmitri_)
    nora_.opens_group(also, rosa_)
    with dmitri_.device() as his, rosa_.device() as hers:
        his.sends(ward_id, f"The crutches{mark} are in the cellar")
        for number in range(60):  # by two people: nobody may send more than 60 a minute
            (his if number < 30 else hers).sends(ward_id, f"Line {number:02}")
        his.sends(other_id, "Quiet so far")
    about_ada = place.signs_in(ADA).writes_to_care_team(tablets, "May I take both?")

    nora, dmitri, ada = screen(size=WIDE), screen(size=WIDE), screen(portal=True, size=PHONE)
    day = Day(nora=nora, dmitri=dmitri, ada=ada)

    # 1 and 2: the bookmark of one conversation, and the list beside it.
    nora.signs_in(NORA, at=f"/messaging/{other_id}")
    expect(nora.page).to_have_url(re.compile(other_id))
    nora.sees("Quiet so far")
    day.step(1)
    expect(nora.row(ward).locator(".badge")).to_contain_text("61")
    assert title_counts(nora.page) >= 61
    day.step(2)

    # 3: what is unread, here and in another tab.
    other_tab = nora.page.context.new_page()
    other_tab.goto("/messaging")
    expect(other_tab.get_by_role("navigation", name="Conversations")).to_contain_text(ward)
    nora.opens(ward)
    nora.page.get_by_role("button", name="61 new messages").click()
    expect(nora.log.get_by_text("New messages", exact=True)).to_be_in_viewport()
    day.step(3)
    nora.page.get_by_role("button", name="Go to the latest messages").click()
    nora.sees_in_view("Line 59")
    expect(nora.row(ward).locator(".badge")).to_be_hidden()
    row = other_tab.get_by_role("navigation", name="Conversations").get_by_role("link").filter(has_text=ward)
    expect(row.locator(".badge")).to_be_hidden()
    other_tab.close()

    # 4: two lines, one message, at Dmitri's within a second.
    dmitri.signs_in(DMITRI).opens(ward)
    nora.composer.press_sequentially("Two in room 4")
    nora.composer.press("Shift+Enter")
    nora.composer.press_sequentially("one in room 5")
    took = [arrives("Two in room 4", nora, dmitri)]
    for words in ("Nobody in room 6", "Somebody in room 7"):
        nora.composer.fill(words)
        took.append(arrives(words, nora, dmitri))
    assert statistics.median(took) < 2
    expect(dmitri.message("Two in room 4").locator(".body")).to_have_text(re.compile(r"room 4\s*\n\s*one in room 5"))
    expect(nora.message("Two in room 4")).to_contain_text(SENT)
    day.step(4)

    # 5: naming somebody.
    nora.composer.press_sequentially("Could you look, @dmi")
    expect(nora.page.get_by_role("listbox", name="People to mention").get_by_role("option")).to_have_count(1)
    day.step(5)
    nora.composer.press("Enter")
    nora.composer.press("Enter")
    dmitri.sees("Could you look, @Dmitri Volkov")

    # 6: an answer, and the way to its original and back.
    nora.message("Line 45").scroll_into_view_if_needed()
    nora.chooses("Line 45", "Reply")
    nora.says("That was 45")
    day.step(6)
    nora.message("That was 45").get_by_role("button", name="Go to the message this answers").or_(
        nora.message("That was 45").locator(".quote")
    ).first.click()
    expect(nora.message("Line 45").first).to_be_in_viewport()
    nora.page.get_by_role("button", name="Back to where you were").click()
    nora.sees_in_view("That was 45")

    # 7: a spelling mistake.
    nora.says("The docter is here").sees_mark("The docter is here", "Sent")
    nora.composer.press("ArrowUp")
    expect(nora.composer).to_have_value("The docter is here")
    nora.composer.fill("The doctor is here")
    nora.composer.press("Enter")
    expect(nora.message("The doctor is here")).to_contain_text("edited")
    nora.chooses("The doctor is here", "Earlier versions")
    history = nora.page.get_by_role("dialog", name="Earlier versions of this message")
    expect(history).to_contain_text("The docter is here")
    day.step(7)
    nora.page.keyboard.press("Escape")

    # 8: the wrong group.
    nora.says("This is for somebody else").sees("This is for somebody else")
    nora.chooses("This is for somebody else", "Withdraw")
    nora.page.locator("#confirm").get_by_role("button", name="Withdraw").click()
    expect(dmitri.log.get_by_text("Message withdrawn").last).to_be_visible()
    expect(dmitri.message("This is for somebody else")).to_have_count(0)
    day.step(8)

    # 9 to 11: urgent, to be confirmed; who has, who has not, and a reminder.
    nora.page.get_by_role("checkbox", name="Urgent").check(force=True)
    nora.page.get_by_role("checkbox", name="Ask to confirm").check(force=True)
    nora.says("The crash cart moved to room 2")
    expect(nora.message("crash cart")).to_contain_text("0 of 2 confirmed")
    expect(nora.message("crash cart")).to_contain_text("Urgent")
    day.step(9)
    dmitri.message("crash cart").get_by_role("button", name="I have seen this").click()
    expect(nora.message("crash cart")).to_contain_text("1 of 2 confirmed")
    day.step(10)
    nora.message("crash cart").get_by_role("button", name="1 of 2 confirmed").click()
    dialog = nora.page.get_by_role("dialog", name="Who has confirmed")
    dialog.get_by_role("button", name="Remind those who have not").click()
    expect(dialog.get_by_text("Reminded: Rosa Delgado")).to_be_visible()
    day.step(11)
    nora.page.keyboard.press("Escape")

    # 12 to 14: the patient in plain sight, a note, an answer.
    ada.signs_in(ADA).opens(tablets)
    nora.opens(tablets)
    card = nora.page.get_by_role("region", name=re.compile("^Patient: Ada Moreno")).or_(
        nora.page.get_by_label(re.compile("^Patient: Ada Moreno"))
    )
    expect(card.first).to_contain_text("born")
    expect(card.first).to_contain_text("No.")
    day.step(12)
    nora.page.get_by_role("radio", name="Internal note").check(force=True)
    nora.says("Check the interaction first")
    expect(nora.message("Check the interaction")).to_contain_text("Internal note")
    day.step(13)
    nora.page.get_by_role("radio", name=re.compile("^To ")).check(force=True)
    nora.says("Yes, both, with water")
    ada.sees("Yes, both, with water")
    assert "Check the interaction" not in ada.page.content()
    nora.sees_mark("Yes, both, with water", "Read")
    expect(ada.message("May I take both?")).to_contain_text("Seen by your care team")
    day.step(14)

    # 15 to 18: files by drop and by paste, one cancelled, one refused.
    drops(
        nora,
        file("a.jpg", "image/jpeg", papers.photograph()),
        file("b.jpg", "image/jpeg", papers.photograph(colour="teal")),
    )
    drops(nora, file("plan.pdf", "application/pdf", papers.PDF))
    expect(chips(nora)).to_have_count(3)
    day.step(15)
    nora.page.get_by_role("button", name="Remove b.jpg").click()
    expect(chips(nora)).to_have_count(2)
    nora.says(f"The plan of {mark}, and how it should look")
    ada.sees("The plan of")
    expect(ada.message("The plan").get_by_role("button", name="Open picture: a.jpg")).to_be_visible()
    expect(ada.message("The plan")).to_contain_text("plan.pdf")
    drops(nora, file("c.jpg", "image/jpeg", papers.photograph(colour="olive")))
    expect(chips(nora)).to_have_count(1)
    nora.says("And another")
    nora.sees("And another")
    nora.says(f"The rest of {mark} follows")
    nora.sees("The rest of")
    opener = nora.message("The plan").get_by_role("button", name="Open picture: a.jpg")
    opener.click()
    viewer = nora.page.get_by_role("dialog").filter(has=nora.page.get_by_role("img"))
    expect(viewer).to_be_visible()
    day.step(16)
    nora.page.keyboard.press("Escape")
    expect(viewer).to_be_hidden()
    expect(opener).to_be_focused()
    pastes(nora, file("screenshot.png", "image/png", papers.photograph()))
    expect(chips(nora)).to_have_count(1)
    day.step(17)
    nora.page.get_by_role("button", name="Remove screenshot.png").click()
    drops(nora, file("setup.exe", "application/octet-stream", b"MZ" + b"\0" * 200))
    expect(chips(nora)).to_contain_text("cannot be sent")
    day.step(18)
    nora.page.get_by_role("button", name="Remove setup.exe").click()
    nora.complaints.clear()  # the browser itself reports the refusal

    # 19: all files of the conversation.
    nora.page.get_by_role("button", name="Conversation details").click()
    files = nora.page.locator("#details .files-list").get_by_role("listitem")
    expect(files).to_have_count(3)
    expect(files.first).to_contain_text("c.jpg")
    expect(files.first).to_contain_text("You, ")
    day.step(19)
    nora.page.keyboard.press("Escape")

    # 20 to 23: going anywhere, finding anything.
    nora.page.keyboard.press("Control+k")
    nora.page.get_by_role("combobox", name="Go to a conversation or person").fill(f"night {mark}")
    expect(
        nora.page.get_by_role("listbox", name="Conversations and people").get_by_role("option").first
    ).to_contain_text(other)
    day.step(20)
    nora.page.keyboard.press("Enter")
    nora.sees("Quiet so far")
    nora.page.keyboard.press("Control+Shift+f")
    nora.page.get_by_role("searchbox", name="Words in messages").fill(f"crutches{mark}")
    expect(results(nora)).to_have_count(1)
    expect(results(nora).locator("mark")).to_have_text(f"crutches{mark}")
    day.step(21)
    results(nora).click()
    nora.sees_in_view(f"The crutches{mark}")
    expect(nora.message("Line 03")).to_be_visible()
    nora.page.get_by_role("searchbox", name="Words in messages").fill(f"the {mark}")
    expect(results(nora)).to_have_count(2)
    nora.page.get_by_role("button", name=re.compile("^Filters")).click()
    nora.page.get_by_label("Only with a file").check(force=True)
    expect(results(nora)).to_have_count(1)
    expect(results(nora)).to_contain_text("The plan")
    day.step(22)
    nora.page.keyboard.press("Escape")
    dmitri.composer.fill("")
    dmitri.says("@Nora Lindqvist thank you")
    dmitri.composer.fill("")
    dmitri.composer.press_sequentially("Well done, @nor")
    dmitri.composer.press("Enter")
    dmitri.composer.press("Enter")
    nora.page.get_by_role("button", name="Mentions of you").click()
    expect(results(nora).first).to_contain_text("Well done")
    day.step(23)
    nora.page.keyboard.press("Escape")

    # 24 and 25: one's own list.
    arranges(nora, ward, "Pin on top")
    expect(nora.list.get_by_role("link").first).to_contain_text(ward)
    arranges(nora, other, "Archive for me")
    expect(nora.row(other)).to_have_count(0)
    arranges(nora, tablets, "Mark as unread", title="Ada Moreno")
    day.step(24)
    expect(nora.row(tablets).locator(".badge")).to_be_visible()
    day.step(25)

    # 26: forwarding, to colleagues at once and to a patient never by one click.
    dmitri.opens(ward).says("Half a tablet is enough").sees("Half a tablet")
    nora.page.get_by_role("button", name=re.compile("^(Go to the latest messages|[0-9]+ new)")).click()
    for where in (also, tablets):
        nora.chooses("Half a tablet is enough", "Forward")
        dialog = nora.page.get_by_role("dialog", name="Forward this message")
        dialog.get_by_label("Where to?").fill(where)
        choice = dialog.get_by_role("list", name="Conversations").get_by_role("button")
        expect(choice).to_have_count(1)
        choice.click()
        if where == tablets:
            dialog.get_by_role("radio", name="To Ada Moreno").check(force=True)
        dialog.get_by_role("button", name="Forward", exact=True).click()
        if where == tablets:
            day.step(26)
            nora.page.locator("#confirm").get_by_role("button", name="Forward to the patient").click()
        expect(dialog).to_be_hidden()
    ada.sees("Half a tablet is enough")
    nora.opens(also).sees("Half a tablet is enough")
    expect(nora.message("Half a tablet")).to_contain_text(f"Forwarded from Dmitri Volkov · {ward}")
    nora.opens(ward)

    # 27 to 29: the lift, and the closed laptop.
    nora.page.context.set_offline(True)
    for words in ("In the lift, first", "In the lift, second"):
        nora.says(words)
        nora.sees_mark(words, "Waiting to be sent")
    day.step(27)
    nora.page.context.set_offline(False)
    for words in ("In the lift, first", "In the lift, second"):
        nora.sees_mark(words, "Sent")
        dmitri.sees_once(words)
    texts = dmitri.log.locator("message-item .body").all_inner_texts()
    assert texts.index("In the lift, first") < texts.index("In the lift, second")
    day.step(28)
    nora.page.context.set_offline(True)
    with dmitri_.device() as his, rosa_.device() as hers:
        for number in range(30):
            (his if number < 15 else hers).sends(ward_id, f"Missed {number:02}")
    nora.page.context.set_offline(False)
    for number in (0, 15, 29):
        expect(nora.log.get_by_text(f"Missed {number:02}", exact=True)).to_have_count(1)
    day.step(29)

    # 30: closing, and leaving the desk to somebody else.
    nora.opens(tablets)
    nora.page.get_by_role("button", name="Conversation details").click()
    nora.page.get_by_role("button", name="Close conversation").click()
    expect(nora.log.get_by_text("You closed the conversation")).to_be_visible()
    day.step(30)
    nora.page.keyboard.press("Escape")
    nora.signs_out()
    nora.page.wait_for_url(re.compile("/logout|/auth/"))
    nora.page.go_back()
    expect(nora.page.get_by_label("E-mail address")).to_be_visible()
    expect(nora.page.get_by_text("May I take both?")).to_have_count(0)
    left = nora.page.evaluate("Object.keys(localStorage).concat(Object.keys(sessionStorage))")
    assert [key for key in left if about_ada in key or ward_id in key] == []
    forgives(nora)


def test_adas_fortnight(screen: Opens, forgives: Callable[[Screen], None]) -> None:  # noqa: PLR0915 - ten steps
    """From the first question on the phone until nothing of her is left on it."""
    mark = new_id()[-6:]
    rash = f"A rash {mark}"
    nora = screen(size=WIDE).signs_in(NORA)

    # 31 and 32: large text on the phone, a new message to the care team.
    ada = screen(portal=True, size={"width": 195, "height": 422}).signs_in(ADA)
    expect(ada.page.get_by_role("button", name="New message")).to_be_visible()
    assert ada.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    day = Day(ada=ada, nora=nora)
    day.step(31)
    ada.page.set_viewport_size({"width": PHONE["width"], "height": PHONE["height"]})
    ada.page.get_by_role("button", name="Settings").click()
    ada.page.get_by_role("checkbox", name="Read without a connection").check()
    ada.page.get_by_role("button", name="Done", exact=True).click()
    ada.becomes("navigator.serviceWorker.controller !== null")
    ada.page.get_by_role("button", name="New message").click()
    form = ada.page.get_by_role("dialog", name="Write to your care team")
    expect(form).to_contain_text("Not for emergencies")
    form.get_by_label("What is it about?").fill(rash)
    form.get_by_label("Your message").fill("It began on Monday")
    day.step(32)
    form.get_by_role("button", name="Send message").click()
    ada.sees_mark("It began on Monday", "Sent")
    nora.opens(rash)
    expect(ada.message("It began on Monday")).to_contain_text("Seen by your care team")

    # 33: a photograph, without where it was taken.
    ada.page.locator("message-composer input[type=file]").first.set_input_files(
        {"name": "rash.jpg", "mimeType": "image/jpeg", "buffer": papers.photograph()}
    )
    expect(chips(ada)).to_have_count(1)
    ada.says("This is how it looks")
    expect(nora.message("This is how it looks").get_by_role("button", name="Open picture: rash.jpg")).to_be_visible()
    day.step(33)
    with nora.page.expect_response(re.compile("/attachments/[^/?]+$")) as answer:
        nora.message("This is how it looks").get_by_role("button", name="Open picture: rash.jpg").click()
    given = answer.value.body()
    nora.page.keyboard.press("Escape")
    assert papers.CAMERA.encode() not in given
    assert b"Exif" not in given

    # 34: a draft begun on the phone and finished at the computer.
    ada.composer.press_sequentially("Since this morning it is")
    with ada.page.expect_response(re.compile("/draft")):
        ada.composer.blur()
    computer = screen(portal=True).signs_in(ADA)
    day.screens["computer"] = computer
    computer.opens(rash)
    expect(computer.composer).to_have_value("Since this morning it is")
    day.step(34)
    computer.composer.press("End")
    computer.composer.press_sequentially(" better")
    computer.composer.press("Enter")
    nora.sees("Since this morning it is better")
    ada.page.reload()
    expect(ada.composer).to_have_value("")

    # 35: an answer while she looks elsewhere: the title counts.
    ada.page.get_by_role("link", name="Back").or_(ada.page.get_by_role("button", name="Back")).first.click()
    computer.page.goto("about:blank")
    nora.says(f"Then keep the cream {mark}").sees_mark(f"Then keep the cream {mark}", "Delivered")
    expect(ada.page).to_have_title(re.compile(r"^\(\d+\) "))
    day.step(35)

    # 36: Spanish, and back.
    ada.page.get_by_role("button", name="Settings").click()
    ada.page.get_by_role("combobox", name="Language").select_option("es")
    expect(ada.page.get_by_role("button", name="Nuevo mensaje").first).to_be_visible()
    ada.page.get_by_role("link").filter(has_text=rash).click()
    ada.sees("Then keep the cream")
    day.step(36)
    ada.page.go_back()
    ada.page.get_by_role("button", name="Ajustes").click()
    ada.page.get_by_role("combobox", name="Idioma").select_option("en")
    expect(ada.page.get_by_role("button", name="New message").first).to_be_visible()

    # 37: each message is one article with its author and time (more in test_read_aloud.py).
    ada.opens(rash)
    said = ada.message("Then keep the cream").aria_snapshot()
    assert re.search(r"^- article:\n.*Nora Lindqvist\n.*Then keep the cream.*\n.*time: \S+", said), said
    day.step(37)

    # 38: a closed conversation opens again when she answers.
    nora.page.get_by_role("button", name="Conversation details").click()
    nora.page.get_by_role("button", name="Close conversation").click()
    nora.page.keyboard.press("Escape")
    expect(ada.page.get_by_text("Writing here opens it again.")).to_be_visible()
    ada.says("One more question")
    ada.sees_mark("One more question", "Sent")
    expect(nora.log.get_by_text(re.compile("reopened the conversation"))).to_be_visible()
    day.step(38)

    # 39: what was said about the cream.
    ada.page.go_back()
    ada.page.get_by_role("button", name="Find in your messages").click()
    ada.page.get_by_role("searchbox", name="Words in messages").fill(f"cream {mark}")
    expect(results(ada)).to_have_count(1)
    day.step(39)
    results(ada).click()
    ada.sees_in_view("Then keep the cream")

    # 40: nothing stays, though she had what she read kept on the phone.
    ada.becomes(f"({KEPT})('Then keep the cream {mark}')")
    ada.page.go_back()
    ada.signs_out()
    ada.page.wait_for_url(re.compile("/logout|/auth/"))
    day.step(40)
    kept = ada.page.evaluate("Object.values(localStorage).concat(Object.values(sessionStorage)).join(' ')")
    assert "cream" not in kept
    ada.becomes("caches.keys().then((all) => all.length === 0)")
    forgives(ada)
