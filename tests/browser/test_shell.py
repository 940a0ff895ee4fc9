"""Around the conversations: notices without content, the tab's picture, settings, keys, reading without a line."""

import re
from collections.abc import Callable

from playwright.sync_api import Error, Page, expect

from tests.browser.conftest import Opens
from tests.support.clinic import Clinic
from tests.support.person import new_id
from tests.support.ports import wait_until
from tests.support.screen import PATIENCE_MS, PHONE, Screen

NORA, DMITRI, ADA = "nora@harbor.example", "dmitri@harbor.example", "ada@patients.example"

# A browser without a screen shows no notices: they are noted instead, as the page asked for them.
NOTED = """
window.noted = [];
window.elsewhere = false;
document.hasFocus = () => !window.elsewhere;
window.Notification = class { constructor(title, more) { window.noted.push([title, more.body]); } close() {} };
window.Notification.permission = "granted";
window.Notification.requestPermission = async () => "granted";
"""


def settings(at: Screen) -> None:
    """Open the settings."""
    at.page.get_by_role("button", name=re.compile("Settings|Ajustes")).click()


def chooses(at: Screen, name: str) -> None:
    """Switch one thing on, and close the settings."""
    settings(at)
    at.page.get_by_role("checkbox", name=name).check()
    at.page.get_by_role("button", name="Done").click()


def a_talk(clinic: Clinic) -> str:
    """Give Nora a group of her own, with something said in it; returns its subject."""
    nora, subject = clinic.signs_in(NORA), f"Shell {new_id()[-6:]}"
    nora.sends(nora.opens_group(subject, clinic.signs_in(DMITRI)), "Good morning")
    return subject


def waits_for(page: Page, fact: str) -> None:
    """Wait until something is true in the page, or in the one it is just leaving for."""

    def holds() -> bool:
        try:
            return bool(page.evaluate(fact))
        except Error:
            return False

    wait_until(holds, within_s=15, what=fact)


def opens_around(at: Screen) -> None:
    """Wait until what is around the conversations is there."""
    settings(at)
    at.page.get_by_role("button", name="Done").click()


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
    expect(nora.list).to_contain_text("seen", timeout=PATIENCE_MS)
    seen = nora.page.evaluate("window.noted")
    nora.page.evaluate("window.elsewhere = true")
    dmitri.sends(talk, f"unseen {secret}")

    waits_for(nora.page, "window.noted.length > 0")
    assert seen == []
    assert nora.page.evaluate("window.noted") == [["Messages", "There is a new message."]]
    expect(nora.page).to_have_title(re.compile(r"^\(\d+\) "))
    waits_for(nora.page, "document.querySelector('link[rel=icon]').href.startsWith('blob:')")
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

    expect(dialog).to_be_hidden()
    expect(nora.composer).to_have_value("?")
    nora.composer.fill("")


def test_the_language_is_chosen_and_stays(screen: Opens) -> None:
    """The whole page speaks it, after a reload too."""
    ada = screen(portal=True, size=PHONE).signs_in(ADA)
    settings(ada)
    assert ada.axe() == ""
    ada.page.get_by_role("combobox", name="Language").select_option("es")

    expect(ada.page.get_by_role("button", name="Nuevo mensaje").first).to_be_visible(timeout=PATIENCE_MS)
    ada.page.reload()
    assert ada.page.evaluate("document.documentElement.lang") == "es"


def test_the_latest_conversations_are_read_without_a_line_until_one_signs_out(
    clinic: Clinic, screen: Opens, forgives: Callable[[Screen], None]
) -> None:
    """Where the person chose so, a reload without a network shows them; signing out forgets all of it."""
    nora = screen().signs_in(NORA)
    chooses(nora, "Read without a connection")
    waits_for(nora.page, "caches.has('messages-kept')")
    waits_for(nora.page, "navigator.serviceWorker.controller !== null")
    nora.page.reload()
    nora.opens(a_talk(clinic))
    last = nora.log.get_by_role("article").last
    expect(last).to_be_visible(timeout=PATIENCE_MS)
    words = last.inner_text()
    nora.page.reload()
    expect(nora.log.get_by_role("article").last).to_be_visible(timeout=PATIENCE_MS)

    nora.page.context.set_offline(True)
    nora.page.reload()

    expect(nora.log.get_by_role("article").last).to_have_text(words, use_inner_text=True, timeout=PATIENCE_MS)
    nora.page.context.set_offline(False)
    nora.page.reload()
    opens_around(nora)
    nora.signs_out()
    nora.page.wait_for_url(re.compile("/auth/|logout|login|messaging"))
    waits_for(nora.page, "caches.has('messages-kept').then((there) => !there)")
    forgives(nora)


def test_two_tabs_agree_on_what_waits(clinic: Clinic, screen: Opens, forgives: Callable[[Screen], None]) -> None:
    """What one tab could not send shows as waiting in the other, and once when it is sent."""
    nora = screen().signs_in(NORA)
    nora.opens(a_talk(clinic))
    other = nora.page.context.new_page()
    other.goto(nora.page.url)
    expect(other.get_by_role("log").get_by_role("article").last).to_be_visible(timeout=PATIENCE_MS)
    other.get_by_role("button", name="Settings").click()
    other.get_by_role("button", name="Done").click()
    words = f"From the lift {new_id()[-6:]}"

    nora.page.context.set_offline(True)
    nora.says(words)
    waiting = other.get_by_role("log").get_by_role("article").filter(has_text=words)
    expect(waiting).to_contain_text("Waiting to be sent", timeout=PATIENCE_MS)
    nora.page.context.set_offline(False)

    expect(waiting).to_contain_text("Sent", timeout=PATIENCE_MS)
    expect(waiting).to_have_count(1)
    nora.sees_once(words)
    forgives(nora)
