"""A gateway between stand-ins, and the people at its doors."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import gevent
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from gatekit.addresses import Addresses
from servicekit.background import Stop
from servicekit.composed import Composed
from servicekit.inprocess import InProcessExchange
from tests.unit.gatekit.standins import ORIGIN, SETTINGS, Person, StandInAuth, StandInConversations, TestClock


class World:
    """One gateway, composed as in production; its queue of sends runs as a greenlet of this very thread."""

    def __init__(self, addresses: Addresses, compose: Callable[..., Composed], settings: Any = SETTINGS) -> None:  # noqa: ANN401 - any settings
        self.addresses = addresses
        self.clock = TestClock()
        self.auth = StandInAuth(self.clock)
        self.conversations = StandInConversations()
        self.exchange = InProcessExchange()
        self.composed = compose(
            settings,
            exchange=self.exchange,
            clock=self.clock,
            transports={"auth": self.auth.transport, "conversations": self.conversations.transport},
        )

    def browser(self) -> FlaskClient:
        """Return a browser that knows nothing yet."""
        return self.composed.wsgi.test_client()

    def signed_in(self, person: Person, destination: str = "") -> FlaskClient:
        """Return a browser in which this person has signed in, by the whole way through the issuer."""
        browser = self.browser()
        assert self.sign_in(browser, person, destination).status_code == 303
        return browser

    def sign_in(self, browser: FlaskClient, person: Person, destination: str = "") -> TestResponse:
        """Sign in with this browser; return the callback's answer."""
        begun = browser.get(self.addresses.login, base_url=ORIGIN, query_string={"next": destination})
        return browser.get(self.auth.signs_in(begun.location, person), base_url=ORIGIN)

    def call(
        self,
        browser: FlaskClient,
        method: str,
        path: str,
        *,
        origin: str | None = ORIGIN,
        token: str | None = None,
        body: Any = None,  # noqa: ANN401 - JSON
    ) -> TestResponse:
        """Make a REST call as a page of ours does, or as a program with its token."""
        headers = {} if origin is None else {"Origin": origin}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        return browser.open(self.addresses.api + path, method=method, base_url=ORIGIN, headers=headers, json=body)


@contextmanager
def sending(world: World) -> Iterator[None]:
    """Let the queue of sends run meanwhile."""
    loops = [entry for entry in world.composed.background._entries if entry.name.endswith("sends")]  # noqa: SLF001 - only this one loop
    greenlets = [gevent.spawn(entry.run, Stop()) for entry in loops]
    try:
        yield
    finally:
        gevent.killall(greenlets)
