"""Whose fault a wait was: the fault's whose time it touches, nobody's alone where there were several."""

from tests.chaos.histories import Post, Record, Verdict
from tests.chaos.outages import NONE, SEVERAL, Window, longest


def post(began: float, ended: float) -> Post:
    """Return a message that was acknowledged after a wait."""
    return Post(
        client="nora-1",
        author="nora",
        conversation="ward",
        stream="shared",
        client_message_id="key",
        body="",
        issued=1,
        issued_at=began,
        verdict=Verdict.ACKNOWLEDGED,
        answered_at=ended,
    )


def test_a_wait_belongs_to_the_fault_it_touches() -> None:
    """During it, or within two seconds of its mending while nothing else is broken."""
    windows = [
        Window(kind="kill gateway", target="", began=10, ended=12),
        Window(kind="kill auth", target="", began=20, ended=25),
        Window(kind="stop relay", target="", began=24, ended=26),
    ]
    record = Record(posts=[post(1, 1.1), post(11, 14), post(13.5, 13.7), post(21, 22), post(24.5, 24.9)])

    waits = longest(record, windows)

    assert waits["kill gateway"].send == 3
    assert waits["kill gateway"].longest_fault == 2
    assert waits["kill auth"].send == 1
    assert round(waits[SEVERAL].send, 1) == 0.4
    assert round(waits[NONE].send, 1) == 0.1


def test_nobody_is_served_between_two_acknowledgements() -> None:
    """The longest gap in everybody's acknowledgements together."""
    windows = [Window(kind="kill PostgreSQL", target="", began=10, ended=12)]
    record = Record(posts=[post(9, 9.5), post(9.4, 12.5), post(9.6, 9.8)])

    assert round(longest(record, windows)["kill PostgreSQL"].nobody, 1) == 2.7
