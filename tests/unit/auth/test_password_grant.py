"""Tokens by password (protocol.md section 2): what they say, and what is refused and how."""

from collections.abc import Callable
from itertools import pairwise

import pytest

from tests.unit.auth.desk import BEGIN, ISSUER, Desk, body
from wire.claims import Claims, Plane
from wire.demo import HARBOR, MARIA, NORA, PATIENT_LEO, PATIENT_MARIA


def test_a_nurse_gets_a_staff_token_with_exactly_the_documented_claims(desk: Desk) -> None:
    """The access token says what protocol.md section 2 lists for staff, and nothing else."""
    granted = desk.signed_in("nora@harbor.example")

    claims = desk.claims(granted["access_token"])

    assert sorted(granted) == ["access_token", "expires_in", "refresh_token", "token_type"]
    assert (granted["token_type"], granted["expires_in"]) == ("Bearer", 600)
    names = {"iss", "sub", "sid", "jti", "iat", "exp", "client_id", "aud", "org", "name", "permissions"}
    assert set(claims) == names
    assert (claims["iss"], claims["aud"], claims["sub"], claims["org"]) == (ISSUER, "staff", NORA, HARBOR)
    assert (claims["iat"], claims["exp"]) == (BEGIN.timestamp(), BEGIN.timestamp() + 600)
    assert Claims.from_payload(claims).may("pf.messaging.create_group")


def test_a_mother_gets_a_portal_token_that_stands_for_herself_first_and_for_her_child(desk: Desk) -> None:
    """A portal token lists patients, its own first, and no permissions."""
    granted = desk.signed_in("maria@patients.example", audience="portal")

    claims = desk.claims(granted["access_token"])

    assert (claims["aud"], claims["sub"]) == (Plane.PORTAL, MARIA)
    assert claims["patients"] == [PATIENT_MARIA, PATIENT_LEO]
    assert "permissions" not in claims


def test_an_access_token_says_what_it_is_in_its_header(desk: Desk) -> None:
    """RFC 9068 section 2.1: at+jwt, signed by a key that is named and published."""
    from joserfc.jws import extract_compact  # noqa: PLC0415 - only this test looks inside

    token = desk.signed_in("nora@harbor.example")["access_token"]

    header = extract_compact(token.encode()).headers()

    published = [key["kid"] for key in body(desk.http.get("/auth/jwks.json"))["keys"]]
    assert (header["typ"], header["alg"]) == ("at+jwt", "ES256")
    assert header["kid"] in published


@pytest.mark.parametrize(
    ("email", "password", "audience"),
    [
        ("nora@harbor.example", "not her password", "staff"),
        ("nobody@harbor.example", "messages-demo", "staff"),
        ("nora@harbor.example", "messages-demo", "portal"),
        ("ada@patients.example", "messages-demo", "staff"),
        ("not an address", "messages-demo", "staff"),
        ("nora@harbor.example\x00", "messages-demo", "staff"),
        ("n" * 5000 + "@harbor.example", "messages-demo", "staff"),
        ("nora@harbor.example", "p" * 5000, "staff"),
        ("nora@harbor.example", "\N{GRINNING FACE}", "staff"),
    ],
)
def test_whatever_is_wrong_with_a_sign_in_looks_the_same_and_hashes_once(
    desk: Desk, email: str, password: str, audience: str
) -> None:
    """A wrong password, an unknown address and the wrong plane: one answer, and the work of one hash."""
    wrong = desk.password("rosa@harbor.example", "wrong")
    desk.hashed = 0

    answer = desk.password(email, password, audience)

    assert (answer.status_code, body(answer)) == (wrong.status_code, body(wrong))
    assert body(answer)["error"] == "invalid_grant"
    assert answer.headers["Cache-Control"] == "no-store"
    assert desk.hashed == 1


def test_after_five_failures_even_the_right_password_is_refused_with_the_same_words(desk: Desk) -> None:
    """The sixth try meets the lock, right as it is, and is told what the first was told."""
    failures = [desk.password("nora@harbor.example", "wrong") for _ in range(5)]
    desk.hashed = 0

    sixth = desk.password("nora@harbor.example")

    assert all(body(one) == body(two) for one, two in pairwise([*failures, sixth]))
    assert sixth.status_code == 400
    assert desk.hashed == 1


def test_the_lock_ends_by_itself(desk: Desk) -> None:
    """After a quarter of an hour the right password works again, and wrong ones are counted anew."""
    for _ in range(5):
        desk.password("nora@harbor.example", "wrong")
    desk.clock.passes(minutes=15)

    desk.password("nora@harbor.example", "wrong")
    answer = desk.password("nora@harbor.example")

    assert answer.status_code == 200


def test_a_right_password_forgets_the_wrong_ones_before_it(desk: Desk) -> None:
    """Four wrong, one right, four wrong again: no lock."""
    for attempt in ["wrong"] * 4 + ["messages-demo"] + ["wrong"] * 4:
        desk.password("nora@harbor.example", attempt)

    answer = desk.password("nora@harbor.example")

    assert answer.status_code == 200


def test_one_persons_lock_is_not_anothers(desk: Desk) -> None:
    """Only the address that was tried is locked."""
    for _ in range(5):
        desk.password("nora@harbor.example", "wrong")

    answer = desk.password("rosa@harbor.example")

    assert answer.status_code == 200


def test_an_address_is_the_same_however_it_is_spelled(desk: Desk) -> None:
    """Capitals and spaces around it neither lock somebody out nor give more tries."""
    for spelling in ("NORA@harbor.example", " nora@Harbor.example ", "Nora@Harbor.Example", "nora@harbor.example", "x"):
        desk.password(spelling, "wrong")
    desk.password("nORA@harbor.example", "wrong")

    answer = desk.password("nora@harbor.example")

    assert answer.status_code == 400


@pytest.mark.parametrize("audience", ["", "services", "STAFF", "admin"])
def test_an_audience_that_is_none_is_an_invalid_request(desk: Desk, audience: str) -> None:
    """Only staff and portal may be asked for, and no password is looked at before."""
    answer = desk.password("nora@harbor.example", audience=audience)

    assert (answer.status_code, body(answer)["error"]) == (400, "invalid_request")
    assert desk.hashed == 0


def test_without_the_switch_there_is_no_password_grant(new_desk: Callable[..., Desk]) -> None:
    """Where AUTH_PASSWORD_GRANT is off the grant, its client and their mention are gone."""
    desk = new_desk(password_grant=False)

    answer = desk.password("nora@harbor.example")
    described = body(desk.http.get("/auth/.well-known/openid-configuration"))

    assert (answer.status_code, body(answer)["error"]) == (400, "unsupported_grant_type")
    assert "password" not in described["grant_types_supported"]
    assert desk.hashed == 0


def test_a_gateway_may_not_use_passwords(desk: Desk) -> None:
    """The password grant belongs to the command line alone."""
    who = {"username": "nora@harbor.example", "password": "messages-demo", "audience": "staff"}

    answer = desk.token(client="staff-gateway", grant_type="password", **who)

    assert (answer.status_code, body(answer)["error"]) == (400, "unauthorized_client")


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"grant_type": ""},
        {"grant_type": "password"},
        {"grant_type": "password", "client_id": "messages-cli", "audience": "staff"},
        {"grant_type": "password", "client_id": "messages-cli", "audience": "staff", "username": "x"},
        {"grant_type": "implicit", "client_id": "messages-cli"},
        {"grant_type": "urn:\u00e9\u202e\N{GRINNING FACE}", "client_id": "messages-cli"},
        {"grant_type": "refresh_token", "client_id": "messages-cli"},
        {"grant_type": "refresh_token", "client_id": "nobody", "refresh_token": "x"},
        {"grant_type": "refresh_token", "client_id": "staff-gateway", "refresh_token": "x"},
        {"grant_type": "authorization_code", "client_id": "messages-cli", "code": "x"},
        {"grant_type": "client_credentials", "client_id": "messages-cli"},
        {"grant_type": "client_credentials", "client_id": "conversations"},
        {"grant_type": ["password", "refresh_token"], "client_id": "messages-cli"},
        {"grant_type": "refresh_token", "client_id": "messages-cli", "refresh_token": "\x00" * 50},
    ],
)
def test_a_broken_token_request_is_refused_as_the_rfc_says(desk: Desk, form: dict[str, str]) -> None:
    """RFC 6749 section 5.2: JSON with `error`, never kept, never a server's failure."""
    answer = desk.http.post("/auth/token", data=form)

    assert answer.status_code in {400, 401}
    assert body(answer)["error"] in {
        "invalid_request",
        "invalid_client",
        "invalid_grant",
        "unauthorized_client",
        "unsupported_grant_type",
    }
    assert (answer.headers["Cache-Control"], answer.content_type) == ("no-store", "application/json")


def test_parameters_in_the_address_are_not_taken(desk: Desk) -> None:
    """A password in a URL would end up in logs: the token endpoint reads its form only."""
    query = (
        "grant_type=password&client_id=messages-cli&audience=staff&username=nora@harbor.example&password=messages-demo"
    )

    answer = desk.http.post(f"/auth/token?{query}")

    assert (answer.status_code, body(answer)["error"]) == (400, "invalid_request")


@pytest.mark.parametrize(
    "header", ["Basic ", "Basic %%%", "Basic /w==", "Basic Og==", "Basic \u00ff\u00fe", "Basic " + "A" * 4000]
)
def test_an_unreadable_client_authentication_is_refused(desk: Desk, header: str) -> None:
    """Not base64, not UTF-8, empty: a refusal, not a failure."""
    answer = desk.http.post("/auth/token", data={"grant_type": "client_credentials"}, headers={"Authorization": header})

    assert answer.status_code in {400, 401}
    assert body(answer)["error"] in {"invalid_request", "invalid_client"}
