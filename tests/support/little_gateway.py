"""A gateway whose conversations service is a few dictionaries: the live socket alone, over a real gunicorn.

Run by `gunicorn -k gevent "tests.support.little_gateway:create_app()"`. A bearer token is a JSON object of claims, not
signed; POST /control/<what> does to the stand-in what a test needs done behind the gateway's back.
"""

import gc
import json
import time
from collections.abc import Mapping
from time import monotonic
from typing import Any

import gevent
import httpx
import orjson
from flask import Flask, Response, request

from realtime.app import Allowance, Realtime
from realtime.connection import Connection
from realtime.session import Credentials, Doorkeeper
from realtime.timing import Timing
from realtime.upstream import Upstream
from servicekit.background import Background
from servicekit.changes import ChangeFeed
from servicekit.clock import utc_now
from servicekit.composed import Composed, started
from servicekit.doors import bearer_token, install_problems
from servicekit.exchange import Message, Publisher
from servicekit.health import Readiness, health_blueprint
from servicekit.inprocess import InProcessExchange
from servicekit.tokens import ServiceToken
from wire.changes import Change
from wire.claims import Claims, Plane
from wire.events import MESSAGES, Event, encode_batch, routing_key
from wire.ids import OrganisationId, UserId, new_id
from wire.permissions import Permission
from wire.problems import NotFound, Problem, Unauthenticated, Unavailable
from wire.times import to_wire

ORGANISATION = OrganisationId("01930000-0000-7000-8000-000000000001")


class LittleConversations:
    """Conversations, in memory; every entry goes to all members, each stream counts by itself."""

    def __init__(self, publisher: Publisher) -> None:
        self.members: dict[str, list[str]] = {}
        self.entries: dict[tuple[str, str], list[dict[str, Any]]] = {}
        self.by_client_id: dict[str, dict[str, Any]] = {}
        self.marks: list[dict[str, Any]] = []
        self.batches: list[int] = []
        self.lose = 0
        self.away = False
        self.hangs_s = 0.0
        """How long it lets whoever brings marks wait."""
        self.hanging = 0
        """How many wait so at present."""
        self.skipped_s = 0.0
        """How far the clock of the sockets was turned on."""
        self._publisher = publisher

    def post(self, user_id: str, item: Mapping[str, Any]) -> dict[str, Any]:
        conversation_id = item["conversation_id"]
        if user_id not in self.members.get(conversation_id, ()):
            raise NotFound
        known = self.by_client_id.get(item["client_message_id"])
        if known is not None:
            return {"status": 200, "entry": known}
        entry = self._entry(user_id, item)
        self.by_client_id[item["client_message_id"]] = entry
        self.entries[conversation_id, item["stream"]].append(entry)
        self._tell(
            Event(
                event_id=new_id(),
                type=entry["type"],
                org=ORGANISATION,
                audience=tuple(UserId(member) for member in self.members[conversation_id]),
                body={"entry": entry},
            )
        )
        return {"status": 201, "entry": entry}

    def catch_up(self, user_id: str, positions: Mapping[str, Mapping[str, int]], unlisted: str) -> dict[str, Any]:
        mine = [key for key in self.entries if user_id in self.members[key[0]]]
        heads: dict[str, dict[str, int]] = {}
        missed: list[dict[str, Any]] = []
        for conversation_id, stream in mine:
            known = self.entries[conversation_id, stream]
            heads.setdefault(conversation_id, {})[stream] = len(known)
            start = positions.get(conversation_id, {}).get(stream, len(known) if unlisted == "head" else 0)
            missed += known[start:]
        gone = [conversation_id for conversation_id in positions if conversation_id not in heads]
        return {"entries": missed, "heads": heads, "resets": [], "gone": gone}

    def _entry(self, user_id: str, item: Mapping[str, Any]) -> dict[str, Any]:
        stream = self.entries.setdefault((item["conversation_id"], item["stream"]), [])
        return {
            "conversation_id": item["conversation_id"],
            "stream": item["stream"],
            "seq": len(stream) + 1,
            "type": "message.posted",
            "at": to_wire(utc_now()),
            "actor": {"id": user_id, "name": "Somebody", "kind": "staff"},
            "message": {"id": new_id(), "client_message_id": item["client_message_id"], "body": item["body"]},
        }

    def _tell(self, event: Event) -> None:
        if self.lose:
            self.lose -= 1
            return
        self._publisher.publish(
            [
                Message(
                    exchange=MESSAGES,
                    routing_key=routing_key(Plane.STAFF, event.org, event.type),
                    body=encode_batch([event]),
                    type=event.type,
                    message_id=event.event_id,
                )
            ]
        )


class ShowAll:
    """A presenter that hides nothing."""

    def entry(self, entry: Mapping[str, Any]) -> Mapping[str, Any]:
        return entry

    def conversation(self, conversation: Mapping[str, Any]) -> Mapping[str, Any]:
        return conversation

    def state(self, state: Mapping[str, Any]) -> Mapping[str, Any]:
        return state


def token(
    user_id: str, *, session_id: str = "s", lives_s: float = 600, permissions: tuple[str, ...] = ("pf.messaging.view",)
) -> str:
    """Return a token of the little gateway."""
    now = time.time()
    claims = {
        "sub": user_id,
        "sid": session_id,
        "jti": new_id(),
        "org": ORGANISATION,
        "name": "Somebody",
        "aud": "staff",
    }
    return json.dumps(
        claims | {"permissions": permissions, "client_id": "test", "iat": int(now), "exp": int(now + lives_s)}
    )


def claims_of(text: str | None) -> Claims:
    """Return the claims of such a token."""
    try:
        claims = Claims.from_payload(orjson.loads(text or ""))
    except (ValueError, KeyError):
        raise Unauthenticated from None
    if claims.expires_at <= time.time():
        raise Unauthenticated
    return claims


def create_app() -> Flask:
    """Put the little gateway together and start it."""
    exchange = InProcessExchange()
    little = LittleConversations(exchange.publisher())
    auth = httpx.Client(base_url="http://auth", transport=httpx.MockTransport(_auth))
    service_token = ServiceToken(auth, client_id="staff-gateway", secret="s" * 16, clock=utc_now)
    changes = ChangeFeed(auth, service_token, clock=utc_now)
    doorkeeper = Doorkeeper(plane=Plane.STAFF, verify=claims_of, permission=Permission.VIEW)
    inside = httpx.WSGITransport(app=_conversations_app(little))
    realtime = Realtime(
        doorkeeper=doorkeeper,
        exchange=exchange,
        upstream=Upstream("http://conversations", service_token, transport=inside),
        changes=changes,
        presenter=ShowAll(),
        introduce=lambda claims, told: {**told, "permissions": sorted(claims.permissions)},
        timing=Timing(clock=utc_now, ticks=lambda: monotonic() + little.skipped_s),
        allowance=Allowance(sends_per_minute=1_000, sockets_per_user=3),
    )
    app = Flask("little_gateway")
    install_problems(app)
    app.register_blueprint(health_blueprint(Readiness()))
    background = Background()
    realtime.add_loops(background)

    @app.get("/messaging/live")
    @app.get("/messaging/live", websocket=True)
    def live() -> Response:
        shown = bearer_token(request) or ""
        return realtime.open(request, Credentials(claims=doorkeeper.admit(shown), access_token=shown))

    @app.get("/inside")
    def inside_of_it() -> Response:
        return Response(orjson.dumps(_held(realtime)))

    @app.post("/control/<what>")
    def control(what: str) -> Response:
        body = orjson.loads(request.data)
        if what == "members":
            little.members[body["conversation_id"]] = body["members"]
            little.entries.setdefault((body["conversation_id"], "shared"), [])
        elif what == "post":
            for _ in range(body.pop("times", 1)):
                little.post(body["user_id"], {**body, "client_message_id": new_id()})
        elif what == "revoke":
            for on_change in changes._listeners:  # noqa: SLF001 - the feed's loop does not run here
                on_change(Change.from_dict(body))
        else:
            setattr(little, what, body)
        told = {
            "marks": little.marks,
            "batches": little.batches,
            "skipped_s": little.skipped_s,
            "hanging": little.hanging,
        }
        return Response(orjson.dumps(told))

    return started(Composed(wsgi=app, background=background))


def _held(realtime: Realtime) -> dict[str, int]:
    """Return how much of everything the process holds that sockets might leave behind."""
    gc.collect()
    alive = gc.get_objects()
    hub = realtime._hub  # noqa: SLF001 - what is left behind shows nowhere else
    return {
        "sockets": len(hub),
        "users": len(hub._by_user),  # noqa: SLF001
        "sessions": len(hub._by_session),  # noqa: SLF001
        "greenlets": sum(isinstance(each, gevent.Greenlet) and not each.dead for each in alive),
        "connections": sum(isinstance(each, Connection) for each in alive),
        "objects": len(alive),
    }


def _conversations_app(little: LittleConversations) -> Flask:
    app = Flask("little_conversations")
    install_problems(app)

    @app.before_request
    def away() -> None:
        if little.away:
            raise Unavailable

    @app.post("/sends")
    def sends() -> dict[str, Any]:
        items = orjson.loads(request.data)["items"]
        little.batches.append(len(items))
        return {"results": [_result(little, item) for item in items]}

    @app.post("/marks")
    def marks() -> dict[str, Any]:
        items = orjson.loads(request.data)["items"]
        little.hanging += 1
        gevent.sleep(little.hangs_s)
        little.hanging -= 1
        little.marks += [{**item, "token": claims_of(item["token"]).user_id} for item in items]
        return {"results": [{"ok": True} for _ in items]}

    @app.post("/typing")
    def typing() -> Response:
        return Response(status=204)

    @app.post("/catch-up")
    def catch_up() -> dict[str, Any]:
        asked = orjson.loads(request.data)
        user_id = claims_of(request.headers.get("X-User-Token")).user_id
        me = {"user": {"id": user_id, "name": "Somebody", "kind": "staff"}, "unread_total": 0}
        return little.catch_up(user_id, asked["positions"], asked["unlisted"]) | {"me": me}

    return app


def _result(little: LittleConversations, item: dict[str, Any]) -> dict[str, Any]:
    try:
        return little.post(claims_of(item["token"]).user_id, item)
    except Problem as refused:
        return {"problem": refused.as_dict()}


def _auth(call: httpx.Request) -> httpx.Response:
    if call.url.path == "/auth/token":
        return httpx.Response(200, json={"access_token": "service", "expires_in": 600})
    return httpx.Response(200, json={"items": [], "position": 0})
