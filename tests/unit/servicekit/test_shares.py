"""Nobody sends more than their share a minute, and nobody is made to wait for another."""

from hypothesis import given
from hypothesis import strategies as st

from servicekit.shares import WINDOW, Shares


class Watch:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def test_the_share_is_used_up_and_comes_back_as_the_oldest_message_leaves_the_window() -> None:
    """Three a minute: the fourth waits exactly until the first is a minute old."""
    watch = Watch()
    shares = Shares(3, clock=watch)

    taken = []
    for _ in range(4):
        taken.append(shares.take("nora"))
        watch.now += 10
    watch.now = 1_000.0 + WINDOW
    later = [shares.take("nora"), shares.take("nora")]

    assert taken == [None, None, None, 30.0]
    assert later == [None, 10.0]


def test_each_user_has_a_share_of_their_own() -> None:
    """Nora's flood does not silence Dmitri."""
    shares = Shares(1, clock=Watch())

    shares.take("nora")

    assert shares.take("nora") is not None
    assert shares.take("dmitri") is None


@given(st.lists(st.floats(min_value=0, max_value=30), max_size=60))
def test_no_window_of_a_minute_ever_holds_more(pauses: list[float]) -> None:
    """Whatever the rhythm, any sixty seconds hold at most the share."""
    watch = Watch()
    shares = Shares(5, clock=watch)

    moments = []
    for pause in pauses:
        watch.now += pause
        if shares.take("nora") is None:
            moments.append(watch.now)

    for index, begun in enumerate(moments):
        assert len([each for each in moments[index:] if each - begun < WINDOW]) <= 5
