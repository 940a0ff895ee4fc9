"""Loops beside the doors: started once, restarted when they break, ended when asked."""

import threading

from servicekit.background import Background, Stop
from tests.support.ports import wait_until


def test_nothing_runs_before_the_start() -> None:
    """Composing a service starts no thread."""
    ran = threading.Event()
    background = Background()
    background.add("loop", lambda _stop: ran.set())
    assert not ran.is_set()

    background.start()
    background.start()

    assert ran.wait(5)
    assert background.stop(5) == ()


def test_a_loop_that_breaks_is_started_again() -> None:
    """Whatever a loop raises, it comes back after a pause; others are not concerned."""
    attempts: list[int] = []
    other = threading.Event()

    def breaks(stop: Stop) -> None:
        attempts.append(1)
        if len(attempts) < 3:
            raise RuntimeError
        stop.wait()

    background = Background(first_pause=0.01)
    background.add("breaks", breaks)
    background.add("other", lambda _stop: other.set())
    background.start()

    wait_until(lambda: len(attempts) == 3, within_s=5, what="three attempts")
    assert other.is_set()
    assert background.stop(5) == ()


def test_a_loop_that_returns_is_done() -> None:
    """A loop that ended by itself is not started again."""
    runs: list[int] = []
    background = Background(first_pause=0.01)
    background.add("once", lambda _stop: runs.append(1))
    last = threading.Event()
    background.add("last", lambda _stop: last.set())

    background.start()

    assert last.wait(5)
    assert background.stop(5) == ()
    assert runs == [1]


def test_stopping_wakes_who_sleeps_elsewhere() -> None:
    """A loop that waits for something of its own is woken by its `wake`."""
    bell = threading.Event()

    def sleeps(stop: Stop) -> None:
        while not stop.wanted:
            bell.wait(60)

    background = Background()
    background.add("sleeps", sleeps, wake=bell.set)
    background.start()

    assert background.stop(5) == ()


def test_who_does_not_stop_is_named() -> None:
    """Stopping waits only so long and says who is still running."""
    release = threading.Event()
    background = Background()
    background.add("stubborn", lambda _stop: (release.wait(10), None)[1])
    background.start()

    assert background.stop(0.05) == ("stubborn",)

    release.set()
    assert background.stop(5) == ()


def test_a_loop_added_late_runs_too() -> None:
    """What is added after the start is started at once."""
    ran = threading.Event()
    background = Background()
    background.start()

    background.add("late", lambda _stop: ran.set())

    assert ran.wait(5)
    assert background.names == ("late",)
    assert background.stop(5) == ()


def test_what_answering_stands_on_outlasts_a_drain() -> None:
    """While others take their time to end, and after; it ends with everything else when all is stopped."""
    rounds: list[int] = []
    slow = threading.Event()

    def goes_on(stop: Stop) -> None:
        while not stop.wait(0.01):
            rounds.append(1)

    def takes_its_time(stop: Stop) -> None:
        stop.wait()
        slow.wait()

    background = Background()
    background.add("changes", goes_on, to_the_end=True)
    background.add("slow", takes_its_time)
    background.start()

    assert background.drain(0.1) == ("slow",)
    so_far = len(rounds)
    wait_until(lambda: len(rounds) > so_far, within_s=5, what="another round")
    slow.set()
    assert background.drain(5) == ()
    assert background.stop(5) == ()
