"""A thousand sockets that come and are lost in every way there is leave the process as it was."""

import os
import socket
import struct
import threading
from contextlib import suppress
from pathlib import Path

from tests.support.lone_gateway import Gateway, frame_of, running
from tests.support.ports import wait_until
from wire.ids import new_id

CYCLES = 1_000
WARMING_UP = 200
AT_ONCE = 4
MEMORY_MARGIN = 6 * 1024 * 1024
"""Bytes the process may be larger afterwards: the allocator keeps what it once had, a leak of 8 KB a socket shows."""
OBJECTS_MARGIN = 500
COUNTED = ("sockets", "users", "sessions", "connections", "greenlets")


def test_a_thousand_sockets_come_and_go_and_leave_nothing(tmp_path: Path) -> None:
    """File descriptors, greenlets, hub tables and memory are where they were, and the gateway still serves."""
    with running(tmp_path) as gateway:
        _come_and_go(gateway, WARMING_UP)
        _settles(gateway)
        before = _at_rest(gateway)
        files, memory = _files(gateway), gateway.metric("process_resident_memory_bytes")

        _come_and_go(gateway, CYCLES)
        _settles(gateway)
        wait_until(lambda: _left(gateway.holds(), before) == {}, within_s=20, what=f"no more than {before}")
        wait_until(lambda: _files(gateway) <= files, within_s=10, what=f"{files} open files as before")
        after, grown = gateway.holds(), gateway.metric("process_resident_memory_bytes") - memory
        still_serves = _talks(gateway)

    assert _left(after, before) == {}
    assert after["objects"] - before["objects"] < OBJECTS_MARGIN
    assert grown < MEMORY_MARGIN
    assert still_serves


def _come_and_go(gateway: Gateway, cycles: int) -> None:
    """Open so many sockets, a few at a time, each in a conversation with entries to catch up, and lose each one."""
    member = new_id()
    ward = gateway.ward(member)
    gateway.posts(member, ward, times=3)
    ends = [_cut_off, _reset, _close_politely, _leave_half_a_frame, _break_the_protocol, _flood_and_go]
    failures: list[BaseException] = []

    def comes_and_goes(first: int) -> None:
        try:
            for number in range(first, cycles, AT_ONCE):
                end = ends[number % len(ends)]
                # Every other socket is the same person's, the rest are people who never come back.
                end(gateway.raw(new_id() if number % 2 else member))
        except BaseException as failed:  # noqa: BLE001 - a thread's failure is told by the test
            failures.append(failed)

    threads = [threading.Thread(target=comes_and_goes, args=(first,)) for first in range(AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def _settles(gateway: Gateway) -> None:
    wait_until(lambda: gateway.metric("messages_live_connections") == 0, within_s=20, what="no socket open")
    wait_until(lambda: gateway.metric("messages_live_users") == 0, within_s=1, what="nobody there")


def _at_rest(gateway: Gateway) -> dict[str, int]:
    """Return what the gateway holds once that no longer changes: a line's greenlet outlives its place in the gauges."""
    held = [gateway.holds()]

    def same_again() -> bool:
        held.append(gateway.holds())
        return all(held[-1][name] == held[-2][name] for name in COUNTED)

    wait_until(same_again, within_s=20, what="the same held twice in a row")
    return held[-1]


def _left(after: dict[str, int], before: dict[str, int]) -> dict[str, int]:
    """Return what there is more of than before."""
    return {name: after[name] - before[name] for name in COUNTED if after[name] > before[name]}


def _files(gateway: Gateway) -> float:
    return gateway.metric("process_open_fds")


def _talks(gateway: Gateway) -> bool:
    nora = new_id()
    ward = gateway.ward(nora)
    with gateway.screen(nora) as line:
        return bool(line.asks("send", conversation_id=ward, client_message_id=new_id(), body="Still there?")["ok"])


# How a line ends.


def _cut_off(raw: socket.socket) -> None:
    raw.shutdown(socket.SHUT_RDWR)
    raw.close()


def _reset(raw: socket.socket) -> None:
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    raw.close()


def _close_politely(raw: socket.socket) -> None:
    raw.sendall(frame_of(struct.pack("!H", 1000), first=0x88))
    with raw, suppress(OSError):
        while raw.recv(65_536):
            pass


def _leave_half_a_frame(raw: socket.socket) -> None:
    raw.sendall(frame_of(b'{"op": "ping", "ref": 1}')[:9])
    raw.close()


def _break_the_protocol(raw: socket.socket) -> None:
    raw.sendall(frame_of(os.urandom(20), first=0x83))
    with raw, suppress(OSError):
        while raw.recv(65_536):
            pass


def _flood_and_go(raw: socket.socket) -> None:
    with suppress(OSError):
        raw.sendall(frame_of(b'{"op": "ping", "ref": 1}') * 50)
    raw.close()
