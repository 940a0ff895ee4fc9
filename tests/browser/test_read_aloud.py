"""What somebody who hears the pages meets on them: Nora at her desk, Ada on her phone."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Opens
from tests.support.clinic import STAFF, Clinic
from tests.support.ears import Thing, articles, heard, hears, listens, rests, things
from tests.support.person import new_id
from tests.support.ports import wait_until
from tests.support.screen import PATIENCE_S, PHONE, Screen

NORA, DMITRI, ADA = "nora@harbor.example", "dmitri@harbor.example", "ada@patients.example"
CLOCK = re.compile(r"\b\d\d:\d\d\b")
LANDMARKS = ("main", "navigation", "region", "search")
PAPER = b"%PDF-1.4\n%%EOF\n"


class Talk:
    """A fresh conversation of Ada with her care team."""

    def __init__(self, clinic: Clinic) -> None:
        """Open it with a question of hers."""
        self.ada, self.nora, self.dmitri = (clinic.signs_in(each) for each in (ADA, NORA, DMITRI))
        self.subject = f"Aloud {new_id()[-6:]}"
        self.id = self.ada.writes_to_care_team(self.subject, "Hello?")


@pytest.fixture
def talk(clinic: Clinic) -> Talk:
    """Return a fresh conversation."""
    return Talk(clinic)


def at_work(screen: Opens, talk: Talk) -> Screen:
    """Nora at her desk with the conversation open, listening."""
    nora = screen().signs_in(NORA).opens(talk.subject)
    return attentive(nora)


def on_the_phone(screen: Opens, talk: Talk) -> Screen:
    """Ada on her phone with the conversation open, listening."""
    ada = screen(portal=True, size=PHONE, touch=True).signs_in(ADA).opens(talk.subject)
    return attentive(ada)


def attentive(at: Screen) -> Screen:
    """Wait until the log is live, as the browser tells assistive technology, and note announcements from then on."""
    at.runs("message-rich")
    rests(at.page)
    listens(at.page)
    return at


def said(at: Screen, text: str) -> str:
    """Return what is read of the one message with this text."""
    found = [each for each in articles(at.page) if text in each]
    assert len(found) == 1, found
    return found[0]


def names(found: list[Thing]) -> list[tuple[str, str]]:
    """Return roles and names."""
    return [(each.role, each.name) for each in found]


def row(at: Screen, text: str) -> str:
    """Return what the list calls the conversation that shows this text."""
    return next(each.name for each in things(at.page, "link") if text in each.name)


def test_the_staff_page_has_landmarks_and_headings(talk: Talk, screen: Opens) -> None:
    """One main part; in it the conversations, the search among them, and the open one; one first heading."""
    nora = at_work(screen, talk)
    expect(nora.page.get_by_role("region", name="Patient: Ada Moreno")).to_be_visible()

    assert names(things(nora.page, "main", "navigation", "search")) == [
        ("main", ""),
        ("search", ""),
        ("navigation", "Conversations"),
    ]
    regions = [each.name for each in things(nora.page, "region")]
    assert regions == ["Messages", "Conversation", "Patient: Ada Moreno"]
    assert nora.page.get_by_role("heading", level=1).all_inner_texts() == ["Messages"]
    assert [each.name for each in things(nora.page, "heading")] == ["Messages", "Messages", "Ada Moreno", "Today"]
    first = things(nora.page, "link")[0]
    assert first.name == "Skip to the conversation"


def test_on_the_phone_only_what_is_shown_is_there(talk: Talk, screen: Opens) -> None:
    """First the list, then the conversation with a way back; what is not shown is not read either."""
    ada = screen(portal=True, size=PHONE, touch=True).signs_in(ADA)
    expect(ada.row(talk.subject)).to_be_visible()
    listed = things(ada.page, *LANDMARKS)
    assert names(listed) == [("main", ""), ("region", "Your messages"), ("navigation", "Conversations")]

    ada.opens(talk.subject)

    assert names(things(ada.page, *LANDMARKS)) == [("main", ""), ("region", "Conversation")]
    assert [each.name for each in things(ada.page, "heading")] == ["Messages", talk.subject, "Today"]
    expect(ada.page.get_by_role("heading", name=talk.subject)).to_be_focused()
    assert things(ada.page, "button")[0].name == "Back to conversations"


def test_a_row_says_who_and_what_about_and_what_is_unread_pinned_and_muted(talk: Talk, screen: Opens) -> None:
    """All of it in the name of the link, and where one is by its state; each button says which row it is for."""
    talk.dmitri.sends(talk.id, "A word for the team", stream="internal")
    preferred = {"pinned": True, "notify": "none", "archived": False}
    talk.nora.call("PUT", f"/conversations/{talk.id}/preferences", json=preferred)
    nora = screen().signs_in(NORA)
    expect(nora.row(talk.subject)).to_contain_text("pinned")

    name = row(nora, talk.subject)

    parts = ["Ada Moreno", "Patient", "pinned", talk.subject, "Internal note", "Dmitri: A word for the team"]
    places = [name.index(part) for part in [*parts, "no notices", "2 unread messages"]]
    assert places == sorted(places), name
    assert len(CLOCK.findall(name)) == 1
    assert "Actions for Ada Moreno" in [each.name for each in things(nora.page, "button")]
    nora.opens(talk.subject)
    expect(nora.row(talk.subject)).to_have_attribute("aria-current", "page")
    wait_until(
        lambda: "unread" not in row(nora, talk.subject), within_s=PATIENCE_S, what="the row without unread messages"
    )


def test_opening_a_conversation_leads_to_where_one_writes_and_says_whose_it_is(talk: Talk, screen: Opens) -> None:
    """The field is in focus and says to whom; above it stand the patient's name, birth date and number."""
    nora = at_work(screen, talk)

    expect(nora.composer).to_be_focused()
    field = next(each for each in things(nora.page, "textbox"))
    assert (field.name, field.description) == ("Message to Ada", "Enter sends, Shift + Enter starts a new line")
    expect(nora.page.get_by_role("region", name="Patient: Ada Moreno")).to_contain_text("No. H-10442")
    banner = next(each for each in things(nora.page, "region") if each.name.startswith("Patient"))
    assert re.search(r"^Patient: Ada Moreno born 18 Apr 1951 \d+ years No\. H-10442$", banner.says)


def test_each_message_is_one_article_that_says_who_and_when_once(talk: Talk, screen: Opens) -> None:
    """Also where the eye needs no name any more: one's own, and the second of two by the same person."""
    for body in ("One of two", "Two of two"):
        talk.dmitri.sends(talk.id, body)
    talk.nora.sends(talk.id, "One of mine")
    nora, ada = at_work(screen, talk), on_the_phone(screen, talk)

    for at, mine, theirs in ((nora, "One of mine", ("One of two", "Two of two")), (ada, "Hello?", ("One of two",))):
        assert len(articles(at.page)) == at.log.get_by_role("article").count() == 4
        for text in theirs:
            assert said(at, text).count("Dmitri Volkov") == 1
            assert said(at, text).index("Dmitri Volkov") < said(at, text).index(text)
        assert re.match(r"You ", said(at, mine))
        assert all(len(CLOCK.findall(each)) == 1 for each in articles(at.page)), articles(at.page)


def test_a_message_says_what_is_special_about_it(talk: Talk, screen: Opens) -> None:
    """An answer and its original, urgency, a question to confirm, each note, an edit, a withdrawal, a file."""
    first = talk.nora.sends(talk.id, "Does it hurt?")["message"]
    talk.ada.sends(talk.id, "A little", reply_to=first["id"])
    for body in ("For the team", "For the team again"):
        talk.nora.sends(talk.id, body, stream="internal")
    talk.dmitri.sends(talk.id, "Stop the tablets", priority="urgent", ask_acknowledgement=True)
    changed = talk.dmitri.sends(talk.id, "Tak two")["message"]
    talk.dmitri.call("PATCH", f"/messages/{changed['id']}", json={"body": "Take two"})
    gone = talk.dmitri.sends(talk.id, "Wrong patient")["message"]
    talk.dmitri.call("DELETE", f"/messages/{gone['id']}")
    talk.dmitri.posts_files(talk.id, talk.dmitri.uploads(PAPER, "plan.pdf"), body="The plan")
    nora, ada = at_work(screen, talk), on_the_phone(screen, talk)

    for at, whose in ((nora, "You"), (ada, "Nora Lindqvist")):
        expect(at.message("A little").get_by_role("button", name=re.compile("Does it hurt"))).to_be_visible()
        expect(at.message("Stop the tablets")).to_contain_text("I have seen this")
        expect(at.page.get_by_role("link", name=re.compile("^Open plan.pdf"))).to_be_visible()
        answer = said(at, "A little")
        assert f"[In answer to {whose} Does it hurt?]" in answer
        urgent = said(at, "Stop the tablets")
        assert urgent.index("Dmitri Volkov") < urgent.index("Urgent") < urgent.index("Stop the tablets")
        assert "Please confirm that you have seen this. [I have seen this]" in urgent
        assert "edited" in said(at, "Take two")
        assert "Dmitri Volkov Message withdrawn" in said(at, "Message withdrawn")
        assert re.search(r"\[Open plan\.pdf, PDF · 1 kB\]", said(at, "The plan"))
    for text in ("For the team [\\d:]", "For the team again"):
        note = next(each for each in articles(nora.page) if re.search(text.replace(" [\\d:]", r" \d"), each))
        assert note.count("Internal note") == 1
        assert "the patient does not see this" in note
    expect(nora.message("Stop the tablets")).to_contain_text("0 of 2 confirmed")
    assert "[0 of 2 confirmed]" in said(nora, "Stop the tablets")
    assert not any("For the team" in each or "Internal" in each for each in articles(ada.page))


def test_a_message_one_goes_to_by_keyboard_is_called_by_all_it_says(talk: Talk, screen: Opens) -> None:
    """Where the focus stands nothing else is read: so the name is the message, without the buttons beside it."""
    talk.dmitri.sends(talk.id, "Drink a lot", priority="urgent")
    nora = at_work(screen, talk)
    nora.log.focus()

    nora.page.keyboard.press("ArrowUp")
    expect(nora.message("Drink a lot")).to_be_focused()
    wait_until(
        lambda: any("Drink" in each.name for each in things(nora.page, "article")), within_s=PATIENCE_S, what="a name"
    )
    named = [each.name for each in things(nora.page, "article") if each.name]

    assert len(named) == 1
    assert re.fullmatch(r"Dmitri Volkov Urgent Drink a lot \d\d:\d\d", " ".join(named[0].split()))
    nora.page.keyboard.press("ArrowUp")
    expect(nora.message("Hello?")).to_be_focused()
    assert [each.name for each in things(nora.page, "article") if "Drink" in each.name] == []


def test_the_field_says_what_one_is_about_to_do(talk: Talk, screen: Opens) -> None:
    """That it is a note, that it answers somebody, and on a phone which key does not send."""
    nora, ada = at_work(screen, talk), on_the_phone(screen, talk)

    nora.page.get_by_role("radio", name="Internal note").check(force=True)
    assert [each.name for each in things(nora.page, "textbox")] == ["Note for the care team only"]
    nora.page.get_by_role("radio", name="To Ada").check(force=True)
    nora.chooses("Hello?", "Reply")
    expect(nora.page.get_by_text("Reply to Ada")).to_be_visible()
    [field] = things(nora.page, "textbox")
    assert field.name == "Message to Ada"
    assert re.match(r"Reply to Ada( Moreno)? ?Hello\? Enter sends", field.description), field.description

    [field] = things(ada.page, "textbox")
    assert field.name == "Message to your care team"
    assert field.description == "Enter starts a new line, the button Send sends"


def test_what_is_new_is_announced_once_in_order_and_politely(talk: Talk, screen: Opens) -> None:
    """Who, what and when, without the buttons beside it; on both pages, one's own as well, and nothing besides."""
    nora, ada = at_work(screen, talk), on_the_phone(screen, talk)
    bodies = [f"News {number}" for number in range(5)]

    for body in bodies:
        talk.dmitri.sends(talk.id, body)
    talk.dmitri.sends(talk.id, "See https://example.org, @Nora Lindqvist", mentions=[talk.nora.id])
    for at in (nora, ada):
        at.sees("See https://example.org")

    for at in (nora, ada):
        hears(at.page, "See https://example.org")
        news = heard(at.page)
        assert [re.sub(r" \d\d:\d\d$", "", each) for each in news] == [
            f"Dmitri Volkov {body}" for body in [*bodies, "See https://example.org, @Nora Lindqvist"]
        ]
    nora.says("Thank you").sees_mark("Thank you", "Read")
    ada.sees("Thank you")
    hears(ada.page, "Thank you")
    hears(nora.page, "Thank you")
    assert [each for each in heard(ada.page) if "Thank you" in each] == [f"Nora Lindqvist Thank you {clock(ada)}"]
    [mine] = [each for each in heard(nora.page) if "Thank you" in each]
    assert re.fullmatch(rf"You Thank you {CLOCK.pattern} (Sending|Sent|Delivered|Read)", mine), mine


def clock(at: Screen) -> str:
    """Return the time the last message shows."""
    return at.log.get_by_role("time").last.inner_text()


def test_history_is_not_announced(clinic: Clinic, screen: Opens) -> None:
    """Neither what a conversation opens with, nor what comes in as one scrolls up and down again."""
    nora, dmitri = clinic.signs_in(NORA), clinic.signs_in(DMITRI)
    subject = f"History {new_id()[-6:]}"
    group = nora.opens_group(subject, dmitri)
    with dmitri.device() as his:
        for number in range(450):
            his.sends(group, f"Line {number:04}")
    page = screen().signs_in(NORA)
    expect(page.row(subject)).to_be_visible()
    listens(page.page)
    page.opens(subject)
    rests(page.page)
    opened = heard(page.page)

    page.scrolls_to("Line 0000", by=-3000)
    page.scrolls_to("Line 0449", by=3000)
    rests(page.page)
    dmitri.sends(group, "And on it goes")
    page.sees("And on it goes")

    assert [each for each in opened if each != "Loading…"] == []
    hears(page.page, "And on it goes")
    assert [each for each in heard(page.page) if "Line" in each] == []


def test_the_menu_and_what_is_written_under_a_message_are_not_news(talk: Talk, screen: Opens) -> None:
    """The menu of a message, a mark that changes and an edit announce nothing in the log."""
    answered = talk.nora.sends(talk.id, "Any better?")["message"]
    nora = at_work(screen, talk)

    nora.menu_of("Any better?")
    nora.page.keyboard.press("Escape")
    talk.nora.call("PATCH", f"/messages/{answered['id']}", json={"body": "Any better today?"})
    nora.sees("Any better today?")
    expect(nora.message("Any better today?")).to_contain_text("edited")
    talk.dmitri.sends(talk.id, "The end of it")
    hears(nora.page, "The end of it")

    assert [re.sub(r" \d\d:\d\d$", "", each) for each in heard(nora.page)] == ["Dmitri Volkov The end of it"]


def test_what_is_urgent_is_announced_at_once_and_once(talk: Talk, screen: Opens) -> None:
    """Assertively who wrote, politely the message with the word; on the patient's phone as well."""
    nora, ada = at_work(screen, talk), on_the_phone(screen, talk)

    talk.dmitri.sends(talk.id, "Come in today", priority="urgent")

    for at in (nora, ada):
        hears(at.page, "Urgent message", "assertive")
        hears(at.page, "Come in today", "polite")
        assert heard(at.page, "assertive") == ["Urgent message from Dmitri Volkov"]
        assert heard(at.page, "polite") == [f"Dmitri Volkov Urgent Come in today {clock(at)}"]


def test_a_lost_line_and_its_return_are_announced_once_each(
    clinic: Clinic, talk: Talk, screen: Opens, forgives: Callable[[Screen], None]
) -> None:
    """While it is tried again and again nothing is repeated; what was missed is read out when it is back."""
    nora = at_work(screen, talk)
    other = clinic.signs_in(ADA)

    clinic.kills(STAFF)
    hears(nora.page, "Connection lost")
    nora.says("From the tunnel").sees_mark("From the tunnel", "Waiting to be sent")
    nora.page.get_by_role("button", name="Try now").click()
    expect(nora.page.get_by_text("Connection lost")).to_be_visible()
    other.sends(talk.id, "Said meanwhile")
    clinic.starts(STAFF)

    hears(nora.page, "Said meanwhile")
    hears(nora.page, "The line is back.")
    news = heard(nora.page)
    assert len([each for each in news if "Connection lost" in each]) == 1
    assert news.count("The line is back.") == 1
    assert len([each for each in news if "From the tunnel" in each]) == 1
    assert len([each for each in news if "Said meanwhile" in each]) == 1
    forgives(nora)


def test_a_send_that_fails_says_so_aloud(
    clinic: Clinic, talk: Talk, screen: Opens, forgives: Callable[[Screen], None]
) -> None:
    """That it was not sent, why, and what can be done, without looking for it."""
    nora = at_work(screen, talk)

    with clinic.replica(STAFF) as other:
        dmitri = clinic.signs_in(DMITRI, at=other)
        clinic.kills(STAFF)
        hears(nora.page, "Connection lost")
        nora.says("Too late?")
        dmitri.call("PATCH", f"/conversations/{talk.id}", json={"status": "closed"})
        clinic.starts(STAFF)
        nora.sees_mark("Too late?", "Not sent")

    hears(nora.page, "Not sent")
    failures = [each for each in heard(nora.page) if "Not sent" in each]
    assert len(failures) == 1
    assert re.search(r"Not sent.*The conversation was closed\..*Try again", failures[0])
    forgives(nora)


def test_who_writes_is_named_once_until_their_message_is_there(talk: Talk, screen: Opens) -> None:
    """Ada writes, pauses and goes on: Nora hears it once; after her message it may be said again."""
    nora = at_work(screen, talk)

    with talk.ada.device() as hers:
        for active in (True, False, True):
            hers.the_line.asks("typing", conversation_id=talk.id, stream="shared", active=active)
            expect(nora.page.locator(".typing")).to_have_text("Ada is writing…" if active else "")
        assert heard(nora.page) == ["Ada is writing…"]
        hers.sends(talk.id, "Here it is")
        hers.the_line.asks("typing", conversation_id=talk.id, stream="shared", active=False)
        hears(nora.page, "Here it is")
        hers.the_line.asks("typing", conversation_id=talk.id, stream="shared", active=True)
        expect(nora.page.locator(".typing")).to_have_text("Ada is writing…")

    assert [each for each in heard(nora.page) if "writing" in each] == ["Ada is writing…"] * 2


def test_in_spanish_all_of_it_is_spanish(talk: Talk, screen: Opens) -> None:
    """The page says its language; an answer, an edit, the field and what is new are Spanish on Ada's phone."""
    first = talk.nora.sends(talk.id, "¿Le duele?")["message"]
    talk.ada.sends(talk.id, "Un poco", reply_to=first["id"])
    ada = screen(portal=True, size=PHONE, touch=True).signs_in(ADA)
    ada.page.context.add_cookies([{"name": "language", "value": "es", "url": ada.page.url}])
    ada.page.goto(f"{ada.home}/{talk.id}")
    ada.comes_on_line().sees("Un poco")
    attentive(ada)

    talk.dmitri.sends(talk.id, "Venga hoy", priority="urgent")
    hears(ada.page, "Venga hoy")

    assert ada.page.evaluate("document.documentElement.lang") == "es"
    assert "[En respuesta a Nora Lindqvist ¿Le duele?]" in said(ada, "Un poco")
    assert heard(ada.page, "assertive") == ["Mensaje urgente de Dmitri Volkov"]
    assert heard(ada.page, "polite") == [f"Dmitri Volkov Urgente Venga hoy {clock(ada)}"]
    [field] = things(ada.page, "textbox")
    assert field.name == "Mensaje para su equipo médico"
    assert field.description == "Intro empieza una línea nueva, el botón Enviar envía"
    assert things(ada.page, "button")[0].name == "Volver a las conversaciones"
