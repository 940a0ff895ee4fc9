"""A gateway that is asked to end: it says so at once, takes nothing new, sends its sockets elsewhere, and ends."""

import signal
import time
from pathlib import Path

import pytest

from realtime.app import LOOK_EVERY_S
from realtime.connection import LEAVE_WITHIN_S
from tests.support.lone_gateway import Gateway, running
from tests.support.ports import wait_until
from wire.ids import new_id
from wire.problems import Unavailable

GRACE_S = 20
"""What gunicorn gives a worker; containers are given 30 s."""
HANGS_S = 10.0
"""How long a gateway waits for an answer."""


def test_a_stopping_gateway_says_so_and_takes_nothing_new(tmp_path: Path) -> None:
    """/readyz 503 at once, a handshake 503, every socket its own time to come back; nobody idle holds up the end."""
    with running(tmp_path) as gateway, gateway.raw(new_id()):  # whose client dawdles over its goodbye
        lines = [gateway.screen(new_id()) for _ in range(12)]
        ready_before = gateway.http.get("/readyz").status_code
        began = time.monotonic()

        gateway.child.process.send_signal(signal.SIGTERM)
        wait_until(lambda: _readiness(gateway) == (503, "stopping"), within_s=2, what="/readyz saying it is stopping")
        with pytest.raises(Unavailable):
            gateway.line(new_id())
        codes = {line.waits_for_end() for line in lines}
        pauses = [line.pushes("bye")[0]["retry_after_ms"] for line in lines]
        exit_code = gateway.child.process.wait(GRACE_S)  # with our own kept connection open and idle
        took_s = time.monotonic() - began

    assert ready_before == 200
    assert codes == {4000}
    assert len(set(pauses)) > 6
    assert all(0 <= pause <= 500 for pause in pauses)
    assert exit_code == 0
    assert took_s < GRACE_S


def test_marks_that_nobody_takes_hold_up_no_goodbye(tmp_path: Path) -> None:
    """Conversations hangs: who never answers the close is hung up on all the same, well before the end of the grace."""
    with running(tmp_path) as gateway, gateway.raw(new_id()) as dawdler:
        nora = new_id()
        wards = [gateway.ward(nora) for _ in range(2)]
        screen = gateway.screen(nora)
        gateway.posts(nora, wards[0])
        gateway.control("hangs_s", HANGS_S)
        screen.asks("read", conversation_id=wards[0], stream="shared", seq=1)
        wait_until(lambda: gateway.control("lose", 0)["hanging"] == 1, within_s=5, what="marks on their way")
        screen.asks("read", conversation_id=wards[1], stream="shared", seq=0)
        began = time.monotonic()

        gateway.child.process.send_signal(signal.SIGTERM)
        dawdler.settimeout(GRACE_S)
        while dawdler.recv(65_536):
            pass
        hung_up_s = time.monotonic() - began
        exit_code = gateway.child.process.wait(GRACE_S)
        took_s = time.monotonic() - began

    assert screen.waits_for_end() == 4000
    assert hung_up_s < LEAVE_WITHIN_S + 2 * LOOK_EVERY_S + 1
    assert exit_code == 0
    assert took_s < GRACE_S - 5


def _readiness(gateway: Gateway) -> tuple[int, str]:
    answer = gateway.http.get("/readyz")
    return answer.status_code, answer.json()["status"]
