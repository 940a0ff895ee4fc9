"""A browser's sends whose token was taken back: they go out again with a fresh one, in their order, counted once."""

from collections.abc import Callable, Iterator

import gevent
import pytest
from gevent.event import Event

from realtime.connection import Connection
from realtime.session import Credentials
from servicekit.background import Stop
from tests.unit.realtime.stage import Stage, claims, entry, message, says, settles
from wire.problems import Problem, Unauthenticated, Unavailable

WITHIN_S = 5.0


class Browser:
    """A browser's socket whose first token nobody takes any more, and who fetches the next one."""

    def __init__(self, *, per_minute: int = 60) -> None:
        self.stage = Stage(per_minute=per_minute)
        self.stage.conversations.holds(entry(1))
        self.stage.conversations.stale_tokens = {"first"}
        self.way_is_free, self.issuer_answers = Event(), Event()
        self.way_is_free.set()
        self.stage.conversations.while_sending = self.way_is_free.wait
        self.refusal: Problem | None = None
        self.renewals = 0
        self.socket: Connection = self.stage.opens(renew=self._renew)
        says(self.socket, "hello", ref="h")
        settles()
        self.running: gevent.Greenlet | None = None

    def sends(self, *numbers: int) -> None:
        """Send messages in one go; each is its own ref."""
        for number in numbers:
            says(self.socket, "send", ref=number, **message(number))

    def begins_to_store(self) -> None:
        """Start the queue of sends."""
        self.running = gevent.spawn(self.stage.sends.run, Stop())

    def hears_of(self, *numbers: int) -> list[str]:
        """Let the issuer answer, wait until each has its answer, and return them as `told` does."""
        self.issuer_answers.set()
        with gevent.Timeout(WITHIN_S):
            while not set(numbers) <= {frame.get("ref") for frame in self.stage.wire.frames}:
                gevent.sleep(0.001)
        self.issuer_answers.clear()
        return self.told(*numbers)

    def stored(self) -> list[int]:
        """Return what conversations took, in order."""
        return [
            int(item["client_message_id"][-12:], 16)
            for batch in self.stage.conversations.batches
            for item in batch
            if item["token"] not in self.stage.conversations.stale_tokens
        ]

    def told(self, *numbers: int) -> list[str]:
        """Return what came of each: "ok", or the code of its problem."""
        replies = [self.stage.wire.reply(number) for number in numbers]
        return ["ok" if reply["ok"] else reply["problem"]["code"] for reply in replies]

    def _renew(self) -> Credentials:
        self.renewals += 1
        self.issuer_answers.wait()
        if self.refusal is not None:
            raise self.refusal
        return Credentials(claims=claims(issued_s=1), access_token="second", renew=self._renew)


@pytest.fixture
def browser() -> Iterator[Browser]:
    """Give a browser whose sends are taken from the queue."""
    made = Browser()
    made.begins_to_store()
    yield made
    gevent.killall([made.running])


def test_what_is_sent_while_the_token_is_renewed_stays_behind_what_waits_for_it(browser: Browser) -> None:
    """Of a client that does not wait for its answers: refused, on its way behind it, and said meanwhile."""
    browser.way_is_free.clear()
    browser.sends(1)
    settles()
    browser.sends(2, 3)
    browser.way_is_free.set()
    settles()
    browser.sends(4)

    assert browser.hears_of(1, 2, 3, 4) == ["ok"] * 4
    assert browser.stored() == [1, 2, 3, 4]
    assert browser.renewals == 1


def test_a_renewal_between_two_sends_does_not_turn_them_round() -> None:
    """The socket renews by itself as well: what waited in the queue leaves with the token of the moment."""
    browser = Browser()
    browser.issuer_answers.set()
    browser.sends(1)
    browser.socket.token_taken()
    settles()
    browser.sends(2)

    browser.begins_to_store()
    heard = browser.hears_of(1, 2)
    gevent.killall([browser.running])

    assert heard == ["ok", "ok"]
    assert browser.stored() == [1, 2]


def test_a_repeat_is_not_counted_again() -> None:
    """Whoever used up their share has every one of it stored."""
    browser = Browser(per_minute=3)
    browser.begins_to_store()
    browser.sends(1, 2)
    settles()
    browser.sends(3, 4)
    settles()

    at_once = browser.told(4)
    later = browser.hears_of(1, 2, 3)
    gevent.killall([browser.running])

    assert at_once == ["rate_limited"]
    assert later == ["ok"] * 3


@pytest.mark.parametrize(
    ("refusal", "code"), [(Unavailable, "unavailable"), (Unauthenticated, "unauthenticated"), (OSError, "unavailable")]
)
def test_who_gets_no_fresh_token_is_told_why(browser: Browser, refusal: Callable[[], Problem], code: str) -> None:
    """An issuer that is away is no session that is over; and the next send is tried anew."""
    browser.refusal = refusal()
    browser.sends(1, 2)
    settles()
    browser.sends(3)
    refused = browser.hears_of(1, 2, 3)
    browser.refusal = None
    browser.sends(4)

    assert refused == [code] * 3
    assert browser.hears_of(4) == ["ok"]
    assert browser.renewals == 2


def test_a_fresh_token_that_is_refused_as_well_is_told(browser: Browser) -> None:
    """Asked once more, not for ever."""
    browser.stage.conversations.stale_tokens = {"first", "second"}
    browser.sends(1)

    assert browser.hears_of(1) == ["unauthenticated"]
    assert browser.renewals == 1


def test_a_gateway_that_ends_meanwhile_answers_unavailable(browser: Browser) -> None:
    """It takes nothing more: the same may be sent elsewhere."""
    browser.sends(1)
    settles()
    browser.stage.sends.close()

    assert browser.hears_of(1) == ["unavailable"]
