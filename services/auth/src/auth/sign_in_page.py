"""The authorization endpoint and its sign-in pages, one for staff, one for patients.

Wrong, unknown and locked look the same. The password is never shown again, the e-mail address is.
"""

import re
from typing import Any

from authlib.common.urls import add_params_to_uri
from authlib.oauth2.rfc6749 import InvalidRequestError, OAuth2Error
from flask import Response, request
from flask.typing import ResponseReturnValue

from auth.calls import Parts, SignedIn
from auth.clients import Client
from auth.demo import addresses
from auth.model import Kind
from auth.openid import Provider
from auth.paper import Paper, asked_again, cookie_of, redirected
from servicekit.clock import Clock
from wire import demo
from wire.claims import Plane

# What an error's description may hold (RFC 6749 section 4.1.2.1); Authlib puts some parameters into it.
_PLAIN = re.compile(r"[\x20-\x21\x23-\x5b\x5d-\x7e]{0,2000}")
_REPEATABLE_NOT = ("client_id", "redirect_uri", "response_type", "scope", "state", "nonce", "prompt", "max_age")
LONGEST = 2_000


class SignInPage:
    """Who are you? Answered by a remembered browser or by the form."""

    def __init__(self, provider: Provider, paper: Paper, clock: Clock) -> None:
        self._provider = provider
        self._parts: Parts = provider.parts
        self._paper = paper
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
                return self._form(client)
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
        if not self._paper.own_form():
            return self._form(client, email=email, error="stale")
        signed_in = self._checked(client, email)
        if signed_in is None:
            return self._form(client, email=email, error="wrong")
        found, cookie = signed_in
        answer = self._back(grant, found)
        self._paper.set_cookie(answer, cookie_of(found.account.plane), cookie)
        return answer

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
            return self._paper.page("auth_error", None, status=400, detail=error.description or error.error)
        told = [*error.get_body(), ("state", request.args.get("state"))]
        wanted = {name: value for name, value in told if value}
        return redirected(self._provider.with_issuer(add_params_to_uri(error.redirect_uri, list(wanted.items()))))

    def _form(self, client: Client, *, email: str = "", error: str = "") -> Response:
        return self._paper.page(
            "auth_sign_in",
            client,
            status=422 if error else 200,
            query=asked_again(),
            email=email,
            error=error,
            demo=addresses(_kind(client)) if self._paper.settings.demo else (),
            demo_password=demo.PASSWORD if self._paper.settings.demo else "",
        )


def _kind(client: Client) -> Kind:
    return Kind.PATIENT if client.plane is Plane.PORTAL else Kind.STAFF


def _login_required(redirect_uri: str) -> OAuth2Error:
    return OAuth2Error(error="login_required", description="Nobody is signed in.", redirect_uri=redirect_uri)
