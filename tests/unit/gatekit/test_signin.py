"""Browser sign-in: only whoever began it, only to our own pages, and out again for good."""

from collections.abc import Callable
from dataclasses import replace

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatekit.addresses import PORTAL, STAFF, Addresses
from gatekit.destinations import local_destination
from portal_gateway import app as portal
from staff_gateway import app as staff
from tests.unit.gatekit.standins import CONVERSATION, ORIGIN, SETTINGS, Person, ada, nora
from tests.unit.gatekit.world import World

PLANES = [(STAFF, nora), (PORTAL, ada)]


def world_of(addresses: Addresses) -> World:
    """Return the gateway of that plane."""
    return World(addresses, staff.compose if addresses is STAFF else portal.compose)


@pytest.mark.parametrize(("addresses", "person"), PLANES)
def test_a_person_signs_in_and_comes_back_to_the_page_they_wanted(
    addresses: Addresses, person: Callable[[], Person]
) -> None:
    """The deep link is asked for, the issuer visited, the deep link shown."""
    world = world_of(addresses)
    browser = world.browser()
    wanted = f"{addresses.pages}/{CONVERSATION}"

    sent = browser.get(wanted, base_url=ORIGIN)
    begun = browser.get(sent.location, base_url=ORIGIN)
    back = browser.get(world.auth.signs_in(begun.location, person()), base_url=ORIGIN)

    assert sent.location.startswith(addresses.login)
    assert begun.location.startswith(f"{ORIGIN}/auth/authorize?")
    assert (back.status_code, back.location) == (303, wanted)
    assert browser.get(wanted, base_url=ORIGIN).status_code == 200


def test_the_session_cookie_is_out_of_reach_for_scripts_and_other_sites() -> None:
    """HttpOnly, SameSite=Lax, only below its own path; Secure where the origin is https."""
    world = world_of(STAFF)

    back = world.sign_in(world.browser(), nora())

    cookie = next(value for value in back.headers.getlist("Set-Cookie") if value.startswith("staff_session="))
    assert {"HttpOnly", "SameSite=Lax", "Path=/messaging"} <= {part.strip() for part in cookie.split(";")}
    assert "Secure" not in cookie
    assert "refresh-" not in cookie


def test_a_callback_that_nobody_here_began_signs_nobody_in() -> None:
    """A foreign code and state, as an attacker would plant them, meet a page and no session."""
    world = world_of(STAFF)
    attacker, victim = world.browser(), world.browser()
    begun = attacker.get(STAFF.login, base_url=ORIGIN)
    planted = world.auth.signs_in(begun.location, nora())

    answer = victim.get(planted, base_url=ORIGIN)

    assert answer.status_code == 400
    assert "staff_session" not in "".join(answer.headers.getlist("Set-Cookie"))
    assert answer.mimetype == "text/html"


@pytest.mark.parametrize(
    "question",
    ["", "state=x", "code=x", "state=%00&code=%ff", "error=access_denied&error_description=<script>alert(1)</script>"],
)
def test_a_broken_callback_is_a_designed_page(question: str) -> None:
    """Nothing of the query is repeated, and nothing breaks."""
    browser = world_of(STAFF).browser()

    answer = browser.get(f"{STAFF.callback}?{question}", base_url=ORIGIN)

    assert answer.status_code == 400
    assert b"alert(1)" not in answer.data


def test_an_attempt_is_used_once_and_not_for_long() -> None:
    """The same callback again, or one after ten minutes, signs nobody in."""
    world = world_of(STAFF)
    once, late = world.browser(), world.browser()
    used = world.auth.signs_in(once.get(STAFF.login, base_url=ORIGIN).location, nora())
    old = world.auth.signs_in(late.get(STAFF.login, base_url=ORIGIN).location, nora())

    first = once.get(used, base_url=ORIGIN)
    again = once.get(used, base_url=ORIGIN)
    world.clock.forward(minutes=11)
    after_all = late.get(old, base_url=ORIGIN)

    assert (first.status_code, again.status_code, after_all.status_code) == (303, 400, 400)


def test_another_state_of_the_same_browser_does_not_fit() -> None:
    """A state is compared whole, wherever the attempt of that name is kept."""
    world = world_of(STAFF)
    browser = world.browser()
    back = httpx.URL(world.auth.signs_in(browser.get(STAFF.login, base_url=ORIGIN).location, nora()))
    turned = back.copy_set_param("state", back.params["state"][::-1])

    answer = browser.get(str(turned), base_url=ORIGIN)

    assert answer.status_code == 400
    assert browser.get(str(back), base_url=ORIGIN).status_code == 303


def test_two_tabs_sign_in_without_undoing_each_other() -> None:
    """The tab that began first ends well although another began meanwhile."""
    world = world_of(STAFF)
    browser = world.browser()

    for _ in range(20):
        first = world.auth.signs_in(browser.get(STAFF.login, base_url=ORIGIN).location, nora())
        second = world.auth.signs_in(browser.get(STAFF.login, base_url=ORIGIN).location, nora())
        if first != second and browser.get(first, base_url=ORIGIN).status_code == 303:
            break

    assert browser.get(second, base_url=ORIGIN).status_code == 303


@pytest.mark.parametrize(
    "wrong",
    [
        {"nonce": "another"},
        {"aud": "portal-gateway"},
        {"iss": "https://elsewhere.example"},
        {"sub": "somebody else"},
        {"exp": 0},
    ],
)
def test_an_id_token_that_does_not_fit_signs_nobody_in(wrong: dict[str, object]) -> None:
    """Each claim that ties the token to this attempt counts."""
    world = world_of(STAFF)
    world.auth.bend = lambda told: told | wrong

    answer = world.sign_in(world.browser(), nora())

    assert answer.status_code == 400


def test_another_issuer_is_not_believed() -> None:
    """A callback that names another issuer (RFC 9207) is refused before its code is used."""
    world = world_of(STAFF)
    browser = world.browser()
    back = world.auth.signs_in(browser.get(STAFF.login, base_url=ORIGIN).location, nora())

    answer = browser.get(back.replace("%2Fauth", "%2Fevil"), base_url=ORIGIN)

    assert answer.status_code == 400
    assert len(world.auth.codes) == 1


def test_a_patient_cannot_come_in_by_the_staff_door() -> None:
    """A portal token that the issuer hands out at the staff callback opens no session."""
    world = world_of(STAFF)

    answer = world.sign_in(world.browser(), ada())

    assert answer.status_code == 400


def test_an_issuer_that_is_away_is_said_in_words() -> None:
    """The callback shows the page for trouble on our side, not a refusal."""
    world = world_of(STAFF)
    browser = world.browser()
    back = world.auth.signs_in(browser.get(STAFF.login, base_url=ORIGIN).location, nora())
    world.auth.away = True

    answer = browser.get(back, base_url=ORIGIN)

    assert (answer.status_code, answer.mimetype) == (503, "text/html")


@pytest.mark.parametrize(
    "wanted",
    [
        "https://evil.example/messaging",
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/messaging/../auth/logout",
        "/messaging/..",
        "/messaging//evil.example",
        "/messaging\r\nSet-Cookie: a=b",
        "/messagingevil",
        "javascript:alert(1)",
        "/portal/messages",
        "/messaging?" + "a" * 600,
        "",
    ],
)
def test_nobody_is_sent_elsewhere_after_signing_in(wanted: str) -> None:
    """Whatever `next` says, the way ends at our own page."""
    world = world_of(STAFF)

    back = world.sign_in(world.browser(), nora(), wanted)

    assert back.location == STAFF.pages


@settings(deadline=None)
@given(wanted=st.text())
def test_every_destination_is_one_of_our_pages(wanted: str) -> None:
    """No text at all leads anywhere else."""
    for asked in (wanted, STAFF.pages + wanted, STAFF.pages + "/" + wanted):
        found = local_destination(asked, pages=STAFF.pages)

        url = httpx.URL(ORIGIN).join(found)
        assert url.host == "localhost"
        assert url.path == STAFF.pages or url.path.startswith(STAFF.pages + "/")


def test_signing_out_ends_the_session_here_and_at_the_issuer() -> None:
    """The cookie goes, the refresh token is revoked, and a copy of the cookie opens nothing."""
    world = world_of(STAFF)
    browser, copy = world.signed_in(nora()), world.browser()
    kept = browser.get_cookie("staff_session", path="/messaging")
    assert kept is not None
    copy.set_cookie("staff_session", kept.value, path="/messaging")

    out = browser.post(STAFF.logout, base_url=ORIGIN, headers={"Origin": ORIGIN})

    assert out.location.startswith(f"{ORIGIN}/auth/logout?")
    assert len(world.auth.revoked) == 1
    assert browser.get_cookie("staff_session", path="/messaging") is None
    assert world.call(copy, "GET", "/me").status_code == 401


@pytest.mark.parametrize("origin", [None, "https://evil.example", "null", "http://localhost:8081", ORIGIN + ".evil"])
def test_another_site_signs_nobody_out(origin: str | None) -> None:
    """A foreign or missing Origin is refused and the session goes on; a link does nothing either."""
    world = world_of(STAFF)
    browser = world.signed_in(nora())

    refused = browser.post(STAFF.logout, base_url=ORIGIN, headers={} if origin is None else {"Origin": origin})
    link = browser.get(STAFF.logout, base_url=ORIGIN)

    assert refused.status_code == 403
    assert link.location == STAFF.pages
    assert world.call(browser, "GET", "/me").status_code == 200


def test_a_sign_out_the_issuer_did_not_hear_is_repeated() -> None:
    """The person is out here at once; the issuer hears of it when it is back."""
    world = world_of(STAFF)
    person = nora()
    browser = world.signed_in(person)
    world.auth.away = True

    out = browser.post(STAFF.logout, base_url=ORIGIN, headers={"Origin": ORIGIN})
    world.auth.away = False
    loop = next(entry for entry in world.composed.background._entries if entry.name == "farewells")  # noqa: SLF001 - its one loop
    loop.run.__self__.repeat()  # type: ignore[attr-defined] # a bound method

    assert out.status_code == 303
    assert not person.alive


def test_signing_in_again_ends_the_session_before() -> None:
    """One browser holds one session; the one before does not stay open behind it."""
    world = world_of(STAFF)
    first = nora()
    browser = world.signed_in(first)

    world.sign_in(browser, nora())

    assert not first.alive
    assert world.call(browser, "GET", "/me").status_code == 200


def test_the_other_name_of_this_machine_is_led_to_the_public_one_first() -> None:
    """Begun at 127.0.0.1, sign-in moves to localhost, where its cookies will be."""
    browser = world_of(STAFF).browser()

    answer = browser.get(f"{STAFF.login}?next=/messaging", base_url="http://127.0.0.1:8080")

    assert answer.location == f"{ORIGIN}/messaging/login?next=/messaging"


def test_over_https_cookies_are_for_https_alone() -> None:
    """Secure on every cookie, and browsers are told to stay with https."""
    world = World(STAFF, staff.compose, replace(SETTINGS, public_origin="https://clinic.example"))

    begun = world.browser().get(STAFF.login, base_url="https://clinic.example")

    assert all("Secure" in cookie.split("; ") for cookie in begun.headers.getlist("Set-Cookie"))
    assert "max-age" in begun.headers["Strict-Transport-Security"]
    assert begun.location.startswith("https://clinic.example/auth/authorize?")
