"""Staying signed in: refresh tokens that rotate or are bound, and what ends a session."""

import pytest

from tests.unit.auth.desk import Desk, bearer, body


def test_a_refresh_token_of_the_command_line_rotates(desk: Desk) -> None:
    """Each use gives the next token; the session, and so `sid`, stays."""
    first = desk.signed_in("nora@harbor.example")

    second = body(desk.refresh(first["refresh_token"]))
    third = body(desk.refresh(second["refresh_token"]))

    assert len({first["refresh_token"], second["refresh_token"], third["refresh_token"]}) == 3
    sids = {desk.claims(granted["access_token"])["sid"] for granted in (first, second, third)}
    assert len(sids) == 1


def test_reuse_of_an_old_refresh_token_ends_the_session_and_says_so(desk: Desk) -> None:
    """Somebody has a copy: the newest token dies with the old one, and the change is on the record."""
    first = desk.signed_in("nora@harbor.example")
    second = body(desk.refresh(first["refresh_token"]))
    before = desk.head()

    reused = desk.refresh(first["refresh_token"])
    newest = desk.refresh(second["refresh_token"])

    assert [body(reused)["error"], body(newest)["error"]] == ["invalid_grant"] * 2
    change = desk.changes(after=before)[0]
    sid = desk.claims(first["access_token"])["sid"]
    assert (change["type"], change["reason"], change["session_id"]) == ("session.revoked", "token_reuse", sid)


def test_a_gateways_refresh_token_stays_the_same(desk: Desk) -> None:
    """It is bound to the gateway's secret, so that replicas may use it at once (RFC 9700 4.14.2)."""
    _, granted = desk.gateway_session("nora@harbor.example")

    answers = [body(desk.refresh(granted["refresh_token"], client="staff-gateway")) for _ in range(3)]

    assert {answer["refresh_token"] for answer in answers} == {granted["refresh_token"]}
    assert len({answer["access_token"] for answer in answers}) == 3


def test_another_client_cannot_use_a_gateways_refresh_token(desk: Desk) -> None:
    """Neither the other gateway nor the public client."""
    _, granted = desk.gateway_session("nora@harbor.example")

    answers = [desk.refresh(granted["refresh_token"], client="portal-gateway"), desk.refresh(granted["refresh_token"])]

    assert [body(answer)["error"] for answer in answers] == ["invalid_grant"] * 2
    assert desk.refresh(granted["refresh_token"], client="staff-gateway").status_code == 200


def test_a_gateway_without_its_secret_gets_nothing(desk: Desk) -> None:
    """A refresh token alone is worth nothing where it is bound to a secret."""
    _, granted = desk.gateway_session("nora@harbor.example")
    form = {"grant_type": "refresh_token", "refresh_token": granted["refresh_token"], "client_id": "staff-gateway"}

    answers = [
        desk.http.post("/auth/token", data=form),
        desk.http.post("/auth/token", data=form | {"client_secret": "guessed"}),
        desk.http.post("/auth/token", data=form, auth=("staff-gateway", "guessed")),
    ]

    assert [(answer.status_code, body(answer)["error"]) for answer in answers] == [(401, "invalid_client")] * 3
    assert answers[0].headers["WWW-Authenticate"].startswith("Basic")


@pytest.mark.parametrize("pause", [{"hours": 12}, {"hours": 24}])
def test_a_session_nobody_uses_ends(desk: Desk, pause: dict[str, float]) -> None:
    """Twelve idle hours, or a day in all, and the password is asked for again."""
    granted = desk.signed_in("nora@harbor.example")
    desk.clock.passes(**pause)

    answer = desk.refresh(granted["refresh_token"])

    assert body(answer)["error"] == "invalid_grant"


def test_a_session_in_use_ends_after_a_day_all_the_same(desk: Desk) -> None:
    """Use keeps it from idling, not from ageing."""
    granted = desk.signed_in("nora@harbor.example")
    for _ in range(23):
        desk.clock.passes(hours=1)
        granted = body(desk.refresh(granted["refresh_token"]))
    desk.clock.passes(hours=1)

    answer = desk.refresh(granted["refresh_token"])

    assert body(answer)["error"] == "invalid_grant"


def test_a_refresh_cannot_widen_its_scope(desk: Desk) -> None:
    """A session keeps the scope it began with."""
    granted = desk.signed_in("nora@harbor.example")

    answer = desk.token(
        grant_type="refresh_token",
        client_id="messages-cli",
        refresh_token=granted["refresh_token"],
        scope="openid email",
    )

    assert body(answer)["error"] == "invalid_scope"


def test_revoking_a_refresh_token_ends_the_session_and_is_told(desk: Desk) -> None:
    """RFC 7009: the session is over, every token of it useless to auth, and the others hear of it."""
    granted = desk.signed_in("nora@harbor.example")
    before = desk.head()

    answer = desk.http.post("/auth/revoke", data={"token": granted["refresh_token"], "client_id": "messages-cli"})

    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")
    assert body(desk.refresh(granted["refresh_token"]))["error"] == "invalid_grant"
    assert desk.http.get("/auth/userinfo", headers=bearer(granted["access_token"])).status_code == 401
    change = desk.changes(after=before)[0]
    assert (change["type"], change["reason"], change["user"]) == ("session.revoked", "signed_out", None)


def test_revoking_an_access_token_ends_its_session_too(desk: Desk) -> None:
    """An access token cannot be taken back by itself, so its session goes."""
    granted = desk.signed_in("nora@harbor.example")

    desk.http.post("/auth/revoke", data={"token": granted["access_token"], "client_id": "messages-cli"})

    assert body(desk.refresh(granted["refresh_token"]))["error"] == "invalid_grant"


def test_revoking_twice_or_nothing_known_is_fine_and_told_once(desk: Desk) -> None:
    """RFC 7009 section 2.2: an invalid token is no error."""
    granted = desk.signed_in("nora@harbor.example")
    before = desk.head()

    answers = [
        desk.http.post("/auth/revoke", data={"token": token, "client_id": "messages-cli", "token_type_hint": "odd"})
        for token in (granted["refresh_token"], granted["refresh_token"], "nonsense", "a.b.c")
    ]

    assert [answer.status_code for answer in answers] == [200] * 4
    assert len(desk.changes(after=before)) == 1


def test_nobody_revokes_another_clients_session(desk: Desk) -> None:
    """A session ends only at the wish of the client it was issued to, and a gateway must show its secret."""
    _, granted = desk.gateway_session("nora@harbor.example")
    token = {"token": granted["refresh_token"]}

    answers = [
        desk.http.post("/auth/revoke", data=token | {"client_id": "messages-cli"}),
        desk.http.post("/auth/revoke", data=token | {"client_id": "staff-gateway"}),
        desk.http.post("/auth/revoke", data=token),
    ]

    assert [body(answer)["error"] for answer in answers] == ["invalid_grant", "invalid_client", "invalid_client"]
    assert desk.refresh(granted["refresh_token"], client="staff-gateway").status_code == 200


def test_introspection_tells_our_services_whether_a_token_is_good(desk: Desk) -> None:
    """RFC 7662: active with its claims while the session lives, inactive and silent afterwards."""
    granted = desk.signed_in("nora@harbor.example")
    service = ("conversations", "conversations-secret")

    active = body(desk.http.post("/auth/introspect", data={"token": granted["access_token"]}, auth=service))
    desk.http.post("/auth/revoke", data={"token": granted["refresh_token"], "client_id": "messages-cli"})
    after = body(desk.http.post("/auth/introspect", data={"token": granted["access_token"]}, auth=service))

    assert (active["active"], active["aud"], active["client_id"]) == (True, "staff", "messages-cli")
    assert after == {"active": False}


def test_introspection_is_for_confidential_clients_only(desk: Desk) -> None:
    """The public client learns nothing about tokens."""
    token = {"token": desk.signed_in("nora@harbor.example")["access_token"]}

    answers = [
        desk.http.post("/auth/introspect", data=token | {"client_id": "messages-cli"}),
        desk.http.post("/auth/introspect", data=token),
        desk.http.post("/auth/introspect", auth=("conversations", "conversations-secret")),
    ]

    assert [answer.status_code for answer in answers] == [401, 401, 400]


@pytest.mark.parametrize("token", ["", "nonsense", "a.b.c", "eyJhbGciOiJub25lIn0.e30."])
def test_a_token_that_is_none_opens_nothing(desk: Desk, token: str) -> None:
    """Every bearer door answers 401 with a problem."""
    paths = ("/auth/userinfo", "/auth/api/users", "/inside/changes", "/inside/accounts")

    answers = [desk.http.get(path, headers=bearer(token)) for path in paths]

    assert [(answer.status_code, body(answer)["code"]) for answer in answers] == [(401, "unauthenticated")] * 4


def test_an_access_token_ends_after_ten_minutes(desk: Desk) -> None:
    """With a few seconds for the clocks' difference."""
    token = desk.signed_in("nora@harbor.example")["access_token"]
    desk.clock.passes(minutes=10, seconds=6)

    answer = desk.http.get("/auth/userinfo", headers=bearer(token))

    assert answer.status_code == 401


def test_userinfo_tells_who_is_signed_in(desk: Desk) -> None:
    """OpenID Connect Core 5.3, for the person's own access token."""
    token = desk.signed_in("nora@harbor.example")["access_token"]

    told = body(desk.http.get("/auth/userinfo", headers=bearer(token)))

    assert (told["name"], told["email"]) == ("Nora Lindqvist", "nora@harbor.example")
