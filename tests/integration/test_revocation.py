"""Whoever may no longer hear is deaf within a second: sign-out, a permission taken, an account switched off."""

import time
from collections.abc import Callable

import pytest

from tests.support.clinic import Clinic
from tests.support.person import Device, Person, Refused, new_id

WITHIN_S = 1.0
PASSWORD = "a long enough password"
STAFF_PERMISSIONS = ["pf.messaging.view", "pm.messages.view", "pm.messages.send"]


@pytest.fixture
def olga(clinic: Clinic) -> Person:
    """Give the administrator, signed in."""
    return clinic.signs_in("olga@harbor.example")


@pytest.fixture
def newcomer(clinic: Clinic, olga: Person) -> Person:
    """Give a colleague with an account of their own, whom a test may harm."""
    email = f"temp-{new_id()}@harbor.example"
    administers(
        olga,
        "POST",
        "/users",
        {
            "kind": "staff",
            "email": email,
            "name": "Tess Temp",
            "password": PASSWORD,
            "permissions": STAFF_PERMISSIONS,
        },
    )
    return Person(clinic.origin, email, password=PASSWORD).signs_in()


def administers(olga: Person, method: str, path: str, body: object = None) -> dict[str, object]:
    """Use the administration API of protocol.md section 2."""
    answer = olga.http.request(method, f"/auth/api{path}", headers=olga.bearer, json=body)
    assert answer.is_success, answer.text
    found: dict[str, object] = answer.json() if answer.content else {}
    return found


def closes_within_a_second(screen: Device, act: Callable[[], object]) -> int | None:
    """Do something and return the code with which the socket closes, within the second that is promised."""
    act()
    done = time.monotonic()
    code = screen.the_line.waits_for_end()
    assert screen.the_line.closed_at is not None
    assert screen.the_line.closed_at - done <= WITHIN_S
    return code


def is_refused(person: Person) -> bool:
    """Tell whether the person's present token is refused everywhere."""
    with pytest.raises(Refused) as refused:
        person.call("GET", "/me")
    return refused.value.status in {401, 403}


def test_signing_out_closes_the_sessions_sockets(newcomer: Person) -> None:
    """Revoking the session ends its sockets with 4501 and its token with 401."""
    screen = newcomer.device()

    code = closes_within_a_second(screen, newcomer.signs_out)

    assert code == 4501
    assert is_refused(newcomer)


def test_another_session_of_the_same_person_lives_on(clinic: Clinic, newcomer: Person) -> None:
    """Signing out at the desk leaves the phone alone."""
    phone = Person(clinic.origin, newcomer.email, password=PASSWORD).signs_in()
    with phone.device() as other:
        screen = newcomer.device()

        closes_within_a_second(screen, newcomer.signs_out)

        assert other.the_line.asks("ping")["ok"]
        assert phone.call("GET", "/me")


def test_a_permission_taken_closes_the_socket(newcomer: Person, olga: Person) -> None:
    """Without pf.messaging.view the sockets close with 4503, and the old token is worth nothing."""
    who = newcomer.id
    screen = newcomer.device()

    code = closes_within_a_second(
        screen, lambda: administers(olga, "PATCH", f"/users/{who}", {"permissions": ["pm.messages.view"]})
    )

    assert code == 4503
    assert is_refused(newcomer)


def test_a_deactivated_account_closes_and_cannot_come_back(newcomer: Person, olga: Person) -> None:
    """Switched off: sockets 4501, tokens refused, no new sign-in, no refresh."""
    who = newcomer.id
    screen = newcomer.device()

    code = closes_within_a_second(screen, lambda: administers(olga, "PATCH", f"/users/{who}", {"active": False}))

    assert code == 4501
    assert is_refused(newcomer)
    for attempt in (newcomer.signs_in, newcomer.renews_token):
        with pytest.raises(Refused) as refused:
            attempt()
        assert refused.value.code == "invalid_grant"


def test_signed_out_everywhere_ends_every_session(clinic: Clinic, newcomer: Person, olga: Person) -> None:
    """The administrator's sign-out closes all of a person's sockets; they may sign in again."""
    who = newcomer.id
    screens = [
        newcomer.device(),
        Person(clinic.origin, newcomer.email, password=PASSWORD).signs_in().device(),
    ]

    code = closes_within_a_second(screens[0], lambda: administers(olga, "POST", f"/users/{who}/sign-out"))

    assert code == 4501
    assert screens[1].the_line.waits_for_end() == 4501
    assert is_refused(newcomer)
    newcomer.signs_in()
    assert newcomer.call("GET", "/me")["user"]["id"] == who


def test_a_silent_broker_changes_nothing(clinic: Clinic, newcomer: Person) -> None:
    """With auth unable to publish, the polled list still closes the socket, a poll later."""
    screen = newcomer.device()
    clinic.rabbit.permit("auth", "/", configure="^$", write="^$", read="^$")
    try:
        newcomer.signs_out()
        code = screen.the_line.waits_for_end(within_s=3)
    finally:
        clinic.rabbit.permit("auth", "/", configure="^$", write="^auth\\.events$", read="^$")

    assert code == 4501
