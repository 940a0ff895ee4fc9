"""The four services composed in one process: they call each other without a network and meet at one exchange."""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import httpx
from gevent import get_hub

import auth.app
import auth.settings
import conversations.app
import conversations.demo
import conversations.settings
import portal_gateway.app
import portal_gateway.settings
import staff_gateway.app
import staff_gateway.settings
from embedded.folder import Folder
from embedded.inside import Inside
from embedded.origin import Origin, StartResponse
from embedded.settings import Settings
from servicekit.clock import utc_now
from servicekit.composed import Composed
from servicekit.database import engine, upgrade
from servicekit.exchange import Exchange
from servicekit.inprocess import InProcessExchange

AUTH = "http://auth"
CONVERSATIONS = "http://conversations"
STOP_WITHIN_S = 3.0

Transports = dict[str, httpx.BaseTransport]


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """Everything that runs, ready to be served."""

    origin: Origin
    services: dict[str, Composed]

    def start(self) -> None:
        """Start the loops of every service."""
        for service in self.services.values():
            service.background.start()

    def stop(self) -> None:
        """End them, the gateways first: their sockets are asked to come back while all others still answer."""
        for service in reversed(self.services.values()):
            service.background.stop(STOP_WITHIN_S)

    def wait_until_ready(self, within_s: float) -> list[str]:
        """Return what is still missing when everything answers or the time is over."""
        end = time.monotonic() + within_s
        while (missing := self.origin.missing()) and time.monotonic() < end:
            time.sleep(0.05)
        return missing


def build(settings: Settings, folder: Folder, *, demo: bool) -> House:
    """Bring both databases to this release, seed the demo where it is wanted, and compose; nothing runs yet."""
    services: dict[str, Composed] = {}
    transports: Transports = {name: _inside(services, name) for name in ("auth", "conversations")}
    exchange = InProcessExchange()
    services["auth"] = _auth(settings, folder, exchange, demo=demo)
    services["conversations"] = _conversations(settings, folder, exchange, transports, demo=demo)
    services["staff-gateway"] = _staff(settings, folder, exchange, transports)
    services["portal-gateway"] = _portal(settings, folder, exchange, transports)
    origin = Origin({name: service.wsgi for name, service in services.items()}, lambda: _missing(services))
    return House(origin=origin, services=services)


def _auth(settings: Settings, folder: Folder, exchange: Exchange, *, demo: bool) -> Composed:
    told = auth.settings.Settings(
        public_origin=settings.public_origin,
        database_url=folder.database_url("auth"),
        secret=folder.secrets.auth,
        staff_gateway_secret=folder.secrets.staff_gateway,
        portal_gateway_secret=folder.secrets.portal_gateway,
        conversations_secret=folder.secrets.conversations,
        password_grant=demo,
        demo=demo,
    )
    # A password's hash takes 20 ms and more: on gevent's real threads it stops nobody else.
    offload = get_hub().threadpool.apply
    auth.app.prepare(told, offload=offload)
    return auth.app.compose(told, exchange=exchange, offload=offload)


def _conversations(
    settings: Settings, folder: Folder, exchange: Exchange, transports: Transports, *, demo: bool
) -> Composed:
    told = conversations.settings.Settings(
        public_origin=settings.public_origin,
        database_url=folder.database_url("conversations"),
        auth_url=AUTH,
        client_secret=folder.secrets.conversations,
        files=folder.files,
    )
    database = engine(told.database_url)
    upgrade(database, "conversations")
    if demo:
        conversations.demo.seed(database, clock=utc_now)
    database.dispose()
    # A large picture takes a second to draw anew.
    return conversations.app.compose(told, exchange=exchange, transports=transports, offload=get_hub().threadpool.apply)


def _staff(settings: Settings, folder: Folder, exchange: Exchange, transports: Transports) -> Composed:
    told = staff_gateway.settings.Settings(
        public_origin=settings.public_origin,
        auth_url=AUTH,
        conversations_url=CONVERSATIONS,
        gateway_secret=folder.secrets.staff_gateway,
        session_secret=folder.secrets.staff_session,
    )
    return staff_gateway.app.compose(told, exchange=exchange, transports=transports)


def _portal(settings: Settings, folder: Folder, exchange: Exchange, transports: Transports) -> Composed:
    told = portal_gateway.settings.Settings(
        public_origin=settings.public_origin,
        auth_url=AUTH,
        conversations_url=CONVERSATIONS,
        gateway_secret=folder.secrets.portal_gateway,
        session_secret=folder.secrets.portal_session,
    )
    return portal_gateway.app.compose(told, exchange=exchange, transports=transports)


def _inside(services: dict[str, Composed], name: str) -> httpx.BaseTransport:
    """Return the way to a service of this process; it is looked up when called, so services may call in circles."""

    def call(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        return services[name].wsgi(environ, start_response)

    return Inside(call)


def _missing(services: dict[str, Composed]) -> list[str]:
    missing = []
    for name, service in services.items():
        answer = service.wsgi.test_client().get("/readyz")
        if answer.status_code != httpx.codes.OK:
            missing += [f"{name} {part}" for part in answer.get_json()["missing"]]
    return missing
