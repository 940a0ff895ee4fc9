"""The administration: for whoever holds `pf.users.manage`, in their own organisation, and told to all at once."""

from typing import Any

import pytest

from tests.unit.auth.desk import BEGIN, Desk, bearer, body
from wire.demo import ADA, DMITRI, HANA, HARBOR, MARIA, NORA, OLGA, PATIENT_ADA, PATIENT_LEO, PATIENT_MARIA, PIA, ROSA
from wire.ids import new_id

NEW = {"email": "Tove@Harbor.example", "name": " Tove  Berg ", "permissions": ["pf.messaging.view"]}


@pytest.fixture
def olga(desk: Desk) -> str:
    """Give the administrator's access token."""
    return str(desk.signed_in("olga@harbor.example")["access_token"])


def test_an_administrator_lists_the_people_of_the_own_organisation(desk: Desk, olga: str) -> None:
    """Staff and patients of Harbor Clinic, nobody of Hilltop, and never a password."""
    answer = desk.api("GET", "/users", olga)

    people = {user["id"] for user in body(answer)["items"]}
    assert {NORA, DMITRI, OLGA, ADA, MARIA} <= people
    assert not {HANA, PIA} & people
    assert "argon2" not in answer.text
    assert answer.headers["Cache-Control"] == "no-store"


def test_the_list_comes_in_pages_without_gap_or_repeat(desk: Desk, olga: str) -> None:
    """A cursor leads through all of it."""
    whole = [user["id"] for user in body(desk.api("GET", "/users", olga))["items"]]
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = body(desk.api("GET", f"/users?limit=3{f'&cursor={cursor}' if cursor else ''}", olga))
        seen += [user["id"] for user in page["items"]]
        cursor = page["next_cursor"]

    assert seen == whole


@pytest.mark.parametrize(
    ("query", "found"), [("q=nora", [NORA]), ("q=%25", []), ("q=_", []), ("kind=patient&q=ada", [ADA])]
)
def test_people_are_found_by_name_or_address(desk: Desk, olga: str, query: str, found: list[str]) -> None:
    """Wildcards of the database mean nothing here."""
    answer = body(desk.api("GET", f"/users?{query}", olga))

    assert [user["id"] for user in answer["items"]] == found


def test_a_new_colleague_can_sign_in_once_a_password_is_set(desk: Desk, olga: str) -> None:
    """Created without a password, given one later; address and name are stored clean."""
    answer = desk.api("POST", "/users", olga, json=NEW)
    made = body(answer)
    before = desk.password("tove@harbor.example", "a password for Tove")

    desk.api("PATCH", f"/users/{made['id']}", olga, json={"password": "a password for Tove"})
    after = desk.password("tove@harbor.example", "a password for Tove")

    assert (answer.status_code, answer.headers["Location"]) == (201, f"/auth/api/users/{made['id']}")
    assert (made["email"], made["name"], made["org"]) == ("tove@harbor.example", "Tove Berg", HARBOR)
    assert (before.status_code, after.status_code) == (400, 200)


def test_a_parent_gets_an_account_that_stands_for_two(desk: Desk, olga: str) -> None:
    """Patients, the own first, in the token as given."""
    patients = [new_id(), new_id()]
    told = {
        "email": "p@x.example",
        "name": "Paul",
        "kind": "patient",
        "patients": patients,
        "password": "long enough!!",
    }

    made = desk.api("POST", "/users", olga, json=told)
    granted = body(desk.password("p@x.example", "long enough!!", "portal"))

    assert made.status_code == 201
    assert desk.claims(granted["access_token"])["patients"] == patients


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"email": "nowhere"}, "email"),
        ({"email": "a@b"}, "email"),
        ({"email": 7}, "email"),
        ({"email": "x" * 300 + "@y.example"}, "email"),
        ({"name": ""}, "name"),
        ({"name": "a\x00b"}, "name"),
        ({"name": "x" * 121}, "name"),
        ({"name": None}, "name"),
        ({"kind": "robot"}, "kind"),
        ({"password": "short"}, "password"),
        ({"password": "p" * 201}, "password"),
        ({"permissions": ["pf.everything"]}, "permissions"),
        ({"permissions": "pf.messaging.view"}, "permissions"),
        ({"permissions": [None]}, "permissions"),
        ({"patients": ["not-an-id"]}, "patients"),
        ({"patients": [PATIENT_ADA]}, "patients"),
        ({"kind": "patient"}, "permissions"),
        ({"kind": "patient", "permissions": []}, "patients"),
        ({"org": HARBOR}, "org"),
        ({"id": NORA}, "id"),
    ],
)
def test_a_wrong_field_of_a_new_user_is_named_and_nothing_is_stored(
    desk: Desk, olga: str, wrong: dict[str, Any], field: str
) -> None:
    """422 with the field's name; the log of changes stays as it was."""
    before = desk.head()

    answer = desk.api("POST", "/users", olga, json=NEW | wrong)

    assert (answer.status_code, body(answer)["code"]) == (422, "invalid")
    assert list(body(answer)["errors"]) == [field]
    assert desk.head() == before


@pytest.mark.parametrize("sent", ["", "nonsense", "[]", '"x"', "null", '{"email": "\\ud800@x.example", "name": "x"}'])
def test_a_body_that_is_no_object_is_refused(desk: Desk, olga: str, sent: str) -> None:
    """A problem, not a failure."""
    answer = desk.api("POST", "/users", olga, data=sent, content_type="application/json")

    assert (answer.status_code, body(answer)["code"]) == (422, "invalid")


def test_a_body_that_is_not_json_or_far_too_large_is_refused(desk: Desk, olga: str) -> None:
    """415 and 413."""
    form = desk.api("POST", "/users", olga, data={"email": "a@b.example"})
    huge = desk.api("POST", "/users", olga, json=NEW | {"title": "x" * 100_000})

    assert (form.status_code, body(form)["code"]) == (415, "unsupported_media")
    assert (huge.status_code, body(huge)["code"]) == (413, "too_large")


def test_an_address_can_have_one_account_only(desk: Desk, olga: str) -> None:
    """In whatever spelling, in whatever organisation."""
    answers = [
        desk.api("POST", "/users", olga, json=NEW | {"email": taken})
        for taken in ("NORA@harbor.example", "hana@hilltop.example")
    ]

    assert [(answer.status_code, body(answer)["code"]) for answer in answers] == [(409, "conflict")] * 2


def test_a_permission_taken_away_reaches_everybody(desk: Desk, olga: str) -> None:
    """The change names the person as they are now and refuses every token up to this second."""
    nora = desk.signed_in("nora@harbor.example")
    before = desk.head()

    answer = desk.api("PATCH", f"/users/{NORA}", olga, json={"permissions": ["pm.messages.view"]})

    change = desk.changes(after=before)[0]
    assert body(answer)["permissions"] == ["pm.messages.view"]
    assert (change["type"], change["reason"], change["user_id"]) == ("user.changed", "permissions", NORA)
    assert change["tokens_before"] == int(BEGIN.timestamp())
    assert change["user"]["permissions"] == ["pm.messages.view"]
    assert desk.http.get("/auth/userinfo", headers=bearer(nora["access_token"])).status_code == 401


def test_after_losing_a_permission_the_session_goes_on_with_what_is_left(desk: Desk, olga: str) -> None:
    """The next token is issued after the cut, in the same second too, and says what remains."""
    nora = desk.signed_in("nora@harbor.example")
    desk.api("PATCH", f"/users/{NORA}", olga, json={"permissions": ["pm.messages.view"]})

    fresh = body(desk.refresh(nora["refresh_token"]))

    claims = desk.claims(fresh["access_token"])
    assert claims["permissions"] == ["pm.messages.view"]
    assert claims["iat"] == BEGIN.timestamp() + 1
    assert desk.http.get("/auth/userinfo", headers=bearer(fresh["access_token"])).status_code == 200


def test_a_permission_given_takes_no_token_away(desk: Desk, olga: str) -> None:
    """Nobody is interrupted by getting more."""
    nora = desk.signed_in("nora@harbor.example")
    before = desk.head()
    mine = desk.claims(nora["access_token"])["permissions"]

    desk.api("PATCH", f"/users/{NORA}", olga, json={"permissions": [*mine, "pf.messaging.moderate"]})

    change = desk.changes(after=before)[0]
    assert (change["reason"], change["tokens_before"]) == ("permissions", None)
    assert desk.http.get("/auth/userinfo", headers=bearer(nora["access_token"])).status_code == 200


def test_a_proxy_that_ends_takes_the_tokens_with_it(desk: Desk, olga: str) -> None:
    """Maria no longer stands for Leo: her tokens that say so are refused."""
    maria = desk.signed_in("maria@patients.example", "portal")
    before = desk.head()

    desk.api("PATCH", f"/users/{MARIA}", olga, json={"patients": [PATIENT_MARIA]})

    change = desk.changes(after=before)[0]
    assert change["tokens_before"] == int(BEGIN.timestamp())
    assert PATIENT_LEO not in change["user"]["patients"]
    assert desk.http.get("/auth/userinfo", headers=bearer(maria["access_token"])).status_code == 401


def test_deactivation_ends_every_session_and_bars_the_door(desk: Desk, olga: str) -> None:
    """No refresh, no sign-in; activation brings back neither session nor token, only the door."""
    nora = desk.signed_in("nora@harbor.example")
    before = desk.head()

    desk.api("PATCH", f"/users/{NORA}", olga, json={"active": False})
    refused = [desk.refresh(nora["refresh_token"]), desk.password("nora@harbor.example")]
    desk.api("PATCH", f"/users/{NORA}", olga, json={"active": True})

    reasons = [(change["reason"], change["user"]["active"]) for change in desk.changes(after=before)]
    assert [body(answer)["error"] for answer in refused] == ["invalid_grant"] * 2
    assert reasons == [("deactivated", False), ("activated", True)]
    assert body(desk.refresh(nora["refresh_token"]))["error"] == "invalid_grant"
    assert desk.password("nora@harbor.example").status_code == 200


def test_a_new_password_signs_out_everywhere(desk: Desk, olga: str) -> None:
    """Whoever knew the old one is out."""
    nora = desk.signed_in("nora@harbor.example")
    before = desk.head()

    desk.api("PATCH", f"/users/{NORA}", olga, json={"password": "a very new password"})

    assert [change["reason"] for change in desk.changes(after=before)] == ["password"]
    assert body(desk.refresh(nora["refresh_token"]))["error"] == "invalid_grant"
    assert desk.password("nora@harbor.example").status_code == 400
    assert desk.password("nora@harbor.example", "a very new password").status_code == 200


def test_sign_out_ends_all_sessions_of_one_person(desk: Desk, olga: str) -> None:
    """Two devices, one call; others go on."""
    sessions = [desk.signed_in("nora@harbor.example") for _ in range(2)]
    rosa = desk.signed_in("rosa@harbor.example")
    before = desk.head()

    answer = desk.api("POST", f"/users/{NORA}/sign-out", olga)

    change = desk.changes(after=before)[0]
    assert answer.status_code == 204
    assert (change["reason"], change["tokens_before"]) == ("signed_out_everywhere", int(BEGIN.timestamp()))
    assert [desk.refresh(one["refresh_token"]).status_code for one in sessions] == [400, 400]
    assert desk.refresh(rosa["refresh_token"]).status_code == 200


def test_an_administrator_may_sign_out_oneself(desk: Desk, olga: str) -> None:
    """The very token that asked is refused afterwards."""
    desk.api("POST", f"/users/{OLGA}/sign-out", olga)

    answer = desk.api("GET", "/users", olga)

    assert answer.status_code == 401


@pytest.mark.parametrize("edit", [{"active": False}, {"permissions": []}, {"permissions": ["pf.messaging.view"]}])
def test_nobody_locks_oneself_out_of_the_administration(desk: Desk, olga: str, edit: dict[str, Any]) -> None:
    """Somebody else must do it: 409, and nothing changes."""
    answer = desk.api("PATCH", f"/users/{OLGA}", olga, json=edit)

    assert (answer.status_code, body(answer)["code"]) == (409, "conflict")
    assert desk.api("GET", "/users", olga).status_code == 200


def test_a_change_that_changes_nothing_is_not_told(desk: Desk, olga: str) -> None:
    """No position is spent on it."""
    before = desk.head()
    same = body(desk.api("GET", f"/users/{NORA}", olga))["permissions"]

    answer = desk.api("PATCH", f"/users/{NORA}", olga, json={"permissions": [*same, same[0]], "active": True})

    assert answer.status_code == 200
    assert desk.head() == before


@pytest.mark.parametrize(
    "edit",
    [
        {},
        {"active": "yes"},
        {"active": 1},
        {"active": None},
        {"email": "x@y.example"},
        {"permissions": ["x"]},
        {"org": HANA},
    ],
)
def test_a_wrong_edit_is_refused_whole(desk: Desk, olga: str, edit: dict[str, Any]) -> None:
    """One wrong field, and the right one beside it is not done either."""
    answer = desk.api("PATCH", f"/users/{NORA}", olga, json=edit | ({"name": "Changed"} if edit else {}))

    assert (answer.status_code, body(answer)["code"]) == (422, "invalid")
    assert body(desk.api("GET", f"/users/{NORA}", olga))["name"] == "Nora Lindqvist"


@pytest.mark.parametrize(
    ("method", "path", "sent"),
    [
        ("GET", "/users/{id}", None),
        ("PATCH", "/users/{id}", {"active": False}),
        ("POST", "/users/{id}/sign-out", None),
    ],
)
@pytest.mark.parametrize(
    "stranger", [HANA, PIA, "01930000-0000-7000-8000-00000000ffff", "nonsense", "%00", NORA.upper() + "A"]
)
def test_another_organisations_people_do_not_exist_here(
    desk: Desk, olga: str, method: str, path: str, sent: dict[str, Any] | None, stranger: str
) -> None:
    """The same 404 as for an id nobody has, and nothing happens to them."""
    answer = desk.api(method, path.format(id=stranger), olga, json=sent)

    assert (answer.status_code, body(answer)["code"]) == (404, "not_found")
    assert desk.password("hana@hilltop.example").status_code == 200


@pytest.mark.parametrize(
    ("email", "audience", "status"),
    [
        ("nora@harbor.example", "staff", 403),
        ("hana@hilltop.example", "staff", 403),
        ("ada@patients.example", "portal", 401),
    ],
)
def test_without_the_permission_every_door_is_closed(desk: Desk, email: str, audience: str, status: int) -> None:
    """403 for staff, 401 for a portal token, whatever is asked, however wrong the rest is."""
    token = desk.signed_in(email, audience)["access_token"]

    answers = [
        desk.api("GET", "/users", token),
        desk.api("GET", f"/users/{ROSA}", token),
        desk.api("POST", "/users", token, json={"nonsense": 1}),
        desk.api("PATCH", f"/users/{ROSA}", token, json={"active": False}),
        desk.api("PATCH", f"/users/{NORA}", token, json={"permissions": ["pf.users.manage"]}),
        desk.api("POST", f"/users/{ROSA}/sign-out", token),
    ]

    assert [answer.status_code for answer in answers] == [status] * 6
    assert desk.password("rosa@harbor.example").status_code == 200


def test_an_administrator_whose_right_was_taken_is_refused_at_once(desk: Desk, olga: str) -> None:
    """The token still says so, the account no longer does."""
    desk.api("PATCH", f"/users/{DMITRI}", olga, json={"permissions": ["pf.users.manage"]})
    dmitri = desk.signed_in("dmitri@harbor.example")["access_token"]
    desk.api("PATCH", f"/users/{OLGA}", dmitri, json={"permissions": ["pf.messaging.view"]})

    answer = desk.api("GET", "/users", olga)

    assert answer.status_code in {401, 403}


def test_a_services_token_is_no_administrators(desk: Desk) -> None:
    """Nor is an id token."""
    _, granted = desk.gateway_session("olga@harbor.example")

    answers = [desk.api("GET", "/users", desk.service_token()), desk.api("GET", "/users", granted["id_token"])]

    assert [answer.status_code for answer in answers] == [401, 401]
