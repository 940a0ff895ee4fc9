"""Nobody is kept out: axe finds nothing wrong with any main state of both pages, light and dark."""

from io import BytesIO

import pytest
from PIL import Image, ImageStat
from playwright.sync_api import Locator, expect

from tests.browser.conftest import Opens
from tests.support.clinic import Clinic
from tests.support.ears import hears, listens, rests
from tests.support.person import new_id
from tests.support.screen import PHONE

NORA, ADA = "nora@harbor.example", "ada@patients.example"

both = pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])


@both
def test_the_sign_in_pages(screen: Opens, *, dark: bool) -> None:
    """Sign-in for staff and for patients, also with its error shown."""
    for portal in (False, True):
        page = screen(portal=portal, dark=dark)
        page.page.goto(page.home)
        expect(page.page.get_by_label("E-mail address")).to_be_visible()
        assert page.axe() == ""
        page.page.get_by_label("E-mail address").fill("nobody@harbor.example")
        page.page.get_by_label("Password").fill("wrong")
        page.page.get_by_role("button", name="Sign in").click()
        expect(page.page.get_by_role("alert")).to_be_visible()
        assert page.axe() == ""
        page.complaints.clear()  # the browser itself reports the 422 of the page


@both
def test_the_staff_page(clinic: Clinic, screen: Opens, *, dark: bool) -> None:
    """Nothing chosen, a thread with notes and marks, details open, the dialog for a new conversation."""
    subject = f"Axe {new_id()[-6:]}"
    ada, person = clinic.signs_in(ADA), clinic.signs_in(NORA)
    conversation = ada.writes_to_care_team(subject, "Is this readable?")
    person.sends(conversation, "A note", stream="internal")
    person.sends(conversation, "It should be", priority="urgent")
    nora = screen(dark=dark).signs_in(NORA)
    expect(nora.row(subject)).to_be_visible()
    assert nora.axe() == ""

    nora.opens(subject).sees("It should be")
    assert nora.axe() == ""
    nora.page.get_by_role("button", name="Conversation details").click()
    expect(nora.page.get_by_role("heading", name="Conversation details")).to_be_visible()
    assert nora.axe() == ""
    nora.page.get_by_role("button", name="New conversation").click()
    expect(nora.page.get_by_role("dialog")).to_be_visible()
    expect(
        nora.page.get_by_role("dialog").get_by_role("list", name="People").get_by_role("button").first
    ).to_be_visible()
    assert nora.axe() == ""


@both
def test_the_portal_page_on_a_phone(clinic: Clinic, screen: Opens, *, dark: bool) -> None:
    """The list, a thread, and the dialog for a new message."""
    subject = f"Axe {new_id()[-6:]}"
    clinic.signs_in(ADA).writes_to_care_team(subject, "Is this readable?")
    ada = screen(portal=True, size=PHONE, dark=dark).signs_in(ADA)
    expect(ada.row(subject)).to_be_visible()
    assert ada.axe() == ""

    ada.page.get_by_role("button", name="New message").click()
    expect(ada.page.get_by_role("dialog")).to_be_visible()
    assert ada.axe() == ""
    ada.page.keyboard.press("Escape")
    ada.opens(subject).sees("Is this readable?")
    assert ada.axe() == ""


@both
def test_the_pages_that_say_no(screen: Opens, *, dark: bool) -> None:
    """No access, and signed out."""
    otto = screen(dark=dark).signs_in("otto@harbor.example")
    expect(otto.page.get_by_role("heading", name="You do not have access to Messages")).to_be_visible()
    assert otto.axe() == ""
    otto.complaints.clear()  # the browser itself reports the 403 of the page

    nora = screen(dark=dark).signs_in(NORA)
    expect(nora.list.get_by_role("link").first).to_be_visible()
    nora.signs_out()
    nora.page.wait_for_url(lambda url: not url.endswith("/messaging"))
    expect(nora.page.get_by_role("heading").first).to_be_visible()
    assert nora.axe() == ""


def test_new_messages_are_announced(clinic: Clinic, screen: Opens) -> None:
    """A message that comes in is told to a screen reader; that it stands there is not enough."""
    subject = f"Aloud {new_id()[-6:]}"
    ada = clinic.signs_in(ADA)
    conversation = ada.writes_to_care_team(subject, "First")
    nora = screen().signs_in(NORA).opens(subject)
    nora.sees("First")
    rests(nora.page)
    listens(nora.page)

    ada.sends(conversation, "Can you hear me?")

    hears(nora.page, "Can you hear me?", "polite")


@both
@pytest.mark.parametrize("root", ["/messaging", "/portal"])
def test_the_pages_of_the_documents(screen: Opens, root: str, *, dark: bool) -> None:
    """The calls and the live socket, for whoever writes a client, on a desk and on a phone."""
    for size in (None, PHONE):
        page = screen(dark=dark, size=size)
        for name in ("docs", "docs/live"):
            page.page.goto(f"{root}/api/{name}")
            expect(page.page.get_by_role("heading", level=1)).to_be_visible()
            assert page.axe() == ""
            wide = page.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert wide == 0


def test_a_phone_with_text_of_twice_the_size_still_shows_what_was_written(clinic: Clinic, screen: Opens) -> None:
    """In half the width and height: the title has words, the last message stands between it and the field."""
    subject = f"Twice {new_id()[-6:]}"
    conversation = clinic.signs_in(ADA).writes_to_care_team(subject, "Is this readable?")
    ada = screen(portal=True, size={"width": 195, "height": 422}).signs_in(ADA).opens(subject)
    clinic.signs_in(NORA).sends(conversation, "Yes")
    ada.sees("Yes")

    title = ada.page.get_by_role("heading", name=subject).bounding_box()
    log, field = ada.log.bounding_box(), ada.composer.bounding_box()
    assert title is not None
    assert log is not None
    assert field is not None
    assert title["width"] > 60
    assert log["height"] > 120
    assert title["y"] + title["height"] <= log["y"] < log["y"] + log["height"] <= field["y"]
    expect(ada.message("Yes").locator(".body")).to_be_in_viewport(ratio=1)
    assert ada.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert ada.axe() == ""


def brightness(place: Locator) -> float:
    """Return how light a place is drawn on the whole, from 0 to 255: forced colours are in the picture only."""
    return float(ImageStat.Stat(Image.open(BytesIO(place.screenshot())).convert("L")).mean[0])


def test_with_the_systems_own_colours_one_sees_what_is_chosen(clinic: Clinic, screen: Opens) -> None:
    """Above all who will read what is written; the chosen filter and the open conversation stand out as well."""
    subject = f"Colours {new_id()[-6:]}"
    clinic.signs_in(ADA).writes_to_care_team(subject, "Who reads this?")
    nora = screen().signs_in(NORA)
    nora.page.emulate_media(forced_colors="active")
    nora.opens(subject)

    for internal in (True, False):
        nora.page.get_by_role("radio", name="Internal note" if internal else "To Ada").check(force=True)
        nora.page.mouse.move(0, 0)
        shared, note = (
            brightness(nora.page.locator(f"message-composer .mode.{each}")) for each in ("shared", "internal")
        )
        assert (shared - note if internal else note - shared) > 40
    pressed, other = (nora.page.get_by_role("button", name=each, exact=True) for each in ("All", "Unread"))
    assert brightness(other) - brightness(pressed) > 40
    marked = "each => getComputedStyle(each).borderInlineStartWidth"
    assert nora.row(subject).evaluate(marked) == "6px"
    assert nora.list.get_by_role("link").last.evaluate(marked) == "0px"
