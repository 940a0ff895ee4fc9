"""The WebSocket itself: the handshake's answer, and the line that writes whole frames or gives up."""

import socket
from collections.abc import Iterator

import gevent
import pytest
from gevent import socket as gevent_socket
from werkzeug.datastructures import Headers

from realtime.transport import SocketLine, WriteTimedOut, converse, upgrade
from tests.support.lone_gateway import frame_of
from tests.unit.realtime.stage import Stage, settles
from wire.frames import MAX_FRAME
from wire.problems import Invalid

HANDSHAKE = {
    "Connection": "keep-alive, Upgrade",
    "Upgrade": "WebSocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


@pytest.fixture
def line() -> Iterator[tuple[SocketLine, socket.socket]]:
    """Give a line and the client's end of it."""
    ours, theirs = gevent_socket.socketpair()
    yield SocketLine(ours), theirs
    ours.close()
    theirs.close()


def test_the_answer_is_the_rfcs_own_example() -> None:
    """RFC 6455 section 1.3: this key, that accept."""
    answer = upgrade(Headers(HANDSHAKE)).decode()

    assert answer.startswith("HTTP/1.1 101 ")
    assert "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" in answer
    assert answer.endswith("\r\n\r\n")


def test_our_subprotocol_is_agreed_to_and_no_other() -> None:
    """A client that offers none is welcome too; extensions are never agreed to."""
    ours = upgrade(Headers(HANDSHAKE | {"Sec-WebSocket-Protocol": "chat, messages.v1"}))
    other = upgrade(Headers(HANDSHAKE | {"Sec-WebSocket-Protocol": "chat"}))
    deflate = upgrade(Headers(HANDSHAKE | {"Sec-WebSocket-Extensions": "permessage-deflate"}))

    assert b"Sec-WebSocket-Protocol: messages.v1\r\n" in ours
    assert b"Protocol" not in other.partition(b"Switching Protocols")[2]
    assert b"Extensions" not in deflate


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Connection", "keep-alive"),
        ("Upgrade", "h2c"),
        ("Sec-WebSocket-Version", "8"),
        ("Sec-WebSocket-Key", "short"),
        ("Sec-WebSocket-Key", "dGhl\r\n"),
        ("Sec-WebSocket-Key", "é"),
    ],
)
def test_what_is_no_handshake_is_refused_by_name(name: str, value: str) -> None:
    """The problem says which header is not right."""
    headers = Headers()
    for other, good in HANDSHAKE.items():
        headers.add(other, good if other != name else value.strip())

    with pytest.raises(Invalid) as refused:
        upgrade(headers)

    assert list(refused.value.errors) == [name.lower()]


def test_a_large_write_to_a_slow_reader_arrives_whole(line: tuple[SocketLine, socket.socket]) -> None:
    """More than the kernel takes at once, read in small sips, two writers at a time."""
    ours, theirs = line
    writers = [gevent.spawn(ours.write, letter * 300_000) for letter in (b"a", b"b")]

    heard = b""
    while len(heard) < 600_000:
        heard += theirs.recv(7_000)
        gevent.sleep(0)
    gevent.joinall(writers, raise_error=True)

    assert heard in (b"a" * 300_000 + b"b" * 300_000, b"b" * 300_000 + b"a" * 300_000)


def test_a_reader_that_is_stuck_is_given_up() -> None:
    """After a bounded time."""
    ours, theirs = gevent_socket.socketpair()

    with ours, theirs, pytest.raises(WriteTimedOut):
        SocketLine(ours, patience_s=0.1).write(b"x" * 10_000_000)


def test_hanging_up_frees_whoever_reads_and_whoever_writes(line: tuple[SocketLine, socket.socket]) -> None:
    """Both learn that the line is dead."""
    ours, _ = line
    reading = gevent.spawn(ours.read)
    writing = gevent.spawn(ours.write, b"x" * 10_000_000)
    settles()

    ours.hang_up()
    gevent.joinall([reading, writing], timeout=5)

    assert reading.value == b""
    assert isinstance(writing.exception, OSError)


@pytest.mark.parametrize("letter", ["x", "é", "€", "🙂"])
def test_an_endless_message_is_refused_before_more_than_64_kib_of_it_are_held(
    line: tuple[SocketLine, socket.socket], letter: str
) -> None:
    """The pieces are counted in bytes as they come, whatever they are written in."""
    ours, theirs = line
    stage = Stage()
    talk = gevent.spawn(converse, ours, stage.opens())
    piece = (letter * 1_000).encode()
    pieces = MAX_FRAME // len(piece) + 1

    theirs.sendall(frame_of(piece, first=0x01) + frame_of(piece, first=0x00) * (pieces - 1))
    with gevent.Timeout(5):
        while stage.wire.close_code is None:
            gevent.sleep(0.001)

    assert (stage.wire.close_code, stage.wire.close_reason) == (4505, "a frame is at most 64 KiB")
    talk.kill()
