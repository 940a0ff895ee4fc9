"""What a message can be and what may be done with it: answers, links, names, edits, withdrawals, and far history."""

import re
import time
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Route, expect

from tests.browser.conftest import Opens
from tests.support.clinic import Clinic
from tests.support.person import JSON, Person, new_id
from tests.support.screen import PATIENCE_S, PHONE, Screen

NORA, DMITRI, ROSA, ADA = "nora@harbor.example", "dmitri@harbor.example", "rosa@harbor.example", "ada@patients.example"
MANY = 3000
ROWS_AT_MOST = 300


class Ward:
    """A fresh group of Nora, Dmitri and Rosa."""

    def __init__(self, clinic: Clinic) -> None:
        """Open it in Nora's name."""
        self.nora, self.dmitri, self.rosa = (clinic.signs_in(each) for each in (NORA, DMITRI, ROSA))
        self.subject = f"Ward {new_id()[-6:]}"
        self.id = self.nora.opens_group(self.subject, self.dmitri, self.rosa)

    def says(self, who: Person, body: str, **more: Any) -> JSON:  # noqa: ANN401 - fields of the call
        """Post in somebody's name; returns the message."""
        message: JSON = who.sends(self.id, body, **more)["message"]
        return message


@pytest.fixture
def ward(clinic: Clinic) -> Ward:
    """Return a fresh group."""
    return Ward(clinic)


@pytest.fixture(scope="module")
def long_ward(the_clinic: Clinic) -> Ward:
    """Return a group with thousands of messages, the last of which answers the tenth; nobody has read it."""
    ward = Ward(the_clinic)
    with ward.dmitri.device() as his:
        for number in range(MANY):
            his.sends(ward.id, f"Line {number:04}")
    tenth = next(
        each for each in ward.rosa.reads_everything(ward.id) if each.get("message", {}).get("body") == "Line 0010"
    )
    ward.says(ward.rosa, "About that early one", reply_to=tenth["message"]["id"])
    return ward


def lines(screen: Screen) -> list[int]:
    """List the numbers of the lines in the log, as they stand."""
    texts = screen.log.locator("message-item .body").all_inner_texts()
    return [int(found[1]) for found in (re.search(r"Line (\d{4})", text) for text in texts) if found]


# Scrolls, and says of what stood in view right then how far it moved by itself until nothing came or went any more.
SCROLLS = """async (log, by) => {
  log.scrollBy(0, by);
  await new Promise(requestAnimationFrame);
  const top = log.getBoundingClientRect().top;
  const seen = [...log.querySelectorAll("message-item")].find((each) => each.getBoundingClientRect().top > top + 40);
  const before = seen.getBoundingClientRect().top;
  await new Promise((resolve) => {
    let calm = setTimeout(resolve, 120);
    const moved = () => { clearTimeout(calm); calm = setTimeout(resolve, 120); };
    new MutationObserver(moved).observe(log, { subtree: true, childList: true });
  });
  return seen.isConnected ? Math.abs(seen.getBoundingClientRect().top - before) : Infinity;
}"""


def reads_to(goal: int, at: Screen, *, by: int, numbers: Callable[[Screen], list[int]] = lines) -> list[int]:
    """Scroll until a line is there; insist that nothing jumps, no line is missing, and little stands in the page."""
    seen = numbers(at)
    end = time.monotonic() + 4 * PATIENCE_S
    while not seen[0] <= goal <= seen[-1]:
        assert time.monotonic() < end, f"line {goal} never came, these did: {seen[0]} to {seen[-1]}"
        assert at.page.locator("[role=log]").evaluate(SCROLLS, by) <= 1
        seen = numbers(at)
        assert seen == list(range(seen[0], seen[-1] + 1))
        assert len(seen) <= ROWS_AT_MOST
    return seen


def test_an_answer_leads_to_its_original_far_up_and_back_again(long_ward: Ward, screen: Opens) -> None:
    """The quote names its author; a click shows the original in its surroundings, and a button leads back."""
    nora = screen().signs_in(NORA)
    nora.opens_address(long_ward.id)
    answer = nora.message("About that early one")
    expect(answer).to_contain_text("Dmitri")

    answer.get_by_role("button", name=re.compile("Line 0010")).click()
    nora.sees_in_view("Line 0010")
    expect(nora.message("Line 0010")).to_be_focused()
    assert {9, 10, 11} <= set(lines(nora))
    assert max(lines(nora)) < 200
    nora.page.get_by_role("button", name="Back to where you were").click()

    nora.sees_in_view("About that early one")
    expect(nora.page.get_by_role("button", name="Back to where you were")).to_be_hidden()


def test_far_history_reads_both_ways_without_a_jump_or_a_hole(long_ward: Ward, screen: Opens) -> None:
    """Opened in the middle by its address, pages come above and below, and what is looked at stays."""
    nora = screen().signs_in(NORA)
    middle = long_ward.nora.timeline(long_ward.id, after=1500, limit=1)["items"][0]
    nora.opens_address(long_ward.id, at=f"shared.{middle['seq']}")
    nora.sees_in_view(middle["message"]["body"])

    reads_to(1250, nora, by=-1500)
    reads_to(1750, nora, by=1500)

    assert nora.log.get_by_role("article").count() <= ROWS_AT_MOST


def test_thousands_of_lines_read_up_from_the_end_and_back_down_to_it(long_ward: Ward, screen: Opens) -> None:
    """However far one reads up, at most 300 messages stand in the page; the way down has no hole and ends at the end.

    It goes through all that turns one into the other: the live timeline, a window of it, and the live one again.
    """
    dmitri = screen().signs_in(DMITRI)
    dmitri.opens_address(long_ward.id)
    dmitri.sees_in_view("About that early one")

    reads_to(MANY - 1900, dmitri, by=-6000)
    reads_to(MANY - 1, dmitri, by=6000)
    dmitri.says("At the end again")

    dmitri.sees_in_view("At the end again")


def test_what_is_unread_far_up_is_one_click_away(long_ward: Ward, screen: Opens) -> None:
    """A button says how much is new and leads to where it begins, with the line that divides it from what was read."""
    rosa = screen(size=PHONE).signs_in(ROSA)
    rosa.opens_address(long_ward.id)

    rosa.page.get_by_role("button", name=re.compile(r"[\d,]+ new messages")).click()

    rosa.sees_in_view("Line 0000")
    expect(rosa.page.get_by_text("New messages", exact=True)).to_be_in_viewport(ratio=1)
    expect(rosa.page.get_by_role("button", name=re.compile(r"[\d,]+ new messages"))).to_be_hidden()
    rosa.page.get_by_role("button", name="Go to the latest messages").click()
    rosa.sees_in_view("About that early one")
    assert rosa.page.evaluate("document.activeElement.getAttribute('role')") == "log"


def test_what_happens_meanwhile_waits_below_and_changes_what_is_shown(ward: Ward, screen: Opens) -> None:
    """In far history a new message is counted and shown later, an edit shows at once."""
    early = ward.says(ward.dmitri, "An early thought")
    with ward.dmitri.device() as his:
        for number in range(250):
            his.sends(ward.id, f"Line {number:04}")
    nora = screen().signs_in(NORA)
    nora.opens_address(ward.id, at="shared.2")
    nora.sees_in_view("An early thought")

    ward.says(ward.rosa, "Something new")
    ward.dmitri.call("PATCH", f"/messages/{early['id']}", json={"body": "A better early thought"})

    nora.sees_in_view("A better early thought")
    expect(nora.message("Something new")).to_have_count(0)
    nora.page.get_by_role("button", name="1 new message").click()
    nora.sees_in_view("Something new")


def test_an_answer_shows_its_original_as_it_is_now(ward: Ward, screen: Opens) -> None:
    """Once the original is withdrawn, nobody reads it in the quote, live or after a reload."""
    original = ward.says(ward.dmitri, "Confidential by mistake")
    ward.says(ward.rosa, "Did you mean to send that?", reply_to=original["id"])
    nora = screen().signs_in(NORA).opens(ward.subject)
    expect(nora.message("Did you mean")).to_contain_text("Confidential by mistake")

    ward.dmitri.call("DELETE", f"/messages/{original['id']}")

    expect(nora.message("Did you mean")).to_contain_text("Message withdrawn")
    expect(nora.log).not_to_contain_text("Confidential by mistake")
    nora.page.reload()
    expect(nora.message("Did you mean")).to_contain_text("Message withdrawn")


def test_answering_from_the_menu_quotes_the_message(ward: Ward, screen: Opens) -> None:
    """Reply, write, send: the other side sees the quote with its author."""
    ward.says(ward.dmitri, "Who takes the night?")
    nora, rosa = screen().signs_in(NORA).opens(ward.subject), screen().signs_in(ROSA).opens(ward.subject)

    nora.chooses("Who takes the night?", "Reply")
    nora.says("I do")

    expect(rosa.message("I do")).to_contain_text("Dmitri Volkov")
    expect(rosa.message("I do").get_by_role("button", name=re.compile("Who takes the night"))).to_be_visible()


def test_links_open_safely_and_markup_stays_text(ward: Ward, screen: Opens) -> None:
    """An address becomes a link without its full stop; a tag and a script address remain what was typed."""
    body = "See https://example.org/a_(b). <img src=x onerror=alert(1)> javascript:alert(1)\nsecond line"
    ward.says(ward.dmitri, body)
    nora = screen().signs_in(NORA).opens(ward.subject)
    link = nora.message("second line").get_by_role("link")

    expect(link).to_have_count(1)
    expect(link).to_have_attribute("href", "https://example.org/a_(b)")
    expect(link).to_have_attribute("rel", "noopener noreferrer")
    expect(link).to_have_attribute("target", "_blank")
    assert nora.message("second line").locator("[data-at=body]").evaluate("(node) => node.textContent") == body
    assert nora.log.locator("img").count() == 0


def test_who_is_named_stands_out_and_oneself_most(ward: Ward, screen: Opens) -> None:
    """Names of those mentioned are marked, one's own more strongly; a name that mentions nobody is not."""
    names = {each["id"]: each["name"] for each in ward.nora.conversation(ward.id)["participants"]}
    ids = [ward.nora.id, ward.rosa.id]
    ward.says(ward.dmitri, f"@{names[ids[0]]} and @{names[ids[1]]}, not @{names[ward.dmitri.id]}", mentions=ids)
    nora = screen().signs_in(NORA).opens(ward.subject)

    marks = nora.log.locator("mark")
    expect(marks).to_have_text([f"@{names[each]}" for each in ids])

    shades = marks.evaluate_all("(all) => all.map((each) => getComputedStyle(each).backgroundColor)")
    assert shades[0] != shades[1]


def test_a_few_emoji_are_large_and_a_long_text_is_folded(ward: Ward, screen: Opens) -> None:
    """Emoji alone are larger than text; a long text shows its beginning, and all of it when asked."""
    ward.says(ward.dmitri, "👍🏽")
    ward.says(ward.dmitri, "A plain line")
    ward.says(ward.dmitri, f"Beginning {'word ' * 500}the very end")
    nora = screen().signs_in(NORA).opens(ward.subject)
    size = "(node) => parseFloat(getComputedStyle(node.querySelector('[data-at=body]')).fontSize)"
    long = nora.message("Beginning")

    expect(long).not_to_contain_text("the very end")
    assert nora.message("👍🏽").evaluate(size) > 1.8 * nora.message("A plain line").evaluate(size)
    long.get_by_role("button", name="Show more").click()
    expect(long).to_contain_text("the very end")
    expect(long.get_by_role("button", name="Show less")).to_be_focused()


def test_an_edit_shows_and_staff_read_what_it_was(ward: Ward, screen: Opens) -> None:
    """Nora mends her message on the page; Rosa sees the new text, and reads the old one in its history."""
    nora, rosa = screen().signs_in(NORA).opens(ward.subject), screen().signs_in(ROSA).opens(ward.subject)
    nora.says("Give him 50 mg")
    nora.sees_mark("Give him 50 mg", "Sent")

    nora.chooses("Give him 50 mg", "Edit")
    nora.says("Give him 5 mg")
    rosa.sees("Give him 5 mg")
    rosa.message("Give him 5 mg").get_by_role("button", name="edited").click()

    dialog = rosa.page.get_by_role("dialog", name="Earlier versions of this message")
    expect(dialog.get_by_role("listitem")).to_have_count(2)
    expect(dialog.get_by_role("listitem").first).to_contain_text("Give him 50 mg")
    expect(dialog.get_by_role("listitem").last).to_contain_text("Give him 5 mg")
    assert rosa.axe() == ""


def test_a_moderator_withdraws_what_others_wrote_and_others_may_not(ward: Ward, screen: Opens) -> None:
    """Dmitri is offered Withdraw on Rosa's message and Nora is not; withdrawn, its text is gone from every page."""
    ward.says(ward.rosa, "Wrong patient, sorry")
    nora, dmitri = screen().signs_in(NORA).opens(ward.subject), screen().signs_in(DMITRI).opens(ward.subject)
    offered = nora.menu_of("Wrong patient")
    expect(offered.get_by_role("menuitem", name="Copy text")).to_be_visible()
    expect(offered.get_by_role("menuitem", name="Withdraw")).to_have_count(0)
    nora.page.keyboard.press("Escape")

    dmitri.chooses("Wrong patient", "Withdraw")
    dmitri.page.get_by_role("dialog").get_by_role("button", name="Withdraw").click()

    for page in (nora, dmitri):
        page.sees("Message withdrawn")
        expect(page.log).not_to_contain_text("Wrong patient")
    dmitri.chooses("Message withdrawn", "Earlier versions")
    expect(dmitri.page.get_by_role("dialog")).to_contain_text("Wrong patient, sorry")


def test_a_copied_link_opens_the_conversation_at_the_message(ward: Ward, screen: Opens) -> None:
    """What is copied is the address of the message; it leads there through sign-in, and holds no text."""
    for number in range(60):
        ward.says(ward.dmitri, f"Line {number:04}")
    nora, rosa = screen().signs_in(NORA).opens(ward.subject), screen()
    nora.sees("Line 0058")

    nora.chooses("Line 0058", "Copy link")
    expect(nora.page.get_by_text("Link copied")).to_be_visible()
    address = nora.page.evaluate("navigator.clipboard.readText()")
    rosa.signs_in(ROSA, at=address)

    assert re.search(rf"/messaging/{ward.id}\?at=shared\.\d+$", address)
    rosa.sees_in_view("Line 0058")
    expect(rosa.message("Line 0058")).to_be_focused()


def test_the_menu_goes_by_keyboard_and_the_focus_comes_back(ward: Ward, screen: Opens) -> None:
    """Arrows choose a message, Enter opens its menu, Escape returns to the message, R answers it."""
    ward.says(ward.dmitri, "First")
    ward.says(ward.dmitri, "Second")
    nora = screen().signs_in(NORA).opens(ward.subject)
    nora.log.focus()
    keys = nora.page.keyboard

    keys.press("ArrowUp")
    expect(nora.message("Second")).to_be_focused()
    keys.press("ArrowUp")
    expect(nora.message("First")).to_be_focused()
    keys.press("Enter")
    expect(nora.page.get_by_role("menuitem").first).to_be_focused()
    keys.press("ArrowDown")
    assert nora.axe() == ""
    keys.press("Escape")
    expect(nora.message("First")).to_be_focused()
    keys.press("r")

    expect(nora.composer).to_be_focused()
    expect(nora.page.get_by_text("Reply to Dmitri")).to_be_visible()


def test_on_a_phone_a_resting_finger_opens_the_menu(clinic: Clinic, screen: Opens) -> None:
    """Ada rests her finger on a message: the menu stands at the foot of the page, and axe finds nothing wrong."""
    subject = f"Touch {new_id()[-6:]}"
    conversation = clinic.signs_in(ADA).writes_to_care_team(subject, "Hello?")
    clinic.signs_in(NORA).sends(conversation, "Hello Ada")
    ada = screen(portal=True, size=PHONE, touch=True).signs_in(ADA).opens(subject).runs("message-touch")
    place = ada.message("Hello Ada").bounding_box()
    assert place

    session = ada.page.context.new_cdp_session(ada.page)
    point = {"x": place["x"] + 90, "y": place["y"] + place["height"] - 20}
    session.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [point]})
    menu = ada.page.get_by_role("menu")
    expect(menu).to_be_visible()
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})

    assert menu.get_by_role("menuitem").all_inner_texts() == ["Reply", "Copy text"]
    box = menu.bounding_box()
    assert box
    assert box["y"] + box["height"] > PHONE["height"] - 40
    assert ada.axe() == ""


def test_who_was_removed_reads_that_they_were(ward: Ward, screen: Opens) -> None:
    """The conversation gives way to a page that says so, with a way on."""
    ward.says(ward.dmitri, "Soon without you")
    rosa = screen().signs_in(ROSA).opens(ward.subject)

    ward.nora.call("DELETE", f"/conversations/{ward.id}/participants/{ward.rosa.id}")

    expect(rosa.page.get_by_role("heading", name="You no longer take part here")).to_be_visible()
    expect(rosa.page.get_by_text("Soon without you")).to_have_count(0)
    assert rosa.axe() == ""


def test_a_message_that_asks_is_confirmed_and_those_who_have_not_are_reminded(ward: Ward, screen: Opens) -> None:
    """Rosa confirms by a button; Nora sees who has and who has not, reminds, and Dmitri is led to the message."""
    ward.says(ward.nora, "The key code is new", ask_acknowledgement=True)
    for number in range(40):
        ward.says(ward.nora, f"Line {number:04}")
    nora = screen().signs_in(NORA).opens(ward.subject)
    rosa, dmitri = screen(size=PHONE).signs_in(ROSA).opens(ward.subject), screen().signs_in(DMITRI)

    assert rosa.axe() == ""
    rosa.message("The key code").get_by_role("button", name="I have seen this").click()
    expect(rosa.message("The key code")).to_contain_text("You confirmed at")
    expect(nora.message("The key code")).to_contain_text("1 of 2 confirmed")
    nora.message("The key code").get_by_role("button", name="1 of 2 confirmed").click()
    dialog = nora.page.get_by_role("dialog", name="Who has confirmed")
    expect(dialog.get_by_role("listitem").filter(has_text="Rosa Delgado")).to_contain_text("Confirmed")
    expect(dialog.get_by_role("listitem").filter(has_text="Dmitri Volkov")).to_contain_text("Not confirmed")
    assert nora.axe() == ""
    dialog.get_by_role("button", name="Remind those who have not").click()
    expect(dialog.get_by_text("Reminded: Dmitri Volkov")).to_be_visible()

    expect(dmitri.page.get_by_role("alert")).to_have_text("Nora Lindqvist asks you to confirm a message")
    assert dmitri.axe() == ""
    dmitri.page.get_by_role("button", name="Show", exact=True).click()
    dmitri.sees_in_view("The key code")
    expect(dmitri.message("The key code")).to_be_focused()
    dialog.get_by_role("button", name="Remind those who have not").click()
    expect(dialog.get_by_text("They were reminded a moment ago.")).to_be_visible()
    nora.complaints.clear()  # the browser itself reports the 429


def test_an_urgent_message_is_said_at_once_wherever_one_is(ward: Ward, screen: Opens) -> None:
    """Not by colour alone: a word, and an alert that leads there."""
    nora = screen().signs_in(NORA)
    expect(nora.list.get_by_role("link").first).to_be_visible()
    urgent = f"Crash team {new_id()[-6:]}"

    ward.says(ward.dmitri, urgent, priority="urgent")

    expect(nora.page.get_by_role("alert")).to_have_text("Urgent message from Dmitri Volkov")
    nora.page.get_by_role("button", name="Show", exact=True).click()
    nora.sees_in_view(urgent)
    expect(nora.message(urgent).get_by_text("Urgent", exact=True)).to_be_visible()
    expect(nora.page.get_by_role("button", name="Show", exact=True)).to_be_hidden()
    assert nora.axe() == ""


def test_receipts_tell_per_person_and_only_staff_have_them(clinic: Clinic, screen: Opens) -> None:
    """Ada has read Nora's answer and Dmitri has not; Ada's own page says in plain words that she was heard."""
    subject = f"Receipts {new_id()[-6:]}"
    conversation = clinic.signs_in(ADA).writes_to_care_team(subject, "Did you get this?")
    nora = screen().signs_in(NORA).opens(subject)
    nora.says("We did")
    ada = screen(portal=True, size=PHONE).signs_in(ADA).opens(subject)
    nora.sees_mark("We did", "Read")

    expect(ada.message("Did you get this?")).to_contain_text("Seen by your care team")
    expect(ada.menu_of("Did you get this?").get_by_role("menuitem")).to_have_text(
        ["Reply", "Copy text", "Edit", "Withdraw"]
    )
    nora.chooses("We did", "Who has read it")
    people = nora.page.get_by_role("dialog", name="Who has read it").get_by_role("listitem")
    expect(people.filter(has_text="Ada Moreno")).to_contain_text("Read")
    expect(people.filter(has_text="Dmitri Volkov")).to_contain_text("Not delivered yet")
    assert nora.axe() == ""
    assert clinic.signs_in(NORA).conversation(conversation)["kind"] == "patient"


def test_forwarding_to_a_patient_is_asked_twice_and_shows_its_origin_to_staff_only(
    clinic: Clinic, ward: Ward, screen: Opens
) -> None:
    """To a colleague at once, with its origin; to Ada only after a sentence that names her, and without the origin."""
    text, subject = f"Take it with water {new_id()[-6:]}", f"Tablets {new_id()[-6:]}"
    conversation = clinic.signs_in(ADA).writes_to_care_team(subject, "How do I take it?")
    ward.says(ward.dmitri, text)
    nora, ada = screen().signs_in(NORA).opens(ward.subject), screen(portal=True).signs_in(ADA).opens(subject)

    nora.chooses(text, "Forward")
    dialog = nora.page.get_by_role("dialog", name="Forward this message")
    dialog.get_by_label("Where to?").fill(subject)
    expect(dialog.get_by_role("list", name="Conversations").get_by_role("button")).to_have_count(1)
    dialog.get_by_role("list", name="Conversations").get_by_role("button").click()
    assert nora.axe() == ""
    expect(dialog.get_by_role("radio", name="Internal note")).to_be_checked()
    dialog.get_by_role("radio", name="To Ada Moreno").check(force=True)
    dialog.get_by_role("button", name="Forward").click()
    question = nora.page.locator("#confirm")
    expect(question).to_contain_text("Ada Moreno will be able to read this message.")
    question.get_by_role("button", name="Cancel").click()
    ward.nora.sends(conversation, "Said after the second thought")
    ada.sees("Said after the second thought")
    expect(ada.message(text)).to_have_count(0)
    dialog.get_by_role("button", name="Forward").click()
    question.get_by_role("button", name="Forward to the patient").click()

    ada.sees_once(text)
    assert "orwarded" not in ada.message(text).inner_text()
    assert ward.subject not in ada.page.content()
    nora.opens(subject).sees(text)
    expect(nora.message(text)).to_contain_text(f"Forwarded from Dmitri Volkov · {ward.subject}")
    assert nora.axe() == ""


def test_where_to_forward_stays_chosen_while_the_server_still_looks(clinic: Clinic, ward: Ward, screen: Opens) -> None:
    """What it finds is the same conversation, told anew."""
    subject = f"Tablets {new_id()[-6:]}"
    clinic.signs_in(ADA).writes_to_care_team(subject, "How do I take it?")
    ward.says(ward.dmitri, "Take it with water")
    nora = screen().signs_in(NORA).opens(ward.subject)
    asked: list[Route] = []

    def holds(route: Route) -> None:
        asked.append(route)

    nora.page.route("**/conversations?*q=*", holds)
    nora.chooses("Take it with water", "Forward")
    dialog = nora.page.get_by_role("dialog", name="Forward this message")
    with nora.page.expect_request(lambda request: "q=" in request.url):
        dialog.get_by_label("Where to?").fill(subject)
    choice = dialog.get_by_role("list", name="Conversations").get_by_role("button").filter(has_text=subject)
    choice.click()

    with nora.page.expect_response(lambda answer: "q=" in answer.url):
        asked[-1].continue_()
    nora.page.wait_for_timeout(200)

    expect(choice).to_have_attribute("aria-pressed", "true")
    expect(dialog.get_by_role("button", name="Forward")).to_be_enabled()
    nora.page.unroute_all(behavior="ignoreErrors")


@pytest.mark.parametrize("portal", [False, True])
@pytest.mark.parametrize("dark", [False, True])
def test_axe_finds_nothing_wrong_with_a_thread_that_holds_everything(
    clinic: Clinic, screen: Opens, *, portal: bool, dark: bool
) -> None:
    """Quotes, links, names, urgency, a question, a note, an edit and a withdrawal: each state on both pages."""
    subject = f"Everything {new_id()[-6:]}"
    ada, nora = clinic.signs_in(ADA), clinic.signs_in(NORA)
    conversation = ada.writes_to_care_team(subject, "Hello?")
    first = nora.sends(conversation, "See https://example.org/a, @Ada Moreno", mentions=[ada.id])["message"]
    ada.sends(conversation, "Thank you", reply_to=first["id"])
    nora.sends(conversation, "Please read this today", priority="urgent", ask_acknowledgement=True)
    nora.sends(conversation, "For the team", stream="internal")
    gone = ada.sends(conversation, "Never mind")["message"]
    ada.call("DELETE", f"/messages/{gone['id']}")
    changed = nora.sends(conversation, "word " * 300)["message"]
    nora.call("PATCH", f"/messages/{changed['id']}", json={"body": "word " * 400})

    page = screen(portal=portal, dark=dark).signs_in(ADA if portal else DMITRI).opens(subject)
    expect(page.message("word").get_by_role("button", name="Show more")).to_be_visible()
    expect(page.message("Please read this")).to_contain_text("I have seen this")

    assert page.axe() == ""
    assert page.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("size", [{"width": 820, "height": 700}, {"width": 1440, "height": 900}, PHONE])
def test_a_menu_stands_whole_in_the_page_however_wide_the_message(
    ward: Ward, screen: Opens, size: dict[str, int]
) -> None:
    """Of short and of wide messages, one's own and others', first and last: no part of the menu is cut off."""
    for who in (ward.dmitri, ward.nora):
        ward.says(who, f"Short {who.email[:3]}")
        ward.says(who, f"Wide {who.email[:3]} {'word ' * 40}")
    nora = screen(size=size).signs_in(NORA).opens(ward.subject)

    for text in ("Short dmi", "Wide dmi", "Short nor", "Wide nor"):
        menu = nora.menu_of(text)
        expect(menu).to_be_in_viewport(ratio=0.99)
        room = nora.page.locator("#thread").bounding_box()
        box = menu.bounding_box()
        assert room
        assert box
        assert room["x"] - 1 <= box["x"]
        assert box["x"] + box["width"] <= room["x"] + room["width"] + 1
        nora.page.keyboard.press("Escape")
