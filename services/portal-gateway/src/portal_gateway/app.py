"""Puts the portal gateway together; the only place that knows every part of it."""

import os
import sys
import time
from collections.abc import Mapping
from functools import partial

import httpx
from flask import Flask

import chatui
from gatekit.addresses import PORTAL
from gatekit.gate import Gate
from gatekit.me import Limits, me
from gatekit.notices import PushDoor
from gatekit.sending import Posting
from portal_gateway.frames import SPOKEN
from portal_gateway.live import live_door
from portal_gateway.presenter import Presenter
from portal_gateway.settings import Settings
from portal_gateway.web import calls
from realtime.app import Allowance, Realtime
from realtime.notices import Notices
from realtime.push.post import PushPost
from realtime.push.services import PushServices
from realtime.session import Doorkeeper
from realtime.timing import Timing
from realtime.upstream import Upstream
from servicekit.clock import Clock, utc_now
from servicekit.composed import Composed, started
from servicekit.exchange import Exchange
from servicekit.log import configure
from servicekit.settings import SettingsError
from servicekit.vapid import Vapid


def compose(
    settings: Settings,
    *,
    exchange: Exchange,
    clock: Clock = utc_now,
    transports: Mapping[str, httpx.BaseTransport] | None = None,
) -> Composed:
    """Wire the gateway; nothing connects before the first call or before the background starts.

    `transports` ("auth", "conversations") replace the network where services share a process.
    """
    transports = transports or {}
    gate = Gate(PORTAL, settings, permission=None, clock=clock, transports=transports)
    limits = Limits(sends_per_minute=settings.sends_per_minute)
    upstream = Upstream(settings.conversations_url, gate.service_token, transport=transports.get("conversations"))
    timing = Timing(clock=clock)
    realtime = Realtime(
        doorkeeper=Doorkeeper(plane=PORTAL.plane, verify=gate.access.verified, permission=None),
        exchange=exchange,
        upstream=upstream,
        changes=gate.changes,
        presenter=Presenter(),
        introduce=partial(me, limits=limits),
        timing=timing,
        allowance=Allowance(sends_per_minute=settings.sends_per_minute, sockets_per_user=settings.sockets_per_user),
    )
    push = PushDoor()
    if settings.push_key is not None:
        vapid = Vapid(settings.push_key, contact=settings.push_contact, clock=clock)
        services = PushServices(settings.push_services)
        post = PushPost(vapid, services, clock=clock, sleep=time.sleep)
        realtime.tell_devices(Notices(upstream, post, timing, plane=PORTAL.plane))
        push = PushDoor(public_key=vapid.public, refusal=services.accepts)
    realtime.add_loops(gate.background)
    gate.readiness.add("broker", lambda: realtime.connected, needed=False)
    # Without conversations the relay has nothing to tell, and nobody is to be sent to look at it first.
    gate.readiness.add("relay", lambda: not (realtime.unheard and gate.conversations_answer()), needed=False)
    posting = Posting(realtime.sends, gate.callers)
    app = Flask("portal_gateway", static_folder=None)
    chatui.install(app, PORTAL.static)
    gate.install(
        app,
        calls(gate.callers, gate.conversations, gate.files, posting, limits, Presenter(), push),
        SPOKEN,
        title="Messages for patients",
        template="chatui/portal.html",
    )
    app.register_blueprint(live_door(realtime, gate.callers))
    return Composed(wsgi=app, background=gate.background)


def create_app() -> Flask:
    """Return the application that gunicorn serves, its loops started; one clear sentence when it cannot start."""
    from servicekit.amqp import RabbitExchange  # noqa: PLC0415 - only a real server needs the broker's library

    try:
        settings = Settings.from_env(os.environ)
    except SettingsError as refused:
        sys.exit(str(refused))
    configure("portal-gateway", settings.log_level)
    return started(compose(settings, exchange=RabbitExchange(settings.broker_url)))
