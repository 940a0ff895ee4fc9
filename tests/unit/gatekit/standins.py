"""Small real stand-ins for the services behind a gateway: an issuer with its own keys, a conversations that notes.

Both answer through httpx.MockTransport, so everything of ours runs as it does in production.
"""

import base64
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import orjson
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

from gatekit.settings import GateSettings
from wire import samples
from wire.claims import Plane
from wire.demo import ADA, HARBOR, NORA, PATIENT_ADA
from wire.ids import SessionId, new_id
from wire.permissions import Permission

ORIGIN = "http://localhost:8080"
ISSUER = f"{ORIGIN}/auth"
CONVERSATION = "01930000-0000-7000-8000-00000000c001"
MESSAGE = "01930000-0000-7000-8000-00000000e001"
SETTINGS = GateSettings(
    public_origin=ORIGIN,
    auth_url="http://auth:8000",
    conversations_url="http://conversations:8000",
    gateway_secret="a gateway's secret",
    session_secret="a secret that seals every cookie",
)
NURSE = frozenset({Permission.VIEW, Permission.CREATE_GROUP})


class TestClock:
    """A clock that stands still until it is moved."""

    __test__ = False

    def __init__(self) -> None:
        self.moment = datetime(2026, 11, 22, 8, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.moment

    def forward(self, **by: float) -> None:
        """Let time pass."""
        self.moment += timedelta(**by)


@dataclass(kw_only=True)
class Person:
    """Somebody signed in at the stand-in issuer."""

    plane: Plane
    user_id: str
    permissions: frozenset[str] = frozenset()
    session_id: str = field(default_factory=new_id)
    alive: bool = True


def nora(permissions: frozenset[str] = NURSE) -> Person:
    """Return a nurse."""
    return Person(plane=Plane.STAFF, user_id=NORA, permissions=permissions)


def ada() -> Person:
    """Return a patient."""
    return Person(plane=Plane.PORTAL, user_id=ADA)


class StandInAuth:
    """Issues real tokens; counts what was asked of it."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self.clock = clock
        self.key = ECKey.generate_key("P-256", {"kid": "k1", "use": "sig"})
        self.away = False
        self.codes: dict[str, tuple[Person, dict[str, str]]] = {}
        self.people: dict[str, Person] = {}
        self.revoked: list[str] = []
        self.refreshes = 0
        self.changes: list[dict[str, Any]] = []
        self.bend: Callable[[dict[str, Any]], dict[str, Any]] = lambda answer: answer
        self.transport = httpx.MockTransport(self.answer)

    def signs_in(self, address: str, person: Person) -> str:
        """Do what the issuer's page does with a browser sent to `address`: return where it is sent back to."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        assert asked["response_type"] == "code"
        assert asked["code_challenge_method"] == "S256"
        code = new_id()
        self.codes[code] = (person, asked)
        back = urlencode({"code": code, "state": asked["state"], "iss": ISSUER})
        return f"{urlsplit(asked['redirect_uri']).path}?{back}"

    def access_token(self, person: Person, **other: Any) -> str:  # noqa: ANN401 - any claim
        """Return an access token, `other` claims replacing the right ones."""
        now = int(self.clock().timestamp())
        claims = {
            "iss": ISSUER,
            "sub": person.user_id,
            "sid": person.session_id,
            "jti": new_id(),
            "iat": now,
            "exp": now + 600,
            "client_id": f"{person.plane}-gateway",
            "aud": str(person.plane),
            "org": HARBOR,
            "name": "Canary Lindqvist",
        }
        extra = (
            {"permissions": sorted(person.permissions)} if person.plane is Plane.STAFF else {"patients": [PATIENT_ADA]}
        )
        return self.signed(claims | extra | other, "at+jwt")

    def signed(self, claims: Mapping[str, Any], kind: str) -> str:
        """Return a token of our key."""
        return jwt.encode({"alg": "ES256", "kid": "k1", "typ": kind}, dict(claims), self.key)

    def answer(self, call: httpx.Request) -> httpx.Response:
        """Answer as auth does."""
        if self.away:
            raise httpx.ConnectError("auth is away")
        if call.url.path == "/auth/jwks.json":
            return httpx.Response(200, json=KeySet([self.key]).as_dict(private=False))
        if call.url.path == "/inside/changes":
            return httpx.Response(200, json={"items": self.changes, "position": len(self.changes)})
        form = {name: values[0] for name, values in parse_qs(call.content.decode()).items()}
        shown = base64.b64decode(call.headers.get("Authorization", "Basic Og==").split()[1]).decode()
        if shown.partition(":")[2] != SETTINGS.gateway_secret:
            return httpx.Response(401, json={"error": "invalid_client"})
        if call.url.path == "/auth/revoke":
            self.revoked.append(form["token"])
            self.people[form["token"]].alive = False
            return httpx.Response(200)
        return getattr(self, f"_{form['grant_type']}")(form)  # type: ignore[no-any-return] # by the grant's name

    def _client_credentials(self, _form: Mapping[str, str]) -> httpx.Response:
        return httpx.Response(200, json={"access_token": "service-token", "token_type": "Bearer", "expires_in": 600})

    def _authorization_code(self, form: Mapping[str, str]) -> httpx.Response:
        found = self.codes.pop(form["code"], None)
        if found is None or not _proves(form["code_verifier"], found[1]["code_challenge"]):
            return httpx.Response(400, json={"error": "invalid_grant"})
        person, asked = found
        refresh_token = f"refresh-{new_id()}"
        self.people[refresh_token] = person
        id_token = {
            "iss": ISSUER,
            "sub": person.user_id,
            "aud": asked["client_id"],
            "exp": int(self.clock().timestamp()) + 600,
            "nonce": asked["nonce"],
        }
        answer = {
            "access_token": self.access_token(person),
            "refresh_token": refresh_token,
            "id_token": self.signed(self.bend(id_token), "JWT"),
            "token_type": "Bearer",
            "expires_in": 600,
        }
        return httpx.Response(200, json=answer)

    def _refresh_token(self, form: Mapping[str, str]) -> httpx.Response:
        self.refreshes += 1
        person = self.people.get(form["refresh_token"])
        if person is None or not person.alive:
            return httpx.Response(400, json={"error": "invalid_grant"})
        return httpx.Response(200, json={"access_token": self.access_token(person), "expires_in": 600})


@dataclass(frozen=True, kw_only=True)
class Noted:
    """A call that reached conversations."""

    method: str
    path: str
    query: dict[str, str]
    body: Any
    headers: dict[str, str]
    service_token: str | None
    user_token: str | None


class StandInConversations:
    """Answers with the golden samples, or with what a test puts in their place; notes every call."""

    def __init__(self) -> None:
        self.away = False
        self.calls: list[Noted] = []
        self.replace: dict[tuple[str, str], Callable[[Noted], httpx.Response]] = {}
        self.refused_tokens: set[str] = set()
        self.transport = httpx.MockTransport(self.answer)

    def answers(self, method: str, path: str, body: Any, status: int = 200) -> None:  # noqa: ANN401 - JSON
        """Answer this call with that."""
        self.replace[method, path] = lambda _call: httpx.Response(status, json=body)

    def refuses(self, method: str, path: str, problem: Mapping[str, Any]) -> None:
        """Refuse this call with a problem."""
        self.replace[method, path] = lambda _call: httpx.Response(problem["status"], json=problem)

    def answer(self, call: httpx.Request) -> httpx.Response:
        """Note the call and answer it."""
        if self.away:
            raise httpx.ConnectError("conversations is away")
        noted = Noted(
            method=call.method,
            path=call.url.path,
            query=dict(call.url.params),
            body=_body(call),
            headers=dict(call.headers),
            service_token=call.headers.get("Authorization"),
            user_token=call.headers.get("X-User-Token"),
        )
        if noted.path == "/readyz":
            return httpx.Response(200, json={})
        self.calls.append(noted)
        if noted.user_token in self.refused_tokens:
            return httpx.Response(
                401, json={"code": "unauthenticated", "status": 401, "detail": "The token was revoked."}
            )
        replaced = self.replace.get((noted.method, noted.path))
        return replaced(noted) if replaced else self._sample(noted)

    def _sample(self, call: Noted) -> httpx.Response:  # noqa: PLR0911 - one for each kind of call
        plane = "portal" if call.user_token and '"aud":"portal"' in _payload(call.user_token) else "staff"
        conversation = samples.load("bodies")[f"Conversation.{plane}"]
        entry = samples.load("entries")["message.posted"]
        if call.path == "/sends":
            results = [self._stored(item, entry) for item in call.body["items"]]
            return httpx.Response(200, json={"results": results})
        if call.path == "/marks":
            return httpx.Response(200, json={"results": [{"ok": True} for _ in call.body["items"]]})
        if call.path == "/me":
            return httpx.Response(200, json=samples.load("bodies")["PortalMe" if plane == "portal" else "Me"])
        if call.path == "/conversations":
            page = {"items": [conversation], "next_cursor": None}
            return httpx.Response(200, json=page) if call.method == "GET" else httpx.Response(201, json=conversation)
        if call.path.startswith("/attachments"):
            return self._file(call)
        for end, body in (
            ("/files", samples.load("bodies")["FilePage.staff"]),
            ("/timeline", {"items": [entry], "head": entry["seq"], "has_more": False}),
            ("/search", samples.load("bodies")["FoundPage.staff"]),
            ("/history", samples.load("bodies")["History"]),
            ("/directory", samples.load("bodies")["Directory"]),
            ("/receipts", samples.load("bodies")["Receipts"]),
            ("/reminder", samples.load("bodies")["Reminded"]),
            ("/patient", samples.load("bodies")["Patient"]),
            (
                "/preferences",
                samples.load("bodies")["Preferences" if call.method == "GET" else "Preference"],
            ),
            ("/drafts", samples.load("bodies")["Drafts"]),
        ):
            if call.path.endswith(end):
                return httpx.Response(200, json=body)
        return httpx.Response(200, json=entry if call.path.startswith("/messages/") else conversation)

    def _file(self, call: Noted) -> httpx.Response:
        if call.method == "POST":
            return httpx.Response(201, json=samples.load("bodies")["Attachment.staff"])
        if call.method == "DELETE":
            return httpx.Response(204)
        told = {
            "ETag": '"1"',
            "Content-Type": "application/pdf",
            "Cache-Control": "private, no-cache",
            "X-Inside": "ours",
        }
        return httpx.Response(200, headers=told, content=b"%PDF-1.7 the bytes")

    def _stored(self, item: Mapping[str, Any], entry: Mapping[str, Any]) -> dict[str, Any]:
        if item["token"] in self.refused_tokens:
            return {"problem": {"code": "unauthenticated", "status": 401}}
        message = dict(entry["message"]) | {"client_message_id": item["client_message_id"], "body": item["body"]}
        return {"status": 201, "entry": dict(entry) | {"message": message, "stream": item["stream"]}}


def session_of(person: Person) -> SessionId:
    """Return the id of somebody's session."""
    return SessionId(person.session_id)


def _proves(verifier: str, challenge: str) -> bool:
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == challenge


def _body(call: httpx.Request) -> Any:  # noqa: ANN401 - JSON, or the bytes of a file
    if call.headers.get("Content-Type") == "application/octet-stream":
        return call.content
    return orjson.loads(call.content) if call.content else None


def _payload(token: str) -> str:
    part = token.split(".")[1]
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)).decode()
