"""The pages of auth: sign in as staff, sign in as a patient, sign out, and a page for a link that cannot work.

- A form is taken only with the seal that belongs to this browser's form cookie, and from our own origin.
- Wrong, unknown and locked look the same. The password is never shown again, the e-mail address is.
- No script, no inline style; nothing may frame these pages.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from authlib.common.urls import add_params_to_uri
from authlib.oauth2.rfc6749 import InvalidRequestError, OAuth2Error
from flask import Blueprint, Response, make_response, redirect, render_template, request
from flask.typing import ResponseReturnValue

from auth.calls import Parts, SignedIn
from auth.clients import Client
from auth.demo import addresses
from auth.model import Account, Browser, Kind
from auth.openid import AUTHORIZE, Provider
from auth.seals import new_token, stamp, stamped
from auth.texts import LANGUAGES, TEXTS
from servicekit.clock import Clock
from wire import demo
from wire.claims import Plane

FORM_COOKIE = "auth_form"
PATH = "/auth"
_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
HEADERS = {
    "Content-Security-Policy": _POLICY,
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "DENY",
}
# What an error's description may hold (RFC 6749 section 4.1.2.1); Authlib puts some parameters into it.
_PLAIN = re.compile(r"[\x20-\x21\x23-\x5b\x5d-\x7e]{0,2000}")
_REPEATABLE_NOT = ("client_id", "redirect_uri", "response_type", "scope", "state", "nonce", "prompt", "max_age")
LONGEST = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class PageSettings:
    """What the pages need to know of the configuration."""

    public_origin: str
    secure: bool
    demo: bool
    form_key: bytes = field(repr=False)


def cookie_of(plane: Plane) -> str:
    """Return the name of the cookie that remembers a sign-in on that plane."""
    return f"auth_{plane}"


def pages(provider: Provider, settings: PageSettings, clock: Clock) -> Blueprint:
    """Return the doors of the pages."""
    doors = Blueprint("pages", __name__)
    view = _Pages(provider, settings, clock)
    doors.add_url_rule(AUTHORIZE, "authorize", view.authorize, methods=["GET"])
    doors.add_url_rule(AUTHORIZE, "sign_in", view.sign_in, methods=["POST"])
    doors.add_url_rule("/auth/logout", "logout", view.logout, methods=["GET"])
    doors.add_url_rule("/auth/logout", "sign_out", view.sign_out, methods=["POST"])

    @doors.after_request
    def guard(answer: Response) -> Response:
        answer.headers.extend({name: value for name, value in HEADERS.items() if name not in answer.headers})
        return answer

    return doors


class _Pages:
    """The four doors; everything they know comes in through the constructor."""

    def __init__(self, provider: Provider, settings: PageSettings, clock: Clock) -> None:
        self._provider = provider
        self._parts: Parts = provider.parts
        self._settings = settings
        self._clock = clock

    def authorize(self) -> ResponseReturnValue:
        """Ask who it is, unless this browser has told before; then send the browser back with a code."""
        try:
            client = self._client()
            known = self._remembered(client)
            grant = self._provider.get_consent_grant(end_user=known)
            if grant.prompt == "login" or known is None or self._too_long_ago(known):
                if request.args.get("prompt") == "none":
                    return self._refused(_login_required(grant.redirect_uri))
                return self._sign_in_page(client)
        except OAuth2Error as error:
            return self._refused(error)
        return self._back(grant, known)

    def sign_in(self) -> ResponseReturnValue:
        """Check the form; send the browser back with a code, or show the page again."""
        try:
            client = self._client()
            grant = self._provider.get_consent_grant(end_user=None)
        except OAuth2Error as error:
            return self._refused(error)
        email = request.form.get("email", "")[:254]
        if not self._own_form():
            return self._sign_in_page(client, email=email, error="stale")
        signed_in = self._checked(client, email)
        if signed_in is None:
            return self._sign_in_page(client, email=email, error="wrong")
        found, cookie = signed_in
        answer = self._back(grant, found)
        self._set_cookie(answer, cookie_of(found.account.plane), cookie)
        return answer

    def logout(self) -> ResponseReturnValue:
        """Sign out at once where an id token of this very sign-in is shown, else ask (RP-Initiated Logout 2)."""
        hint = self._parts.tokens.read(request.args.get("id_token_hint", ""), ended_too=True) or {}
        client = self._leaving_client(hint)
        signed_in = self._signed_in_on(_planes(client))
        if signed_in and not any(self._belongs(hint, browser) for _, browser in signed_in):
            return self._page("auth_sign_out", client, query=request.query_string.decode("ascii", "replace"))
        return self._leave(client)

    def sign_out(self) -> ResponseReturnValue:
        """Sign out because a person pressed the button."""
        hint = self._parts.tokens.read(request.args.get("id_token_hint", ""), ended_too=True) or {}
        client = self._leaving_client(hint)
        if not self._own_form():
            return self._page("auth_sign_out", client, query=request.query_string.decode("ascii", "replace"))
        return self._leave(client)

    def _client(self) -> Client:
        """Return the client that sent the browser here; what cannot even be answered by a redirect is refused."""
        asked = request.args
        for name in ("client_id", "redirect_uri", "response_type", "scope"):
            if not _PLAIN.fullmatch(asked.get(name, "")):
                raise InvalidRequestError(f"Unusable '{name}' in request.")
        if any(len(asked.getlist(name)) > 1 for name in _REPEATABLE_NOT):
            raise InvalidRequestError("A parameter came more than once.")
        client = self._parts.clients.get(asked.get("client_id", ""))
        if client is None or client.plane is None:
            raise InvalidRequestError("Unknown 'client_id' in request.")
        if not client.check_redirect_uri(asked.get("redirect_uri", "")):
            raise InvalidRequestError("Unknown 'redirect_uri' in request.")
        if any(len(value) > LONGEST or not value.isprintable() for value in asked.values()):
            raise InvalidRequestError("Unusable parameter in request.", redirect_uri=asked["redirect_uri"])
        return client

    def _remembered(self, client: Client) -> SignedIn | None:
        if client.plane is None:
            return None
        cookie = request.cookies.get(cookie_of(client.plane), "")
        found = self._parts.sign_in.remembered(cookie, client.plane) if cookie else None
        return SignedIn(account=found[0], browser=found[1]) if found else None

    def _too_long_ago(self, known: SignedIn) -> bool:
        asked = request.args.get("max_age", "")
        if not (asked.isascii() and asked.isdigit()):
            return False
        return (self._clock() - known.browser.signed_in_at).total_seconds() > int(asked[:9])

    def _checked(self, client: Client, email: str) -> tuple[SignedIn, str] | None:
        password = request.form.get("password", "")
        account = self._parts.sign_in.check(email, password, client.plane or Plane.STAFF)
        remembered = self._parts.sign_in.remember(account) if account else None
        if account is None or remembered is None:
            return None
        browser, cookie = remembered
        return SignedIn(account=account, browser=browser), cookie

    def _back(self, grant: Any, known: SignedIn) -> Response:  # noqa: ANN401 - Authlib ships no types
        answer = self._provider.create_authorization_response(grant.request, grant_user=known, grant=grant)
        answer.headers["Location"] = self._provider.with_issuer(answer.headers["Location"])
        return answer  # type: ignore[no-any-return] # Authlib ships no types

    def _refused(self, error: OAuth2Error) -> Response:
        """Send an error back to the client, or show it where there is nowhere safe to send it."""
        if not error.redirect_uri:
            return self._page("auth_error", None, status=400, detail=error.description or error.error)
        told = [*error.get_body(), ("state", request.args.get("state"))]
        wanted = {name: value for name, value in told if value}
        return _redirect(self._provider.with_issuer(add_params_to_uri(error.redirect_uri, list(wanted.items()))))

    def _sign_in_page(self, client: Client, *, email: str = "", error: str = "") -> Response:
        return self._page(
            "auth_sign_in",
            client,
            status=422 if error else 200,
            query=request.query_string.decode("ascii", "replace"),
            email=email,
            error=error,
            demo=addresses(_kind(client)) if self._settings.demo else (),
            demo_password=demo.PASSWORD if self._settings.demo else "",
        )

    def _page(self, name: str, client: Client | None, *, status: int = 200, **more: object) -> Response:
        language = request.accept_languages.best_match(LANGUAGES) or LANGUAGES[0]
        cookie = request.cookies.get(FORM_COOKIE) or new_token()
        page = render_template(
            f"{name}.html",
            t=TEXTS[language],
            language=language,
            plane=str(client.plane) if client else "",
            seal=stamp(self._settings.form_key, cookie),
            **more,
        )
        answer = make_response(page, status)
        self._set_cookie(answer, FORM_COOKIE, cookie)
        return answer

    def _set_cookie(self, answer: Response, name: str, value: str) -> None:
        answer.set_cookie(name, value, path=PATH, httponly=True, samesite="Lax", secure=self._settings.secure)

    def _own_form(self) -> bool:
        cookie = request.cookies.get(FORM_COOKIE, "")
        origin = request.headers.get("Origin")
        ours = origin is None or origin in _own_origins(self._settings.public_origin)
        return ours and bool(cookie) and stamped(self._settings.form_key, cookie, request.form.get("form_seal", ""))

    def _leaving_client(self, hint: dict[str, Any]) -> Client | None:
        return self._parts.clients.get(str(request.args.get("client_id") or hint.get("aud") or ""))

    def _signed_in_on(self, planes: Sequence[Plane]) -> list[tuple[Account, Browser]]:
        cookies = {plane: request.cookies.get(cookie_of(plane), "") for plane in planes}
        found = [self._parts.sign_in.remembered(cookie, plane) for plane, cookie in cookies.items() if cookie]
        return [one for one in found if one is not None]

    def _belongs(self, hint: dict[str, Any], browser: Browser) -> bool:
        session = self._parts.sessions.by_id(hint["sid"]) if "sid" in hint else None
        return session is not None and session.browser_id == browser.id

    def _leave(self, client: Client | None) -> Response:
        for plane in _planes(client):
            cookie = request.cookies.get(cookie_of(plane), "")
            if cookie:
                self._parts.sign_in.forget(cookie, plane)
        wanted = request.args.get("post_logout_redirect_uri", "")
        if client is not None and wanted in client.after_logout:
            state = request.args.get("state")
            answer = _redirect(add_params_to_uri(wanted, {"state": state}) if state else wanted)
        else:
            answer = self._page("auth_signed_out", client)
        for plane in _planes(client):
            answer.delete_cookie(cookie_of(plane), path=PATH, httponly=True, samesite="Lax")
        return answer


def _planes(client: Client | None) -> tuple[Plane, ...]:
    return (client.plane,) if client is not None and client.plane is not None else tuple(Plane)


def _kind(client: Client) -> Kind:
    return Kind.PATIENT if client.plane is Plane.PORTAL else Kind.STAFF


def _redirect(location: str) -> Response:
    return make_response(redirect(location, code=303))


def _login_required(redirect_uri: str) -> OAuth2Error:
    return OAuth2Error(error="login_required", description="Nobody is signed in.", redirect_uri=redirect_uri)


def _own_origins(public_origin: str) -> tuple[str, ...]:
    """Return the origins a form may come from: on a developer's machine localhost has a twin."""
    scheme, _, host = public_origin.partition("://")
    name, _, port = host.partition(":")
    if name != "localhost":
        return (public_origin,)
    return (public_origin, f"{scheme}://127.0.0.1{':' if port else ''}{port}")
