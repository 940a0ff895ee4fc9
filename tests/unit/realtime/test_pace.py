"""A socket that says more than its share is read more slowly; a quiet one never waits."""

from hypothesis import given
from hypothesis import strategies as st

from realtime.pace import AT_ONCE, BYTES_A_SECOND, FRAME_COSTS, Pace


class Watch:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 50.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_is_taken_at_once_and_what_is_beyond_it_waits() -> None:
    """A second's worth too much is a second's pause, and after that there is room again."""
    watch = Watch()
    pace = Pace(watch)

    within, beyond = pace.spend(AT_ONCE, 0), pace.spend(BYTES_A_SECOND, 0)
    watch.now += beyond + FRAME_COSTS / BYTES_A_SECOND
    after = pace.spend(0, 1)

    assert (within, beyond) == (0, 1)
    assert after < 0.001


def test_somebody_who_types_never_waits() -> None:
    """Five frames a second, an hour long."""
    watch = Watch()
    pace = Pace(watch)

    pauses = set()
    for _ in range(18_000):
        watch.now += 0.2
        pauses.add(pace.spend(200, 1))

    assert pauses == {0}


@given(st.lists(st.tuples(st.integers(1, 8_192), st.integers(1, 1_300)), min_size=1, max_size=80))
def test_whoever_is_made_to_wait_never_gets_more_than_the_share(reads: list[tuple[int, int]]) -> None:
    """Whatever a client sends: beyond the burst and the last read, no more than so many bytes a second."""
    watch = Watch()
    pace = Pace(watch)

    taken = 0.0
    for size, frames in reads:
        taken += size + frames * FRAME_COSTS
        watch.now += pace.spend(size, frames)

    assert taken <= AT_ONCE + (watch.now - 50.0) * BYTES_A_SECOND + 0.001 * len(reads)
