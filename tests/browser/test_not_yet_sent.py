"""Messages the server cannot take now: they are seen to wait, wherever one is, and go by themselves."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import WebSocketRoute, expect

from tests.browser.conftest import Opens
from tests.support.clinic import Clinic
from tests.support.person import new_id
from tests.support.screen import Screen

NORA, DMITRI = "nora@harbor.example", "dmitri@harbor.example"

A_MINUTE_AND_A_HALF_IS_A_SECOND = """
const waits = setTimeout;
window.setTimeout = (act, ms, ...more) => waits(act, ms === 90_000 ? 1000 : ms, ...more);
"""


class Line:
    """A page's line on which no send is taken while `away`, and sends are held while `slow`."""

    def __init__(self, at: Screen) -> None:
        """Stand between a page that is not open yet and its gateway."""
        self.away = self.slow = False
        self._held: list[Callable[[], None]] = []
        at.page.route_web_socket("**/live", self._stands_between)

    def lets_go(self) -> None:
        """Pass on what was held."""
        self.slow = False
        for pass_on in self._held:
            pass_on()

    def _stands_between(self, page: WebSocketRoute) -> None:
        gateway = page.connect_to_server()

        def hears(told: str | bytes) -> None:
            frame: dict[str, Any] = json.loads(told)
            if frame["op"] == "send" and self.slow:
                return self._held.append(lambda: gateway.send(told))
            if frame["op"] != "send" or not self.away:
                return gateway.send(told)
            problem = {"code": "unavailable", "status": 503, "title": "Unavailable", "retry_after": 0.2}
            return page.send(json.dumps({"ref": frame["ref"], "ok": False, "problem": problem}))

        page.on_message(hears)


@pytest.fixture
def talks(clinic: Clinic) -> tuple[str, str]:
    """Give Nora two groups; returns what they are called."""
    nora, dmitri = clinic.signs_in(NORA), clinic.signs_in(DMITRI)
    names = f"First {new_id()[-6:]}", f"Second {new_id()[-6:]}"
    for name in names:
        nora.sends(nora.opens_group(name, dmitri), "Good morning")
    return names


def test_a_message_the_server_does_not_take_for_long_says_so_and_goes_by_itself(
    talks: tuple[str, str], screen: Opens
) -> None:
    """In its conversation with the reason, in its row, and in a word where one is; once it can, it goes."""
    first, second = talks
    nora = screen()
    line = Line(nora)
    nora.signs_in(NORA).opens(first).runs("aloud")
    line.away = True
    nora.says("Stop the tablets").opens(second)

    expect(nora.page.get_by_text(f"Your message in “{first}” is not sent yet.")).to_be_visible()
    expect(nora.row(first)).to_contain_text("Not sent")
    nora.opens(first)
    waiting = nora.message("Stop the tablets")
    expect(waiting).to_contain_text("will be sent as soon as it answers")
    expect(waiting.get_by_role("button", name="Discard")).to_be_visible()
    assert nora.axe() == ""
    line.away, line.slow = False, True
    expect(waiting.get_by_role("button", name="Discard")).to_be_hidden()
    line.lets_go()

    nora.sees_mark("Stop the tablets", "Sent").sees_once("Stop the tablets")
    expect(waiting).not_to_contain_text("will be sent as soon as it answers")
    expect(nora.row(first)).not_to_contain_text("Not sent")


def test_a_message_that_is_refused_in_the_end_says_that_as_well(
    talks: tuple[str, str], clinic: Clinic, screen: Opens
) -> None:
    """It was not sent yet; now it will not be by itself, and one is elsewhere."""
    first, second = talks
    nora = screen()
    line = Line(nora)
    nora.signs_in(NORA).opens(first).runs("aloud")
    conversation = nora.page.url.rpartition("/")[2]
    line.away = True
    nora.says("Stop the tablets").opens(second)
    expect(nora.page.get_by_text(f"Your message in “{first}” is not sent yet.")).to_be_visible()

    clinic.signs_in(NORA).call("PATCH", f"/conversations/{conversation}", json={"status": "closed"})
    line.away = False

    expect(nora.page.get_by_text(f"Your message in “{first}” was not sent.")).to_be_visible()
    expect(nora.row(first)).to_contain_text("Not sent")


def test_a_message_that_waits_in_a_tab_that_is_closed_goes_from_another(talks: tuple[str, str], screen: Opens) -> None:
    """Both show it waiting; the one that is left sends it."""
    first, _ = talks
    nora = screen()
    line = Line(nora)
    nora.page.context.add_init_script(A_MINUTE_AND_A_HALF_IS_A_SECOND)
    nora.signs_in(NORA).opens(first)
    other = nora.page.context.new_page()
    other.goto(nora.page.url)
    log = other.get_by_role("log")
    expect(log).to_contain_text("Good morning")
    line.away = True
    nora.says("Bring the charts")
    waiting = log.get_by_role("article").filter(has_text="Bring the charts")
    expect(waiting).to_contain_text("Waiting to be sent")

    nora.page.close()

    expect(waiting).to_contain_text("Sent")
    expect(waiting).to_have_count(1)
