"""Around the conversations: notices without content, the tab's picture, settings, keys, reading without a line."""

import re
from collections.abc import Callable

from playwright.sync_api import expect

from tests.browser.conftest import Opens
from tests.support.clinic import Clinic
from tests.support.person import new_id
from tests.support.screen import PHONE, SENT, Screen

NORA, DMITRI, ADA = "nora@harbor.example", "dmitri@harbor.example", "ada@patients.example"

# A browser without a screen shows no notices: they are noted instead, as the page asked for them.
NOTED = """
window.noted = [];
window.elsewhere = false;
document.hasFocus = () => !window.elsewhere;
const notes = (title, { body }) => window.noted.push([title, body]);
window.Notification = class { constructor(title, more) { notes(title, more); } close() {} };
window.Notification.permission = "granted";
ServiceWorkerRegistration.prototype.showNotification = async (title, more) => notes(title, more);
window.Notification.requestPermission = async () => "granted";
"""


def settings(at: Screen) -> None:
    """Open the settings."""
    at.page.get_by_role("button", name=re.compile("Settings|Ajustes")).click()


def chooses(at: Screen, name: str) -> None:
    """Switch one thing on, and close the settings."""
    settings(at)
    at.page.get_by_role("checkbox", name=name).check()
    at.page.get_by_role("button", name="Done", exact=True).click()


def a_talk(clinic: Clinic) -> str:
    """Give Nora a group of her own, with something said in it; returns its subject."""
    nora, subject = clinic.signs_in(NORA), f"Shell {new_id()[-6:]}"
    nora.sends(nora.opens_group(subject, clinic.signs_in(DMITRI)), "Good morning")
    return subject


def opens_around(at: Screen) -> None:
    """Wait until what is around the conversations is there."""
    settings(at)
    at.page.get_by_role("button", name="Done", exact=True).click()


def icon(at: Screen) -> str:
    """Return the address of the tab's picture."""
    return str(at.page.evaluate("document.querySelector('link[rel=icon]').href"))


def test_a_notice_says_that_there_is_something_new_and_nothing_of_it(clinic: Clinic, screen: Opens) -> None:
    """Only to somebody who looks elsewhere; the tab counts in its title and its picture."""
    nora, dmitri = screen(), clinic.signs_in(DMITRI)
    nora.page.add_init_script(NOTED)
    nora.signs_in(NORA)
    plain = icon(nora)
    talk = dmitri.opens_conversation_with(clinic.signs_in(NORA))
    chooses(nora, "Notices")
    nora.page.evaluate("window.elsewhere = false")

    secret = f"The biopsy {new_id()}"
    dmitri.sends(talk, f"seen {secret}")
    expect(nora.list).to_contain_text("seen")
    seen = nora.page.evaluate("window.noted")
    nora.page.evaluate("window.elsewhere = true; window.dispatchEvent(new Event('blur'))")
    nora.becomes("navigator.locks.query().then(({ held }) => held.length === 0)")  # so the other tabs know as well
    dmitri.sends(talk, f"unseen {secret}")

    nora.becomes("window.noted.length > 0")
    assert seen == []
    assert nora.page.evaluate("window.noted") == [["Messages", "There is a new message."]]
    expect(nora.page).to_have_title(re.compile(r"^\(\d+\) "))
    nora.becomes("document.querySelector('link[rel=icon]').href.startsWith('blob:')")
    assert icon(nora) != plain


def test_the_keys_are_listed_by_a_key(clinic: Clinic, screen: Opens) -> None:
    """A question mark shows them, Escape closes, and in a field it is a question mark."""
    subject = a_talk(clinic)
    nora = screen().signs_in(NORA).opens(subject)
    dialog = nora.page.get_by_role("dialog", name="Keys")
    opens_around(nora)
    nora.page.get_by_role("heading", name=subject).focus()
    nora.page.keyboard.press("?")

    expect(dialog).to_be_visible()
    assert nora.axe() == ""
    nora.page.keyboard.press("Escape")
    nora.composer.press("?")

    expect(nora.composer).to_have_value("?")
    expect(dialog).to_be_hidden()
    nora.composer.fill("")


def test_the_language_is_chosen_and_stays(screen: Opens) -> None:
    """The whole page speaks it, after a reload too."""
    ada = screen(portal=True, size=PHONE).signs_in(ADA)
    settings(ada)
    assert ada.axe() == ""
    ada.page.get_by_role("combobox", name="Language").select_option("es")

    expect(ada.page.get_by_role("button", name="Nuevo mensaje").first).to_be_visible()
    ada.page.reload()
    assert ada.page.evaluate("document.documentElement.lang") == "es"


def test_the_latest_conversations_are_read_without_a_line_until_one_signs_out(
    clinic: Clinic, screen: Opens, forgives: Callable[[Screen], None]
) -> None:
    """Where the person chose so, a reload without a network shows them; signing out forgets all of it."""
    nora = screen().signs_in(NORA)
    chooses(nora, "Read without a connection")
    nora.becomes("caches.has('messages-kept')")
    nora.becomes("navigator.serviceWorker.controller !== null")
    nora.page.reload()
    nora.opens(a_talk(clinic))
    last = nora.log.get_by_role("article").last
    expect(last).to_be_visible()
    words = last.inner_text()
    nora.page.reload()
    expect(nora.log.get_by_role("article").last).to_be_visible()

    nora.page.context.set_offline(True)
    nora.page.reload()

    expect(nora.log.get_by_role("article").last).to_have_text(words, use_inner_text=True)
    nora.page.context.set_offline(False)
    nora.page.reload()
    opens_around(nora)
    nora.signs_out()
    nora.page.wait_for_url(re.compile("/auth/|logout|login|messaging"))
    nora.becomes("caches.has('messages-kept').then((there) => !there)")
    forgives(nora)


def test_two_tabs_agree_on_what_waits(clinic: Clinic, screen: Opens, forgives: Callable[[Screen], None]) -> None:
    """What one tab could not send shows as waiting in the other, and once when it is sent."""
    nora = screen().signs_in(NORA)
    nora.opens(a_talk(clinic))
    other = nora.page.context.new_page()
    other.goto(nora.page.url)
    expect(other.get_by_role("log").get_by_role("article").last).to_be_visible()
    other.get_by_role("button", name="Settings").click()
    other.get_by_role("button", name="Done", exact=True).click()
    words = f"From the lift {new_id()[-6:]}"

    nora.page.context.set_offline(True)
    nora.says(words)
    waiting = other.get_by_role("log").get_by_role("article").filter(has_text=words)
    expect(waiting).to_contain_text("Waiting to be sent")
    nora.page.context.set_offline(False)

    expect(waiting).to_contain_text(SENT)
    expect(waiting).to_have_count(1)
    nora.sees_once(words)
    forgives(nora)
