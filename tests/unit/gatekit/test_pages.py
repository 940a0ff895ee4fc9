"""The pages: shown to whoever is signed in, explained to everybody else, and their files kept by browsers for long."""

import re

import pytest

from gatekit.addresses import PORTAL, STAFF, Addresses
from portal_gateway import app as portal
from staff_gateway import app as staff
from tests.unit.gatekit.standins import CONVERSATION, ORIGIN, ada, nora
from tests.unit.gatekit.world import World

BOTH = [STAFF, PORTAL]


def world_of(addresses: Addresses) -> World:
    """Return the gateway of that plane."""
    return World(addresses, staff.compose if addresses is STAFF else portal.compose)


@pytest.mark.parametrize("addresses", BOTH)
def test_nobody_sees_a_page_without_signing_in(addresses: Addresses) -> None:
    """They are sent to sign in, and would come back to the very page."""
    browser = world_of(addresses).browser()

    sent = browser.get(f"{addresses.pages}/{CONVERSATION}", base_url=ORIGIN)

    assert sent.status_code == 302
    assert sent.location.endswith(f"/login?next={addresses.pages.replace('/', '%2F')}%2F{CONVERSATION}")


@pytest.mark.parametrize("addresses", BOTH)
def test_a_page_and_all_it_loads_are_ours(addresses: Addresses) -> None:
    """Every file it names is there, unchanging for a year, and nothing in it is inline."""
    world = world_of(addresses)
    browser = world.signed_in(nora() if addresses is STAFF else ada())

    page = browser.get(addresses.pages, base_url=ORIGIN).get_data(as_text=True)

    files = [link for link in re.findall(r'(?:src|href)="([^"#]+)', page) if link.startswith(addresses.static)]
    assert files
    for name in files:
        answer = browser.get(name, base_url=ORIGIN, buffered=True)
        assert (name, answer.status_code) == (name, 200)
        assert "immutable" in answer.headers["Cache-Control"]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert not re.search(r"<script(?![^>]*(?:\bsrc=|type=.application/json))|<style|\son\w+=|\sstyle=", page)


@pytest.mark.parametrize("addresses", BOTH)
@pytest.mark.parametrize(
    "path", ["/not-an-id", "/" + CONVERSATION.upper(), "/%00", "/<script>alert(1)</script>", "/a/b"]
)
def test_an_address_that_is_no_page_says_so_in_words(addresses: Addresses, path: str) -> None:
    """A designed page that repeats nothing of the address."""
    world = world_of(addresses)
    browser = world.signed_in(nora() if addresses is STAFF else ada())

    answer = browser.get(addresses.pages + path, base_url=ORIGIN)

    assert (answer.status_code, answer.mimetype) == (404, "text/html")
    assert b"alert(1)" not in answer.data


def test_the_portals_root_leads_to_its_messages() -> None:
    """So does a slash too many."""
    browser = world_of(PORTAL).browser()

    locations = [browser.get(path, base_url=ORIGIN).location for path in ("/portal", "/portal/", "/portal/messages/")]

    assert locations == ["/portal/messages"] * 3


def test_a_page_names_nobody_and_nothing_of_a_session() -> None:
    """The page is the same for all; who is signed in is asked of the API. No token is ever in it."""
    world = world_of(STAFF)
    browser = world.signed_in(nora())

    page = browser.get("/messaging", base_url=ORIGIN).get_data(as_text=True)

    assert "Canary" not in page
    assert "eyJ" not in page


@pytest.mark.parametrize("addresses", BOTH)
def test_a_gateway_is_ready_when_everything_it_needs_answers(addresses: Addresses) -> None:
    """What is missing is named: auth's keys and changes, conversations, the broker."""
    world = world_of(addresses)
    world.conversations.away = True
    world.auth.away = True
    browser = world.browser()

    unready = browser.get("/readyz")
    alive = browser.get("/livez")

    assert unready.status_code == 503
    assert unready.get_json()["missing"] == ["auth keys", "auth changes", "auth", "conversations", "broker"]
    assert alive.status_code == 200
