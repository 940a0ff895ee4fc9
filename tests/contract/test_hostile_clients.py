"""Slow and hostile clients harm themselves only: each test breaks one rule while somebody else goes on talking."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

import pytest

from tests.support.flood import flooding
from tests.support.lone_gateway import HANDSHAKE, Gateway, frame_of, running
from tests.support.ports import LOOPBACK, wait_until
from wire.ids import new_id

SOON_S = 1.0
"""How long a message may take while others misbehave."""
GETS_IN_S = 2.0
FLOOD = 10_000
"""Pings that make a flood: far more than five sockets may say in one go before they are read more slowly."""


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Give one gateway for all: people and conversations are each test's own."""
    with running(tmp_path_factory.mktemp("hostile")) as started:
        yield started


class Bystanders:
    """Two people in a conversation of their own who write to each other and look at the clock."""

    def __init__(self, gateway: Gateway) -> None:
        nora, ada = new_id(), new_id()
        self._ward = gateway.ward(nora, ada)
        self._nora, self._ada = gateway.screen(nora), gateway.screen(ada)
        self.longest_s = 0.0

    def talk(self, *, times: int = 1) -> None:
        """Send, and wait until the other has it."""
        for _ in range(times):
            began = time.monotonic()
            said = {"conversation_id": self._ward, "client_message_id": new_id(), "body": "Are you there?"}
            seq = self._nora.asks("send", **said)["seq"]
            self._ada.hears("entry", seq=seq)
            self.longest_s = max(self.longest_s, time.monotonic() - began)

    def leave(self) -> None:
        """Close both screens."""
        self._nora.close()
        self._ada.close()


@pytest.fixture
def bystanders(gateway: Gateway) -> Iterator[Bystanders]:
    """Give two people who want nothing but to talk."""
    they = Bystanders(gateway)
    yield they
    they.leave()


def test_a_reader_that_stops_reading_is_closed_4008_and_delays_nobody(gateway: Gateway, bystanders: Bystanders) -> None:
    """Megabytes for somebody who sleeps; the two beside them are heard within the second."""
    writer, sleeper = new_id(), new_id()
    ward = gateway.ward(writer, sleeper)
    with gateway.raw(sleeper, receives=32_768) as raw:
        for _ in range(30):
            gateway.posts(writer, ward, "ä" * 10_000, times=10)
            bystanders.talk()
        closes = _last_close_code(raw)

    assert closes == 4008
    assert bystanders.longest_s < SOON_S


def test_a_client_that_sends_a_byte_at_a_time_is_understood_and_delays_nobody(
    gateway: Gateway, bystanders: Bystanders
) -> None:
    """A frame in crumbs is a frame; while it comes nobody waits for it."""
    slow = gateway.line(new_id())
    for crumb in frame_of(b'{"op": "hello", "ref": "slowly"}'):
        slow._socket.socket.sendall(bytes([crumb]))  # noqa: SLF001 - beneath the client's own frames
        bystanders.talk()

    reply = slow.waits_for(lambda frame: frame.get("ref") == "slowly", "the reply")

    assert reply["ok"]
    assert bystanders.longest_s < SOON_S


def test_crumbs_are_no_hello(gateway: Gateway) -> None:
    """Ten seconds after the handshake a socket that only began to say something is closed."""
    slow = gateway.line(new_id())
    slow._socket.socket.sendall(frame_of(b'{"op": "hello", "ref": "never"}')[:9])  # noqa: SLF001 - as above

    with skipped(gateway, 11):
        code = slow.waits_for_end()

    assert code == 4008


def test_half_open_handshakes_hold_nobody_up_and_are_ended(gateway: Gateway, bystanders: Bystanders) -> None:
    """A thousand connections that never finish their request: others get in, and the thousand are let go."""
    with ExitStack() as stack:
        halves = [stack.enter_context(socket.create_connection((LOOPBACK, gateway.port))) for _ in range(1_000)]
        for half in halves:
            half.sendall(HANDSHAKE.encode())
        began = time.monotonic()
        gateway.screen(new_id()).close()
        got_in_s = time.monotonic() - began
        bystanders.talk(times=5)

        wait_until(lambda: all(map(_has_ended, halves)), within_s=15, what="every half handshake ended")

    assert got_in_s < GETS_IN_S
    assert bystanders.longest_s < SOON_S


def test_a_flood_of_frames_slows_the_flooder_alone(gateway: Gateway, bystanders: Bystanders) -> None:
    """Five sockets say ping as fast as the network takes it; the two beside them are heard within the second."""
    before = _pings(gateway)

    def talk_until_flooded() -> bool:
        bystanders.talk()
        return _pings(gateway) - before >= FLOOD

    with flooding([gateway.raw(new_id()) for _ in range(5)], frame_of(b'{"op": "ping", "ref": 1}') * 500):
        wait_until(talk_until_flooded, within_s=60, what=f"{FLOOD} pings taken")

    assert bystanders.longest_s < SOON_S


@pytest.mark.parametrize("letter", ["x", "é", "€", "🙂"])
def test_a_frame_of_64_kib_is_taken_and_one_more_byte_is_not(gateway: Gateway, letter: str) -> None:
    """The limit is one of bytes, whatever the letters; a refused frame closes its own socket only."""
    line = gateway.screen(new_id())
    whole = _frame_of_size(65_536, letter)
    line.sends_raw(whole)
    answered = line.waits_for(lambda frame: frame.get("ref") == "big", "an answer")

    line.sends_raw(_frame_of_size(65_537, letter))
    code = line.waits_for_end()

    assert len(whole.encode()) == 65_536
    assert answered["problem"]["code"] == "invalid"
    assert code == 4505


def test_a_message_in_endless_pieces_is_refused_at_64_kib(gateway: Gateway, bystanders: Bystanders) -> None:
    """Pieces of a message that never ends: closed as soon as they are too much, not when memory is."""
    raw = gateway.raw(new_id())
    piece = "🙂" * 1_000
    sent = 0
    with raw, suppress(OSError):
        raw.sendall(frame_of(piece.encode(), first=0x01))
        while sent < 1_000_000:
            raw.sendall(frame_of(piece.encode(), first=0x00))
            sent += len(piece.encode())
        bystanders.talk()
        code = _last_close_code(raw)

    assert code == 4505
    assert bystanders.longest_s < SOON_S


def test_a_client_that_never_answers_is_let_go_after_a_minute(gateway: Gateway) -> None:
    """No pong, no frame, nothing: after 60 s the socket is closed; who answers the beats stays."""
    silent, answering = gateway.raw(new_id()), gateway.screen(new_id())
    with silent:
        for _ in range(3):
            with skipped(gateway, 25):
                answering.asks("ping")
        code = _last_close_code(silent)

    assert code == 4008
    assert answering.asks("ping")["ok"]


def test_a_storm_of_reconnects_lets_others_talk_and_leaves_nothing(gateway: Gateway, bystanders: Bystanders) -> None:
    """Forty screens lose their line again and again and come back at once, resuming where they were."""
    people = [new_id() for _ in range(40)]
    ward = gateway.ward(*people)
    gateway.posts(people[0], ward, times=10)
    before = gateway.holds()["sockets"]
    talked = threading.Thread(target=bystanders.talk, kwargs={"times": 40})
    talked.start()
    for _ in range(5):
        lines = [gateway.line(person) for person in people]
        for line in lines:
            line.says("hello", resume={ward: {"shared": 0}})
        for line in lines:
            line.hears("entry", seq=10)
            line.drops()
    talked.join(30)

    wait_until(lambda: gateway.holds()["sockets"] <= before, within_s=10, what="no more sockets than before")
    assert bystanders.longest_s < SOON_S


@contextmanager
def skipped(gateway: Gateway, seconds: float) -> Iterator[None]:
    """Turn the clock of the gateway's sockets on, for good: what was to come in these seconds comes now."""
    turned = float(gateway.control("lose", 0)["skipped_s"]) + seconds
    gateway.control("skipped_s", turned)
    yield


def _frame_of_size(size: int, letter: str) -> str:
    """Return a frame of so many bytes, of these letters, that asks for nothing there is."""
    bare = json.dumps({"op": "shout", "ref": "big", "body": ""}, ensure_ascii=False)
    room = size - len(bare.encode())
    fill = letter * (room // len(letter.encode())) + "x" * (room % len(letter.encode()))
    return bare.replace('""', f'"{fill}"')


def _pings(gateway: Gateway) -> float:
    """Return how many pings the gateway has taken."""
    lines = gateway.http.get("/metrics").raise_for_status().text.splitlines()
    counted = (line for line in lines if line.startswith("messages_live_frames_total{") and 'op="ping"' in line)
    return sum(float(line.rpartition(" ")[2]) for line in counted)


def _has_ended(raw: socket.socket) -> bool:
    raw.settimeout(0)
    try:
        return raw.recv(1) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


def _last_close_code(raw: socket.socket) -> int:
    """Read to the end; return the code of the close frame."""
    raw.settimeout(20)
    with raw.makefile("rb") as stream:
        while head := stream.read(2):
            length = head[1]
            if length > 125:
                length = int.from_bytes(stream.read(2 if length == 126 else 8))
            payload = stream.read(length)
            if head[0] == 0x88:
                return int.from_bytes(payload[:2])
    raise ConnectionError("the line ended without a close frame")
