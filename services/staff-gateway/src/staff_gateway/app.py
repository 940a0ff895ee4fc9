"""Puts the staff gateway together; the only place that knows every part of it."""

from collections.abc import Mapping

import httpx
from flask import Flask

import chatui
from gatekit.addresses import STAFF
from gatekit.gate import Gate
from gatekit.me import Limits
from gatekit.sending import posts_through
from realtime.sends import Sends
from realtime.upstream import Upstream
from servicekit.clock import Clock, utc_now
from servicekit.composed import Composed
from servicekit.exchange import Exchange
from staff_gateway.settings import Settings
from staff_gateway.web import calls
from wire.permissions import Permission


def compose(
    settings: Settings,
    *,
    exchange: Exchange,
    clock: Clock = utc_now,
    transports: Mapping[str, httpx.BaseTransport] | None = None,
) -> Composed:
    """Wire the gateway; nothing connects before the first call or before the background starts."""
    transports = transports or {}
    gate = Gate(STAFF, settings, permission=Permission.VIEW, clock=clock, transports=transports)
    upstream = Upstream(settings.conversations_url, gate.service_token, transport=transports.get("conversations"))
    sends = Sends(upstream, plane=STAFF.plane, per_minute=settings.sends_per_minute)
    gate.background.add("sends", sends.run, wake=sends.wake)
    limits = Limits(sends_per_minute=settings.sends_per_minute)
    posts = posts_through(sends, gate.callers)
    app = Flask("staff_gateway", static_folder=None)
    chatui.install(app, STAFF.static)
    gate.install(
        app,
        calls(gate.callers, gate.conversations, posts, limits),
        title="Messages for staff",
        template="chatui/staff.html",
    )
    return Composed(wsgi=app, background=gate.background)
