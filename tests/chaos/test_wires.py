"""A wire carries bytes both ways until it is cut, refused or stalled, and leads on to an end that is ready."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager

from tests.chaos.wires import Place, Wire
from tests.support.ports import LOOPBACK, free_port


@asynccontextmanager
async def echo(name: bytes) -> AsyncIterator[Place]:
    """Serve an echo that signs what it says."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while said := await reader.read(100):
            writer.write(name + said)
        writer.close()

    server = await asyncio.start_server(serve, LOOPBACK, 0)
    async with server:
        yield LOOPBACK, server.sockets[0].getsockname()[1]


async def says(port: int) -> bytes:
    """Say something on a connection of its own; returns the answer, nothing when the line ends instead."""
    reader, writer = await asyncio.open_connection(LOOPBACK, port)
    try:
        writer.write(b"x")
        async with asyncio.timeout(0.3):
            return await heard(reader)
    finally:
        writer.transport.abort()


async def heard(reader: asyncio.StreamReader) -> bytes:
    """Return what comes next; nothing when the line ends, politely or not."""
    try:
        return await reader.read(100)
    except ConnectionError:
        return b""


def run(story: Coroutine[None, None, None]) -> None:
    """Tell a story of coroutines."""
    asyncio.run(story)


def test_a_wire_takes_its_ends_in_turn_and_skips_what_is_away_or_not_ready() -> None:
    """Replicas share the connections; one that is gone or starts gets none."""

    async def story() -> None:
        async with echo(b"a") as a, echo(b"b") as b:
            wire = Wire(a, (LOOPBACK, free_port()), b)
            await wire.opens()
            in_turn = {await says(wire.port) for _ in range(4)}
            wire.leaves_out(a)
            without_a = {await says(wire.port) for _ in range(4)}
            wire.takes_in(a)
            again = {await says(wire.port) for _ in range(4)}
            await wire.closes()

        assert in_turn == again == {b"ax", b"bx"}
        assert without_a == {b"bx"}

    run(story())


def test_a_cut_wire_ends_its_connections_and_may_refuse_new_ones() -> None:
    """Both ends see the line end; after mending, it carries again."""

    async def story() -> None:
        async with echo(b"a") as a:
            wire = Wire(a)
            await wire.opens()
            reader, writer = await asyncio.open_connection(LOOPBACK, wire.port)
            writer.write(b"x")
            assert await reader.read(100) == b"ax"
            wire.cuts(refusing=True)
            assert await heard(reader) == b""
            writer.close()
            assert await says(wire.port) == b""
            wire.mends()
            assert await says(wire.port) == b"ax"
            await wire.closes()

    run(story())


def test_a_stalled_wire_holds_back_and_then_lets_through() -> None:
    """What was said while it was stalled arrives afterwards."""

    async def story() -> None:
        async with echo(b"a") as a:
            wire = Wire(a)
            await wire.opens()
            reader, writer = await asyncio.open_connection(LOOPBACK, wire.port)
            wire.stalls(answers_only=True)
            writer.write(b"x")
            held = asyncio.create_task(reader.read(100))
            await asyncio.sleep(0.05)
            assert not held.done()
            wire.flows()
            assert await held == b"ax"
            writer.close()
            await wire.closes()

    run(story())
