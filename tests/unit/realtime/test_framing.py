"""Frames as a server writes them: any RFC 6455 client reads them back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wsproto.connection import Connection, ConnectionType
from wsproto.events import CloseConnection, Ping, Pong, TextMessage

from realtime import framing


def heard(data: bytes) -> list[object]:
    """Return what a client understands of these bytes."""
    client = Connection(ConnectionType.CLIENT)
    client.receive_data(data)
    return list(client.events())


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536, 200_000])
def test_a_text_of_any_size_comes_out_whole(size: int) -> None:
    """Each of the three ways to write a length, at its edges."""
    frame = framing.text(b"x" * size)

    events = heard(frame)

    assert "".join(event.data for event in events if isinstance(event, TextMessage)) == "x" * size


@given(st.text(max_size=200))
def test_a_reason_of_any_kind_fits_into_a_close_frame(reason: str) -> None:
    """A long one is cut between characters, never inside one."""
    [event] = heard(framing.close(4008, reason))

    assert isinstance(event, CloseConnection)
    assert event.code == 4008
    assert reason.startswith(event.reason or "")


def test_a_close_without_a_code_pings_and_pongs_are_understood() -> None:
    """The control frames, one after another in one write."""
    events = heard(framing.PING + framing.pong(b"abc") + framing.close(None))

    assert [type(event) for event in events] == [Ping, Pong, CloseConnection]
