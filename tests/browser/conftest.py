"""A browser for the tests of the pages, and screens for the people in them."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.support.person import Person
from tests.support.screen import Screen

QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


class Opens(Protocol):
    """Opens a screen."""

    def __call__(
        self, *, portal: bool = False, size: dict[str, int] | None = None, dark: bool = False, touch: bool = False
    ) -> Screen:
        """Return a new, empty screen."""


class Place(Protocol):
    """Where the pages are."""

    @property
    def origin(self) -> str:
        """Return the address without a path."""

    def signs_in(self, email: str) -> Person:
        """Return a person who is signed in without a page."""


class Elsewhere:
    """A running system with the demo clinic (make run, make up)."""

    def __init__(self, origin: str) -> None:
        """Know its address."""
        self.origin = origin

    def signs_in(self, email: str) -> Person:
        return Person(self.origin, email, auth_origin=self.origin).signs_in()


@pytest.fixture
def place(request: pytest.FixtureRequest) -> Place:
    """Give what MESSAGES_TEST_ORIGIN names, else the tests' own clinic."""
    origin = os.environ.get("MESSAGES_TEST_ORIGIN")
    if origin:
        return Elsewhere(origin)
    clinic: Place = request.getfixturevalue("clinic")
    return clinic


@pytest.fixture(scope="module")
def browser(chromium: Path) -> Iterator[Browser]:
    """Give one Chromium for a module's tests; playwright's loop ends with it, before other tests want their own."""
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=QUIET)
        yield started
        started.close()


@pytest.fixture
def screen(browser: Browser, place: Place) -> Iterator[Opens]:
    """Open as many screens as a test needs; each must have had nothing to complain of when the test ends."""
    with ExitStack() as stack:
        opened: list[Screen] = []

        def opens(
            *, portal: bool = False, size: dict[str, int] | None = None, dark: bool = False, touch: bool = False
        ) -> Screen:
            made = stack.enter_context(Screen(browser, place.origin, portal=portal, size=size, dark=dark, touch=touch))
            opened.append(made)
            return made

        yield opens
        complaints = [complaint for each in opened for complaint in each.complaints]
    assert complaints == []


@pytest.fixture
def forgives() -> Callable[[Screen], None]:
    """Forget what a page's console said of a line that the test itself cut."""

    def forgets(made: Screen) -> None:
        cut = ("ERR_CONNECTION", "ERR_INTERNET", "WebSocket connection", "status of 503", "ERR_EMPTY_RESPONSE")
        made.complaints = [each for each in made.complaints if not any(word in each for word in cut)]

    return forgets
