"""The one place where auth is put together: settings, database, keys, use cases, doors, loops.

`compose` connects to nothing; `prepare`, called before anything is served, migrates and seeds; `create_app` is what
gunicorn calls.
"""

import os
import sys
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

from flask import Flask
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from auth import store
from auth.administration import Administration
from auth.announce import Announcer
from auth.calls import Parts
from auth.clients import registered
from auth.directory import Directory
from auth.keys import SigningKeys
from auth.paper import PageSettings
from auth.passwords import Offload, in_place
from auth.preparation import ground, prepare, signing_keys
from auth.seals import derive
from auth.service import Ground, Sessions, SignIn
from auth.settings import Settings
from auth.tokens import Tokens
from auth.web import Doors, install
from servicekit.background import Background, Stop
from servicekit.clock import Clock, utc_now
from servicekit.composed import Composed, started
from servicekit.database import DatabaseError, answers, check_serves, engine, is_migrated, transaction
from servicekit.exchange import Exchange
from servicekit.health import Readiness, health_blueprint
from servicekit.log import configure, get_logger
from servicekit.settings import SettingsError

if TYPE_CHECKING:
    import httpx

__all__ = ["compose", "create_app", "prepare"]

SWEEP_EVERY = 3600.0
"""Seconds between two looks at what has ended and at the age of the signing key."""

KEEP_ENDED = timedelta(days=1)
KEEP_CHANGES = timedelta(days=30)


def compose(
    settings: Settings,
    *,
    exchange: Exchange,
    clock: Clock = utc_now,
    transports: "Mapping[str, httpx.BaseTransport] | None" = None,  # noqa: ARG001 - every service's compose takes it; auth calls nobody
    offload: Offload = in_place,
) -> Composed:
    """Put auth together; nothing connects before the first request or `background.start()`."""
    database = engine(settings.database_url, serving=True)
    announcer = Announcer(exchange)
    base = ground(database, settings.secret, clock=clock, offload=offload, announce=announcer.announce)
    keys = signing_keys(database, settings.secret, clock=clock)
    app = Flask("auth", static_url_path="/auth/static")
    app.config["SEND_FILE_MAX_AGE_DEFAULT"] = 3600
    install(app, _doors(settings, base, keys))
    app.register_blueprint(health_blueprint(_readiness(database, keys, announcer)))
    background = Background()
    background.add("auth announcements", announcer.run, wake=announcer.wake)
    background.add("auth housekeeping", lambda stop: _keep_house(stop, database, keys, clock))
    return Composed(wsgi=app, background=background)


def create_app() -> Flask:
    """Return the application that gunicorn serves, its loops started; one clear sentence when it cannot start.

    Whoever serves it calls `extensions["stop"]` at the end, so that the last changes go out.
    """
    from servicekit.amqp import RabbitExchange  # noqa: PLC0415 - only a real server needs the broker's library

    try:
        settings = Settings.from_env(os.environ)
        configure("auth", settings.log_level)
        composed = compose(settings, exchange=RabbitExchange(settings.broker_url))
        _require_migrated(settings)
    except (SettingsError, DatabaseError) as refused:
        sys.exit(str(refused))
    except SQLAlchemyError as silent:
        sys.exit(f"Cannot start: the database of auth cannot be used ({type(silent).__name__}).")
    return started(composed)


def _require_migrated(settings: Settings) -> None:
    database = engine(settings.database_url)
    try:
        check_serves(database, "auth")
    finally:
        database.dispose()


def _doors(settings: Settings, base: Ground, keys: SigningKeys) -> Doors:
    tokens = Tokens(issuer=settings.issuer, keys=keys, clock=base.clock, ids=base.ids)
    return Doors(
        settings=settings,
        parts=Parts(clients=registered(settings), sign_in=SignIn(base), sessions=Sessions(base), tokens=tokens),
        keys=keys,
        administration=Administration(base),
        directory=Directory(base.engine, base.clock),
        pages=PageSettings(
            public_origin=settings.public_origin,
            secure=settings.secure,
            demo=settings.demo,
            form_key=derive(settings.secret, "forms"),
        ),
        clock=base.clock,
    )


def _readiness(database: Engine, keys: SigningKeys, announcer: Announcer) -> Readiness:
    readiness = Readiness()
    readiness.add("database", lambda: answers(database))
    readiness.add("migrations", lambda: is_migrated(database, "auth"))
    readiness.add("signing keys", lambda: bool(keys.signing().kid))
    readiness.add("broker", announcer.connected, needed=False)
    return readiness


def _keep_house(stop: Stop, database: Engine, keys: SigningKeys, clock: Clock) -> None:
    while not stop.wanted:
        rotated = keys.rotate_when_old()
        if rotated:
            get_logger().info("signing_key.rotated", kid=rotated)
        now = clock()
        with transaction(database) as connection:
            store.sweep(connection, now=now, ended_before=now - KEEP_ENDED, changes_before=now - KEEP_CHANGES)
        stop.wait(SWEEP_EVERY)
    database.dispose()
