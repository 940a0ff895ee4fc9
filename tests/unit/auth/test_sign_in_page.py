"""The sign-in pages: who gets a code, what the page says, and what cannot be done with it."""

from collections.abc import Callable

import pytest

from tests.unit.auth.desk import CALLBACKS, ISSUER, ORIGIN, Desk, action, asked, body, code_in, seal, told


def test_a_nurse_signs_in_and_is_sent_back_with_a_code(desk: Desk) -> None:
    """State comes back as it was sent, and the issuer names itself (RFC 9207)."""
    answer = desk.sign_in(desk.browser(), "nora@harbor.example")

    sent_back = told(answer)
    assert answer.headers["Location"].startswith(CALLBACKS["staff-gateway"] + "?")
    assert (sent_back["state"], sent_back["iss"]) == ("the state", ISSUER)
    assert len(sent_back["code"]) > 40


@pytest.mark.parametrize(("client", "words"), [("staff-gateway", "for staff"), ("portal-gateway", "care team")])
def test_staff_and_patients_have_pages_of_their_own(desk: Desk, client: str, words: str) -> None:
    """Each page speaks to its people, labels its fields and lets browsers fill them."""
    page = desk.ask(desk.browser(), client)

    assert page.status_code == 200
    assert words in page.text
    for needed in ('<label for="email">', '<label for="password">', 'autocomplete="username"', "current-password"):
        assert needed in page.text


def test_the_page_speaks_spanish_to_who_prefers_it(desk: Desk) -> None:
    """The language is the browser's, and the page says which one it is in."""
    page = desk.browser().get(
        "/auth/authorize", query_string=asked("portal-gateway"), headers={"Accept-Language": "es-MX,es;q=0.9,en;q=0.5"}
    )

    assert '<html lang="es">' in page.text
    assert "Contraseña" in page.text


def test_the_pages_allow_no_script_no_frame_and_no_cache(desk: Desk) -> None:
    """The policy names what may be loaded: our own style and pictures; the page holds no script or inline style."""
    page = desk.ask(desk.browser())

    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert (page.headers["Cache-Control"], page.headers["X-Content-Type-Options"]) == ("no-store", "nosniff")
    assert "<script" not in page.text
    assert "style=" not in page.text


def test_its_style_and_picture_are_there(desk: Desk) -> None:
    """What the page links to is served."""
    answers = [desk.http.get(f"/auth/static/{name}") for name in ("auth.css", "mark.svg")]

    assert [answer.status_code for answer in answers] == [200, 200]
    for answer in answers:
        answer.close()


@pytest.mark.parametrize(
    ("email", "password"),
    [
        ("nora@harbor.example", "wrong"),
        ("nobody@harbor.example", "messages-demo"),
        ("ada@patients.example", "messages-demo"),
        ("", ""),
    ],
)
def test_wrong_unknown_and_not_allowed_here_read_the_same(desk: Desk, email: str, password: str) -> None:
    """One sentence for all, tied to the fields; the address is kept, the password is not."""
    browser = desk.browser()

    page = desk.submit(browser, desk.ask(browser), email, password)

    assert page.status_code == 422
    assert "That did not work." in page.text
    assert 'aria-invalid="true" aria-describedby="sign-in-error"' in page.text
    assert f'value="{email}"' in page.text
    assert "messages-demo" not in page.text.replace("<code>messages-demo</code>", "")
    assert desk.hashed == 1


def test_a_locked_person_reads_the_same_too(desk: Desk) -> None:
    """After five failures the right password gets the page again, word for word."""
    browser = desk.browser()
    pages = [desk.submit(browser, desk.ask(browser), "nora@harbor.example", "wrong") for _ in range(5)]

    locked = desk.submit(browser, desk.ask(browser), "nora@harbor.example")

    assert (locked.status_code, locked.text) == (422, pages[0].text)


def test_the_browser_is_remembered(desk: Desk) -> None:
    """The second time nobody is asked; the cookie is for auth alone and out of a script's reach."""
    browser = desk.browser()
    first = desk.sign_in(browser, "nora@harbor.example")

    again = desk.ask(browser)

    assert again.status_code == 303
    assert code_in(again) != code_in(first)
    cookie = next(one for one in first.headers.getlist("Set-Cookie") if one.startswith("auth_staff="))
    for part in ("HttpOnly", "Path=/auth", "SameSite=Lax"):
        assert part in cookie
    assert "Secure" not in cookie


def test_cookies_are_kept_to_https_where_there_is_https(new_desk: Callable[..., Desk]) -> None:
    """The public origin decides."""
    desk = new_desk(public_origin="https://messages.clinic.example")
    query = asked(redirect_uri="https://messages.clinic.example/messaging/callback")

    page = desk.browser().get("/auth/authorize", query_string=query)

    assert "Secure" in page.headers["Set-Cookie"]


def test_a_staff_sign_in_means_nothing_on_the_patients_page(desk: Desk) -> None:
    """Each plane asks for itself."""
    browser = desk.browser()
    desk.sign_in(browser, "nora@harbor.example")

    page = desk.ask(browser, "portal-gateway")

    assert page.status_code == 200


def test_a_gateways_sign_out_makes_the_next_visit_ask_again(desk: Desk) -> None:
    """Revoking the session ends the browser's sign-in it came from."""
    browser, granted = desk.gateway_session("nora@harbor.example")
    desk.http.post(
        "/auth/revoke", data={"token": granted["refresh_token"]}, auth=("staff-gateway", "staff-gateway-secret")
    )

    page = desk.ask(browser)

    assert page.status_code == 200


def test_replacing_a_session_does_not_end_the_new_one(desk: Desk) -> None:
    """A gateway that signs somebody in again revokes the older session; the newer one goes on."""
    browser, older = desk.gateway_session("nora@harbor.example")
    newer = body(desk.redeem(code_in(desk.ask(browser))))
    desk.http.post(
        "/auth/revoke", data={"token": older["refresh_token"]}, auth=("staff-gateway", "staff-gateway-secret")
    )

    answer = desk.refresh(newer["refresh_token"], client="staff-gateway")

    assert answer.status_code == 200


@pytest.mark.parametrize("how", [{"prompt": "login"}, {"max_age": "60"}, {"prompt": "login select_account"}])
def test_a_client_may_have_the_password_asked_again(desk: Desk, how: dict[str, str]) -> None:
    """By prompt=login, or because the sign-in is older than max_age; afterwards the browser goes back."""
    browser = desk.browser()
    desk.sign_in(browser, "nora@harbor.example")
    desk.clock.passes(minutes=2)

    page = desk.ask(browser, **how)

    assert page.status_code == 200
    assert "code" in told(desk.submit(browser, page, "nora@harbor.example"))


def test_prompt_none_never_shows_a_page(desk: Desk) -> None:
    """Nobody signed in: login_required; somebody signed in: a code."""
    browser = desk.browser()

    stranger = told(desk.ask(browser, prompt="none"))
    desk.sign_in(browser, "nora@harbor.example")
    known = told(desk.ask(browser, prompt="none"))

    assert (stranger["error"], stranger["state"], stranger["iss"]) == ("login_required", "the state", ISSUER)
    assert "code" in known


def test_a_form_without_its_seal_is_not_taken(desk: Desk) -> None:
    """A foreign page cannot sign this browser in as somebody else (RFC 6819 4.4.1.8)."""
    browser = desk.browser()
    page = desk.ask(browser)
    other = desk.ask(desk.browser())
    form = {"email": "nora@harbor.example", "password": "messages-demo"}

    answers = [
        browser.post(action(page), base_url=ORIGIN, data=form),
        browser.post(action(page), base_url=ORIGIN, data=form | {"form_seal": seal(other)}),
        browser.post(
            action(page),
            base_url=ORIGIN,
            data=form | {"form_seal": seal(page)},
            headers={"Origin": "https://evil.example"},
        ),
        desk.browser().post(action(page), base_url=ORIGIN, data=form | {"form_seal": seal(page)}),
        browser.post(action(page), base_url=ORIGIN, data=form | {"form_seal": "\N{GRINNING FACE}"}),
    ]

    assert [answer.status_code for answer in answers] == [422] * 5
    assert desk.hashed == 0


@pytest.mark.parametrize(
    "wrong",
    [
        {"client_id": None},
        {"client_id": "nobody"},
        {"client_id": "messages-cli"},
        {"client_id": "conversations"},
        {"client_id": "\N{GRINNING FACE}"},
        {"redirect_uri": None},
        {"redirect_uri": "https://evil.example/callback"},
        {"redirect_uri": ORIGIN + "/portal/callback"},
        {"redirect_uri": CALLBACKS["staff-gateway"] + "?x=1"},
        {"redirect_uri": CALLBACKS["staff-gateway"] + "/"},
        {"redirect_uri": 'javascript:"x"'},
        {"response_type": 'co"de\N{GRINNING FACE}'},
    ],
)
def test_where_the_way_back_cannot_be_trusted_nobody_is_sent_back(desk: Desk, wrong: dict[str, str | None]) -> None:
    """A page says so instead: an open redirector would lead people astray (RFC 6749 4.1.2.1)."""
    answer = desk.ask(desk.browser(), "staff-gateway", **wrong)

    assert answer.status_code == 400
    assert "This link does not work" in answer.text
    assert "evil" not in answer.text
    assert "Location" not in answer.headers


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": None}, "unsupported_response_type"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"code_challenge": None, "code_challenge_method": None}, "invalid_request"),
        ({"nonce": "n" * 2001}, "invalid_request"),
        ({"nonce": "\x00"}, "invalid_request"),
        ({"prompt": "none login"}, "invalid_request"),
    ],
)
def test_other_mistakes_are_told_to_the_client(desk: Desk, wrong: dict[str, str | None], error: str) -> None:
    """By a redirect with error, state and iss; PKCE by S256 is required of everyone."""
    browser = desk.browser()
    desk.sign_in(browser, "nora@harbor.example")

    sent_back = told(desk.ask(browser, "staff-gateway", **wrong))

    assert (sent_back["error"], sent_back["state"], sent_back["iss"]) == (error, "the state", ISSUER)


def test_a_parameter_that_comes_twice_is_refused(desk: Desk) -> None:
    """RFC 6749 section 3.1."""
    twice = [*asked().items(), ("redirect_uri", "https://evil.example/")]

    answer = desk.browser().get("/auth/authorize", query_string="&".join(f"{name}={value}" for name, value in twice))

    assert answer.status_code == 400


def test_a_signed_in_browser_stops_counting_when_the_account_is_deactivated(desk: Desk) -> None:
    """The page asks again, and the password does not help."""
    browser, _ = desk.gateway_session("nora@harbor.example")
    olga = desk.signed_in("olga@harbor.example")["access_token"]
    nora = next(user for user in body(desk.api("GET", "/users?q=nora", olga))["items"])["id"]
    desk.api("PATCH", f"/users/{nora}", olga, json={"active": False})

    page = desk.ask(browser)
    refused = desk.submit(browser, page, "nora@harbor.example")

    assert (page.status_code, refused.status_code) == (200, 422)


def test_the_demo_sign_ins_are_shown_in_the_demo_only(desk: Desk, new_desk: Callable[..., Desk]) -> None:
    """Never where DEMO is off."""
    real = new_desk(demo=False)

    shown, hidden = desk.ask(desk.browser()), real.ask(real.browser())

    assert "messages-demo" in shown.text
    assert "messages-demo" not in hidden.text
    assert "@harbor.example" not in hidden.text
