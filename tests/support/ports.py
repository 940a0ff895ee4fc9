"""Free ports of this machine's loopback, and the wait until something listens there."""

import socket
import time
from collections.abc import Callable

LOOPBACK = "127.0.0.1"


def free_port() -> int:
    """Return a port nobody listens on at this moment."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def listens(host: str, port: int) -> bool:
    """Tell whether something accepts a connection there."""
    try:
        socket.create_connection((host, port), timeout=1).close()
    except OSError:
        return False
    return True


def wait_until(fact: Callable[[], bool], *, within_s: float, what: str, every_s: float = 0.05) -> None:
    """Wait for a fact, looking often; TimeoutError names what did not come true."""
    end = time.monotonic() + within_s
    while not fact():
        if time.monotonic() > end:
            raise TimeoutError(f"within {within_s:g} s not seen: {what}")
        time.sleep(every_s)
