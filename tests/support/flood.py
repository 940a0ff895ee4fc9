"""Sockets into which the same is said as fast as the network takes it, by a process of its own.

In a thread of the test's it would share the lock of the interpreter with whoever looks at the clock beside it.
"""

import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing import get_context


@contextmanager
def flooding(lines: Sequence[socket.socket], said: bytes) -> Iterator[None]:
    """Say this into each line again and again, and read all that comes back, until the block ends; then close them."""
    flood = get_context("spawn").Process(target=_floods, args=(lines, said), daemon=True)
    flood.start()
    try:
        yield
    finally:
        flood.kill()
        flood.join()
        flood.close()
        for line in lines:
            line.close()


def _floods(lines: Sequence[socket.socket], said: bytes) -> None:
    threads = [threading.Thread(target=do, args=(line, said)) for line in lines for do in (_says, _reads)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _says(line: socket.socket, said: bytes) -> None:
    with suppress(OSError):
        while True:
            line.sendall(said)


def _reads(line: socket.socket, _said: bytes) -> None:
    with suppress(OSError):
        while line.recv(65_536):
            pass
