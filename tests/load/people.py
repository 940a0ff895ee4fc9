"""The people of the benchmarks: accounts and access tokens in one go, since hashing 500 passwords is no measure.

The accounts are written by auth's own administration before the services start; the tokens are signed with the
clinic's key, as auth would sign them. Everything after that goes through the public doors.
"""

import time
from dataclasses import dataclass, field

from auth.administration import NewAccount
from auth.model import Kind
from auth.preparation import administration
from servicekit.database import engine
from tests.support.clinic import Clinic
from tests.support.forger import Signer
from tests.support.person import new_id
from wire.demo import HARBOR

PERMISSIONS = ("pf.messaging.view", "pf.messaging.create_group", "pm.messages.view", "pm.messages.send")


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """Somebody with an account and a token."""

    id: str
    name: str
    token: str = field(repr=False)


def hired(clinic: Clinic, count: int) -> list[tuple[str, str]]:
    """Give `count` people an account at Harbor Clinic; returns their ids and names."""
    database = engine(clinic.auth_database.url("auth"))
    office = administration(database, clinic.auth_secret)
    made = []
    for number in range(count):
        account = office.create(
            NewAccount(
                org=HARBOR,
                kind=Kind.STAFF,
                email=f"bench-{number}@harbor.example",
                name=f"Bench {number:04}",
                permissions=PERMISSIONS,
            )
        )
        made.append((str(account.id), account.name))
    database.dispose()
    return made


def signed_in(clinic: Clinic, people: list[tuple[str, str]]) -> list[Member]:
    """Return the same people with fresh access tokens."""
    signer = Signer(clinic)
    now = int(time.time())
    common = {
        "iss": f"{clinic.origin}/auth",
        "aud": "staff",
        "iat": now,
        "exp": now + 600,
        "client_id": "messages-cli",
        "org": HARBOR,
        "permissions": list(PERMISSIONS),
    }
    return [
        Member(
            id=user_id,
            name=name,
            token=signer.signs({**common, "sub": user_id, "name": name, "sid": new_id(), "jti": new_id()}),
        )
        for user_id, name in people
    ]
