"""Files in messages: by every way in, watched, stopped, waited for, refused, seen by the other, large and listed."""

import io
import re
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Error, FilePayload, Locator, Page, Route, expect

from tests.browser.conftest import Opens
from tests.support import papers
from tests.support.clinic import Clinic
from tests.support.person import new_id
from tests.support.ports import wait_until
from tests.support.screen import DESK, PATIENCE_S, PHONE, SENT, Screen

NORA, DMITRI, ADA = "nora@harbor.example", "dmitri@harbor.example", "ada@patients.example"
FILES_OF = """(files) => {
  const carried = new DataTransfer();
  for (const { name, type, content } of files)
    carried.items.add(new File([Uint8Array.from(atob(content), (char) => char.charCodeAt(0))], name, { type }));
  return carried;
}"""

PASTE = """(field, clipboardData) => field.dispatchEvent(
  new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true }))"""

IS_DRAWN = "(image) => image.complete && image.naturalWidth > 0"
GREEN = (0, 160, 60)

sizes = pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
both = pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])


def picture(name: str, size: tuple[int, int] = (320, 200)) -> FilePayload:
    """Return a picture to attach."""
    return {"name": name, "mimeType": "image/png", "buffer": papers.picture("PNG", size)}


def paper(name: str) -> FilePayload:
    """Return a PDF to attach."""
    return {"name": name, "mimeType": "application/pdf", "buffer": papers.PDF}


def long_text(name: str) -> FilePayload:
    """Return a text of two megabytes to attach."""
    return {"name": name, "mimeType": "text/plain", "buffer": b"All quiet on the ward.\n" * 87_000}


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
    expect(screen.page.locator("message-composer .tools:not([inert])")).to_be_visible()
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


class Wire:
    """What a page is connected by."""

    def __init__(self, screen: Screen) -> None:
        """Take hold of it."""
        self._session = screen.page.context.new_cdp_session(screen.page)
        self._session.send("Network.enable")

    def carries(self, *, up: int = -1, nothing: bool = False) -> None:
        """Let through so many bytes a second, as many as come, or none at all."""
        way = {"offline": nothing, "latency": 0, "downloadThroughput": -1, "uploadThroughput": up}
        self._session.send("Network.emulateNetworkConditions", way)


def told(chip: Locator) -> float:
    """Return how far an upload is, from 0 to 1."""
    return float(chip.get_by_role("progressbar").evaluate("(bar) => bar.value"))


def kept(clinic: Clinic) -> set[str]:
    """Return the names of all files in the storage."""
    return {path.name for path in (clinic.folder / "files").rglob("*") if path.is_file()}


def arrived(screen: Screen, *names: str) -> None:
    """Wait until these files stand in the tray and none is on its way."""
    for name in names:
        expect(tray(screen).get_by_role("listitem").filter(has_text=name)).to_be_visible()
    expect(tray(screen).get_by_role("progressbar")).to_have_count(0)


def like(one: Any) -> bool:  # noqa: ANN401 - a picture element as Pillow gives it
    """Tell whether a picture element is as green as the page of the paper; a PDF keeps it as a JPEG would."""
    return all(abs(seen - meant) < 12 for seen, meant in zip(one, GREEN, strict=True))


def colours(png: bytes) -> int:
    """Count the picture elements that are as green as the page of the paper."""
    seen = Image.open(io.BytesIO(png)).convert("RGB")
    found = seen.getcolors(seen.width * seen.height) or []
    return sum(n for n, one in found if like(one))


def messages(clinic: Clinic, conversation: str) -> list[dict[str, Any]]:
    """Return the messages of a conversation as the server tells them to Nora."""
    return [dict(each["message"]) for each in clinic.signs_in(NORA).reads_everything(conversation) if "message" in each]


def last_message(clinic: Clinic, conversation: str) -> dict[str, Any]:
    """Return the newest message as the server tells it to Nora."""
    return messages(clinic, conversation)[-1]


def forgives_refusal(screen: Screen) -> None:
    """Forget that the page's console wrote down a file which was refused on purpose."""
    screen.complaints = [each for each in screen.complaints if "status of 4" not in each]


@contextmanager
def slow_uploads(screen: Screen) -> Iterator[Callable[[], None]]:
    """Keep uploads on their way until told to let them through, and those that set out later as well."""
    held: list[Route] = []
    free: list[bool] = []

    def holds(route: Route) -> None:
        if free:
            route.continue_()
        else:
            held.append(route)

    screen.page.route(re.compile("/attachments$"), holds)

    def lets_through() -> None:
        free.append(True)
        for route in held:
            route.continue_()
        held.clear()

    yield lets_through


@sizes
def test_files_come_by_button_by_paste_and_by_drop_and_go_in_one_message(
    clinic: Clinic, screen: Opens, size: dict[str, int]
) -> None:
    """Three ways in, three chips, one message of three files; the patient sees the pictures and the paper."""
    conversation, subject = asked_by_ada(clinic)
    nora = screen(size=size).signs_in(NORA).opens(subject)
    ada = screen(portal=True, size=size).signs_in(ADA).opens(subject)
    text = f"Please look {new_id()}"

    attaches(nora, picture("left arm.png"))
    pastes(nora, paper("letter.pdf"))
    carried = drags_in(nora, picture("right arm.png"))
    expect(nora.page.locator("#thread.dropping")).to_be_visible()
    nora.log.dispatch_event("drop", {"dataTransfer": carried})
    arrived(nora, "left arm.png", "letter.pdf", "right arm.png")
    widths = "(all) => all.map((one) => one.naturalWidth)"
    wait_until(
        lambda: tray(nora).locator("img").evaluate_all(widths) == [320, 320],
        within_s=PATIENCE_S,
        what="both pictures over the field",
    )
    assert nora.axe() == ""
    nora.says(text)

    expect(tray(nora)).to_be_hidden()
    for page in (nora, ada):
        page.sees(text)
        pictures = page.message(text).get_by_role("button", name=re.compile("^Open picture"))
        expect(pictures).to_have_count(2)
        for each in pictures.all():
            wait_until(lambda: each.locator("img").evaluate(IS_DRAWN), within_s=PATIENCE_S, what="a thumbnail")  # noqa: B023
        expect(page.message(text).get_by_role("link", name=re.compile("^Open letter.pdf"))).to_be_visible()
        assert page.axe() == ""
    assert [each["name"] for each in last_message(clinic, conversation)["attachments"]] == [
        "left arm.png",
        "letter.pdf",
        "right arm.png",
    ]


@sizes
def test_the_patient_attaches_in_the_same_ways(clinic: Clinic, screen: Opens, size: dict[str, int]) -> None:
    """By button, paste and drop, on the portal; a colleague who looks on sees what came."""
    _, subject = asked_by_ada(clinic)
    ada = screen(portal=True, size=size).signs_in(ADA).opens(subject)
    dmitri = screen(size=size).signs_in(DMITRI).opens(subject)
    text = f"My knee {new_id()}"

    attaches(ada, paper("referral.pdf"))
    pastes(ada, picture("pasted.png"))
    ada.log.dispatch_event("drop", {"dataTransfer": drags_in(ada, picture("knee.png"))})
    arrived(ada, "referral.pdf", "pasted.png", "knee.png")
    assert ada.axe() == ""
    ada.composer.fill(text)
    ada.page.get_by_role("button", name="Send", exact=True).click()

    for name in ("pasted.png", "knee.png"):
        seen = dmitri.message(text).get_by_role("button", name=f"Open picture: {name}").locator("img")
        expect(seen).to_be_visible()
        wait_until(lambda: seen.evaluate(IS_DRAWN), within_s=PATIENCE_S, what="a thumbnail")  # noqa: B023
    expect(dmitri.message(text).get_by_role("link", name=re.compile("^Open referral.pdf"))).to_be_visible()


def test_what_is_dropped_beside_the_thread_takes_nobodys_place(clinic: Clinic, screen: Opens) -> None:
    """Over the list a file is not taken, and the browser does not leave the page for it."""
    _, subject = asked_by_ada(clinic)
    nora = screen().signs_in(NORA).opens(subject)
    attaches(nora)

    carried = nora.page.evaluate_handle(FILES_OF, [in_text(paper("stray.pdf"))])
    stays = nora.list.evaluate(
        """(list, dataTransfer) => ["dragover", "drop"].map((name) =>
          !list.dispatchEvent(new DragEvent(name, { dataTransfer, bubbles: true, cancelable: true })))""",
        carried,
    )

    assert stays == [True, True]
    nora.log.dispatch_event("drop", {"dataTransfer": drags_in(nora, paper("meant.pdf"))})
    expect(tray(nora).locator(".file-name")).to_have_text(["meant.pdf"])


def test_where_one_cannot_write_no_file_is_taken(clinic: Clinic, screen: Opens) -> None:
    """Dropped onto a conversation that is closed, it would go out, unseen until then, once that is open again."""
    conversation, subject = asked_by_ada(clinic)
    nora, colleague = screen().signs_in(NORA).opens(subject), clinic.signs_in(NORA)
    attaches(nora)
    colleague.call("PATCH", f"/conversations/{conversation}", json={"status": "closed"})
    expect(nora.composer).to_be_hidden()

    carried = drags_in(nora, paper("stray.pdf"))
    expect(nora.page.locator("#thread.dropping")).to_have_count(0)
    nora.log.dispatch_event("drop", {"dataTransfer": carried})
    colleague.call("PATCH", f"/conversations/{conversation}", json={"status": "open"})

    expect(nora.composer).to_be_visible()
    nora.log.dispatch_event("drop", {"dataTransfer": drags_in(nora, paper("meant.pdf"))})
    expect(tray(nora).locator(".file-name")).to_have_text(["meant.pdf"])


def test_a_photograph_from_the_phones_camera_is_sent_without_its_place(clinic: Clinic, screen: Opens) -> None:
    """The button opens the camera at the back and takes pictures only; what Nora fetches says nothing of where."""
    conversation, subject = asked_by_ada(clinic)
    ada = screen(portal=True, size=PHONE, touch=True).signs_in(ADA).opens(subject)
    nora = screen().signs_in(NORA).opens(subject)
    attaches(ada)
    camera = ada.page.get_by_label("Take a photo")
    taken = papers.photograph((1200, 900), turned=6)
    assert Image.open(io.BytesIO(taken)).getexif().get_ifd(0x8825)

    expect(ada.page.locator(".tool.camera")).to_be_visible()
    assert [camera.get_attribute(name) for name in ("capture", "accept", "multiple")] == [
        "environment",
        "image/*",
        None,
    ]
    camera.set_input_files({"name": "image.jpg", "mimeType": "image/jpeg", "buffer": taken})
    arrived(ada, "image.jpg")
    assert ada.axe() == ""
    ada.page.get_by_role("button", name="Send", exact=True).click()

    seen = nora.log.get_by_role("button", name="Open picture: image.jpg")
    seen.click()
    large = nora.page.get_by_role("dialog", name="image.jpg").get_by_role("img", name="image.jpg")
    expect(large).to_be_visible()
    for address in (seen.locator("img").get_attribute("src"), large.get_attribute("src")):
        fetched = nora.page.request.get(str(address)).body()
        image = Image.open(io.BytesIO(fetched))
        assert (dict(image.getexif()), image.height > image.width) == ({}, True)
        assert papers.CAMERA.encode() not in fetched
    assert last_message(clinic, conversation)["attachments"][0]["height"] == 1200


@pytest.mark.parametrize("portal", [False, True], ids=["staff", "portal"])
def test_an_upload_shows_how_far_it_is_and_is_cut_when_it_is_taken_out(
    clinic: Clinic, screen: Opens, *, portal: bool
) -> None:
    """On a slow line the bar moves; taken out, nothing of the file is kept, and the message goes without it."""
    conversation, subject = asked_by_ada(clinic)
    page = screen(portal=portal, size=PHONE if portal else DESK).signs_in(ADA if portal else NORA).opens(subject)
    text, before = f"Without a file {new_id()}", kept(clinic)
    attaches(page)
    wire = Wire(page)
    wire.carries(up=50_000)  # for two megabytes: it is on its way as long as one looks at it

    attaches(page, long_text("wrong.txt"))
    chip = tray(page).get_by_role("listitem").filter(has_text="wrong.txt")
    expect(chip.get_by_role("progressbar", name="Uploading wrong.txt")).to_be_visible()
    wait_until(lambda: 0 < told(chip) < 1, within_s=PATIENCE_S, what="some of it being there")
    first = told(chip)
    wait_until(lambda: first < told(chip) < 1, within_s=PATIENCE_S, what="more of it being there")
    assert page.axe() == ""
    with page.page.expect_event("requestfailed", lambda request: request.url.endswith("/attachments")):
        page.page.get_by_role("button", name="Remove wrong.txt").click()
    expect(tray(page)).to_be_hidden()
    wire.carries()
    page.says(text)

    page.sees_mark(text, "Sent")
    assert last_message(clinic, conversation)["attachments"] == []
    assert kept(clinic) == before


def test_a_line_lost_in_the_middle_of_an_upload_keeps_text_and_file(
    clinic: Clinic, screen: Opens, forgives: Callable[[Screen], None]
) -> None:
    """The page says so and sends no half; back again, the file goes up by itself, and text and file go together."""
    conversation, subject = asked_by_ada(clinic)
    nora = screen().signs_in(NORA).opens(subject)
    text, before = f"The report {new_id()}", messages(clinic, conversation)
    attaches(nora)
    wire = Wire(nora)
    wire.carries(up=150_000)
    attaches(nora, long_text("report.txt"))
    nora.composer.fill(text)
    chip = tray(nora).get_by_role("listitem").filter(has_text="report.txt")
    wait_until(lambda: 0 < told(chip) < 1, within_s=PATIENCE_S, what="some of it being there")

    wire.carries(nothing=True)
    expect(chip).to_contain_text("There is no connection right now.")
    expect(chip.get_by_role("button", name="Try again")).to_be_visible()
    expect(nora.page.get_by_text("You are offline").or_(nora.page.get_by_text("Connection lost"))).to_be_visible()
    assert nora.axe() == ""
    nora.composer.press("Enter")
    expect(nora.page.locator("message-composer [data-at=told]")).to_contain_text("A file could not be attached.")
    expect(nora.message(text)).to_have_count(0)
    expect(nora.composer).to_have_value(text)
    wire.carries()

    expect(chip).not_to_contain_text("There is no connection")
    arrived(nora, "report.txt")
    nora.composer.press("Enter")
    nora.sees_mark(text, "Sent").sees_once(text)
    stored = messages(clinic, conversation)[len(before) :]
    assert [(each["body"], [one["name"] for one in each["attachments"]]) for each in stored] == [(text, ["report.txt"])]
    forgives(nora)


def test_a_file_taken_out_after_it_arrived_is_forgotten_by_the_server(clinic: Clinic, screen: Opens) -> None:
    """Taking out a chip asks the server to delete what it holds."""
    _, subject = asked_by_ada(clinic)
    nora = screen().signs_in(NORA).opens(subject)
    attaches(nora, paper("wrong.pdf"))
    arrived(nora, "wrong.pdf")

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


def harmful() -> list[tuple[FilePayload, str]]:
    """Return files that mean harm, each with a part of what is to be said of it."""

    def file(name: str, kind: str, content: bytes) -> FilePayload:
        return {"name": name, "mimeType": kind, "buffer": content}

    script = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"
    two = papers.PDF + papers.zipped({"a.js": b"x"})
    macros = papers.docx(**{"word/vbaProject.bin": b"x"})
    word = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
    return [
        (file("setup.exe", "application/x-msdownload", b"MZ\x90\0" * 64), "This kind of file cannot be sent."),
        (file("drawing.svg", "image/svg+xml", script), "This kind of file cannot be sent."),
        (file("both.pdf", "application/pdf", two), "more than one thing at once"),
        (file("bomb.png", "image/png", papers.png_bomb()), "This picture is too large"),
        (file("page.png", "image/png", b"<html><script>alert(1)</script>"), "This kind of file cannot be sent."),
        (file("macros.docx", word, macros), "Documents with macros cannot be sent"),
        (file("empty.pdf", "application/pdf", b""), "This file is empty."),
    ]


@pytest.mark.parametrize("portal", [False, True], ids=["staff", "portal"])
def test_what_means_harm_says_why_and_leaves_nothing_but_the_text(
    clinic: Clinic, screen: Opens, *, portal: bool
) -> None:
    """Each says in words what is wrong; nothing goes before they are out, nothing of them is kept, the text stays."""
    conversation, subject = asked_by_ada(clinic)
    page = screen(portal=portal, size=PHONE if portal else DESK).signs_in(ADA if portal else NORA).opens(subject)
    text, before, stored = f"Only words {new_id()}", kept(clinic), len(messages(clinic, conversation))

    page.composer.fill(text)
    attaches(page, *[file for file, _ in harmful()])
    for file, words in harmful():
        chip = tray(page).get_by_role("listitem").filter(has_text=file["name"])
        expect(chip).to_contain_text(words)
    assert page.axe() == ""
    page.page.get_by_role("button", name="Send", exact=True).click()
    expect(page.page.locator("message-composer [data-at=told]")).to_contain_text("A file could not be attached.")
    expect(page.message(text)).to_have_count(0)
    expect(page.composer).to_have_value(text)
    assert (kept(clinic), len(messages(clinic, conversation))) == (before, stored)
    for file, _ in harmful():
        page.page.get_by_role("button", name=f"Remove {file['name']}").click()
    page.composer.press("Enter")

    page.sees_mark(text, "Sent")
    assert last_message(clinic, conversation)["attachments"] == []
    forgives_refusal(page)


def test_a_file_over_25_megabytes_never_sets_out(clinic: Clinic, screen: Opens) -> None:
    """It is refused where it stands, by the number; the good one beside it goes when it is out."""
    conversation, subject = asked_by_ada(clinic)
    nora = screen().signs_in(NORA).opens(subject)
    huge: FilePayload = {"name": "film.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.4" + bytes(25_000_000)}
    sent: list[str] = []
    nora.page.on("request", lambda request: sent.append(request.method + request.url.rpartition("/")[2]))

    attaches(nora, huge)
    expect(tray(nora)).to_contain_text("Too large. A file can have 25 MB at most.")
    assert "POSTattachments" not in sent
    with nora.page.expect_request(lambda request: request.method == "POST" and request.url.endswith("/attachments")):
        attaches(nora, paper("good.pdf"))
    nora.says("Only the good one")
    expect(nora.page.locator("message-composer [data-at=told]")).to_contain_text("A file could not be attached.")
    expect(nora.message("Only the good one")).to_have_count(0)
    nora.page.get_by_role("button", name="Remove film.pdf").click()
    nora.composer.press("Enter")

    nora.sees_mark("Only the good one", "Sent")
    assert [each["name"] for each in last_message(clinic, conversation)["attachments"]] == ["good.pdf"]
    assert sent.count("POSTattachments") == 1


def test_a_name_with_folders_and_controls_is_made_plain_before_it_is_sent(clinic: Clinic, screen: Opens) -> None:
    """The chip shows the name it will have, and so does the message."""
    conversation, subject = asked_by_ada(clinic)
    nora = screen().signs_in(NORA).opens(subject)
    given = [
        "../../../etc/passwd.pdf",
        "evil\u202efdp.exe",
        "tab\there\u0007.pdf",
        "two\nlines.pdf",
        'the "last" one.pdf',
        "Müller 😀.pdf",
    ]
    plain = ["passwd.pdf", "evilfdp.exe.pdf", "tab here.pdf", "two lines.pdf", "the _last_ one.pdf", "Müller 😀.pdf"]

    attaches(nora)
    nora.log.dispatch_event("drop", {"dataTransfer": drags_in(nora, *[paper(name) for name in given])})
    expect(tray(nora).locator(".file-name")).to_have_text(plain)
    for name in plain:
        expect(nora.page.get_by_role("button", name=f"Remove {name}", exact=True)).to_be_visible()
    nora.says("Plainly named")

    nora.sees_mark("Plainly named", "Sent")
    expect(nora.message("Plainly named").locator(".file-name")).to_have_text(plain)
    assert [each["name"] for each in last_message(clinic, conversation)["attachments"]] == plain


@sizes
def test_files_that_are_there_survive_a_reload_and_need_no_words(
    clinic: Clinic, screen: Opens, size: dict[str, int]
) -> None:
    """Attached, reloaded, sent without a word: lists say the names of its files, and the message shows them once."""
    conversation, subject = asked_by_ada(clinic)
    ada, nora = screen(portal=True, size=size).signs_in(ADA).opens(subject), screen(size=size).signs_in(NORA)
    attaches(ada, paper("referral.pdf"), picture("rash.png"))
    arrived(ada, "referral.pdf", "rash.png")

    ada.page.reload()
    arrived(ada, "referral.pdf", "rash.png")
    ada.page.get_by_role("button", name="Send", exact=True).click()
    expect(tray(ada)).to_be_hidden()
    expect(nora.row(subject)).to_contain_text("referral.pdf, rash.png")
    nora.opens(subject)

    message = last_message(clinic, conversation)
    assert (message["body"], len(message["attachments"])) == ("referral.pdf, rash.png", 2)
    for page in (ada, nora):
        shown = page.log.get_by_role("article").filter(has=page.page.get_by_role("link", name=re.compile("^Open ref")))
        expect(shown.get_by_text("referral.pdf", exact=False)).to_have_count(2)
        expect(shown.locator(".body")).to_be_hidden()
        assert shown.inner_text().count("referral.pdf") == 1
        heard = shown.aria_snapshot()
        assert "referral.pdf, rash.png" not in heard
        assert len(re.findall(r'link "Open referral\.pdf', heard)) == 1
        assert len(re.findall(r'button "Open picture: rash\.png"', heard)) == 1
        assert page.axe() == ""


def test_words_put_to_files_afterwards_are_shown(clinic: Clinic, screen: Opens) -> None:
    """Sent without a word and edited: the words stand beside the files, for both."""
    _, subject = asked_by_ada(clinic)
    nora, ada = screen().signs_in(NORA).opens(subject), screen(portal=True).signs_in(ADA).opens(subject)
    attaches(nora, paper("plan.pdf"))
    arrived(nora, "plan.pdf")
    nora.composer.press("Enter")
    expect(nora.log.get_by_role("link", name=re.compile("^Open plan.pdf"))).to_be_visible()
    expect(nora.log.locator(".body").last).to_be_hidden()
    expect(nora.log.get_by_role("article").last).to_contain_text(SENT)

    nora.composer.press("ArrowUp")
    expect(nora.composer).to_have_value("plan.pdf")
    nora.composer.fill("The plan for May")
    nora.composer.press("Control+Enter")

    for page in (nora, ada):
        expect(page.log.get_by_text("The plan for May")).to_be_visible()
        expect(page.message("The plan for May").get_by_role("link", name=re.compile("^Open plan.pdf"))).to_be_visible()


@both
@sizes
def test_a_picture_keeps_its_room_and_opens_large_by_keyboard(
    clinic: Clinic, screen: Opens, size: dict[str, int], *, dark: bool
) -> None:
    """The thumbnail has its size before it is there; Enter opens it, arrows go on, Escape leads back to it.

    However long a name is: the whole picture, and the ways to save it and out of it, stay in view.
    """
    long = "Photograph of the left arm, taken in the garden on Tuesday before noon.png"
    _, subject = asked_by_ada(clinic)
    nora = screen(size=size, dark=dark).signs_in(NORA).opens(subject)

    attaches(nora, picture("one.png", (400, 300)), picture(long, (900, 1600)))
    arrived(nora, "one.png", long)
    nora.page.get_by_role("button", name="Send", exact=True).hover()
    assert nora.axe() == ""
    nora.composer.press("Enter")
    first = nora.log.get_by_role("button", name="Open picture: one.png")
    expect(first).to_be_visible()
    expect(first.locator("img")).to_have_js_property("complete", value=True)
    assert [first.locator("img").get_attribute(side) for side in ("width", "height")] == ["320", "240"]
    first.press("Enter")
    one = nora.page.get_by_role("dialog", name="one.png")
    expect(one.get_by_role("img", name="one.png")).to_be_in_viewport()
    expect(one).to_contain_text("1 of 2")
    expect(one.get_by_role("button", name="Previous picture")).to_be_disabled()
    assert nora.axe() == ""
    nora.page.keyboard.press("ArrowRight")
    two = nora.page.get_by_role("dialog", name=long)
    expect(two.get_by_role("img", name=long)).to_be_in_viewport(ratio=1)
    expect(two.get_by_role("link", name="Download")).to_be_in_viewport(ratio=1)
    expect(two.get_by_role("button", name="Close")).to_be_in_viewport(ratio=1)
    expect(two.get_by_role("button", name="Next picture")).to_be_disabled()
    assert nora.axe() == ""
    two.get_by_role("button", name="Previous picture").click()
    expect(one).to_be_visible()
    nora.page.keyboard.press("Escape")

    expect(nora.page.locator("dialog[open]")).to_have_count(0)
    expect(first).to_be_focused()
    assert nora.axe() == ""


def shows_paper(tab: Page) -> bool:
    """Tell whether the green of the paper is seen; while the viewer starts there is nothing to take a picture of."""
    try:
        return colours(tab.screenshot()) > 50_000
    except Error:
        return False


def test_a_pdf_opens_in_a_tab_of_its_own_and_is_seen(clinic: Clinic, screen: Opens) -> None:
    """The browser's own viewer shows the page of the paper, under the policy that lets nothing in it run or load."""
    _, subject = asked_by_ada(clinic)
    ada, nora = clinic.signs_in(ADA), screen().signs_in(NORA).opens(subject)
    conversation = nora.page.url.rpartition("/")[2]
    ada.posts_files(conversation, ada.uploads(papers.sheet(GREEN), "plan.pdf"))
    link = nora.log.get_by_role("link", name=re.compile("^Open plan.pdf"))

    with nora.page.context.expect_page() as opened:
        link.click()
    tab = opened.value

    wait_until(lambda: shows_paper(tab), within_s=PATIENCE_S, what="the page of the paper being seen")
    headers = nora.page.request.get(str(link.get_attribute("href"))).headers
    assert headers["content-type"] == "application/pdf"
    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert headers["content-security-policy"].endswith("; sandbox")
    assert headers["x-content-type-options"] == "nosniff"


def test_the_files_of_a_conversation_are_listed_newest_first_with_who_sent_them(clinic: Clinic, screen: Opens) -> None:
    """In the panel for staff, behind "Files" for patients; a new one comes in; a note's file is for staff only."""
    conversation, subject = asked_by_ada(clinic)
    nora_, ada_, dmitri_ = (clinic.signs_in(each) for each in (NORA, ADA, DMITRI))
    ada_.posts_files(conversation, ada_.uploads(papers.photograph(), "arm.jpg"))
    nora_.posts_files(conversation, nora_.uploads(papers.PDF, "lab.pdf"), stream="internal")
    dmitri_.posts_files(conversation, dmitri_.uploads(papers.PDF, "plan.pdf"))
    nora, ada = screen().signs_in(NORA).opens(subject), screen(portal=True, size=PHONE).signs_in(ADA).opens(subject)

    nora.page.get_by_role("button", name="Conversation details").click()
    lines = nora.page.get_by_role("region", name="Conversation details").locator(".file-line")
    expect(lines).to_have_count(3)
    dmitri_.posts_files(conversation, dmitri_.uploads(papers.PDF, "newest.pdf"))
    seen = [("newest.pdf", "Dmitri"), ("plan.pdf", "Dmitri"), ("lab.pdf", "You"), ("arm.jpg", "Ada")]
    expect(lines).to_have_text([re.compile(f"{name}.*{who}", re.DOTALL) for name, who in seen])
    expect(lines.filter(has_text="lab.pdf")).to_contain_text("Internal note")
    ada.page.get_by_role("button", name="Files", exact=True).click()

    dialog = ada.page.get_by_role("dialog", name="Files in this conversation")
    hers = [("newest.pdf", "Dmitri"), ("plan.pdf", "Dmitri"), ("arm.jpg", "You")]
    expect(dialog.locator(".file-line")).to_have_text([re.compile(f"{name}.*{who}", re.DOTALL) for name, who in hers])
    for page in (nora, ada):
        assert page.axe() == ""
    dialog.get_by_role("button", name="Open picture: arm.jpg").click()
    expect(ada.page.get_by_role("dialog", name="arm.jpg").get_by_role("img")).to_be_visible()
    ada.page.keyboard.press("Escape")
    expect(dialog.get_by_role("button", name="Open picture: arm.jpg")).to_be_focused()
    ada.page.keyboard.press("Escape")
    expect(ada.page.get_by_role("button", name="Files", exact=True)).to_be_focused()


def test_what_is_withdrawn_leaves_the_open_list_of_files(clinic: Clinic, screen: Opens) -> None:
    """On both pages, with all its files, while the list stands open; the last one leaves the words for none."""
    conversation, subject = asked_by_ada(clinic)
    dmitri = clinic.signs_in(DMITRI)
    kept = dmitri.posts_files(conversation, dmitri.uploads(papers.PDF, "plan.pdf"))
    wrong = dmitri.posts_files(
        conversation,
        dmitri.uploads(papers.PDF, "of-another.pdf"),
        dmitri.uploads(papers.photograph(), "of-another.jpg"),
    )
    nora, ada = screen().signs_in(NORA).opens(subject), screen(portal=True, size=PHONE).signs_in(ADA).opens(subject)
    nora.page.get_by_role("button", name="Conversation details").click()
    ada.page.get_by_role("button", name="Files", exact=True).click()
    lists = [page.page.locator(".file-line:visible") for page in (nora, ada)]
    for lines in lists:
        expect(lines).to_have_count(3)

    dmitri.calls.recall(wrong["message"]["id"])

    for lines in lists:
        expect(lines).to_have_count(1)
        expect(lines).to_contain_text("plan.pdf")
    dmitri.calls.recall(kept["message"]["id"])
    for lines, page in zip(lists, (nora, ada), strict=True):
        expect(lines).to_have_count(0)
        expect(page.page.get_by_text("No files yet").locator("visible=true")).to_be_visible()
