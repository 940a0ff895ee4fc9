"""The directory follows auth: everything at the start, then every change, whatever fails in between."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select

from conversations.directory import DirectoryFeed
from conversations.tables import accounts, organisations, stands_for
from servicekit import database
from servicekit.background import Background
from servicekit.changes import ChangeFeed
from servicekit.tokens import ServiceToken
from tests.support.ports import wait_until
from wire.changes import Account, Change, ChangeType
from wire.ids import OrganisationId, PatientId, UserId

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
HARBOR = OrganisationId("01930000-0000-7000-8000-000000000001")
HILLTOP = OrganisationId("01930000-0000-7000-8000-000000000002")
VIEW = "pf.messaging.view"


def person(number: int, **members: object) -> Account:
    """Return an account as auth tells it."""
    told: dict[str, object] = {
        "id": UserId(f"01930000-0000-7000-8000-{number:012}"),
        "org": HARBOR,
        "org_name": "Harbor Clinic",
        "kind": "staff",
        "name": f"Person {number}",
        "title": "Nurse",
        "active": True,
        "permissions": (VIEW,),
        "patients": (),
    }
    return Account(**(told | members))  # type: ignore[arg-type]


class Auth:
    """Auth's accounts and changes, as a transport."""

    def __init__(self) -> None:
        self.accounts: dict[str, Account] = {}
        self.changes: list[Change] = []
        self.away = False
        self.full_reads = 0

    @property
    def head(self) -> int:
        return self.changes[-1].position if self.changes else 0

    def has(self, *told: Account) -> None:
        self.accounts |= {one.id: one for one in told}

    def changes_to(self, account: Account) -> Change:
        self.has(account)
        made = Change(
            position=self.head + 1,
            type=ChangeType.USER_CHANGED,
            at="2026-11-22T08:00:00.000Z",
            org=account.org,
            user_id=account.id,
            session_id=None,
            tokens_before=None,
            reason="changed",
            user=account,
        )
        self.changes.append(made)
        return made

    def transport(self) -> httpx.MockTransport:
        return httpx.MockTransport(self._answer)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        if self.away:
            raise httpx.ConnectError("away")
        if request.url.path == "/auth/token":
            return httpx.Response(200, json={"access_token": "t", "expires_in": 600})
        after = request.url.params.get("after")
        if request.url.path == "/inside/changes":
            items = [each.as_dict() for each in self.changes if after is not None and each.position > int(after)]
            return httpx.Response(200, json={"items": items, "position": self.head})
        self.full_reads += after is None
        ids = [one for one in sorted(self.accounts) if after is None or one > after]
        page = ids[:2]
        following = page[-1] if len(ids) > len(page) else None
        items = [self.accounts[one].as_dict() for one in page]
        return httpx.Response(200, json={"items": items, "next": following, "position": self.head})


class Clinic:
    """A database whose directory follows auth."""

    def __init__(self, folder: Path, auth: Auth) -> None:
        self.engine = database.engine(f"sqlite:///{folder / 'conversations.db'}")
        database.upgrade(self.engine, "conversations")
        http = httpx.Client(transport=auth.transport(), base_url="http://auth")
        token = ServiceToken(http, client_id="conversations", secret="s", clock=lambda: NOW)
        self.changes = ChangeFeed(http, token, clock=lambda: NOW, poll_every_s=0.05)
        self.directory = DirectoryFeed(self.engine, http, token, self.changes)
        self.background = Background()
        self.background.add("changes", self.changes.run, wake=self.changes.wake)
        self.background.add("directory", self.directory.run, wake=self.directory.wake)

    def opens(self) -> None:
        self.background.start()
        wait_until(self.directory.complete, within_s=5, what="the first full read")

    def knows(self, number: int) -> dict[str, object] | None:
        """Return what the directory has of a person."""
        query = select(accounts).where(accounts.c.id == person(number).id)
        with self.engine.connect() as connection:
            row = connection.execute(query).mappings().first()
            return None if row is None else dict(row)

    def learns(self, number: int, **members: object) -> None:
        """Wait until the directory has this of a person."""

        def learned() -> bool:
            known = self.knows(number)
            return known is not None and known | members == known

        wait_until(learned, within_s=5, what=f"person {number} with {sorted(members)}")


@pytest.fixture
def auth() -> Auth:
    """Give an auth with nobody in it."""
    return Auth()


@pytest.fixture
def clinic(tmp_path: Path, auth: Auth) -> Iterator[Clinic]:
    """Give a clinic that has not opened yet."""
    made = Clinic(tmp_path, auth)
    yield made
    assert made.background.stop(5) == ()
    made.engine.dispose()


def test_everybody_is_read_at_the_start(auth: Auth, clinic: Clinic) -> None:
    """All pages are read; who may be written to follows from kind, activity and permission."""
    auth.has(person(1), person(2, permissions=()), person(3, active=False), person(4, org=HILLTOP, org_name="Hilltop"))
    auth.has(person(5, kind="patient", permissions=(), title=None, patients=(PatientId("p-own"), PatientId("p-child"))))

    clinic.opens()

    clinic.learns(1, name="Person 1", title="Nurse", active=True, may_message=True, org=HARBOR)
    clinic.learns(2, may_message=False)
    clinic.learns(3, active=False)
    clinic.learns(4, org=HILLTOP)
    clinic.learns(5, kind="patient", may_message=True, title="")
    with clinic.engine.connect() as connection:
        names = {row.id: row.name for row in connection.execute(select(organisations))}
        stood = connection.execute(select(stands_for.c.patient_id).order_by(stands_for.c.position)).scalars().all()
    assert names == {HARBOR: "Harbor Clinic", HILLTOP: "Hilltop"}
    assert stood == ["p-own", "p-child"]


def test_changes_follow(auth: Auth, clinic: Clinic) -> None:
    """A new name, a lost permission, a deactivation and a newcomer reach the directory."""
    auth.has(person(1), person(2))
    clinic.opens()

    auth.changes_to(person(1, name="Nora Lindqvist-Berg"))
    auth.changes_to(person(2, permissions=()))
    auth.changes_to(person(3))
    clinic.learns(1, name="Nora Lindqvist-Berg")
    clinic.learns(2, may_message=False)
    clinic.learns(3, may_message=True)
    auth.changes_to(person(1, active=False))

    clinic.learns(1, active=False)
    assert auth.full_reads == 1


def test_an_older_change_does_not_undo_a_newer_read(auth: Auth, clinic: Clinic) -> None:
    """What was read whole at a position is not overwritten by a change from before it."""
    old = auth.changes_to(person(1, name="Old"))
    auth.changes_to(person(1, name="New"))
    clinic.opens()
    clinic.learns(1, name="New", auth_position=2)

    clinic.directory._hear(old)  # noqa: SLF001 - a change that arrives late
    auth.changes_to(person(2))
    clinic.learns(2)

    clinic.learns(1, name="New")


def test_auth_away_at_the_start_is_waited_for(auth: Auth, clinic: Clinic) -> None:
    """Not complete until auth answered, complete soon after it does."""
    auth.away = True
    auth.has(person(1))
    clinic.background.start()
    assert not clinic.directory.complete()

    auth.away = False

    clinic.learns(1)
    wait_until(clinic.directory.complete, within_s=5, what="a full read")


def test_an_auth_that_began_anew_is_believed(auth: Auth, clinic: Clinic) -> None:
    """When auth's positions are lower than ours its word counts, and not what another database once said."""
    for _ in range(3):
        auth.changes_to(person(1, name="Before"))
    clinic.opens()
    clinic.learns(1, name="Before", auth_position=3)
    clinic.background.stop(5)

    auth.changes.clear()
    auth.has(person(1, name="After"))
    second = Background()
    second.add("directory", clinic.directory.run, wake=clinic.directory.wake)
    second.start()

    clinic.learns(1, name="After", auth_position=0)
    assert second.stop(5) == ()


def test_a_change_that_was_not_stored_is_read_again(auth: Auth, clinic: Clinic) -> None:
    """When the database refuses a change, a full read follows and nothing stays missing."""
    auth.has(person(1))
    clinic.opens()
    with clinic.engine.connect() as connection:
        connection.exec_driver_sql("ALTER TABLE accounts RENAME TO elsewhere")
        connection.commit()

    auth.changes_to(person(2))
    wait_until(lambda: clinic.changes.position == 1, within_s=5, what="the change heard")
    with clinic.engine.connect() as connection:
        connection.exec_driver_sql("ALTER TABLE elsewhere RENAME TO accounts")
        connection.commit()

    clinic.learns(2)
