"""Addresses, the back button, reloads, drafts, signing out, and the way by keyboard alone."""

import re
import time

from playwright.sync_api import Route, expect

from tests.browser.conftest import Opens
from tests.browser.test_messages import SCROLLS
from tests.support.clinic import Clinic
from tests.support.person import new_id
from tests.support.screen import PATIENCE_S, PHONE

NORA, DMITRI, ADA = "nora@harbor.example", "dmitri@harbor.example", "ada@patients.example"


def two_groups(clinic: Clinic) -> list[tuple[str, str]]:
    """Return two fresh groups of Nora and Dmitri: their ids and subjects."""
    nora, dmitri = clinic.signs_in(NORA), clinic.signs_in(DMITRI)
    made = []
    for word in ("Alpha", "Beta"):
        subject = f"{word} {new_id()[-6:]}"
        conversation = nora.opens_group(subject, dmitri)
        dmitri.sends(conversation, f"Welcome to {subject}")
        made.append((conversation, subject))
    return made


def test_a_deep_link_leads_through_sign_in_to_the_conversation(clinic: Clinic, screen: Opens) -> None:
    """Somebody not signed in yet comes out where the address said."""
    (conversation, subject), _ = two_groups(clinic)

    nora = screen().signs_in(NORA, at=f"/messaging/{conversation}")

    assert nora.page.url.endswith(f"/messaging/{conversation}")
    nora.sees(f"Welcome to {subject}")
    expect(nora.page.get_by_role("heading", name=subject)).to_be_visible()


def test_back_forward_and_reload_keep_the_place(clinic: Clinic, screen: Opens) -> None:
    """The address follows the conversation; back, forward and reload show what it says."""
    (first, alpha), (second, beta) = two_groups(clinic)
    nora = screen().signs_in(NORA)

    nora.opens(alpha).sees(f"Welcome to {alpha}")
    nora.opens(beta).sees(f"Welcome to {beta}")
    assert nora.page.url.endswith(second)
    nora.page.go_back()
    nora.sees(f"Welcome to {alpha}")
    assert nora.page.url.endswith(first)
    nora.page.go_forward()
    nora.sees(f"Welcome to {beta}")
    nora.page.reload()
    nora.sees(f"Welcome to {beta}")


def test_a_draft_is_kept_across_conversations_and_reloads(clinic: Clinic, screen: Opens) -> None:
    """What was typed but not sent is there again."""
    (_, alpha), (_, beta) = two_groups(clinic)
    nora = screen().signs_in(NORA)

    nora.opens(alpha).composer.fill("Half a thought")
    nora.opens(beta)
    expect(nora.composer).to_have_value("")
    nora.opens(alpha)
    expect(nora.composer).to_have_value("Half a thought")
    nora.page.reload()
    expect(nora.composer).to_have_value("Half a thought")


def test_shift_enter_breaks_the_line_and_enter_sends(clinic: Clinic, screen: Opens) -> None:
    """Two lines are one message."""
    (conversation, alpha), _ = two_groups(clinic)
    nora = screen().signs_in(NORA).opens(alpha)

    nora.composer.fill("first line")
    nora.composer.press("Shift+Enter")
    nora.composer.press_sequentially("second line")
    nora.composer.press("Enter")
    nora.sees_mark("second line", "Sent")

    stored = clinic.signs_in(NORA).timeline(conversation)["items"][-1]["message"]["body"]
    assert stored == "first line\nsecond line"


def test_everything_from_list_to_send_goes_by_keyboard(clinic: Clinic, screen: Opens) -> None:
    """Tab reaches the conversation, Enter opens it, Tab reaches the composer, Enter sends; focus is never lost."""
    _, (_, beta) = two_groups(clinic)
    nora = screen().signs_in(NORA)
    expect(nora.row(beta)).to_be_visible()
    page, text = nora.page, f"No mouse {new_id()}"

    def tabs_to(wanted: str) -> None:
        for _ in range(40):
            page.keyboard.press("Tab")
            focused = page.evaluate("document.activeElement.innerText || document.activeElement.ariaLabel || ''")
            assert page.evaluate("document.activeElement !== document.body"), "focus was lost"
            if re.search(wanted, focused):
                return
        raise AssertionError(f"Tab never reached {wanted!r}")

    tabs_to(beta)
    page.keyboard.press("Enter")
    nora.sees(f"Welcome to {beta}")
    if not page.evaluate("document.activeElement.matches('textarea')"):
        tabs_to("^Message to")
    page.keyboard.type(text)
    page.keyboard.press("Enter")

    nora.sees_mark(text, "Sent")
    assert page.evaluate("document.activeElement.matches('textarea')")


def test_signing_out_ends_the_session_here_and_at_the_sign_in(screen: Opens) -> None:
    """After signing out the page asks to sign in again, also at the back button."""
    nora = screen().signs_in(NORA)
    expect(nora.list.get_by_role("link").first).to_be_visible()

    nora.signs_out()
    expect(nora.page.get_by_role("heading", name=re.compile("signed out", re.IGNORECASE))).to_be_visible()
    nora.page.goto("/messaging")

    expect(nora.page.get_by_label("E-mail address")).to_be_visible()


def test_what_is_still_being_asked_is_left_before_one_signs_out(screen: Opens) -> None:
    """An answer that would come after the sign-out could only be a refusal; nobody waits for it."""
    nora = screen().signs_in(NORA)
    expect(nora.list.get_by_role("link").first).to_be_visible()
    events: list[str] = []
    held: list[Route] = []
    nora.page.route("**/api/search*", lambda route: held.append(route))  # noqa: PLW0108 - playwright marks what it is given
    nora.page.on("requestfailed", lambda request: events.append("left" if "/search" in request.url else request.url))
    nora.page.on("request", lambda request: events.append("signed out") if request.url.endswith("/logout") else None)
    nora.page.get_by_role("button", name="Search messages").click()
    with nora.page.expect_request("**/api/search*"):
        nora.page.get_by_role("searchbox", name="Words in messages").fill("never answered")

    nora.signs_out()

    expect(nora.page.get_by_role("heading", name=re.compile("signed out", re.IGNORECASE))).to_be_visible()
    assert events[:2] == ["left", "signed out"]


def test_a_session_ended_elsewhere_takes_the_page_to_sign_in(clinic: Clinic, screen: Opens) -> None:
    """When the administrator signs Rosa out, her page does not go on as if nothing had happened."""
    rosa = screen().signs_in("rosa@harbor.example")
    expect(rosa.list.get_by_role("link").first).to_be_visible()
    olga, who = clinic.signs_in("olga@harbor.example"), clinic.signs_in("rosa@harbor.example").id

    olga.http.post(f"/auth/api/users/{who}/sign-out", headers=olga.bearer).raise_for_status()

    expect(rosa.page.get_by_label("E-mail address")).to_be_visible()
    rosa.complaints.clear()  # the browser itself reports the 401 that took it there


def test_otto_meets_the_page_that_says_he_has_no_access(screen: Opens) -> None:
    """Signed in without messaging: a designed 403 page with a way out."""
    otto = screen()
    otto.signs_in("otto@harbor.example")

    expect(otto.page.get_by_role("heading", name="You do not have access to Messages")).to_be_visible()
    assert otto.page.evaluate("performance.getEntriesByType('navigation')[0].responseStatus") == 403
    otto.page.get_by_role("button", name="Sign in as somebody else").click()
    expect(otto.page.get_by_role("heading").first).to_be_visible()
    otto.complaints.clear()  # the browser itself reports the 403 of the page


def test_a_wrong_password_says_so_and_keeps_the_address(screen: Opens) -> None:
    """The sign-in page says what is wrong to everyone, eyes or ears."""
    nora = screen()
    page = nora.page
    page.goto("/messaging")

    page.get_by_label("E-mail address").fill(NORA)
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Sign in").click()

    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.get_by_label("E-mail address")).to_have_value(NORA)
    nora.complaints.clear()  # the browser itself reports the 422 of the page


def test_the_phone_shows_one_thing_at_a_time(clinic: Clinic, screen: Opens) -> None:
    """At 390 px Ada sees the list, then the conversation, and comes back; nothing scrolls sideways."""
    subject = f"Small {new_id()[-6:]}"
    clinic.signs_in(ADA).writes_to_care_team(subject, "On my phone")
    ada = screen(portal=True, size=PHONE).signs_in(ADA)

    ada.opens(subject).sees("On my phone")
    expect(ada.row(subject)).to_be_hidden()
    ada.page.get_by_role("button", name="Back to conversations").click()
    expect(ada.row(subject)).to_be_visible()

    assert ada.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_history_loads_upward_without_a_jump(clinic: Clinic, screen: Opens) -> None:
    """Scrolling to the top brings earlier messages, and what one was reading stays where it was."""
    nora, dmitri = clinic.signs_in(NORA), clinic.signs_in(DMITRI)
    subject = f"Long {new_id()[-6:]}"
    conversation = nora.opens_group(subject, dmitri)
    with dmitri.device() as his:
        for number in range(130):
            his.sends(conversation, f"Line {number:03}")
    page = screen().signs_in(NORA).opens(subject)
    page.sees("Line 129")
    expect(page.message("Line 001")).to_have_count(0)

    end = time.monotonic() + 4 * PATIENCE_S
    while not page.message("Line 000").count():
        assert time.monotonic() < end, "the beginning never came"
        moved = page.log.evaluate(SCROLLS, -1500)
        # With the beginning goes the word that more is on its way, which stood above what was read.
        assert moved <= 1

    expect(page.message("Line 129")).to_have_count(1)
    tops = page.log.get_by_role("article").evaluate_all(
        "(all) => all.map((each) => each.innerText.match(/Line \\d+/)[0])"
    )
    assert tops == [f"Line {number:03}" for number in range(130)]
