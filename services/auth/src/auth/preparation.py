"""What happens before auth serves: the database brought to this release, the first key made, the demo's people.

`app` and the command line both stand on it, so a database is prepared the same way however it is started.
"""

from sqlalchemy import Engine

from auth import demo
from auth.administration import Administration
from auth.keys import SigningKeys
from auth.passwords import Offload, Passwords, in_place
from auth.seals import derive, new_token
from auth.service import Announce, Ground
from auth.settings import Settings, StorageSettings
from servicekit.clock import Clock, utc_now
from servicekit.database import engine, upgrade
from wire.ids import new_id


def prepare(settings: Settings | StorageSettings, *, clock: Clock = utc_now, offload: Offload = in_place) -> None:
    """Bring the database to this release, make the first signing key, and where DEMO is on, the demo's people."""
    database = engine(settings.database_url)
    try:
        upgrade(database, "auth")
        signing_keys(database, settings.secret, clock=clock).signing()
        if settings.demo:
            demo.seed(administration(database, settings.secret, clock=clock, offload=offload))
    finally:
        database.dispose()


def ground(database: Engine, secret: str, *, clock: Clock, offload: Offload, announce: Announce) -> Ground:
    """Return what every use case stands on."""
    return Ground(
        engine=database,
        clock=clock,
        ids=new_id,
        tokens=new_token,
        passwords=Passwords(offload),
        failures_key=derive(secret, "sign-in failures"),
        announce=announce,
    )


def signing_keys(database: Engine, secret: str, *, clock: Clock = utc_now) -> SigningKeys:
    """Return the key ring."""
    return SigningKeys(database, secret=secret, clock=clock, ids=new_id)


def administration(
    database: Engine, secret: str, *, clock: Clock = utc_now, offload: Offload = in_place
) -> Administration:
    """Return the administration without doors; nobody is told of its changes but by the polled log."""
    return Administration(ground(database, secret, clock=clock, offload=offload, announce=lambda _change: None))
