"""A person before a browser: what they do and see, in their words; places are found as a screen reader names them."""

import re
from contextlib import suppress
from types import TracebackType
from typing import Self

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Error, Locator, Page, expect

from tests.support.person import DEMO_PASSWORD
from tests.support.ports import wait_until

PATIENCE_S = 30
PATIENCE_MS = PATIENCE_S * 1000
DESK = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}
STANDARDS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
SENT = re.compile("Sent|Delivered|Read")
"""What a message of one's own says from the moment it is stored: how far it is by then is for others to say."""

expect.set_options(timeout=PATIENCE_MS)

# Keeps hold of the line that caught up last: what happens from then on comes to the page as it happens.
KEEPS_THE_LINE = """
window.WebSocket = class extends WebSocket {
  constructor(...given) {
    super(...given);
    this.addEventListener("message", ({ data }) => {
      if (window.caughtUp !== this && JSON.parse(data).push === "caught_up") window.caughtUp = this;
    });
  }
};
"""

# Resolves with the address of a script once it runs, with null as long as nobody has asked for it.
RUNS = """async (name) => {
  const all = performance.getEntriesByType("resource").map((one) => one.name);
  const found = all.find((one) => one.includes(`/${name}.`));
  return found ? import(found).then(() => found) : null;
}"""

IN_VIEW = """(all) => all.some((one) => {
  const [it, log] = [one, one.closest("[role=log]")].map((node) => node.getBoundingClientRect());
  return it.bottom > log.top && it.top < log.bottom;
})"""


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
        self._context.add_init_script(KEEPS_THE_LINE)
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
        """Go to a page (their own by default), and through the real sign-in page that stands before it.

        Whoever may have messages is on line then.
        """
        self.page.goto(at or self.home)
        self.page.get_by_label("E-mail address").fill(email)
        self.page.get_by_label("Password").fill(DEMO_PASSWORD)
        self.page.get_by_role("button", name="Sign in").click()
        self.page.wait_for_url(lambda url: "/auth/" not in url)
        if self.page.locator("connection-state").count():
            self.comes_on_line()
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
        """Open a conversation by what its row shows, and wait until one can write and hears what happens."""
        self.row(text).click()
        return self._takes_part()

    def opens_address(self, conversation_id: str, *, at: str = "") -> Self:
        """Open a conversation by its address, `at` one entry of it: "shared.2"."""
        self.page.goto(f"{self.home}/{conversation_id}{f'?at={at}' if at else ''}")
        return self._takes_part()

    def comes_on_line(self) -> Self:
        """Wait until the page's own line has caught up: what happens from now on it hears as it happens."""
        return self.becomes("window.caughtUp?.readyState === WebSocket.OPEN")

    def becomes(self, fact: str) -> Self:
        """Wait until something is true in the page, or in the one it is just leaving for."""

        def holds() -> bool:
            try:
                return bool(self.page.evaluate(fact))
            except Error:
                return False

        wait_until(holds, within_s=PATIENCE_S, what=fact)
        return self

    def runs(self, script: str) -> Self:
        """Wait until a script that the page loads later, known by its name, is there and at work."""
        wait_until(lambda: self.page.evaluate(RUNS, script) is not None, within_s=PATIENCE_S, what=f"{script} at work")
        return self

    def scrolls_to(self, text: str, *, by: int) -> Self:
        """Scroll the messages by so many pixels at a time, up where that is below 0, until one is in view."""

        def there() -> bool:
            self.log.evaluate("(log, by) => log.scrollBy(0, by)", by)
            return bool(self.message(text).evaluate_all(IN_VIEW))

        wait_until(there, within_s=4 * PATIENCE_S, what=f"{text} in view")
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
        expect(self.message(text).last).to_be_in_viewport()
        return self

    def sees(self, text: str) -> Self:
        """Wait until the message is there."""
        expect(self.message(text)).to_be_visible()
        return self

    def sees_once(self, text: str) -> Self:
        """Insist that the message is there exactly once."""
        expect(self.message(text)).to_have_count(1)
        return self

    def sees_mark(self, text: str, mark: str) -> Self:
        """Wait until one's own message shows a mark: Sent, Delivered, Read, Waiting to be sent, Not sent.

        Where somebody else has the conversation open, Sent has passed before one looks: further on is as good.
        """
        expect(self.message(text)).to_contain_text(SENT if mark == "Sent" else mark)
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

    def _takes_part(self) -> Self:
        expect(self.composer).to_be_visible()
        expect(self.page.locator("message-composer .tools:not([inert])")).to_be_attached()
        return self.comes_on_line()

    def _hears(self, message: ConsoleMessage) -> None:
        # ERR_NETWORK_CHANGED: somebody else on this machine started or stopped a container.
        # A browser of no profile has no push service, and says so where a page asks for one.
        excused = ("ERR_NETWORK_CHANGED", "does not support the Push API in incognito mode")
        if message.type in {"error", "warning"} and not any(words in message.text for words in excused):
            self.complaints.append(f"{message.text} {message.location.get('url', '')}")
