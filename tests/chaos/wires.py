"""Wires between the parts of a run: TCP proxies on the loopback that may be cut, refused and stalled.

All wires run in the loop of the run itself. A wire with several ends behind it takes them in turn, and skips one that
does not answer or was said not to be ready: what Kubernetes does for the address of several replicas.
"""

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import suppress
from itertools import cycle
from typing import Any

from tests.support.ports import LOOPBACK

PIECE = 65536
Place = tuple[str, int]


class Wire:
    """One listening end, and what it leads to."""

    def __init__(self, *ends: Place) -> None:
        self._ends = ends
        self._turns: Iterator[Place] = cycle(ends)
        self._up, self._down = asyncio.Event(), asyncio.Event()
        self._not_ready: set[Place] = set()
        self._refusing = False
        self._open: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 0

    async def opens(self) -> None:
        """Begin to listen."""
        self.flows()
        self._server = await asyncio.start_server(self._accepted, LOOPBACK, 0)
        self.port = int(self._server.sockets[0].getsockname()[1])

    def stalls(self, *, answers_only: bool) -> None:
        """Hold back everything, or only what the far end says."""
        self._down.clear()
        if not answers_only:
            self._up.clear()

    def flows(self) -> None:
        """Let everything through again, also what was held back."""
        self._up.set()
        self._down.set()

    def cuts(self, *, refusing: bool = False) -> None:
        """End every connection at once; with `refusing`, new ones too until `mends`."""
        self._refusing = refusing
        for writer in list(self._open):
            writer.transport.abort()

    def mends(self) -> None:
        """Take new connections, and let them flow."""
        self._refusing = False
        self.flows()

    def leaves_out(self, end: Place) -> None:
        """Lead no new connection to this end until it is taken in again."""
        self._not_ready.add(end)

    def takes_in(self, end: Place) -> None:
        """Lead connections to this end again."""
        self._not_ready.discard(end)

    async def closes(self) -> None:
        """End the wire."""
        self._server.close()
        self.cuts(refusing=True)
        self.flows()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=2)

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        if self._refusing:
            writer.transport.abort()
            return
        try:
            far_reader, far_writer = await self._reached()
        except OSError:
            writer.transport.abort()
            return
        both = {writer, far_writer}
        self._open |= both
        try:
            await _first_of(
                self._pours(reader, far_writer, self._up),
                self._pours(far_reader, writer, self._down),
            )
        finally:
            self._open -= both
            for each in both:
                each.close()

    async def _reached(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        for _ in self._ends:
            end = next(self._turns)
            if end not in self._not_ready:
                with suppress(OSError):
                    return await asyncio.open_connection(*end)
        raise ConnectionRefusedError

    async def _pours(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, gate: asyncio.Event) -> None:
        with suppress(OSError):
            while piece := await source.read(PIECE):
                await gate.wait()
                sink.write(piece)
                await sink.drain()


async def _first_of(*pours: Coroutine[Any, Any, None]) -> None:
    tasks = [asyncio.create_task(pour) for pour in pours]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
