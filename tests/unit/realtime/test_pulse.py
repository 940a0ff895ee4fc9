"""When a gateway trusts that events come by themselves, and when it asks the database."""

from collections.abc import Iterable

import pytest
from prometheus_client import REGISTRY

from realtime.pulse import LISTEN_EVERY_S, SILENT_AFTER_S, Pulse
from wire.events import PRESENCE, PULSE, PULSE_EVERY_S, TYPING

HEARD_WITHIN_S = 2.0


class Ears:
    """A gateway's pulse, and a clock turned by hand."""

    def __init__(self) -> None:
        self.now = 100.0
        self.pulse = Pulse(lambda: self.now, plane="staff")

    def listen(self, seconds: float, *, while_hearing: Iterable[str] = ()) -> list[float]:
        """Let time pass as the loop does, and return when the database was asked."""
        asked = []
        for _ in range(round(seconds / LISTEN_EVERY_S)):
            self.now += LISTEN_EVERY_S
            for kind in while_hearing:
                self.pulse.heard(kind)
            if self.pulse.must_ask():
                asked.append(self.now)
        return asked


@pytest.fixture
def ears() -> Ears:
    """Give ears that hear the relay."""
    made = Ears()
    made.pulse.came()
    made.pulse.heard(PULSE)
    return made


def test_while_the_relay_is_heard_nobody_asks(ears: Ears) -> None:
    """A pulse, or what it carries, is enough: also where a burst leaves no room for pulses."""
    assert ears.listen(10, while_hearing=[PULSE]) == []
    assert ears.listen(10, while_hearing=["message.posted"]) == []


def test_a_silent_relay_is_noticed_so_early_that_nobody_waits_two_seconds(ears: Ears) -> None:
    """From the last sign of life to the first asking, and from each asking to the next."""
    began = ears.now

    asked = ears.listen(10)

    waits = [later - earlier for earlier, later in zip([began, *asked], asked, strict=False)]
    assert SILENT_AFTER_S >= 3 * PULSE_EVERY_S
    assert max(waits) + LISTEN_EVERY_S < HEARD_WITHIN_S
    assert len(asked) >= 5


@pytest.mark.parametrize("sign", [TYPING, PRESENCE])
def test_signs_of_people_prove_nothing(ears: Ears, sign: str) -> None:
    """They come past the relay: with it frozen they go on."""
    assert ears.listen(3, while_hearing=[sign]) != []


def test_without_a_broker_it_asks_and_after_it_until_the_relay_is_heard(ears: Ears) -> None:
    """The relay may find the broker later than the gateway does."""
    ears.pulse.went()
    away = ears.listen(3)
    ears.pulse.came()
    back = ears.listen(6)
    ears.pulse.heard(PULSE)

    assert len(away) == 2
    assert len(back) == 4
    assert not ears.pulse.silent
    assert ears.listen(1) == []


def test_where_no_relay_runs_a_gateway_asks_from_its_start() -> None:
    """No sign of life at all is silence, too."""
    ears = Ears()
    ears.pulse.came()

    assert ears.pulse.silent
    assert len(ears.listen(6)) == 4


def test_the_figure_of_silence_grows_through_a_lost_line(ears: Ears) -> None:
    """An operator is woken by it: it counts from when the relay was last heard, on whatever line."""
    ears.listen(1, while_hearing=[PULSE])
    while_heard = figure()

    ears.pulse.went()
    ears.listen(4)
    ears.pulse.came()
    ears.listen(3)

    assert while_heard == 0
    assert figure() == pytest.approx(7)


def test_the_figure_of_silence_grows_where_no_relay_was_ever_heard() -> None:
    """Then it counts from the start of the process."""
    ears = Ears()
    ears.pulse.came()

    ears.listen(7)

    assert figure() == pytest.approx(7)


def figure() -> float:
    """Return what an operator sees of the silence."""
    shown = REGISTRY.get_sample_value("messages_live_relay_silence_seconds", {"plane": "staff"})
    assert shown is not None
    return shown
