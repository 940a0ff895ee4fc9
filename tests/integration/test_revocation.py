"""Whoever may no longer hear is deaf within a second, whether the broker speaks or not, and can say nothing more.

Sign-out, a permission taken, an account switched off, another password, signed out everywhere, removed from a talk.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from client import SignInRefused
from tests.support.clinic import AUTH, STAFF, Clinic
from tests.support.person import Device, Person, Refused, new_id
from tests.support.ports import LOOPBACK
from tests.support.tap import tapped

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
    return arrives(clinic, olga)


def arrives(clinic: Clinic, olga: Person) -> Person:
    """Make an account and sign in with it."""
    email = f"temp-{new_id()}@harbor.example"
    account = {"kind": "staff", "email": email, "name": "Tess Temp", "password": PASSWORD}
    administers(olga, "POST", "/users", {**account, "permissions": STAFF_PERMISSIONS})
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
        with pytest.raises(SignInRefused) as refused:
            attempt()
        assert refused.value.error == "invalid_grant"


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


def test_another_password_ends_every_session(clinic: Clinic, newcomer: Person, olga: Person) -> None:
    """A new password closes all sockets with 4501; old tokens and the old password are worth nothing."""
    who = newcomer.id
    screens = [newcomer.device(), Person(clinic.origin, newcomer.email, password=PASSWORD).signs_in().device()]

    code = closes_within_a_second(
        screens[0], lambda: administers(olga, "PATCH", f"/users/{who}", {"password": "another long password"})
    )

    assert code == 4501
    assert screens[1].the_line.waits_for_end() == 4501
    assert is_refused(newcomer)
    with pytest.raises(Refused):
        newcomer.signs_in()
    assert Person(clinic.origin, newcomer.email, password="another long password").signs_in().id == who


def test_whoever_is_removed_from_a_talk_hears_and_says_nothing_more(clinic: Clinic, newcomer: Person) -> None:
    """Told within the second; what is said afterwards is not theirs, and their own words are refused."""
    dmitri = clinic.signs_in("dmitri@harbor.example")
    group = dmitri.opens_group(f"Removed {new_id()}", newcomer)
    with newcomer.device() as screen:
        dmitri.sends(group, "for all of us")
        screen.hears("for all of us")

        dmitri.call("DELETE", f"/conversations/{group}/participants/{newcomer.id}")
        done = time.monotonic()
        screen.the_line.hears("removed", conversation_id=group)
        took_s = time.monotonic() - done
        afterwards = dmitri.sends(group, "for the others")
        own = dmitri.opens_conversation_with(newcomer)
        dmitri.sends(own, "still friends")
        screen.hears("still friends")

        assert took_s <= WITHIN_S
        assert not screen.has_heard("for the others")
        assert screen.log[group, "shared"][-1]["seq"] < afterwards["seq"]
        with pytest.raises(Refused) as refused:
            screen.sends(group, "let me back in")
        assert refused.value.code == "not_found"


@dataclass(frozen=True, slots=True, kw_only=True)
class Taking:
    """A way in which somebody loses what they may, and how their socket then closes."""

    name: str
    act: Callable[[Person, Person], object]
    code: int


def _changes(**change: object) -> Callable[[Person, Person], object]:
    return lambda olga, who: administers(olga, "PATCH", f"/users/{who.id}", change)


TAKINGS = [
    Taking(name="signs out", act=lambda _, who: who.signs_out(), code=4501),
    Taking(name="permission taken", act=_changes(permissions=["pm.messages.view"]), code=4503),
    Taking(name="account closed", act=_changes(active=False), code=4501),
    Taking(name="another password", act=_changes(password="another long password"), code=4501),
    Taking(
        name="signed out everywhere",
        act=lambda olga, who: administers(olga, "POST", f"/users/{who.id}/sign-out"),
        code=4501,
    ),
]


def test_a_broker_that_stands_still_changes_nothing(clinic: Clinic, olga: Person) -> None:
    """With RabbitMQ frozen, the polled list closes the socket within the second, whatever was taken away."""
    people = {taking.name: arrives(clinic, olga) for taking in TAKINGS}
    screens = {name: person.device() for name, person in people.items()}
    codes, took_s = {}, {}

    with _frozen_broker(clinic):
        for taking in TAKINGS:
            line = screens[taking.name].the_line
            taking.act(olga, people[taking.name])
            done = time.monotonic()
            codes[taking.name] = line.waits_for_end(within_s=5)
            took_s[taking.name] = (line.closed_at or done) - done
        refused = all(is_refused(person) for person in people.values())

    assert codes == {taking.name: taking.code for taking in TAKINGS}
    assert max(took_s.values()) <= WITHIN_S, took_s
    assert refused


def test_a_gateway_that_hears_of_nothing_still_cannot_send(clinic: Clinic, olga: Person) -> None:
    """No broker, no answer from auth: the socket stays open, and conversations refuses what comes through it."""
    dmitri = clinic.signs_in("dmitri@harbor.example")
    with (
        tapped(LOOPBACK, clinic.programs[AUTH].port) as auth,
        clinic.replica(STAFF, AUTH_URL=f"http://{LOOPBACK}:{auth.port}") as deaf,
    ):
        newcomer = arrives(clinic, olga)
        conversation = dmitri.opens_conversation_with(newcomer)
        newcomer.origin = clinic.origin_of(deaf)
        with newcomer.device() as screen:
            screen.sends(conversation, "while I may")
            with _frozen_broker(clinic):
                auth.stall()
                newcomer.signs_out()
                end = time.monotonic() + WITHIN_S
                while (after := _says(screen, conversation)) == "stored" and time.monotonic() < end:
                    pass
            still_open = not screen.the_line.ended
            auth.flow()

    assert after == "unauthenticated"
    assert still_open


@contextmanager
def _frozen_broker(clinic: Clinic) -> Iterator[None]:
    clinic.rabbit.power.freeze()
    try:
        yield
    finally:
        clinic.rabbit.power.thaw()


def _says(screen: Device, conversation: str) -> str:
    """Send; return how it was refused, or `stored`."""
    try:
        screen.sends(conversation, f"too late? {new_id()}")
    except Refused as refused:
        return str(refused.code)
    return "stored"
