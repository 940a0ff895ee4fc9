"""A browser for the tests of the pages, and screens for the people in them."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.support.clinic import Clinic
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


@pytest.fixture(scope="module")
def browser(chromium: Path) -> Iterator[Browser]:
    """Give one Chromium for a module's tests; playwright's loop ends with it, before other tests want their own."""
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=QUIET)
        yield started
        started.close()


@pytest.fixture
def screen(browser: Browser, clinic: Clinic) -> Iterator[Opens]:
    """Open as many screens as a test needs; each must have had nothing to complain of when the test ends."""
    with ExitStack() as stack:
        opened: list[Screen] = []

        def opens(
            *, portal: bool = False, size: dict[str, int] | None = None, dark: bool = False, touch: bool = False
        ) -> Screen:
            made = stack.enter_context(Screen(browser, clinic.origin, portal=portal, size=size, dark=dark, touch=touch))
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
