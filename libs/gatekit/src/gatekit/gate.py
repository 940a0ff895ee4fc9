"""A plane's gate, put together: who comes in, how they sign in, and the pages and calls behind it.

Nothing here connects; the loops that follow auth's changes and repeat farewells are added to `background`.
"""

from collections.abc import Mapping
from typing import Final

import httpx
from flask import Flask

from gatekit.access import AccessTokens
from gatekit.addresses import Addresses
from gatekit.api import Calls, install_api
from gatekit.asyncapi import LiveDocument, Spoken
from gatekit.callers import Callers
from gatekit.conversations import Conversations
from gatekit.farewells import Farewells
from gatekit.files import Files
from gatekit.headers import install_headers
from gatekit.identity import IdentityTokens
from gatekit.issuer import Issuer
from gatekit.origins import Origins
from gatekit.pages import pages_blueprint
from gatekit.refusals import install_refusals
from gatekit.sessions import SessionCookie
from gatekit.settings import GateSettings
from gatekit.signin import AttemptCookies, SignIn, signin_blueprint
from servicekit.background import Background
from servicekit.changes import ChangeFeed
from servicekit.clock import Clock
from servicekit.health import Readiness, health_blueprint
from servicekit.http import client
from servicekit.shares import Shares
from servicekit.tokens import KeySource, ServiceToken, Verifier
from wire.permissions import Permission

_READY: Final = "/readyz"
_READY_WITHIN_S: Final = 1.5
"""Seconds; less than our own readiness may take."""


class Gate:
    """Everything both gateways' doors stand on; the gateway adds its calls and its socket."""

    def __init__(
        self,
        addresses: Addresses,
        settings: GateSettings,
        *,
        permission: Permission | None,
        clock: Clock,
        transports: Mapping[str, httpx.BaseTransport],
    ) -> None:
        """Wire the gate of one plane; `transports` ("auth", "conversations") replace the network where given."""
        client_id = f"{addresses.plane}-gateway"
        auth = client(settings.auth_url, transport=transports.get("auth"))
        conversations = client(settings.conversations_url, transport=transports.get("conversations"))
        keys = KeySource(auth, clock)
        origins = Origins(settings.public_origin)
        issuer = Issuer(
            auth,
            public=settings.issuer,
            client_id=client_id,
            secret=settings.gateway_secret,
            callback=settings.public_origin + addresses.callback,
        )
        cookie = SessionCookie(
            plane=addresses.plane,
            path=addresses.root,
            secret=settings.session_secret,
            secure=origins.secure,
            clock=clock,
        )
        self.addresses = addresses
        self.origins = origins
        self.service_token = ServiceToken(auth, client_id=client_id, secret=settings.gateway_secret, clock=clock)
        self.changes = ChangeFeed(auth, self.service_token, clock=clock)
        self.verifier = Verifier(issuer=settings.issuer, keys=keys, revocations=self.changes.revocations, clock=clock)
        self.access = AccessTokens(issuer, lambda token: self.verifier.user(token, addresses.plane), clock)
        self.callers = Callers(
            plane=addresses.plane,
            permission=permission,
            verifier=self.verifier,
            cookie=cookie,
            access=self.access,
            origins=origins,
            share=Shares(settings.calls_per_minute),
        )
        self._probe = conversations
        self.conversations = Conversations(conversations, service_token=self.service_token, callers=self.callers)
        self.files = Files(
            conversations,
            service_token=self.service_token,
            callers=self.callers,
            share=Shares(settings.uploads_per_minute),
        )
        self.farewells = Farewells(issuer)
        self.sign_in = SignIn(
            addresses,
            issuer=issuer,
            identity=IdentityTokens(keys, issuer=settings.issuer, client_id=client_id, clock=clock),
            attempts=AttemptCookies(addresses, secret=settings.session_secret, secure=origins.secure, clock=clock),
            callers=self.callers,
            access=self.access,
            farewells=self.farewells,
        )
        self.readiness = Readiness()
        self.readiness.add("auth keys", keys.answers)
        self.readiness.add("auth changes", self.changes.synced)
        self.readiness.add("auth", self.changes.fresh, needed=False)
        self.readiness.add("conversations", self.conversations_answer)
        self.background = Background()
        self.background.add("changes", self.changes.run, wake=self.changes.wake, to_the_end=True)
        self.background.add("farewells", self.farewells.run)

    def conversations_answer(self) -> bool:
        """Tell whether conversations can serve (a readiness check)."""
        try:
            return self._probe.get(_READY, timeout=_READY_WITHIN_S).is_success
        except httpx.HTTPError:
            return False

    def install(self, app: Flask, calls: Calls, spoken: Spoken, *, title: str, template: str) -> None:
        """Open the doors in `app`: probes, sign-in, pages, and the calls with their documents.

        The pages' templates and static files are the face's, which the gateway installs beside this.
        """
        install_refusals(app, self.addresses)
        install_headers(app, self.origins, static_path=self.addresses.static)
        app.register_blueprint(health_blueprint(self.readiness))
        app.register_blueprint(signin_blueprint(self.addresses, self.sign_in))
        app.register_blueprint(pages_blueprint(self.addresses, self.callers, template=template))
        install_api(app, self.addresses, calls, LiveDocument(self.addresses, spoken, title=title), title=title)
