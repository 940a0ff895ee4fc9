"""When a client comes back: not at once, not all together, not before it is asked to, and never where it must not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.coming_back import FIRST_S, LONGEST_S, TOO_MANY_S, ComingBack
from wire.frames import CloseCode


def test_pauses_double_up_to_half_a_minute() -> None:
    """Without luck: half a second, one, two … thirty."""
    unlucky = ComingBack(lambda: 1.0)

    pauses = [unlucky.pause_s() for _ in range(9)]

    assert pauses == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]


def test_a_line_that_was_up_begins_anew() -> None:
    """After a welcome the next loss waits as the first did."""
    client = ComingBack(lambda: 1.0)
    for _ in range(5):
        client.pause_s()

    client.welcomed()

    assert client.pause_s() == FIRST_S


@pytest.mark.parametrize("code", [CloseCode.SIGNED_OUT, CloseCode.PERMISSION_LOST, CloseCode.PROTOCOL_ERROR, 4_999])
def test_from_4500_on_it_stays_away(code: int) -> None:
    """Also with a code that is not known yet."""
    assert ComingBack(lambda: 0.5).pause_s(code) is None


@pytest.mark.parametrize("code", [None, 1_006, CloseCode.DRAINING, CloseCode.TOKEN_ENDED, CloseCode.TOO_SLOW, 4_499])
def test_from_everything_else_it_comes_back(code: int | None) -> None:
    """A cut, or any code below 4500, is no reason to stay away."""
    assert ComingBack(lambda: 0.5).pause_s(code) is not None


def test_one_tab_too_many_does_not_hurry() -> None:
    """Coming back at once would turn away another tab."""
    assert (ComingBack(lambda: 0.0).pause_s(CloseCode.TOO_MANY_SOCKETS) or 0) >= TOO_MANY_S


@given(luck=st.floats(0, 1), asked_s=st.floats(0.001, 60), failures=st.integers(0, 40))
def test_what_the_server_asks_for_goes_before(luck: float, asked_s: float, failures: int) -> None:
    """Never earlier, and at most a quarter later, however often it failed."""
    client = ComingBack(lambda: luck)
    for _ in range(failures):
        client.pause_s()

    pause_s = client.pause_s(CloseCode.DRAINING, asked_s) or 0

    assert asked_s <= pause_s <= asked_s * 1.25


@given(luck=st.floats(0, 1), failures=st.integers(0, 60))
def test_each_pause_is_spread_over_its_upper_half(luck: float, failures: int) -> None:
    """A thousand clients of one gateway do not return as one, and none waits for ever."""
    client = ComingBack(lambda: luck)
    for _ in range(failures):
        client.pause_s()

    whole = min(LONGEST_S, FIRST_S * 2.0 ** min(failures, 16))

    assert whole / 2 <= (client.pause_s() or 0) <= whole
