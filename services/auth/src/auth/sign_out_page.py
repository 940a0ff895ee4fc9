"""Signing out at auth itself (OpenID Connect RP-Initiated Logout 1.0): a link alone signs nobody out."""

from collections.abc import Sequence
from typing import Any

from authlib.common.urls import add_params_to_uri
from flask import Response, request
from flask.typing import ResponseReturnValue

from auth.calls import Parts
from auth.clients import Client
from auth.model import Browser
from auth.paper import PATH, Paper, asked_again, cookie_of, redirected
from wire.claims import Plane


class SignOutPage:
    """Asks, unless the id token of this very sign-in is shown; then ends the sign-in and its sessions."""

    def __init__(self, parts: Parts, paper: Paper) -> None:
        self._parts = parts
        self._paper = paper

    def logout(self) -> ResponseReturnValue:
        """Sign out at once where an id token of this very sign-in is shown, else ask (RP-Initiated Logout 2)."""
        hint = self._parts.tokens.read(request.args.get("id_token_hint", ""), ended_too=True) or {}
        client = self._leaving_client(hint)
        signed_in = self._signed_in_on(_planes(client))
        if signed_in and not any(self._belongs(hint, browser) for browser in signed_in):
            return self._paper.page("auth_sign_out", client, query=asked_again())
        return self._leave(client)

    def sign_out(self) -> ResponseReturnValue:
        """Sign out because a person pressed the button."""
        hint = self._parts.tokens.read(request.args.get("id_token_hint", ""), ended_too=True) or {}
        client = self._leaving_client(hint)
        if not self._paper.own_form():
            return self._paper.page("auth_sign_out", client, query=asked_again())
        return self._leave(client)

    def _leaving_client(self, hint: dict[str, Any]) -> Client | None:
        return self._parts.clients.get(str(request.args.get("client_id") or hint.get("aud") or ""))

    def _signed_in_on(self, planes: Sequence[Plane]) -> list[Browser]:
        cookies = {plane: request.cookies.get(cookie_of(plane), "") for plane in planes}
        found = [self._parts.sign_in.remembered(cookie, plane) for plane, cookie in cookies.items() if cookie]
        return [one[1] for one in found if one is not None]

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
            answer = redirected(add_params_to_uri(wanted, {"state": state}) if state else wanted)
        else:
            answer = self._paper.page("auth_signed_out", client)
        for plane in _planes(client):
            answer.delete_cookie(cookie_of(plane), path=PATH, httponly=True, samesite="Lax")
        return answer


def _planes(client: Client | None) -> tuple[Plane, ...]:
    return (client.plane,) if client is not None and client.plane is not None else tuple(Plane)
