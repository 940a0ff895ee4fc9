"""Times cross a process in one form, and whatever tells none is refused as a value, never as a failure."""

import pytest

from wire.times import from_wire, to_wire


def test_a_time_comes_back_as_it_went() -> None:
    """In milliseconds and UTC, whatever zone it was told in."""
    assert to_wire(from_wire("2026-11-22T09:00:00.123+01:00")) == "2026-11-22T08:00:00.123Z"


@pytest.mark.parametrize(
    "told",
    [
        "",
        "yesterday",
        "2026-11-22T08:00:00",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59-23:59",
    ],
)
def test_what_is_no_time_with_a_zone_is_a_wrong_value(told: str) -> None:
    """Also a time that leaves the calendar on its way to UTC."""
    with pytest.raises(ValueError):  # noqa: PT011 - what it says is nobody's business but ours
        from_wire(told)
