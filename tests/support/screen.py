"""A person before a browser: what they do and see, in their words; places are found as a screen reader names them."""

import re
from contextlib import suppress
from types import TracebackType
from typing import Self

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Error, Locator, Page, expect

from tests.support.person import DEMO_PASSWORD

PATIENCE_MS = 15_000
DESK = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}
STANDARDS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


class Screen:
    """One browser context with one page."""

    def __init__(
        self,
        browser: Browser,
        origin: str,
        *,
        portal: bool = False,
        size: dict[str, int] | None = None,
        dark: bool = False,
        touch: bool = False,
    ) -> None:
        """Open an empty page; `complaints` collects what the page's own console says went wrong."""
        self.home = "/portal/messages" if portal else "/messaging"
        self._context = browser.new_context(
            base_url=origin,
            viewport={"width": (size or DESK)["width"], "height": (size or DESK)["height"]},
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce",
            has_touch=touch,
            locale="en-GB",
            permissions=["clipboard-read", "clipboard-write"],
        )
        self._context.set_default_timeout(PATIENCE_MS)
        self.page: Page = self._context.new_page()
        self.complaints: list[str] = []
        self.page.on("console", self._hears)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with suppress(Error):
            self._context.close()

    # Coming and going

    def signs_in(self, email: str, *, at: str | None = None) -> Self:
        """Go to a page (their own by default), and through the real sign-in page that stands before it."""
        self.page.goto(at or self.home)
        self.page.get_by_label("E-mail address").fill(email)
        self.page.get_by_label("Password").fill(DEMO_PASSWORD)
        self.page.get_by_role("button", name="Sign in").click()
        self.page.wait_for_url(lambda url: "/auth/" not in url)
        return self

    def signs_out(self) -> None:
        self.page.get_by_role("button", name="Sign out").click()

    # Places

    @property
    def list(self) -> Locator:
        return self.page.get_by_role("navigation", name="Conversations")

    @property
    def log(self) -> Locator:
        return self.page.get_by_role("log")

    @property
    def composer(self) -> Locator:
        return self.page.get_by_role("textbox", name=re.compile("^(Message|Note)"))

    def row(self, text: str) -> Locator:
        """Return the conversation in the list that shows this text."""
        return self.list.get_by_role("link").filter(has_text=text).first

    def message(self, text: str) -> Locator:
        """Return the message with this text."""
        return self.log.get_by_role("article").filter(has_text=text)

    # Doing

    def opens(self, text: str) -> Self:
        """Open a conversation by what its row shows, and wait until one can write."""
        self.row(text).click()
        expect(self.composer).to_be_visible(timeout=PATIENCE_MS)
        return self

    def opens_address(self, conversation_id: str) -> Self:
        """Open a conversation by its address."""
        self.page.goto(f"{self.home}/{conversation_id}")
        expect(self.composer).to_be_visible(timeout=PATIENCE_MS)
        return self

    def says(self, text: str) -> Self:
        """Write a message and send it with Enter."""
        self.composer.fill(text)
        self.composer.press("Enter")
        return self

    def menu_of(self, text: str) -> Locator:
        """Open what may be done with a message; returns the menu."""
        message = self.message(text).last
        message.hover()
        message.get_by_role("button", name="Actions for this message").click()
        menu = self.page.get_by_role("menu", name="Actions for this message")
        expect(menu).to_be_visible()
        return menu

    def chooses(self, text: str, act: str) -> None:
        """Do one of the things that may be done with a message."""
        self.menu_of(text).get_by_role("menuitem", name=act, exact=True).click()

    # Seeing

    def sees_in_view(self, text: str) -> Self:
        """Wait until the message stands before one's eyes, not only somewhere in the log."""
        expect(self.message(text).last).to_be_in_viewport(timeout=PATIENCE_MS)
        return self

    def sees(self, text: str, *, within_ms: int = PATIENCE_MS) -> Self:
        """Wait until the message is there."""
        expect(self.message(text)).to_be_visible(timeout=within_ms)
        return self

    def sees_once(self, text: str) -> Self:
        """Insist that the message is there exactly once."""
        expect(self.message(text)).to_have_count(1, timeout=PATIENCE_MS)
        return self

    def sees_mark(self, text: str, mark: str) -> Self:
        """Wait until one's own message shows a mark: Sent, Delivered, Read, Waiting to be sent, Not sent."""
        expect(self.message(text)).to_contain_text(mark, timeout=PATIENCE_MS)
        return self

    def axe(self) -> str:
        """Return what axe finds wrong with the page as it stands; empty when nothing is."""
        found = Axe().run(self.page, options={"runOnly": STANDARDS, "resultTypes": ["violations"]})
        if not found.violations_count:
            return ""
        nodes = [
            f"{each['id']}: {node['html'][:160]} ({node['failureSummary']})"
            for each in found.response["violations"]
            for node in each["nodes"]
        ]
        return "\n".join(nodes)

    def _hears(self, message: ConsoleMessage) -> None:
        # ERR_NETWORK_CHANGED: somebody else on this machine started or stopped a container.
        # A browser of no profile has no push service, and says so where a page asks for one.
        excused = ("ERR_NETWORK_CHANGED", "does not support the Push API in incognito mode")
        if message.type in {"error", "warning"} and not any(words in message.text for words in excused):
            self.complaints.append(f"{message.text} {message.location.get('url', '')}")
