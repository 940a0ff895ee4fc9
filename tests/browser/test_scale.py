"""The pages of somebody who has been at it for years: 500 conversations, and one of 100,000 messages."""

import json
import re
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
from playwright.sync_api import CDPSession, expect

from tests.browser.conftest import Opens
from tests.browser.test_messages import reads_to
from tests.support import rabbitmq
from tests.support.clinic import Clinic, running
from tests.support.crowded import Crowd, fill_groups, fill_long
from tests.support.person import Person
from tests.support.postgres import PostgresServer
from tests.support.screen import PHONE, Screen

NORA, DMITRI, ADA = "nora@harbor.example", "dmitri@harbor.example", "ada@patients.example"
CONVERSATIONS, MESSAGES, UNREAD = 500, 100_000, 60_000
FIRST_PAINT_MS, SCRIPT_BYTES = 1000, 60_000
LONG_TASK_MS = 200
TIMES = 3
NODES_AT_MOST = 12_000
HEAP_GROWS_AT_MOST = 8_000_000

# When the fiftieth row of the list stood there.
WATCHES = """
new MutationObserver((_, watch) => {
  if (document.querySelectorAll("conversation-list a.row").length < 50) return;
  window.listed = performance.now();
  watch.disconnect();
}).observe(document, { subtree: true, childList: true });
"""

LOADED = """() => {
  const all = [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")];
  const before = all.filter(({ startTime }) => startTime < window.listed);
  const scripts = before.filter(({ name }) => name.endsWith(".js") && !name.includes("/later/"));
  const sum = (some, what) => some.reduce((total, one) => total + one[what], 0);
  return {
    paint: performance.getEntriesByName("first-contentful-paint")[0]?.startTime,
    listed: window.listed,
    scripts: sum(scripts, "decodedBodySize"),
    bytes: sum(before, "encodedBodySize"),
    unpacked: sum(before, "decodedBodySize"),
    requests: before.length,
  };
}"""

TO_THE_END = "(list) => { const place = list.closest('nav'); place.scrollTo(0, place.scrollHeight); }"
BODIES = "(log) => [...log.querySelectorAll('message-item .body')].map((body) => body.textContent)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Years:
    """The conversation of 100,000 messages, and those who look at it."""

    id: str
    nora: Person


@pytest.fixture(scope="module")
def the_clinic(postgres_server: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clinic]:
    """Give a clinic of this module's own, and its broker: one's users would take the other's passwords."""
    with (
        rabbitmq.running() as broker,
        running(postgres_server, broker, tmp_path_factory.mktemp("crowded")) as started,
    ):
        yield started


@pytest.fixture(scope="module")
def years(the_clinic: Clinic) -> Years:
    """Fill the clinic."""
    nora, dmitri, ada = (the_clinic.signs_in(each) for each in (NORA, DMITRI, ADA))
    patient = next(each["patient"]["id"] for each in ada.lists())
    fill_groups(the_clinic, Crowd(people=[nora, dmitri], posts=4, unread=2, subject="Talk"), count=CONVERSATIONS)
    long = Crowd(people=[nora, ada], posts=MESSAGES, unread=UNREAD, subject="Years")
    return Years(id=fill_long(the_clinic, long, patient=patient, notes=1000), nora=nora)


class Gauge:
    """What a page costs while one looks at it."""

    def __init__(self, at: Screen) -> None:
        """Begin; what was before does not count."""
        self.at = at
        self.session: CDPSession = at.page.context.new_cdp_session(at.page)
        self.session.send("Performance.enable")

    @property
    def heap(self) -> int:
        """Bytes of script objects in use, after what is let go was cleared."""
        self.session.send("HeapProfiler.collectGarbage")
        metrics = self.session.send("Performance.getMetrics")["metrics"]
        return int(next(each["value"] for each in metrics if each["name"] == "JSHeapUsedSize"))

    @property
    def nodes(self) -> int:
        """Elements in the page."""
        return int(self.at.page.evaluate("document.querySelectorAll('*').length"))

    def longest_task(self, act: Callable[[], object]) -> float:
        """Do something; returns the milliseconds of the processor's time the page's longest task took meanwhile.

        By the clock it may take longer where others want the processor too: that is not the page's doing.
        """
        browser = self.at.page.context.browser
        assert browser
        browser.start_tracing(page=self.at.page, categories=["toplevel"])
        try:
            act()
        finally:
            events = json.loads(browser.stop_tracing())["traceEvents"]
        named = [each for each in events if each["name"] == "thread_name"]
        pages = {(each["pid"], each["tid"]) for each in named if each["args"]["name"] == "CrRendererMain"}
        tasks = [each for each in events if (each["pid"], each["tid"]) in pages and each["name"].endswith("RunTask")]
        return max(float(each["tdur"]) for each in tasks if "tdur" in each) / 1000


def told(what: str, **figures: float) -> None:
    """Leave figures where whoever measures finds them (pytest -rP, or -s)."""
    sys.stderr.write(f"{what}: {json.dumps({name: round(value) for name, value in figures.items()})}\n")


def numbers(at: Screen) -> list[int]:
    """List the numbers of the lines in the log, as they stand, at little cost to the page that is measured."""
    texts = at.page.locator("[role=log]").evaluate(BODIES)
    return [int(text.removeprefix("Line ")) for text in texts if text.startswith("Line ")]


def reads(goal: int, at: Screen, *, by: int) -> int:
    """Scroll until a line is there; returns the outermost that is there as well."""
    seen = reads_to(goal, at, by=by, numbers=numbers)
    return seen[0] if by < 0 else seen[-1]


def watched(screen: Opens, who: str, **more: Any) -> Screen:  # noqa: ANN401 - as screen
    """Open a screen that notes when its list is there."""
    made = screen(**more)
    made.page.add_init_script(WATCHES)
    return made.signs_in(who)


@pytest.mark.usefixtures("years")
def test_a_list_of_hundreds_is_there_at_once_and_goes_on_as_one_scrolls(screen: Opens) -> None:
    """First paint and the first page of the list within a second, scripts within their limit; scrolling brings all.

    Of three times the middle one counts: what else the machine does is not the page's doing.
    """
    nora = watched(screen, NORA)
    found = []
    for _ in range(TIMES):
        nora.page.goto("/messaging")
        nora.becomes("window.listed")
        nora.page.wait_for_load_state("networkidle")
        loaded, gauge, began = nora.page.evaluate(LOADED), Gauge(nora), time.monotonic()
        longest = gauge.longest_task(partial(scrolls_to_the_end, nora))
        found.append(
            {**loaded, "to_end_ms": (time.monotonic() - began) * 1000, "longest_task": longest, "nodes": gauge.nodes}
        )
        # The demo clinic's own conversations stand above them: a few were left.
        expect(nora.row(f"Talk {CONVERSATIONS}")).to_be_attached()
    first = {name: statistics.median(each[name] for each in found) for name in found[0]}
    told("500 conversations, first load and to the end", **first)

    assert first["paint"] < FIRST_PAINT_MS
    assert first["listed"] < FIRST_PAINT_MS
    assert first["scripts"] < SCRIPT_BYTES
    assert first["longest_task"] <= LONG_TASK_MS


def scrolls_to_the_end(at: Screen) -> None:
    """Scroll the list until all of it is there; what is looked up by its role would cost the page more than that."""
    place = at.page.locator("conversation-list")
    for more in range(100, CONVERSATIONS + 1, 50):
        place.evaluate(TO_THE_END)
        at.becomes(f"document.querySelectorAll('a.row').length >= {more}")
    place.evaluate(TO_THE_END)


@pytest.mark.parametrize("portal", [False, True], ids=["staff", "portal"])
def test_a_hundred_thousand_messages_open_wherever_one_wants(years: Years, screen: Opens, *, portal: bool) -> None:
    """At the end, at a message in the middle by its address, and at the first unread; never all of it in the page."""
    at = watched(screen, ADA if portal else NORA, portal=portal, **({"size": PHONE} if portal else {}))
    began = time.monotonic()
    at.page.goto(f"{at.home}/{years.id}")
    at.sees_in_view(f"Line {MESSAGES - 1:06}")
    opened = time.monotonic() - began

    at.page.get_by_role("button", name=re.compile(r"[\d,]+ new messages")).click()
    at.sees_in_view(f"Line {MESSAGES - UNREAD + portal:06}")  # Ada wrote every other one, the first of these too
    expect(at.page.get_by_text("New messages", exact=True)).to_be_in_viewport()
    began = time.monotonic()
    at.page.goto(f"{at.home}/{years.id}?at=shared.{MESSAGES // 2}")
    at.sees_in_view(f"Line {MESSAGES // 2 - 2:06}")
    amid = time.monotonic() - began

    gauge = Gauge(at)
    told(f"{at.home} opened", end_ms=opened * 1000, middle_ms=amid * 1000, nodes=gauge.nodes, heap=gauge.heap)
    assert gauge.nodes < NODES_AT_MOST
    assert len(numbers(at)) > 50


@pytest.mark.parametrize("portal", [False, True], ids=["staff", "portal"])
def test_reading_on_and_on_costs_no_more_and_holds_nothing_up(years: Years, screen: Opens, *, portal: bool) -> None:
    """Up from the middle by hundreds and down beyond it: no jump, no hole, no long task, and memory stays where it was.

    Of three times the middle one's longest task counts.
    """
    at = watched(screen, ADA if portal else NORA, portal=portal, **({"size": PHONE} if portal else {}))
    at.page.goto(f"{at.home}/{years.id}?at=shared.{MESSAGES // 2}")
    at.sees_in_view(f"Line {MESSAGES // 2 - 2:06}")
    reads(MESSAGES // 2 - 200, at, by=-6000)
    gauge = Gauge(at)
    before = gauge.heap

    reached: list[int] = []

    def up_and_down() -> None:
        reached.append(reads(MESSAGES // 2 - 600, at, by=-6000))
        reached.append(reads(MESSAGES // 2 + 300, at, by=6000))

    longest = statistics.median(gauge.longest_task(up_and_down) for _ in range(TIMES))
    grown, nodes, far, back = gauge.heap - before, gauge.nodes, min(reached), max(reached)
    told(f"{at.home} reading", up_to=far, down_to=back, grown=grown, heap=before, nodes=nodes, longest_task=longest)
    assert nodes < NODES_AT_MOST
    assert grown < HEAP_GROWS_AT_MOST
    assert longest <= LONG_TASK_MS
