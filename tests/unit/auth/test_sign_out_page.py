"""Signing out at auth itself (OpenID Connect RP-Initiated Logout)."""

import pytest
from werkzeug.test import TestResponse

from tests.unit.auth.desk import ORIGIN, Desk, action, body, seal

BACK = f"{ORIGIN}/messaging/logout"


def leave(desk_browser: object, **query: str) -> TestResponse:
    """Send a browser to the logout door."""
    answer: TestResponse = desk_browser.get("/auth/logout", base_url=ORIGIN, query_string=query)  # type: ignore[attr-defined]
    return answer


def test_whoever_is_signed_in_is_asked_first(desk: Desk) -> None:
    """A link alone signs nobody out; the button does, and the sessions of that sign-in end."""
    browser, granted = desk.gateway_session("nora@harbor.example")
    before = desk.head()

    page = leave(browser, client_id="staff-gateway", post_logout_redirect_uri=BACK, state="s")
    still = desk.refresh(granted["refresh_token"], client="staff-gateway")
    done = browser.post(action(page), base_url=ORIGIN, data={"form_seal": seal(page)})

    assert (page.status_code, still.status_code) == (200, 200)
    assert (done.status_code, done.headers["Location"]) == (303, BACK + "?state=s")
    assert [change["reason"] for change in desk.changes(after=before)] == ["signed_out"]
    assert desk.refresh(granted["refresh_token"], client="staff-gateway").status_code == 400
    assert desk.ask(browser).status_code == 200


def test_with_the_id_token_of_this_very_sign_in_nobody_is_asked(desk: Desk) -> None:
    """Even an old one, as long as we signed it."""
    browser, granted = desk.gateway_session("nora@harbor.example")
    desk.clock.passes(hours=1)
    browser_still = desk.ask(browser).status_code

    answer = leave(browser, id_token_hint=granted["id_token"], post_logout_redirect_uri=BACK)

    assert browser_still == 303
    assert (answer.status_code, answer.headers["Location"]) == (303, BACK)
    assert desk.ask(browser).status_code == 200


def test_an_id_token_of_another_sign_in_is_no_permission(desk: Desk) -> None:
    """Rosa's token does not sign Nora's browser out."""
    browser, _ = desk.gateway_session("nora@harbor.example")
    _, other = desk.gateway_session("rosa@harbor.example")

    answer = leave(browser, id_token_hint=other["id_token"], post_logout_redirect_uri=BACK)

    assert answer.status_code == 200
    assert desk.ask(browser).status_code == 303


def test_after_the_gateways_revocation_the_browser_goes_straight_on(desk: Desk) -> None:
    """The gateway has ended the session already: no question left."""
    browser, granted = desk.gateway_session("nora@harbor.example")
    desk.http.post(
        "/auth/revoke", data={"token": granted["refresh_token"]}, auth=("staff-gateway", "staff-gateway-secret")
    )

    answer = leave(browser, client_id="staff-gateway", post_logout_redirect_uri=BACK)

    assert (answer.status_code, answer.headers["Location"]) == (303, BACK)


@pytest.mark.parametrize(
    "elsewhere", ["https://evil.example/", f"{ORIGIN}/portal/messages", f"{BACK}/", "javascript:x"]
)
def test_nobody_is_sent_where_the_client_did_not_register(desk: Desk, elsewhere: str) -> None:
    """Our own page ends the way instead."""
    answer = leave(desk.browser(), client_id="staff-gateway", post_logout_redirect_uri=elsewhere)

    assert answer.status_code == 200
    assert "You are signed out" in answer.text
    assert "evil" not in answer.text


def test_a_button_without_its_seal_does_nothing(desk: Desk) -> None:
    """A foreign page cannot press it."""
    browser, granted = desk.gateway_session("nora@harbor.example")

    answer = browser.post("/auth/logout?client_id=staff-gateway", base_url=ORIGIN, data={})

    assert answer.status_code == 200
    assert desk.refresh(granted["refresh_token"], client="staff-gateway").status_code == 200
    assert desk.ask(browser).status_code == 303


def test_without_a_client_both_planes_are_left(desk: Desk) -> None:
    """A person who goes to /auth/logout by hand leaves everything in this browser."""
    browser, _ = desk.gateway_session("nora@harbor.example")
    desk.sign_in(browser, "ada@patients.example", client="portal-gateway")
    page = leave(browser)

    done = browser.post(action(page), base_url=ORIGIN, data={"form_seal": seal(page)})

    assert "You are signed out" in done.text
    assert (desk.ask(browser).status_code, desk.ask(browser, "portal-gateway").status_code) == (200, 200)


def test_the_patients_page_after_leaving_leads_back_to_the_portal(desk: Desk) -> None:
    """Nobody is led to the staff's door."""
    answer = leave(desk.browser(), client_id="portal-gateway")

    assert "/portal/messages" in answer.text
    assert "/messaging" not in answer.text.replace("/portal/messages", "")
    assert body(desk.http.get("/livez"))["status"] == "alive"
