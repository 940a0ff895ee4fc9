"""The one place where conversations is put together: settings, database, use cases, doors, loops.

`compose` connects to nothing; `create_app` is what gunicorn calls. On SQLite there is one process only, so the relay
and the directory's feed run beside the doors; on PostgreSQL they are the relay's own process.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

import httpx
from flask import Flask
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from conversations import preparation
from conversations.directory import DirectoryFeed
from conversations.files.inspection import Inspection, Offload, in_place
from conversations.files.s3 import Bucket
from conversations.files.scanning import Clamd
from conversations.files.storage import Folder, Storage
from conversations.indexing import Indexing
from conversations.outbox import Bell
from conversations.relay import Relay
from conversations.relay.outlet import SqliteOutlet
from conversations.service.acknowledging import Acknowledging
from conversations.service.catching_up import CatchingUp
from conversations.service.changing import Changing
from conversations.service.desk import Desk
from conversations.service.drafting import Drafting
from conversations.service.filing import Filing
from conversations.service.fleeting import Fleeting
from conversations.service.forwarding import Forwarding
from conversations.service.gathering import Gathering
from conversations.service.marking import Marking
from conversations.service.noticing import Noticing
from conversations.service.opening import Opening
from conversations.service.preferring import Preferring
from conversations.service.presence import Presence
from conversations.service.reading import Reading
from conversations.service.receipts import Receipts
from conversations.service.searching import Searching
from conversations.service.subscribing import Subscribing
from conversations.service.typing import Typing
from conversations.service.unreading import Unreading
from conversations.settings import Settings
from conversations.sweeping import Sweeping
from conversations.web.batches import Batches
from conversations.web.doors import UseCases, doors
from conversations.web.files import file_doors
from conversations.web.keys import Keys
from conversations.web.own import Own
from conversations.web.push import push_doors
from servicekit import http
from servicekit.background import Background, Stop
from servicekit.changes import ChangeFeed
from servicekit.clock import Clock, utc_now
from servicekit.composed import Composed, started
from servicekit.database import DatabaseError, answers, check_serves, engine, is_migrated, is_sqlite
from servicekit.doors import install_problems
from servicekit.exchange import Binding, Exchange
from servicekit.health import Readiness, health_blueprint
from servicekit.log import configure
from servicekit.settings import SettingsError
from servicekit.tokens import KeySource, ServiceToken, Verifier
from wire.events import AUTH
from wire.ids import new_id

CLIENT_ID = "conversations"
CONNECTIONS = 16
BODY_BYTES = 1024 * 1024


def compose(
    settings: Settings,
    *,
    exchange: Exchange,
    clock: Clock = utc_now,
    transports: Mapping[str, httpx.BaseTransport] | None = None,
    offload: Offload = in_place,
) -> Composed:
    """Put conversations together; `transports` ("auth") replace the network where services share a process.

    `offload` runs work on files where it stops nobody else: a thread is enough, a greenlet is not.
    """
    database = engine(settings.database_url, pool_size=CONNECTIONS, serving=True)
    auth = http.client(settings.auth_url, transport=(transports or {}).get("auth"))
    token = ServiceToken(auth, client_id=CLIENT_ID, secret=settings.client_secret, clock=clock)
    changes = ChangeFeed(auth, token, clock=clock)
    key_source = KeySource(auth, clock)
    keys = Keys(Verifier(issuer=settings.issuer, keys=key_source, revocations=changes.revocations, clock=clock))
    bell = Bell()
    desk = Desk(database, clock=clock, new_id=new_id, bell=bell)
    storage = _storage(settings)
    scan = None if settings.clamd is None else Clamd(*settings.clamd)
    filing = Filing(desk, storage, Inspection(scan=scan, offload=offload))
    sweeping = Sweeping(database, storage, clock=clock)
    fleeting = Fleeting(exchange)
    noticing = Noticing(database, clock=clock)
    changes.listen(noticing.hear)

    background = Background()
    background.add("changes", changes.run, wake=changes.wake, to_the_end=True)
    background.add("auth events", lambda stop: _hear_auth(stop, exchange, changes))
    background.add("sweeping", sweeping.run)
    background.add("fleeting", fleeting.run, wake=fleeting.wake)
    background.add("push.ended", noticing.run)

    readiness = Readiness()
    readiness.add("database", lambda: answers(database))
    readiness.add("migrations", lambda: is_migrated(database, "conversations"))
    readiness.add("auth keys", key_source.answers)
    readiness.add("auth changes", changes.synced)
    readiness.add("auth", changes.fresh, needed=False)
    if not is_sqlite(database):
        background.add("indexing", Indexing(database).run)
    else:
        _run_relay_here(database, bell, exchange, background, DirectoryFeed(database, auth, token, changes))

    app = Flask("conversations", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = BODY_BYTES
    install_problems(app)
    app.register_blueprint(health_blueprint(readiness))
    app.register_blueprint(file_doors(keys, filing))
    app.register_blueprint(doors(keys, _use_cases(desk, fleeting)))
    app.register_blueprint(push_doors(keys, Subscribing(desk), noticing))
    app.extensions["database"] = database
    app.wsgi_app = Batches(  # type: ignore[method-assign] # Flask's own way to put a callable before it
        app.wsgi_app,
        keys=keys,
        gathering=Gathering(desk),
        marking=Marking(desk),
        presence=Presence(desk, fleeting),
    )
    return Composed(wsgi=app, background=background)


def prepare(settings: Settings, *, clock: Clock = utc_now) -> None:
    """Migrate, and seed the demo where it is wanted: what `conversations migrate` does, for the embedded run."""
    database = engine(settings.database_url)
    try:
        preparation.prepare(database, with_demo=settings.demo, clock=clock)
    finally:
        database.dispose()


def create_app() -> Flask:
    """Return the application that gunicorn serves, its loops started; one clear sentence when it cannot start."""
    from servicekit.amqp import RabbitExchange  # noqa: PLC0415 - only a real server needs the broker's library

    try:
        settings = Settings.from_env(os.environ)
        configure("conversations", settings.log_level)
        _require_migrated(settings)
    except (SettingsError, DatabaseError) as refused:
        sys.exit(str(refused))
    except SQLAlchemyError as silent:
        sys.exit(f"Cannot start: the database of conversations cannot be used ({type(silent).__name__}).")
    return started(compose(settings, exchange=RabbitExchange(settings.broker_url)))


def _use_cases(desk: Desk, fleeting: Fleeting) -> UseCases:
    return UseCases(
        reading=Reading(desk),
        opening=Opening(desk),
        changing=Changing(desk),
        acknowledging=Acknowledging(desk),
        receipts=Receipts(desk),
        searching=Searching(desk),
        forwarding=Forwarding(desk),
        own=Own(preferring=Preferring(desk), drafting=Drafting(desk), unreading=Unreading(desk)),
        catching_up=CatchingUp(desk),
        typing=Typing(desk, fleeting),
    )


def _storage(settings: Settings) -> Storage:
    return Folder(settings.files) if isinstance(settings.files, Path) else Bucket(settings.files)


def _run_relay_here(
    database: Engine, bell: Bell, exchange: Exchange, background: Background, directory: DirectoryFeed
) -> None:
    def relay(stop: Stop) -> None:
        publisher = exchange.publisher()
        try:
            Relay(SqliteOutlet(database, bell), publisher).run(stop)
        finally:
            publisher.close()

    background.add("relay", relay, wake=bell.ring)
    background.add("directory", directory.run, wake=directory.wake)


def _hear_auth(stop: Stop, exchange: Exchange, changes: ChangeFeed) -> None:
    """Take what the broker brings of auth's changes; without it the polled list is enough."""
    binding = Binding(exchange=AUTH, pattern="#")
    subscription = exchange.subscribe([binding], on_message=changes.hear, on_connected=changes.wake)
    try:
        stop.wait()
    finally:
        subscription.close()


def _require_migrated(settings: Settings) -> None:
    database = engine(settings.database_url)
    try:
        check_serves(database, "conversations")
    finally:
        database.dispose()
