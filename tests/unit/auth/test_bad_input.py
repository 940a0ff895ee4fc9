"""Whatever is sent to auth's doors, it answers with a refusal, never with a failure, and logs nothing of it."""

from string import printable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.auth.desk import Desk, asked

FEW = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
TEXT = st.one_of(
    st.text(max_size=30), st.text(printable, max_size=80), st.sampled_from(["none", "code", "openid", "\x00"])
)
PARAMETERS = [*sorted(asked()), "prompt", "max_age", "id_token_hint", "login_hint", "request", "resource"]
FIELDS = ["grant_type", "client_id", "client_secret", "code", "refresh_token", "token", "username", "audience", "scope"]
GRANTS = st.sampled_from(["password", "refresh_token", "authorization_code", "client_credentials", "x"])


@FEW
@given(changed=st.dictionaries(st.sampled_from(PARAMETERS), TEXT, max_size=4))
def test_no_authorization_request_breaks_the_page(desk: Desk, changed: dict[str, str]) -> None:
    """A page, a refusal, or the way back with an error."""
    answer = desk.browser().get("/auth/authorize", query_string=asked() | changed)

    assert answer.status_code in {200, 303, 400}


@FEW
@given(form=st.dictionaries(st.sampled_from(FIELDS), TEXT, max_size=6), grant=GRANTS)
def test_no_token_request_breaks_the_endpoints(desk: Desk, form: dict[str, str], grant: str) -> None:
    """RFC 6749 section 5.2, at all three."""
    answers = [
        desk.http.post(f"/auth/{door}", data={"grant_type": grant} | form) for door in ("token", "revoke", "introspect")
    ]

    assert all(answer.status_code in {400, 401} and "error" in answer.get_json() for answer in answers)


@FEW
@given(query=st.dictionaries(st.sampled_from(PARAMETERS), TEXT, max_size=4))
def test_no_logout_request_breaks_the_page(desk: Desk, query: dict[str, str]) -> None:
    """Nobody is signed in, so it ends on our page."""
    answer = desk.browser().get("/auth/logout", query_string=query)

    assert answer.status_code == 200


@FEW
@given(path=st.text(max_size=20), method=st.sampled_from(["GET", "POST", "PATCH", "DELETE", "PUT", "TRACE"]))
def test_no_path_breaks_the_administration(desk: Desk, path: str, method: str) -> None:
    """Without a token there is nothing to see."""
    from urllib.parse import quote  # noqa: PLC0415 - only here

    answer = desk.http.open("/auth/api/" + quote(path), method=method)

    assert answer.status_code in {308, 401, 404, 405}


def test_what_people_type_is_in_no_log(
    desk: Desk, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Passwords, addresses, names, tokens: driven through every door, found in no line."""
    caplog.set_level(0)
    granted = desk.signed_in("olga@harbor.example")
    desk.password("canary@harbor.example", "canary password")
    desk.submit(browser := desk.browser(), desk.ask(browser), "canary@harbor.example", "canary password")
    told = {"email": "canary@x.example", "name": "Canary Name", "password": "canary password"}
    desk.api("POST", "/users", granted["access_token"], json=told)
    desk.password("canary@x.example", "canary password")
    desk.refresh(granted["refresh_token"])
    desk.refresh("canary-token")
    desk.ask(desk.browser(), state="canary", nonce="canary")
    desk.http.post("/auth/token", data={"grant_type": "canary"}, headers={"Authorization": "Basic canary"})

    logged = capsys.readouterr()
    lines = (logged.out + logged.err + caplog.text).lower()

    assert "sign_in.checked" in lines
    assert not [
        word for word in ("canary", "olga@", granted["refresh_token"], granted["access_token"]) if word.lower() in lines
    ]
