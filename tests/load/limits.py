"""What this machine can do at all, measured in the same run, so that results are ratios."""

import os
import socket
import statistics
import tempfile
import threading
import time
from pathlib import Path

from tests.support.ports import LOOPBACK
from tests.support.postgres import Database

CLIENTS = 16
TABLE = "CREATE TABLE bench_rows (id bigserial PRIMARY KEY, at timestamptz DEFAULT now(), body text)"
ROW = "INSERT INTO bench_rows (body) VALUES (repeat('x', 100));"


def commits_per_s(database: Database, seconds: int) -> float:
    """Return PostgreSQL's own one-row commits a second with 16 clients, by pgbench."""
    database.ask(TABLE)
    said = database.server.pgbench(
        database.name, ROW, ["-n", "-c", str(CLIENTS), "-j", "2", "-T", str(seconds), "-M", "prepared"]
    )
    return float(next(line.split("=")[1].split()[0] for line in said.splitlines() if line.startswith("tps")))


def fsyncs_per_s(seconds: float = 1.0) -> float:
    """Return how often this disk confirms a write."""
    with tempfile.NamedTemporaryFile(dir=Path.cwd()) as file:
        end, count = time.perf_counter() + seconds, 0
        while time.perf_counter() < end:
            file.write(b"x" * 512)
            file.flush()
            os.fsync(file.fileno())
            count += 1
    return count / seconds


def round_trip_us(rounds: int = 5_000) -> float:
    """Return the median time of a round trip over the loopback, two threads talking."""
    server = socket.create_server((LOOPBACK, 0))

    def echoes() -> None:
        peer, _ = server.accept()
        with peer:
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while piece := peer.recv(64):
                peer.sendall(piece)

    threading.Thread(target=echoes, daemon=True).start()
    times = []
    with server, socket.create_connection(server.getsockname()) as line:
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(rounds):
            begun = time.perf_counter()
            line.sendall(b"x" * 64)
            line.recv(64)
            times.append(time.perf_counter() - begun)
    return statistics.median(times) * 1e6
