"""What changes on a page while nobody looks, or while one is about something else."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Opens
from tests.browser.test_shell import chooses
from tests.support.clinic import Clinic
from tests.support.person import new_id
from tests.support.ports import wait_until
from tests.support.screen import PATIENCE_S, PHONE, Screen

NORA, DMITRI, ROSA = "nora@harbor.example", "dmitri@harbor.example", "rosa@harbor.example"
ADA, MARIA = "ada@patients.example", "maria@patients.example"

# A window somebody looks at, until the test says that they look elsewhere; notices are noted instead of shown.
LOOKED_AT = """
window.noted = [];
window.looks = true;
document.hasFocus = () => window.looks;
window.turns = (looks) => { window.looks = looks; dispatchEvent(new Event(looks ? "focus" : "blur")); };
window.Notification = class { constructor(title) { window.noted.push(title); } close() {} };
window.Notification.permission = "granted";
window.Notification.requestPermission = async () => "granted";
ServiceWorkerRegistration.prototype.showNotification = async (title) => { window.noted.push(title); };
"""


class Talk:
    """A fresh conversation of Ada with her care team, and a group of its staff."""

    def __init__(self, clinic: Clinic) -> None:
        """Open both."""
        self.ada, self.nora, self.dmitri, self.rosa = (clinic.signs_in(each) for each in (ADA, NORA, DMITRI, ROSA))
        self.subject, self.ward = f"Meanwhile {new_id()[-6:]}", f"Ward {new_id()[-6:]}"
        self.id = self.ada.writes_to_care_team(self.subject, "Hello?")
        self.group = self.nora.opens_group(self.ward, self.dmitri, self.rosa)
        self.dmitri.sends(self.group, "Good morning")


@pytest.fixture
def talk(clinic: Clinic) -> Talk:
    """Return fresh conversations."""
    return Talk(clinic)


def reads_without_a_line(at: Screen) -> None:
    """Choose to read without a connection, and come back once that works."""
    chooses(at, "Read without a connection")
    at.becomes("caches.has('messages-kept')").becomes("navigator.serviceWorker.controller !== null")
    at.page.reload()


def holds(page: Page, fact: str) -> None:
    """Wait until something is true in a page."""
    wait_until(lambda: bool(page.evaluate(fact)), within_s=PATIENCE_S, what=fact)


def test_a_long_text_that_was_withdrawn_cannot_be_unfolded(talk: Talk, screen: Opens) -> None:
    """Neither by staff nor by the patient, who had it before them."""
    long = talk.dmitri.sends(talk.id, "For somebody else. " * 100)["message"]
    nora, ada = screen().signs_in(NORA), screen(portal=True, size=PHONE, touch=True).signs_in(ADA)
    for at in (nora, ada):
        at.opens(talk.subject)
        expect(at.log.get_by_role("button", name="Show more")).to_be_visible()

    talk.dmitri.call("DELETE", f"/messages/{long['id']}")

    for at in (nora, ada):
        expect(at.message("Message withdrawn")).to_be_visible()
        expect(at.log.get_by_role("button", name="Show more")).to_have_count(0)
        expect(at.message("For somebody else")).to_have_count(0)


def test_nobody_is_offered_acts_where_there_are_none(talk: Talk, screen: Opens) -> None:
    """What a colleague withdrew has a menu for those who may read its history, and for nobody else."""
    gone = talk.dmitri.sends(talk.group, "Wrong ward")["message"]
    talk.dmitri.call("DELETE", f"/messages/{gone['id']}")
    nora, dmitri = (screen().signs_in(who).opens(talk.ward) for who in (NORA, DMITRI))

    expect(dmitri.message("Message withdrawn").get_by_role("button", name="Actions for this message")).to_have_count(1)
    expect(nora.message("Message withdrawn")).to_be_visible()
    expect(nora.message("Message withdrawn").get_by_role("button", name="Actions for this message")).to_have_count(0)


def test_a_new_subject_is_for_the_conversation_it_was_begun_in(talk: Talk, screen: Opens) -> None:
    """Going to another one in the middle of it leaves it undone, in both."""
    nora = screen().signs_in(NORA).opens(talk.ward)
    nora.page.get_by_role("button", name="Conversation details").click()
    panel = nora.page.get_by_role("region", name="Conversation details")
    panel.get_by_role("button", name="Change subject").click()
    field = panel.get_by_role("textbox")
    field.fill("Ward of tomorrow")

    nora.opens(talk.subject)

    expect(field).to_be_hidden()
    expect(panel.get_by_role("button", name="Change subject")).to_be_visible()
    assert talk.nora.conversation(talk.id)["subject"] == talk.subject


def test_what_came_while_one_looked_elsewhere_is_marked_as_new(talk: Talk, screen: Opens) -> None:
    """The line stands before the first of it, though the conversation was open all the time."""
    talk.nora.call("PUT", f"/conversations/{talk.group}/read", json={"stream": "shared", "seq": 2})
    nora = screen()
    nora.page.add_init_script(LOOKED_AT)
    nora.signs_in(NORA).opens(talk.ward).sees("Good morning")
    line = nora.log.get_by_text("New messages", exact=True)
    talk.dmitri.sends(talk.group, "Seen as it came")
    nora.sees("Seen as it came")
    expect(line).to_have_count(0)

    nora.page.evaluate("turns(false)")
    for body in ("Rounds at ten", "Bring the charts"):
        talk.dmitri.sends(talk.group, body)
        nora.sees(body)
    nora.page.evaluate("turns(true)")

    expect(line).to_have_count(1)
    order = nora.log.inner_text()
    assert order.index("Seen as it came") < order.index("New messages") < order.index("Rounds at ten")


def test_whoever_comes_back_reads_on_where_the_new_begins(talk: Talk, screen: Opens) -> None:
    """An urgent message and a screenful after it, in the conversation that stood open: nothing of it was seen yet."""
    nora = screen()
    nora.page.add_init_script(LOOKED_AT)
    nora.signs_in(NORA).opens(talk.ward).runs("shell").runs("aloud").sees("Good morning")
    banner = nora.page.get_by_role("button", name="Show", exact=True)
    nora.page.evaluate("turns(false)")
    talk.dmitri.sends(talk.group, "Crash team", priority="urgent")
    with talk.dmitri.device() as his:
        for number in range(30):
            his.sends(talk.group, f"Line {number:02}")
    nora.sees("Line 29")
    expect(banner).to_be_visible()

    nora.page.evaluate("turns(true)")

    nora.sees_in_view("Crash team")
    expect(nora.log.get_by_text("New messages", exact=True)).to_be_in_viewport()
    expect(nora.composer).to_be_focused()
    expect(banner).to_be_visible()
    unread = talk.nora.conversation(talk.group)["unread"]["shared"]
    nora.scrolls_to("Line 29", by=400)
    expect(banner).to_be_hidden()
    assert unread >= 31


def test_whoever_comes_back_to_nothing_new_stays_where_they_were(talk: Talk, screen: Opens) -> None:
    """The line before what was new once is behind them."""
    with talk.dmitri.device() as his:
        for number in range(30):
            his.sends(talk.group, f"Line {number:02}")
    nora = screen()
    nora.page.add_init_script(LOOKED_AT)
    nora.signs_in(NORA).opens(talk.ward).runs("shell").scrolls_to("Line 29", by=400)
    wait_until(lambda: not talk.nora.conversation(talk.group)["unread"]["shared"], within_s=PATIENCE_S, what="all read")

    nora.page.evaluate("turns(false)")
    nora.page.evaluate("turns(true)")
    nora.page.wait_for_timeout(500)
    talk.dmitri.sends(talk.group, "Said after that")

    nora.sees_in_view("Said after that")
    wait_until(lambda: not talk.nora.conversation(talk.group)["unread"]["shared"], within_s=PATIENCE_S, what="all read")


def test_what_came_while_the_page_slept_is_new_to_whoever_wakes_it(
    talk: Talk, screen: Opens, forgives: Callable[[Screen], None]
) -> None:
    """The line was gone as well: it comes after the person does, and still they have seen nothing of it."""
    nora = screen()
    nora.page.add_init_script(LOOKED_AT)
    nora.signs_in(NORA).opens(talk.ward).runs("shell").sees("Good morning")
    nora.page.evaluate("turns(false)")
    nora.page.context.set_offline(True)
    with talk.dmitri.device() as his:
        for number in range(30):
            his.sends(talk.group, f"Line {number:02}")

    nora.page.evaluate("turns(true)")
    nora.page.context.set_offline(False)

    nora.sees_in_view("Line 00")
    expect(nora.log.get_by_text("New messages", exact=True)).to_be_in_viewport()
    assert talk.nora.conversation(talk.group)["unread"]["shared"] >= 30
    forgives(nora)


@pytest.mark.parametrize("lines", [120, 300], ids=["held", "far"])
def test_what_comes_while_one_reads_old_history_is_no_button_upwards(talk: Talk, screen: Opens, lines: int) -> None:
    """It is counted below, where it stands."""
    with talk.dmitri.device() as his:
        for number in range(lines):
            his.sends(talk.group, f"Line {number:03}")
    talk.nora.call("PUT", f"/conversations/{talk.group}/read", json={"stream": "shared", "seq": 2 + lines})
    nora = screen()
    nora.page.add_init_script(LOOKED_AT)
    nora.signs_in(NORA).opens_address(talk.group, at="shared.5").runs("shell").sees("Line 003")
    nora.page.evaluate("turns(false)")

    talk.dmitri.sends(talk.group, "Said far below")
    expect(nora.row("Said far below")).to_be_visible()
    expect(nora.page.get_by_role("button", name="1 new message")).to_have_count(1)
    nora.page.evaluate("turns(true)")

    expect(nora.page.locator("[data-way=first-new]")).to_be_hidden()
    nora.page.get_by_role("button", name="1 new message").click()
    nora.sees_in_view("Said far below")


def test_a_notice_that_is_taken_leaves_what_is_being_written_alone(talk: Talk, screen: Opens) -> None:
    """It leads to the conversation that is open already: an edit goes on."""
    nora = screen().signs_in(NORA).opens(talk.ward).runs("shell").says("Tomorow")
    nora.sees_mark("Tomorow", "Sent").chooses("Tomorow", "Edit")
    expect(nora.composer).to_have_value("Tomorow")
    nora.composer.fill("Tomorrow, nine")

    nora.page.evaluate(
        "navigator.serviceWorker.dispatchEvent(new MessageEvent('message', { data: location.pathname }))"
    )

    expect(nora.composer).to_be_focused()
    expect(nora.composer).to_have_value("Tomorrow, nine")
    nora.composer.press("Enter")
    nora.sees("Tomorrow, nine").sees_once("Tomor")


def test_a_call_seen_as_it_comes_leaves_the_one_that_stands(talk: Talk, screen: Opens) -> None:
    """The banner still says, and leads to, what has not been seen."""
    nora = screen().signs_in(NORA).opens(talk.ward).runs("aloud")
    banner = nora.page.locator("#call")
    talk.dmitri.sends(talk.id, "Come in today", priority="urgent")
    expect(banner).to_contain_text("Urgent message from Dmitri Volkov")

    talk.rosa.sends(talk.group, "Look at bed four", priority="urgent")

    nora.sees("Look at bed four")
    expect(nora.page.get_by_role("alert").filter(has_text="Urgent message from Rosa")).to_have_count(1)
    expect(banner).to_contain_text("Urgent message from Dmitri Volkov")
    nora.page.get_by_role("button", name="Show", exact=True).click()
    nora.sees("Come in today")


def test_a_call_ends_when_its_reason_does(talk: Talk, screen: Opens) -> None:
    """Read on another device, or withdrawn: the banner goes by itself, the others stay."""
    nora = screen().signs_in(NORA).runs("aloud")
    banner = nora.page.get_by_role("button", name="Show", exact=True)
    read = talk.dmitri.sends(talk.group, "Crash team", priority="urgent")
    expect(banner).to_be_visible()
    other = talk.dmitri.sends(talk.id, "Come in today", priority="urgent")
    expect(nora.page.get_by_text("1 more", exact=False)).to_be_visible()

    talk.nora.call("PUT", f"/conversations/{talk.group}/read", json={"stream": "shared", "seq": read["seq"]})
    expect(nora.page.get_by_text("1 more", exact=False)).to_have_count(0)
    expect(banner).to_be_visible()
    talk.dmitri.call("DELETE", f"/messages/{other['message']['id']}")

    expect(banner).to_be_hidden()
    expect(nora.page.get_by_role("alert").first).to_have_text("")


def test_what_was_found_and_withdrawn_is_shown_no_more(talk: Talk, screen: Opens) -> None:
    """Results that stand on the page say so as well."""
    word = f"word{new_id()[-8:]}"
    gone = talk.dmitri.sends(talk.group, f"The {word} is wrong")["message"]
    nora = screen().signs_in(NORA)
    nora.page.get_by_role("button", name="Search messages").click()
    nora.page.get_by_role("searchbox", name="Words in messages").fill(word)
    found = nora.page.get_by_role("link").filter(has_text=talk.ward).filter(has_text="Dmitri")
    expect(found.filter(has_text=word)).to_have_count(1)

    talk.dmitri.call("DELETE", f"/messages/{gone['id']}")

    expect(found.filter(has_text="Message withdrawn").last).to_be_visible()
    expect(nora.page.get_by_text(f"The {word} is wrong")).to_have_count(0)


def test_the_focus_stays_where_something_is_when_the_place_is_taken_away(talk: Talk, screen: Opens) -> None:
    """Closed under one's hands: on the conversation. Taken out of it: on the words that say so."""
    rosa = screen().signs_in(ROSA).opens(talk.ward)
    expect(rosa.composer).to_be_focused()

    talk.nora.call("PATCH", f"/conversations/{talk.group}", json={"status": "closed"})
    expect(rosa.composer).to_be_hidden()
    expect(rosa.page.locator("#thread")).to_be_focused()
    talk.nora.call("DELETE", f"/conversations/{talk.group}/participants/{talk.rosa.id}")

    expect(rosa.page.get_by_role("heading", name="You no longer take part here")).to_be_focused()


def test_of_several_tabs_one_tells_and_none_while_one_is_looked_at(talk: Talk, screen: Opens) -> None:
    """A message is told once, however many tabs stand open, and not at all to somebody who looks at one of them."""
    nora = screen()
    nora.page.context.add_init_script(LOOKED_AT)
    nora.signs_in(NORA).runs("shell")
    chooses(nora, "Notices")
    other = nora.page.context.new_page()
    other.goto(nora.page.url)
    tabs = (nora.page, other)
    holds(other, "window.caughtUp?.readyState === WebSocket.OPEN")

    other.evaluate("turns(false)")
    talk.dmitri.sends(talk.group, "Seen in one of them")
    for tab in tabs:
        expect(tab.get_by_role("navigation", name="Conversations")).to_contain_text("Seen in one of them")
    nora.page.evaluate("turns(false)")
    holds(
        other,
        "navigator.locks.query().then(({ held }) => held.every(({ name }) => !name.startsWith('messages.front')))",
    )
    talk.dmitri.sends(talk.group, "Seen in none")
    for tab in tabs:
        expect(tab.get_by_role("navigation", name="Conversations")).to_contain_text("Seen in none")

    wait_until(lambda: told(tabs) > 0, within_s=PATIENCE_S, what="a notice")
    talk.dmitri.sends(talk.group, "And one more")
    wait_until(lambda: told(tabs) > 1, within_s=PATIENCE_S, what="another notice")
    assert told(tabs) == 2


def told(tabs: tuple[Page, ...]) -> int:
    """Return how many notices were asked for, in all tabs."""
    return sum(len(tab.evaluate("window.noted")) for tab in tabs)


def test_signing_out_forgets_what_was_kept_before_it_leaves_and_staying_keeps_it(
    talk: Talk, screen: Opens, forgives: Callable[[Screen], None]
) -> None:
    """Whoever thinks better of it has all that was chosen still; the next person at the desk finds nothing."""
    nora = screen().signs_in(NORA).opens(talk.ward)
    reads_without_a_line(nora)
    nora.comes_on_line().runs("shell")
    nora.page.context.set_offline(True)
    nora.says("Not sent yet").sees_mark("Not sent yet", "Waiting to be sent")

    nora.signs_out()
    nora.page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    kept = nora.page.evaluate("caches.has('messages-kept')")
    nora.page.context.set_offline(False)
    nora.sees_mark("Not sent yet", "Sent")
    nora.signs_out()
    nora.page.wait_for_url(lambda url: url.endswith("/logout"))

    assert kept
    assert not nora.page.evaluate("caches.has('messages-kept')")
    forgives(nora)


def test_a_day_full_of_conversations_leaves_the_page_itself_readable(
    talk: Talk, screen: Opens, forgives: Callable[[Screen], None]
) -> None:
    """Only so many answers are kept; what the page is made of is not among those that go."""
    nora = screen().signs_in(NORA).opens(talk.ward)
    reads_without_a_line(nora)
    nora.opens(talk.ward)
    nora.page.evaluate(
        "caches.open('messages-kept').then((kept) => Promise.all([...Array(200).keys()]"
        ".map((n) => kept.put(`/messaging/api/conversations/${n}`, new Response('{}')))))"
    )
    nora.page.reload()
    nora.opens(talk.ward).sees("Good morning")
    nora.becomes("caches.open('messages-kept').then((kept) => kept.keys()).then((keys) => keys.length < 200)")

    nora.page.context.set_offline(True)
    nora.page.reload()

    nora.sees("Good morning")
    nora.page.context.set_offline(False)
    forgives(nora)


def test_what_was_kept_goes_when_one_is_let_in_no_more(
    talk: Talk, screen: Opens, forgives: Callable[[Screen], None]
) -> None:
    """Taken out of a conversation: without a line it is not there either."""
    rosa = screen().signs_in(ROSA).opens(talk.ward)
    reads_without_a_line(rosa)
    rosa.opens(talk.ward).sees("Good morning")
    rosa.page.reload()
    rosa.sees("Good morning")

    talk.nora.call("DELETE", f"/conversations/{talk.group}/participants/{talk.rosa.id}")
    rosa.page.reload()
    expect(rosa.page.locator("#thread h2")).to_be_visible()
    rosa.page.context.set_offline(True)
    rosa.page.reload()

    expect(rosa.page.locator("#thread h2")).to_be_visible()
    expect(rosa.page.get_by_text("Good morning", exact=True)).to_have_count(0)
    rosa.page.context.set_offline(False)
    rosa.complaints = [each for each in rosa.complaints if "status of 404" not in each and "ERR_FAILED" not in each]
    forgives(rosa)


def test_the_next_person_at_the_desk_reads_nothing_that_was_kept_for_the_last(
    talk: Talk, screen: Opens, forgives: Callable[[Screen], None]
) -> None:
    """Nora never signed out, her session just ended; Rosa keeps what she reads as well, and is shown hers only."""
    ours = talk.nora.opens_group(f"Not Rosa's {new_id()[-6:]}", talk.dmitri)
    talk.dmitri.sends(ours, "For Nora only")
    desk = screen().signs_in(NORA)
    reads_without_a_line(desk)
    desk.opens_address(ours).sees("For Nora only")
    desk.page.reload()
    desk.sees("For Nora only")
    desk.page.goto("about:blank")
    desk.page.context.clear_cookies()

    desk.signs_in(ROSA)
    chooses(desk, "Read without a connection")
    desk.becomes("caches.match('/messaging/kept').then((kept) => kept.text()).then((whom) => whom.startsWith('keep '))")
    desk.page.reload()
    desk.comes_on_line().runs("shell")
    desk.page.reload()
    desk.comes_on_line()
    desk.page.context.set_offline(True)
    desk.page.goto(f"/messaging/{ours}")

    expect(desk.page.locator("#thread h2")).to_be_visible()
    expect(desk.page.get_by_text("For Nora only")).to_have_count(0)
    desk.page.context.set_offline(False)
    desk.complaints = [each for each in desk.complaints if "ERR_FAILED" not in each]
    forgives(desk)


def test_for_whom_one_writes_is_kept_with_the_text(screen: Opens) -> None:
    """Maria puts her message about Leo aside, and later finds it about Leo."""
    maria = screen(portal=True, size=PHONE, touch=True).signs_in(MARIA)
    dialog = maria.page.get_by_role("dialog")
    maria.page.get_by_role("button", name="New message").first.click()
    leo = dialog.get_by_role("option", name="Leo").get_attribute("value")
    dialog.get_by_role("combobox").select_option(leo)
    dialog.get_by_role("textbox").first.fill("A rash")
    maria.page.reload()
    maria.page.get_by_role("button", name="New message").first.click()

    expect(dialog.get_by_role("textbox").first).to_have_value("A rash")
    expect(dialog.get_by_role("combobox")).to_have_value(leo or "")


def test_a_first_message_may_be_about_a_child(screen: Opens) -> None:
    """Maria chooses for whom she writes before anything was ever written about Leo."""
    maria = screen(portal=True, size=PHONE, touch=True).signs_in(MARIA)
    maria.page.get_by_role("button", name="New message").first.click()

    whom = maria.page.get_by_role("dialog").get_by_role("combobox")

    expect(whom.get_by_role("option")).to_have_text([re.compile("^Myself"), re.compile("^Leo")])
