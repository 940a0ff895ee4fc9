"""The relay as a process of its own: the relay, the directory's feed, and a small door for an operator's probes.

It ends gracefully on SIGTERM and SIGINT: what the broker confirmed is deleted first. Nothing is lost if it is killed.
"""

import math
import os
import signal
import socket
import sys
import threading
from types import FrameType
from typing import Any

from flask import Flask
from prometheus_client import Gauge
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from conversations.directory import DirectoryFeed
from conversations.relay import Relay
from conversations.relay.outlet import Backlog, PostgresOutlet, backlog
from conversations.relay.settings import RelaySettings
from servicekit import database, http
from servicekit.amqp import RabbitExchange
from servicekit.amqp.line import Pauses
from servicekit.background import Background
from servicekit.changes import ChangeFeed
from servicekit.clock import Clock, utc_now
from servicekit.exchange import Binding
from servicekit.health import ANSWERS_WITHIN_S, Readiness, health_blueprint
from servicekit.log import configure, get_logger
from servicekit.look import Look
from servicekit.settings import SettingsError
from servicekit.tokens import ServiceToken
from wire.events import AUTH

log = get_logger()

CLIENT_ID = "conversations"
LOOKS_FOR_THE_BROKER_EVERY_S = 2.0
"""At most: until the relay has found the broker again gateways ask the database for all sockets (`realtime.pulse`)."""

DEPTH = Gauge("messages_outbox_events", "Events stored and not yet published.")
AGE = Gauge("messages_outbox_oldest_seconds", "Age of the oldest event not yet published; 0 when none waits.")
LEADING = Gauge("messages_relay_leading", "1 where this relay is the one that publishes.")
BROKER_UP = Gauge("messages_relay_broker_connected", "1 while the relay has its line to the broker.")


class CannotStart(Exception):
    """The relay cannot run; the message is one sentence for an operator."""


def main() -> None:
    """Run as the environment says; exit with one sentence when that is impossible."""
    try:
        run(RelaySettings.from_env(os.environ))
    except (SettingsError, database.DatabaseError, CannotStart) as wrong:
        sys.exit(str(wrong))


def run(settings: RelaySettings) -> None:
    """Run until SIGTERM or SIGINT; CannotStart, SettingsError or DatabaseError when that is impossible."""
    configure("relay", settings.log_level)
    if not settings.database_url.startswith("postgresql"):
        raise SettingsError("Cannot start: RELAY_DATABASE_URL must be a PostgreSQL; with SQLite the relay is embedded.")
    ended = threading.Event()
    _end_on_signals(ended)
    engine = database.engine(settings.database_url, pool_size=4, serving=True)
    _check_version(engine)
    readiness = Readiness()
    probes = _serve_probes(readiness, settings.port)
    exchange = RabbitExchange(settings.broker_url, pauses=Pauses(longest_s=LOOKS_FOR_THE_BROKER_EVERY_S))
    publisher = exchange.publisher()
    auth = http.client(settings.auth_url)
    token = ServiceToken(auth, client_id=CLIENT_ID, secret=settings.client_secret, clock=utc_now)
    changes = ChangeFeed(auth, token, clock=utc_now)
    directory = DirectoryFeed(engine, auth, token, changes)
    relay = Relay(PostgresOutlet(settings.database_url), publisher)
    subscription = exchange.subscribe(
        [Binding(exchange=AUTH, pattern="#")], on_message=changes.hear, on_connected=changes.wake
    )
    readiness.add("database", lambda: database.answers(engine))
    readiness.add("migrations", lambda: database.is_migrated(engine, "conversations"))
    readiness.add("broker", lambda: publisher.connected)
    readiness.add("directory", directory.complete)
    readiness.add("auth", changes.fresh, needed=False)
    _measure(engine, relay, utc_now)
    BROKER_UP.set_function(lambda: float(publisher.connected))
    background = Background()
    background.add("relay", relay.run, wake=relay.wake)
    background.add("changes", changes.run, wake=changes.wake)
    background.add("directory", directory.run, wake=directory.wake)
    background.start()
    log.info("relay.started", port=settings.port)
    ended.wait()
    log.info("relay.stopping")
    background.stop()
    subscription.close()
    publisher.close()
    probes.shutdown()
    engine.dispose()


def _check_version(engine: Engine) -> None:
    try:
        database.check_serves(engine, "conversations")
    except OperationalError:
        # Not there yet: the loops wait for it, and readiness says so.
        log.warning("relay.database_away")


def _measure(engine: Engine, relay: Relay, clock: Clock) -> None:
    look = Look(lambda: backlog(engine))

    def waiting() -> Backlog | None:
        try:
            return look.answer().result(ANSWERS_WITHIN_S)
        except (SQLAlchemyError, TimeoutError):
            return None

    def rows() -> float:
        found = waiting()
        return math.nan if found is None else found.rows

    def age() -> float:
        found = waiting()
        if found is None:
            return math.nan
        return 0.0 if found.oldest is None else max(0.0, (clock() - found.oldest).total_seconds())

    DEPTH.set_function(rows)
    AGE.set_function(age)
    LEADING.set_function(lambda: float(relay.leading))


def _serve_probes(readiness: Readiness, port: int) -> BaseWSGIServer:
    probes = Flask("conversations.relay")
    probes.register_blueprint(health_blueprint(readiness))
    try:
        door = socket.create_server(("0.0.0.0", port), backlog=16)  # noqa: S104 - a container's own port
    except OSError as taken:
        raise CannotStart(f"Cannot start: port {port} cannot be opened ({taken.strerror}).") from taken
    with door:
        host, bound = door.getsockname()
        server = make_server(host, bound, probes, threaded=True, request_handler=_Silent, fd=door.fileno())
    threading.Thread(target=server.serve_forever, name="probes", daemon=True).start()
    return server


class _Silent(WSGIRequestHandler):
    """Probes come every few seconds: not worth a line each."""

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002, ANN401 - werkzeug's signature
        """Log nothing."""


def _end_on_signals(ended: threading.Event) -> None:
    def end(_signal: int, _frame: FrameType | None) -> None:
        ended.set()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
