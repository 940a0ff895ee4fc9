"""One address for several processes of a service, as an orchestrator has it: callers are led to those that are ready.

    with balanced(auth.port, next_auth.port) as address:
        httpx.get(f"http://{LOOPBACK}:{address.port}/auth/jwks.json")

A connection stays with the process it was led to; one that refuses is passed over.
"""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress

from tests.support.ports import LOOPBACK, free_port

LOOK_EVERY_S = 0.25
PROBE = b"GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


class Balancer:
    """Leads connections to ready processes, in turn."""

    def __init__(self) -> None:
        self.port = free_port()
        self._known: list[int] = []
        self._ready: list[int] = []
        self._loop = asyncio.new_event_loop()
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run, name="balancer", daemon=True)
        self._thread.start()
        self._started.wait()

    def leads_to(self, *ports: int) -> None:
        """Lead callers to these, each while it is ready."""
        self._known = list(ports)

    def leads_callers_to(self, port: int) -> bool:
        """Tell whether a process is known to be ready."""
        return port in self._ready

    def close(self) -> None:
        """End every connection."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, LOOPBACK, self.port))
        looking = self._loop.create_task(self._look())
        self._started.set()
        self._loop.run_forever()
        server.close()
        for task in (looking, *asyncio.all_tasks(self._loop)):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0.1))
        self._loop.close()

    async def _look(self) -> None:
        while True:
            known = list(self._known)
            answers = await asyncio.gather(*map(_is_ready, known))
            self._ready = [port for port, ready in zip(known, answers, strict=True) if ready]
            await asyncio.sleep(LOOK_EVERY_S)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        onward = await self._connection()
        try:
            if onward is not None:
                pours = [asyncio.create_task(_pour(reader, onward[1])), asyncio.create_task(_pour(onward[0], writer))]
                await asyncio.wait(pours, return_when=asyncio.FIRST_COMPLETED)
                for pour in pours:
                    pour.cancel()
        finally:
            for each in (writer, *(onward or ())[1:]):
                each.close()

    async def _connection(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        for port in list(self._ready):
            self._ready.append(self._ready.pop(0))
            with suppress(OSError):
                return await asyncio.open_connection(LOOPBACK, port)
        return None


@contextmanager
def balanced(*ports: int) -> Iterator[Balancer]:
    """Run a balancer for a while."""
    balancer = Balancer()
    balancer.leads_to(*ports)
    try:
        yield balancer
    finally:
        balancer.close()


async def _is_ready(port: int) -> bool:
    try:
        async with asyncio.timeout(2):
            reader, writer = await asyncio.open_connection(LOOPBACK, port)
            with closing(writer):
                writer.write(PROBE)
                head = await reader.readline()
    except (OSError, TimeoutError):
        return False
    return b" 200 " in head


async def _pour(source: asyncio.StreamReader, into: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while piece := await source.read(65_536):
            into.write(piece)
            await into.drain()
