"""An authorization code: good once, for a minute, for its client, with its verifier."""

import pytest

from tests.unit.auth.desk import BEGIN, ISSUER, Desk, body, code_in, told
from wire.demo import ADA, NORA


def test_a_code_gives_a_session_and_says_who_signed_in(desk: Desk) -> None:
    """Access, refresh and id token; the id token is for the client, names nonce and session (OpenID Core 3.1.3)."""
    answer = desk.redeem(code_in(desk.sign_in(desk.browser(), "nora@harbor.example", scope="openid profile email")))

    granted = body(answer)
    access, identity = desk.claims(granted["access_token"]), desk.claims(granted["id_token"])
    assert (granted["token_type"], granted["expires_in"], granted["scope"]) == ("Bearer", 600, "openid profile email")
    assert (access["aud"], access["client_id"], access["sub"]) == ("staff", "staff-gateway", NORA)
    assert (identity["iss"], identity["aud"], identity["sub"]) == (ISSUER, "staff-gateway", NORA)
    assert (identity["nonce"], identity["sid"]) == ("the nonce", access["sid"])
    assert (identity["auth_time"], identity["email"]) == (BEGIN.timestamp(), "nora@harbor.example")
    assert identity["at_hash"]
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_patient_signs_in_through_the_portal(desk: Desk) -> None:
    """The portal gateway's tokens are portal tokens."""
    _, granted = desk.gateway_session("ada@patients.example", client="portal-gateway")

    access = desk.claims(granted["access_token"])

    assert (access["aud"], access["client_id"], access["sub"]) == ("portal", "portal-gateway", ADA)


def test_without_the_scope_openid_there_is_no_id_token(desk: Desk) -> None:
    """Plain OAuth works too."""
    sent_back = desk.sign_in(desk.browser(), "nora@harbor.example", scope="", nonce="")

    granted = body(desk.redeem(code_in(sent_back)))

    assert "id_token" not in granted
    assert desk.claims(granted["access_token"])["sub"] == NORA


def test_a_code_used_twice_ends_the_session_it_opened(desk: Desk) -> None:
    """RFC 6749 4.1.2: somebody else has it."""
    code = code_in(desk.sign_in(desk.browser(), "nora@harbor.example"))
    granted = body(desk.redeem(code))
    before = desk.head()

    again = desk.redeem(code)

    assert body(again)["error"] == "invalid_grant"
    assert body(desk.refresh(granted["refresh_token"], client="staff-gateway"))["error"] == "invalid_grant"
    assert [change["reason"] for change in desk.changes(after=before)] == ["token_reuse"]


def test_a_code_is_good_for_a_minute(desk: Desk) -> None:
    """Afterwards it is nobody's."""
    code = code_in(desk.sign_in(desk.browser(), "nora@harbor.example"))
    desk.clock.passes(seconds=60)

    answer = desk.redeem(code)

    assert body(answer)["error"] == "invalid_grant"


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"code_verifier": "another-verifier-that-is-long-enough-0123456789"}, "invalid_grant"),
        ({"code_verifier": "short"}, "invalid_request"),
        ({"code_verifier": ""}, "invalid_request"),
        ({"redirect_uri": "http://localhost:8080/portal/callback"}, "invalid_grant"),
        ({"redirect_uri": ""}, "invalid_grant"),
        ({"code": "nonsense"}, "invalid_grant"),
        ({"code": "\x00"}, "invalid_grant"),
    ],
)
def test_a_code_needs_its_verifier_and_its_address(desk: Desk, wrong: dict[str, str], error: str) -> None:
    """PKCE and the redirect address are checked against what the authorization request said."""
    code = code_in(desk.sign_in(desk.browser(), "nora@harbor.example"))

    answer = desk.redeem(**{"code": code} | wrong)

    assert (answer.status_code, body(answer)["error"]) == (400, error)


def test_a_code_belongs_to_the_client_it_was_made_for(desk: Desk) -> None:
    """The other gateway cannot redeem it, and it stays good for its own."""
    code = code_in(desk.sign_in(desk.browser(), "nora@harbor.example"))

    stolen = desk.redeem(code, "portal-gateway")
    own = desk.redeem(code)

    assert body(stolen)["error"] == "invalid_grant"
    assert own.status_code == 200


def test_a_code_of_somebody_deactivated_meanwhile_is_worth_nothing(desk: Desk) -> None:
    """Between the page and the token endpoint the person lost their account."""
    code = code_in(desk.sign_in(desk.browser(), "nora@harbor.example"))
    olga = desk.signed_in("olga@harbor.example")["access_token"]
    desk.api("PATCH", f"/users/{NORA}", olga, json={"active": False})

    answer = desk.redeem(code)

    assert body(answer)["error"] == "invalid_grant"


def test_a_code_of_a_browser_signed_out_meanwhile_is_worth_nothing(desk: Desk) -> None:
    """Sign-out everywhere reaches the code that is under way."""
    code = code_in(desk.sign_in(desk.browser(), "nora@harbor.example"))
    olga = desk.signed_in("olga@harbor.example")["access_token"]
    desk.api("POST", f"/users/{NORA}/sign-out", olga)

    answer = desk.redeem(code)

    assert body(answer)["error"] == "invalid_grant"


def test_the_description_names_every_door_and_what_it_takes(desk: Desk) -> None:
    """OpenID Connect Discovery: what clients configure themselves from, and it is true."""
    described = body(desk.http.get("/auth/.well-known/openid-configuration"))

    assert described["issuer"] == ISSUER
    assert described["code_challenge_methods_supported"] == ["S256"]
    assert described["id_token_signing_alg_values_supported"] == ["ES256"]
    for name in ("authorization", "token", "userinfo", "revocation", "introspection", "end_session"):
        path = described[f"{name}_endpoint"].removeprefix("http://localhost:8080")
        assert desk.http.options(path).status_code == 200


def test_an_error_description_never_repeats_what_was_sent_wrongly(desk: Desk) -> None:
    """Nothing of a request is written back into an address."""
    browser = desk.browser()
    desk.sign_in(browser, "nora@harbor.example")

    sent_back = told(desk.ask(browser, code_challenge="<b>canary</b>"))

    assert "canary" not in str(sent_back)
