"""The sign-in service on a desk of its own: SQLite, a clock that tests move, nobody else in the room."""

import base64
import hashlib
import html
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from flask.testing import FlaskClient
from joserfc import jwt
from joserfc.jwk import KeySet
from werkzeug.test import TestResponse

from auth.app import compose, prepare
from auth.settings import Settings
from servicekit.inprocess import InProcessExchange
from wire.demo import PASSWORD

ORIGIN = "http://localhost:8080"
ISSUER = f"{ORIGIN}/auth"
SECRETS = {
    "staff-gateway": "staff-gateway-secret",
    "portal-gateway": "portal-gateway-secret",
    "conversations": "conversations-secret",
}
BEGIN = datetime(2026, 11, 22, 8, 0, 0, tzinfo=UTC)
VERIFIER = "a-verifier-that-only-this-browser-knows-0123456789"
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")
CALLBACKS = {"staff-gateway": f"{ORIGIN}/messaging/callback", "portal-gateway": f"{ORIGIN}/portal/callback"}


class TestClock:
    """A clock that stands still until it is moved."""

    __test__ = False

    def __init__(self) -> None:
        self.now = BEGIN

    def __call__(self) -> datetime:
        return self.now

    def passes(self, **time: float) -> None:
        """Let time pass."""
        self.now += timedelta(**time)


def settings(database: Path, **other: Any) -> Settings:  # noqa: ANN401 - any setting
    """Return the settings of a demo run with this database."""
    told: dict[str, Any] = {
        "public_origin": ORIGIN,
        "database_url": f"sqlite:///{database}",
        "secret": "the secret of this test desk only, no other",
        "staff_gateway_secret": SECRETS["staff-gateway"],
        "portal_gateway_secret": SECRETS["portal-gateway"],
        "conversations_secret": SECRETS["conversations"],
        "password_grant": True,
        "demo": True,
    }
    return Settings(**told | other)


def prepared(database: Path) -> Path:
    """Make a database with the demo's people in it."""
    prepare(settings(database), clock=TestClock())
    return database


class Desk:
    """The service, its clock, and how often it hashed a password."""

    def __init__(self, database: Path, **other: Any) -> None:  # noqa: ANN401 - any setting
        self.clock = TestClock()
        self.hashed = 0
        self.exchange = InProcessExchange()
        self.settings = settings(database, **other)
        self.composed = compose(self.settings, exchange=self.exchange, clock=self.clock, offload=self._offload)
        self.http = self.browser()

    def browser(self) -> FlaskClient:
        """Return a browser without cookies."""
        return self.composed.wsgi.test_client()

    def token(self, *, client: str | None = None, **form: str) -> TestResponse:
        """Call the token endpoint, as a confidential client where one is named."""
        return self.http.post("/auth/token", data=form, auth=(client, SECRETS[client]) if client else None)

    def password(self, email: str, password: str = PASSWORD, audience: str = "staff") -> TestResponse:
        """Ask for tokens by password."""
        who = {"username": email, "password": password, "audience": audience}
        return self.token(grant_type="password", client_id="messages-cli", **who)

    def signed_in(self, email: str, audience: str = "staff") -> dict[str, Any]:
        """Return the tokens of somebody who signed in by password."""
        answer = self.password(email, audience=audience)
        assert answer.status_code == 200, answer.text
        return body(answer)

    def refresh(self, refresh_token: str, client: str | None = None) -> TestResponse:
        """Continue a session."""
        public = {} if client else {"client_id": "messages-cli"}
        return self.token(client=client, grant_type="refresh_token", refresh_token=refresh_token, **public)

    def service_token(self, client: str = "conversations") -> str:
        """Return the token with which a service calls the inside doors."""
        return str(body(self.token(client=client, grant_type="client_credentials"))["access_token"])

    def inside(self, path: str, client: str = "conversations") -> Any:  # noqa: ANN401 - JSON
        """Read an inside door."""
        return body(self.http.get(path, headers=bearer(self.service_token(client))))

    def changes(self, after: int | None = None) -> list[dict[str, Any]]:
        """Return the log of changes after a position."""
        return list(self.inside("/inside/changes" + ("" if after is None else f"?after={after}"))["items"])

    def head(self) -> int:
        """Return the position of the newest change."""
        return int(self.inside("/inside/changes")["position"])

    def claims(self, token: str) -> dict[str, Any]:
        """Return what a token says, its signature checked against the published keys."""
        published: Any = body(self.http.get("/auth/jwks.json"))
        keys = KeySet.import_key_set(published)
        return dict(jwt.decode(token, keys, algorithms=["ES256"]).claims)

    def api(self, method: str, path: str, token: str, **more: Any) -> TestResponse:  # noqa: ANN401 - JSON
        """Call the administration."""
        return self.http.open(f"/auth/api{path}", method=method, headers=bearer(token), **more)

    def ask(self, browser: FlaskClient, client: str = "staff-gateway", **other: str | None) -> TestResponse:
        """Send a browser to the authorization endpoint; a parameter that is None is left out."""
        return browser.get("/auth/authorize", base_url=ORIGIN, query_string=asked(client, **other))

    def sign_in(
        self, browser: FlaskClient, email: str, password: str = PASSWORD, client: str = "staff-gateway", **other: str
    ) -> TestResponse:
        """Open the sign-in page and send its form."""
        return self.submit(browser, self.ask(browser, client, **other), email, password)

    def submit(self, browser: FlaskClient, page: TestResponse, email: str, password: str = PASSWORD) -> TestResponse:
        """Send a sign-in page's form as the browser would."""
        form = {"form_seal": seal(page), "email": email, "password": password}
        return browser.post(action(page), base_url=ORIGIN, data=form, headers={"Origin": ORIGIN})

    def redeem(self, code: str, client: str = "staff-gateway", **other: str) -> TestResponse:
        """Change a code into tokens."""
        form = {"code": code, "code_verifier": VERIFIER, "redirect_uri": CALLBACKS[client]}
        return self.token(client=client, grant_type="authorization_code", **form | other)

    def gateway_session(self, email: str, client: str = "staff-gateway") -> tuple[FlaskClient, dict[str, Any]]:
        """Return a browser that signed in through a gateway, and the gateway's tokens."""
        browser = self.browser()
        sent_back = self.sign_in(browser, email, client=client, scope="openid profile")
        return browser, body(self.redeem(code_in(sent_back), client))

    def _offload(self, work: Callable[[], str | bool]) -> str | bool:
        self.hashed += 1
        return work()


def asked(client: str = "staff-gateway", **other: str | None) -> dict[str, str]:
    """Return the parameters of an authorization request."""
    usual: dict[str, str | None] = {
        "response_type": "code",
        "client_id": client,
        "redirect_uri": CALLBACKS[client],
        "scope": "openid profile",
        "state": "the state",
        "nonce": "the nonce",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
    }
    return {name: value for name, value in (usual | other).items() if value is not None}


def body(answer: TestResponse) -> dict[str, Any]:
    """Return a JSON object that was answered."""
    found = answer.get_json()
    assert isinstance(found, dict), answer.text
    return found


def bearer(token: str) -> dict[str, str]:
    """Return the header that shows a token."""
    return {"Authorization": f"Bearer {token}"}


def seal(page: TestResponse) -> str:
    """Return the seal inside a page's form."""
    found = re.search(r'name="form_seal" value="([^"]+)"', page.text)
    assert found, page.text
    return found[1]


def action(page: TestResponse) -> str:
    """Return where a page's form goes."""
    found = re.search(r'<form method="post" action="([^"]+)"', page.text)
    assert found, page.text
    return html.unescape(found[1])


def told(answer: TestResponse) -> dict[str, str]:
    """Return the parameters with which a browser is sent back."""
    assert answer.status_code == 303, answer.text
    return {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["Location"]).query).items()}


def code_in(answer: TestResponse) -> str:
    """Return the code with which a browser is sent back."""
    return told(answer)["code"]
