"""A call to the provider as Authlib wants to see it, and what the provider stands on.

Parameters are taken from one place only: the query at the authorization endpoint, the form at all others. A password
in an address would end up in logs.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from authlib.oauth2.rfc6749 import OAuth2Request
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload
from flask import request
from werkzeug.datastructures import MultiDict

from auth.clients import Client
from auth.model import Account, Browser
from auth.service import Sessions, SignIn
from auth.tokens import Tokens

CLIENT_METHODS = ["client_secret_basic", "client_secret_post", "none"]
SECRET_METHODS = ["client_secret_basic", "client_secret_post"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """Who stands at the authorization endpoint, and since when."""

    account: Account
    browser: Browser


class Form(BasicOAuth2Payload):  # type: ignore[misc] # Authlib ships no types
    """The parameters of one call, from one place only."""

    def __init__(self, values: MultiDict[str, str]) -> None:
        super().__init__(values)
        self._datalist = dict(values.lists())


class Call(OAuth2Request):  # type: ignore[misc] # Authlib ships no types
    """A call as Authlib wants it.

    Whether it came over TLS is the edge's business: inside, services call each other in plain http.
    """

    def __init__(self, values: MultiDict[str, str]) -> None:
        super().__init__(request.method, f"https://auth{request.path}", headers=request.headers)
        self._values = values
        self.payload = Form(values)

    @property
    def args(self) -> MultiDict[str, str]:
        return self._values

    @property
    def form(self) -> MultiDict[str, str]:
        return self._values


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What the provider stands on."""

    clients: Mapping[str, Client]
    sign_in: SignIn
    sessions: Sessions
    tokens: Tokens
