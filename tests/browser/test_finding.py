"""Finding messages and conversations, arranging one's own list, and seeing who the patient is and who is there."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Opens
from tests.support.clinic import Clinic
from tests.support.person import Person, new_id
from tests.support.screen import DESK, PHONE, Screen

NORA, DMITRI, ROSA = "nora@harbor.example", "dmitri@harbor.example", "rosa@harbor.example"
ADA, MARIA = "ada@patients.example", "maria@patients.example"
SIZES = pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])


def a_group(clinic: Clinic, *texts: str) -> tuple[str, str]:
    """Return a fresh group of Nora and Dmitri, its id and subject, in which Dmitri said all this."""
    nora, dmitri = clinic.signs_in(NORA), clinic.signs_in(DMITRI)
    subject = f"Group {new_id()[-8:]}"
    conversation = nora.opens_group(subject, dmitri)
    with dmitri.device() as his:
        for text in texts:
            his.sends(conversation, text)
    return conversation, subject


def results(screen: Screen) -> Locator:
    """Return what a search found, as links."""
    return screen.page.get_by_role(
        "list", name=re.compile("^(Search messages|Find in your messages|Mentions of you)")
    ).get_by_role("link")


def is_ready(page: Page) -> None:
    """Wait until what comes after the first paint is there: keys work then."""
    expect(page.locator("#new")).to_be_enabled()


def asks_for(screen: Screen, words: str) -> None:
    """Search the messages for these words."""
    if not screen.page.get_by_role("searchbox", name="Words in messages").is_visible():
        screen.page.get_by_role("button", name=re.compile("^(Search messages|Find in your messages)$")).click()
    screen.page.get_by_role("searchbox", name="Words in messages").fill(words)


def arranges(screen: Screen, row: str, choice: str, *, title: str | None = None) -> None:
    """Choose something from the menu of a conversation's row; `title` is what it is called where `row` is not that."""
    is_ready(screen.page)
    screen.row(row).hover()
    named = f"Actions for {title or row}"
    screen.list.get_by_role("listitem").filter(has_text=row).get_by_role("button", name=named).click()
    menu = screen.page.get_by_role("menu", name=named)
    expect(menu).to_be_visible()
    assert screen.axe() == ""
    menu.get_by_text(choice, exact=True).click()
    expect(menu).to_be_hidden()


def counted_for(person: Person) -> int:
    """Return how many unread messages their title counts: all but those of which they want no notice."""
    preferences = person.call("GET", "/preferences")["items"]
    silenced = {each["conversation_id"] for each in preferences if each["notify"] == "none"}
    quiet = sum(sum(each["unread"].values()) for each in person.lists() if each["id"] in silenced)
    return int(person.call("GET", "/me")["unread_total"]) - quiet


@SIZES
def test_a_search_leads_to_a_message_far_up(clinic: Clinic, screen: Opens, size: dict[str, int]) -> None:
    """Words find the message with the words marked, and a click opens it in its surroundings, away from the end."""
    word = f"needle{new_id()[-8:]}"
    conversation, subject = a_group(clinic, f"The {word} lies here", *(f"Hay {number:03}" for number in range(160)))
    nora = screen(size=size).signs_in(NORA)
    expect(nora.row(subject)).to_be_visible()

    asks_for(nora, word)
    expect(results(nora)).to_have_count(1)
    expect(results(nora).locator("mark")).to_have_text(word)
    expect(results(nora)).to_contain_text("Dmitri Volkov:")
    assert nora.axe() == ""
    results(nora).click()

    nora.sees(f"The {word} lies here").sees("Hay 000")
    expect(nora.message(f"The {word}")).to_be_in_viewport()
    expect(nora.message("Hay 159")).to_have_count(0)
    assert f"/{conversation}?at=shared." in nora.page.url


def test_a_search_narrows_by_person_conversation_date_and_file(clinic: Clinic, screen: Opens) -> None:
    """Each filter holds with the words and without; clearing them brings the rest back; nothing found says so."""
    word = f"sieve{new_id()[-8:]}"
    conversation, subject = a_group(clinic, f"{word} of his")
    clinic.signs_in(NORA).sends(conversation, f"{word} of hers")
    nora = screen().signs_in(NORA)
    page = nora.page
    asks_for(nora, word)
    expect(results(nora)).to_have_count(2)

    page.get_by_role("button", name=re.compile("^Filters")).click()
    page.get_by_label("Written by").select_option(label="Dmitri Volkov")
    expect(results(nora)).to_have_count(1)
    expect(results(nora)).to_contain_text(f"{word} of his")
    assert nora.axe() == ""
    page.get_by_label("Until", exact=True).fill("2001-01-01")
    expect(page.get_by_text("No message found").first).to_be_visible()
    assert nora.axe() == ""
    page.get_by_role("button", name="Clear filters").click()
    expect(results(nora)).to_have_count(2)
    page.get_by_role("button", name=re.compile("^Filters")).click()
    page.get_by_label("Only with a file").check()
    expect(page.get_by_text("No message found").first).to_be_visible()
    page.get_by_label("Only with a file").uncheck()
    page.get_by_role("searchbox", name="Words in messages").fill("")
    page.get_by_role("combobox", name="Conversation").select_option(label=subject)

    expect(results(nora)).to_have_count(2)


def test_a_search_comes_by_keys_and_from_the_list_and_goes_with_escape(clinic: Clinic, screen: Opens) -> None:
    """Ctrl+Shift+F opens it, Escape closes it; Enter takes the list's words over to it; arrows walk what is found."""
    word = f"keys{new_id()[-8:]}"
    _, subject = a_group(clinic, f"first {word}", f"second {word}")
    nora = screen().signs_in(NORA)
    expect(nora.row(subject)).to_be_visible()
    page = nora.page
    field = page.get_by_role("searchbox", name="Words in messages")

    expect(page.get_by_role("button", name="Search messages", exact=True)).to_be_visible()
    is_ready(page)
    page.keyboard.press("Control+Shift+F")
    expect(field).to_be_focused()
    expect(page.get_by_text("Find a message")).to_be_visible()
    assert nora.axe() == ""
    page.keyboard.press("Escape")
    expect(nora.row(subject)).to_be_visible()
    page.get_by_role("searchbox", name="Search conversations").fill(word)
    expect(page.get_by_role("button", name=f"Search messages for “{word}”")).to_be_visible()
    page.keyboard.press("Enter")
    expect(results(nora)).to_have_count(2)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")

    nora.sees(f"first {word}")


def test_mentions_are_gathered_and_what_is_unread_stands_out(clinic: Clinic, screen: Opens) -> None:
    """What names me is listed, the unread as new; once read it is new no more."""
    conversation, _ = a_group(clinic)
    nora, dmitri = clinic.signs_in(NORA), clinic.signs_in(DMITRI)
    text = f"Nora, please look {new_id()}"
    with dmitri.device() as his:
        his.sends(conversation, text, mentions=[nora.id])
    page = screen().signs_in(NORA)
    expect(page.list.get_by_role("link").first).to_be_visible()
    is_ready(page.page)

    page.page.get_by_role("button", name="Mentions of you").click()
    found = results(page).filter(has_text=text)
    expect(found).to_contain_text("New")
    assert page.axe() == ""
    found.click()
    page.sees(text)

    expect(found).not_to_contain_text("New")


def test_a_few_letters_lead_anywhere_by_keyboard(clinic: Clinic, screen: Opens) -> None:
    """Ctrl+K, letters, Enter: an existing conversation opens; a colleague one never wrote to gets a new one."""
    _, subject = a_group(clinic, "hello")
    nora = screen().signs_in(NORA)
    expect(nora.row(subject)).to_be_visible()
    page = nora.page
    field = page.get_by_role("combobox", name="Go to a conversation or person")
    options = page.get_by_role("option")

    is_ready(page)
    page.keyboard.press("Control+K")
    expect(field).to_be_focused()
    expect(options.first).to_have_attribute("aria-selected", "true")
    assert nora.axe() == ""
    page.keyboard.type(subject)
    expect(options).to_have_count(1)
    page.keyboard.press("Enter")
    nora.sees("hello")
    page.keyboard.press("Control+K")
    page.keyboard.type("olga")
    expect(options.first).to_contain_text("Olga Petrenko")
    assert nora.axe() == ""
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", name="Olga Petrenko")).to_be_visible()
    expect(field).to_be_hidden()


def test_nothing_by_that_name_is_said(screen: Opens) -> None:
    """The switcher says that it found nothing, and Enter then does nothing."""
    nora = screen().signs_in(NORA)
    expect(nora.list.get_by_role("link").first).to_be_visible()
    is_ready(nora.page)

    nora.page.keyboard.press("Control+K")
    expect(nora.page.get_by_role("combobox")).to_be_focused()
    nora.page.keyboard.type("xyzzy plugh")
    expect(nora.page.get_by_text("Nobody and nothing by that name").first).to_be_visible()
    nora.page.keyboard.press("Enter")

    expect(nora.page.get_by_role("combobox")).to_be_focused()
    nora.page.get_by_role("combobox").fill("olga")
    expect(nora.page.get_by_role("option").first).to_contain_text("Olga Petrenko")


def test_pinning_muting_and_archiving_show_in_all_tabs(clinic: Clinic, screen: Opens) -> None:
    """What one tab arranges the other shows at once; a reload keeps it; something new brings the archived one back."""
    conversation, subject = a_group(clinic, "first words")
    _, other = a_group(clinic, "other words")
    here, there = screen().signs_in(NORA), screen().signs_in(NORA)
    for each in (here, there):
        expect(each.row(subject)).to_be_visible()
        expect(each.row(other)).to_be_visible()
    unread = counted_for(clinic.signs_in(NORA))
    for each in (here, there):
        expect(each.page).to_have_title(re.compile(rf"^\({unread}\)"))

    arranges(here, subject, "Pin on top")
    for each in (here, there):
        expect(each.list.get_by_role("link").first).to_contain_text(re.compile(f"{subject}, pinned"))
    arranges(there, subject, "Nothing")
    for each in (here, there):
        expect(each.row(subject)).to_contain_text("no notices")
        expect(each.row(subject)).to_contain_text("1 unread message")
        expect(each.page).to_have_title(re.compile(rf"^\({unread - 1}\)"))
    here.page.reload()
    expect(here.list.get_by_role("link").first).to_contain_text(subject)
    assert here.axe() == ""
    arranges(here, subject, "Archive for me")
    for each in (here, there):
        expect(each.row(subject)).to_have_count(0)
    there.page.get_by_role("button", name="Archived").click()
    expect(there.row(subject)).to_be_visible()
    assert there.axe() == ""
    clinic.signs_in(DMITRI).sends(conversation, "and again")

    expect(here.row(subject)).to_contain_text("and again")
    arranges(here, subject, "Unpin")


def test_what_is_marked_unread_stays_so_in_all_tabs_until_it_is_read_again(clinic: Clinic, screen: Opens) -> None:
    """The open conversation is marked unread and not read by standing open; coming back to it reads it."""
    _, subject = a_group(clinic, "first", "second")
    _, other = a_group(clinic, "elsewhere")
    here, there = screen().signs_in(NORA), screen().signs_in(NORA)
    here.opens(subject).sees("second")
    expect(there.row(subject)).not_to_contain_text("unread message")

    arranges(here, subject, "Mark as unread")
    for each in (here, there):
        expect(each.row(subject)).to_contain_text("1 unread message")
    here.opens(other).sees("elsewhere")
    expect(here.row(subject)).to_contain_text("1 unread message")
    here.opens(subject).sees("second")

    for each in (here, there):
        expect(each.row(subject)).not_to_contain_text("unread message")


def test_the_menu_of_a_row_goes_by_keyboard(clinic: Clinic, screen: Opens) -> None:
    """From the row the arrow leads to its menu, arrows move in it, Escape leads back to the row, Enter does it."""
    _, subject = a_group(clinic, "hello")
    nora = screen().signs_in(NORA)
    page = nora.page
    is_ready(page)
    row = nora.row(subject)

    row.focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("menuitem", name="Pin on top")).to_be_focused()
    page.keyboard.press("Escape")
    expect(row).to_be_focused()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("menuitem", name="Mark as read")).to_be_focused()
    page.keyboard.press("Enter")

    expect(row).not_to_contain_text("unread message")
    expect(row).to_be_focused()


def test_the_filters_show_what_they_say_and_what_is_empty_says_why(clinic: Clinic, screen: Opens) -> None:
    """Unread, patients and closed each keep their own; the one being read stays; an empty filter tells so."""
    conversation, subject = a_group(clinic, "hello")
    nora = screen().signs_in(NORA)
    expect(nora.row(subject)).to_be_visible()

    def chooses(name: str) -> None:
        nora.page.get_by_role("button", name=name, exact=True).click()

    chooses("Patients")
    expect(nora.row(subject)).to_have_count(0)
    expect(nora.row("Ada Moreno")).to_be_visible()
    chooses("Unread")
    expect(nora.row(subject)).to_be_visible()
    nora.opens(subject)
    expect(nora.row(subject)).not_to_contain_text("unread message")
    expect(nora.row(subject)).to_be_visible()
    clinic.signs_in(NORA).call("PATCH", f"/conversations/{conversation}", json={"status": "closed"})
    chooses("Closed")
    expect(nora.row(subject)).to_be_visible()
    nora.page.get_by_role("searchbox", name="Search conversations").fill("xyzzy")

    expect(nora.page.get_by_text("Nothing found")).to_be_visible()
    assert nora.axe() == ""


@SIZES
def test_who_the_patient_is_and_who_writes_for_them_stands_above_the_messages(
    screen: Opens, size: dict[str, int]
) -> None:
    """Leo's conversation says when he was born, how old he is, his number, and that Maria writes for him."""
    dmitri = screen(size=size).signs_in(DMITRI)

    dmitri.page.get_by_role("searchbox", name="Search conversations").fill("Leo Rossi")
    dmitri.opens("Leo Rossi")
    card = dmitri.page.get_by_role("region", name="Patient: Leo Rossi")
    expect(card).to_contain_text("born 27 Jun 2019")
    expect(card).to_contain_text(re.compile(r"\d+ years"))
    expect(card).to_contain_text("No. H-10519")
    expect(card).to_contain_text("Maria Rossi writes for Leo")
    assert dmitri.axe() == ""
    assert dmitri.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    dmitri.page.get_by_role("button", name="Conversation details").click()

    details = dmitri.page.get_by_role("region", name="Conversation details")
    expect(details).to_contain_text("Writes for Leo Rossi")
    expect(details).to_contain_text("No. H-10519")
    assert dmitri.axe() == ""


@SIZES
def test_a_patient_finds_words_in_their_own_messages(clinic: Clinic, screen: Opens, size: dict[str, int]) -> None:
    """Ada finds what was written to her, not what is written about her, and comes back to what she found."""
    ada, nora = clinic.signs_in(ADA), clinic.signs_in(NORA)
    subject, word = f"Question {new_id()[-6:]}", f"ankle{new_id()[-6:]}"
    conversation = ada.writes_to_care_team(subject, f"My {word} hurts")
    nora.sends(conversation, f"Note on the {word}", stream="internal")
    page = screen(portal=True, size=size).signs_in(ADA)
    expect(page.row(subject)).to_be_visible()
    is_ready(page.page)

    asks_for(page, word)
    expect(results(page)).to_have_count(1)
    expect(results(page)).to_contain_text(subject)
    assert page.axe() == ""
    results(page).click()
    page.sees(f"My {word} hurts")
    if size is PHONE:
        page.page.get_by_role("button", name="Back to conversations").click()
        expect(results(page)).to_be_focused()
    asks_for(page, "xyzzy")

    expect(page.page.get_by_text("No message found").first).to_be_visible()
    assert page.axe() == ""


def test_a_patient_puts_a_conversation_away_and_takes_it_out_again(clinic: Clinic, screen: Opens) -> None:
    """What is put away leaves the list and stays in reach by one button."""
    subject = f"Done {new_id()[-6:]}"
    clinic.signs_in(ADA).writes_to_care_team(subject, "All is well")
    ada = screen(portal=True).signs_in(ADA)
    expect(ada.row(subject)).to_be_visible()
    is_ready(ada.page)

    arranges(ada, subject, "Put away")
    expect(ada.row(subject)).to_have_count(0)
    ada.page.get_by_role("button", name=re.compile("^Put away")).click()
    expect(ada.row(subject)).to_be_visible()
    assert ada.axe() == ""
    arranges(ada, subject, "Take out again")
    expect(ada.row(subject)).to_be_visible()


def test_a_long_list_comes_in_as_one_scrolls(clinic: Clinic, screen: Opens) -> None:
    """What stands beyond the first page of Hana's list is there once she has scrolled to it."""
    pia, mark = clinic.signs_in("pia@patients.example"), new_id()[-6:]
    for number in range(55):
        pia.writes_to_care_team(f"Many {mark} {number:03}", "Good morning")
    hana = screen().signs_in("hana@hilltop.example")
    expect(hana.row(f"Many {mark} 054")).to_be_visible()
    is_ready(hana.page)
    expect(hana.list.get_by_role("link")).to_have_count(50)

    hana.list.evaluate("(each) => { each.scrollTop = each.scrollHeight; }")

    expect(hana.row(f"Many {mark} 000")).to_have_count(1)
    hana.list.evaluate("(each) => { each.scrollTop = each.scrollHeight; }")
    expect(hana.row(f"Many {mark} 000")).to_be_visible()
    expect(hana.list.get_by_role("button", name="Show more")).to_have_count(0)


@SIZES
def test_who_is_there_shows_in_the_open_conversation(clinic: Clinic, screen: Opens, size: dict[str, int]) -> None:
    """Rosa is online while her page stands open, in words at the head and in the details, then offline."""
    talk = clinic.signs_in(NORA).opens_conversation_with(clinic.signs_in(ROSA))
    rosa, nora = screen().signs_in(ROSA), screen(size=size).signs_in(NORA)
    expect(rosa.list.get_by_role("link").first).to_be_visible()
    head = nora.page.locator(".thread-head")

    nora.opens_address(talk)
    expect(head).to_contain_text("Online")
    assert nora.axe() == ""
    nora.page.get_by_role("button", name="Conversation details").click()
    details = nora.page.get_by_role("region", name="Conversation details")
    expect(details.get_by_role("listitem").filter(has_text="Rosa Delgado")).to_contain_text("Staff · Online")
    assert nora.axe() == ""
    rosa.page.goto("about:blank")

    expect(head).to_contain_text("Offline")
