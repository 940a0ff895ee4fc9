"""The live socket over a real gunicorn with its gevent worker, as a client that knows only protocol.md meets it."""

import json
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from tests.support import children
from tests.support.little_gateway import ORGANISATION, token
from tests.support.live import Line, websocket_url
from tests.support.lone_gateway import Gateway, running
from tests.support.ports import wait_until
from wire.ids import new_id
from wire.problems import Problem


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Give one gateway for all: people and conversations are each test's own."""
    with running(tmp_path_factory.mktemp("gateway")) as started:
        yield started


def seqs(line: Line, conversation_id: str) -> list[int]:
    """Return the numbers of the entries heard in a conversation."""
    return [push["seq"] for push in line.pushes("entry") if push["conversation_id"] == conversation_id]


def test_two_people_talk(gateway: Gateway) -> None:
    """Sent, stored, answered, heard by all devices of both, and confirmed as delivered."""
    nora, ada = new_id(), new_id()
    ward = gateway.ward(nora, ada)
    desk, phone, hers = gateway.screen(nora), gateway.screen(nora), gateway.screen(ada)

    reply = desk.asks("send", conversation_id=ward, client_message_id=new_id(), body="Good morning")
    heard = [line.hears("entry", seq=1) for line in (desk, phone, hers)]
    wait_until(lambda: bool(gateway.control("lose", 0)["marks"]), within_s=5, what="a delivered mark")

    assert desk.subprotocol == "messages.v1"
    assert {name: reply[name] for name in ("ok", "conversation_id", "stream", "seq")} == {
        "ok": True,
        "conversation_id": ward,
        "stream": "shared",
        "seq": 1,
    }
    assert all(entry["message"]["body"] == "Good morning" for entry in heard)
    assert {mark["token"] for mark in gateway.control("lose", 0)["marks"]} == {ada}


# Made when the tests are collected, used much later.
A_DAY = 86_400


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({}, 401, "unauthenticated"),
        ({"Authorization": "Bearer nonsense"}, 401, "unauthenticated"),
        ({"Authorization": "Bearer " + token(new_id(), lives_s=-1)}, 401, "unauthenticated"),
        ({"Authorization": "Bearer " + token(new_id(), permissions=(), lives_s=A_DAY)}, 403, "permission_required"),
    ],
)
def test_whoever_may_not_come_in_is_told_before_the_handshake(
    gateway: Gateway, headers: dict[str, str], status: int, code: str
) -> None:
    """As problem+json, and no socket."""
    with pytest.raises(Problem) as refused:
        Line(websocket_url(gateway.origin, "/messaging/live"), headers=headers)

    assert (refused.value.status, refused.value.code) == (status, code)
    assert isinstance(refused.value.__cause__, InvalidStatus)
    answer = refused.value.__cause__.response
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert json.loads(answer.body or b"")["code"] == code


def test_a_plain_call_is_refused_like_a_handshake(gateway: Gateway) -> None:
    """401 without a token; with one, the sentence that says what is spoken here."""
    stranger = gateway.http.get("/messaging/live")
    nora = gateway.http.get("/messaging/live", headers={"Authorization": f"Bearer {token(new_id())}"})

    assert (stranger.status_code, nora.status_code) == (401, 422)
    assert "WebSocket" in nora.json()["detail"]


@pytest.mark.parametrize("frame", ["nonsense", "[1]", b"\x00\x01", "x" * 65_537])
def test_what_is_no_frame_closes_4505_after_bye(gateway: Gateway, frame: str | bytes) -> None:
    """And harms nobody else."""
    nora, ada = new_id(), new_id()
    ward = gateway.ward(nora, ada)
    line, other = gateway.screen(nora), gateway.screen(ada)

    line.sends_raw(frame)
    code = line.waits_for_end()
    gateway.posts(nora, ward)

    assert code == 4505
    assert line.heard[-1]["push"] == "bye"
    assert line.heard[-1]["code"] == 4505
    other.hears("entry", seq=1)


def test_bytes_that_are_no_websocket_close_the_line(gateway: Gateway) -> None:
    """An unmasked frame, which no client may send."""
    line = gateway.screen(new_id())

    line._socket.socket.sendall(b"\x81\x02hi")  # noqa: SLF001 - beneath the client's own rules

    assert line.waits_for_end() == 4505


def test_a_message_in_pieces_is_put_together(gateway: Gateway) -> None:
    """RFC 6455 section 5.4: fragments, with a ping in between."""
    line = gateway.screen(new_id())

    line._socket.send(iter(['{"op": "pi', 'ng", "re', 'f": "whole"}']))  # noqa: SLF001 - the client's own way to fragment
    line.waits_for(lambda frame: frame.get("ref") == "whole", "the reply")

    assert line._socket.ping().wait(5)  # noqa: SLF001 - and its ping is answered


def test_a_resume_misses_and_repeats_nothing_while_entries_pour_in(gateway: Gateway) -> None:
    """Lost lines under traffic: each time what was missed comes first, in order, then the rest."""
    nora, ada = new_id(), new_id()
    ward = gateway.ward(nora, ada)
    writer = gateway.screen(nora)
    log: list[int] = []
    line = gateway.screen(ada)
    for number in range(200):
        writer.says("send", conversation_id=ward, client_message_id=new_id(), body=f"message {number}")
        if number % 40 == 39:
            line.drops()
            log += seqs(line, ward)
            line = gateway.screen(ada, resume={ward: {"shared": max(log, default=0)}})
    line.hears("entry", seq=200)
    log += seqs(line, ward)

    assert log == list(range(1, 201))


def test_lost_events_are_asked_for(gateway: Gateway) -> None:
    """A hole is filled from the database."""
    nora, ada = new_id(), new_id()
    ward = gateway.ward(nora, ada)
    line = gateway.screen(ada)
    gateway.control("lose", 2)

    gateway.posts(nora, ward, times=3)
    line.hears("entry", seq=3)

    assert seqs(line, ward) == [1, 2, 3]


def test_a_slow_reader_gets_whole_frames_or_a_close_and_harms_nobody(gateway: Gateway) -> None:
    """Megabytes to a client that sleeps: what it reads later is intact to the last frame."""
    nora, slow, ada = new_id(), new_id(), new_id()
    ward = gateway.ward(nora, slow, ada)
    sleeper = gateway.raw(slow, receives=65_536)
    quick = gateway.screen(ada)
    for _ in range(40):
        gateway.posts(nora, ward, "ä" * 10_000, times=20)
    quick.hears("entry", seq=800, within_s=30)

    frames, code = _wakes(sleeper)

    heard = [frame["seq"] for frame in frames if frame.get("push") == "entry"]
    assert heard == list(range(1, len(heard) + 1))
    assert len(heard) < 800
    assert frames[-1]["push"] == "bye"
    assert code == 4008


def test_sends_to_a_service_that_is_away_are_answered_unavailable_and_can_be_repeated(gateway: Gateway) -> None:
    """The same client id again, and it is one message."""
    nora = new_id()
    ward = gateway.ward(nora)
    line = gateway.screen(nora)
    message = {"conversation_id": ward, "client_message_id": new_id(), "body": "once"}
    gateway.control("away", body=True)
    refused = line.asks("send", **message)
    gateway.control("away", body=False)

    first, again = line.asks("send", **message), line.asks("send", **message)

    assert refused["problem"]["code"] == "unavailable"
    assert first["seq"] == again["seq"] == 1
    assert first["message_id"] == again["message_id"]


def test_a_revoked_session_is_closed_within_a_second(gateway: Gateway) -> None:
    """4501, stay away."""
    nora = new_id()
    line = gateway.line(nora, session_id=new_id())
    line.asks("hello")
    change = {"position": 1, "type": "user.changed", "at": "2026-11-22T08:00:00.000Z", "org": ORGANISATION}
    change |= {"user_id": nora, "tokens_before": int(time.time()), "reason": "signed_out_everywhere"}
    began = time.monotonic()

    gateway.control("revoke", change)

    assert line.waits_for_end() == 4501
    assert time.monotonic() - began < 1


def test_the_socket_beyond_the_limit_is_turned_away_and_the_others_stay(gateway: Gateway) -> None:
    """4009: come back later; when one leaves there is room again."""
    nora = new_id()
    lines = [gateway.screen(nora) for _ in range(3)]

    fourth = gateway.line(nora)
    code = fourth.waits_for_end()
    lines[0].close()

    assert code == 4009
    assert fourth.hears("bye")["retry_after_ms"] > 0
    assert lines[1].asks("ping")["ok"]
    wait_until(lambda: not _is_turned_away(gateway, nora), within_s=5, what="room for another socket")


def test_a_gateway_that_stops_says_when_to_come_back(tmp_path: Path) -> None:
    """SIGTERM: what was sent is answered, everybody gets `bye` 4000, and the process ends by itself."""
    with running(tmp_path) as gateway:
        nora = new_id()
        ward = gateway.ward(nora)
        lines = [gateway.screen(nora), gateway.screen(new_id())]
        for _ in range(20):
            lines[0].says("send", conversation_id=ward, client_message_id=new_id(), body="last words")
        lines[0].asks("ping")

        gateway.http.close()
        gateway.child.process.send_signal(signal.SIGTERM)
        codes = [line.waits_for_end() for line in lines]
        ended = gateway.child.process.wait(15)

    assert codes == [4000, 4000]
    assert all(line.pushes("bye")[0]["code"] == 4000 for line in lines)
    assert all(0 <= line.pushes("bye")[0]["retry_after_ms"] <= 5_000 for line in lines)
    assert len([frame for frame in lines[0].heard if frame.get("ok")]) == 22
    assert ended == 0


def test_sockets_come_and_go_without_leaving_anything_open(gateway: Gateway) -> None:
    """After many ends of every kind the process holds as many files as before."""
    users = [new_id() for _ in range(10)]
    _come_and_go(gateway, users)
    before = _open_files(gateway)

    for _ in range(10):
        _come_and_go(gateway, users)

    wait_until(lambda: _open_files(gateway) <= before + 2, within_s=15, what=f"at most {before} open files again")


def _come_and_go(gateway: Gateway, users: list[str]) -> None:
    lines = [gateway.line(user) for user in users]
    for number, line in enumerate(lines):
        if number % 2:
            line.asks("hello")
        if number % 3 == 0:
            line.drops()
        elif number % 3 == 1:
            line.sends_raw(b"bad")
            line.waits_for_end()
        else:
            line.close()


def _open_files(gateway: Gateway) -> int:
    return sum(len(list(Path(f"/proc/{pid}/fd").iterdir())) for pid in children.family(gateway.child.pid))


def _is_turned_away(gateway: Gateway, user: str) -> bool:
    with gateway.line(user) as line:
        try:
            return not line.asks("hello")["ok"]
        except ConnectionError:
            return True


def _wakes(raw: socket.socket) -> tuple[list[dict[str, Any]], int]:
    """Read everything there is, whole frame by whole frame; returns the texts and the close code."""
    raw.settimeout(20)
    frames: list[dict[str, Any]] = []
    with raw, raw.makefile("rb") as stream:
        while True:
            first, length = stream.read(2)
            if length > 125:
                length = int.from_bytes(stream.read(2 if length == 126 else 8))
            payload = stream.read(length)
            if first == 0x88:
                return frames, int.from_bytes(payload[:2])
            if first == 0x81:
                frames.append(json.loads(payload))
