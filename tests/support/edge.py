"""The edge of the test clinic: one origin before the services, by the same paths as deploy/edge/nginx.conf.

`python -m tests.support.edge PORT auth=PORT staff=PORT portal=PORT` runs until it is ended. A request is passed on as
it came, one per connection (`Connection: close`), an upgraded one is spliced until either side ends. A service that
does not answer is a 503, as at the real edge. Nothing is logged but failures.
"""

import asyncio
import re
import signal
import sys
from contextlib import suppress

from tests.support.ports import LOOPBACK

ROUTES = (
    (re.compile(rb"/(pm/)?messaging(/|\?|$)"), "staff"),
    (re.compile(rb"/portal(/|\?|$)"), "portal"),
    (re.compile(rb"/auth/"), "auth"),
)
HEAD_LIMIT = 65_536
BODY_LIMIT = 256 * 1024
FILE_LIMIT = 26 * 1024 * 1024
FILES = re.compile(rb"/(messaging|portal)/api/attachments(/|\?|$)")
LINGER_S = 2.0
NOT_FOUND = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
PROBLEM = b'{"type":"about:blank","title":"Too large","status":413,"detail":"Too large.","code":"too_large"}'
TOO_LARGE = (
    b"HTTP/1.1 413 Content Too Large\r\nContent-Type: application/problem+json\r\n"
    b"Content-Length: %d\r\nConnection: close\r\n\r\n%b" % (len(PROBLEM), PROBLEM)
)
UNAVAILABLE = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


def service_for(path: bytes) -> str | None:
    """Return which service a path belongs to; None where the outside has nothing to look for."""
    return next((service for pattern, service in ROUTES if pattern.match(path)), None)


def length_of(head: bytes) -> int:
    """Return the length of the body that a request announces."""
    found = re.search(rb"\r\ncontent-length:\s*(\d{1,15})", head, re.IGNORECASE)
    return int(found[1]) if found else 0


def passed_on(head: bytes) -> bytes:
    """Return a request's head as the service shall see it: one request per connection, unless it upgrades."""
    request, *lines = head.rstrip(b"\r\n").split(b"\r\n")
    kept = [line for line in lines if not line.lower().startswith((b"connection:", b"x-forwarded-", b"forwarded:"))]
    upgrades = any(line.lower().startswith(b"upgrade:") for line in kept)
    kept.append(b"Connection: Upgrade" if upgrades else b"Connection: close")
    kept.append(b"X-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Proto: http")
    return b"\r\n".join([request, *kept, b"", b""])


async def _pour(source: asyncio.StreamReader, into: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while piece := await source.read(65_536):
            into.write(piece)
            await into.drain()


async def _lingers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Let a caller finish whose answer came early (413): closing on unread bytes would take the answer back."""
    with suppress(OSError, TimeoutError):
        writer.write_eof()
        async with asyncio.timeout(LINGER_S):
            while await reader.read(65_536):
                pass


async def _serve(ports: dict[str, int], reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    onward: asyncio.StreamWriter | None = None
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        path = head.split(b" ", 2)[1]
        service = service_for(path)
        if service is None:
            writer.write(NOT_FOUND)
            return
        if length_of(head) > (FILE_LIMIT if FILES.match(path) else BODY_LIMIT):
            writer.write(TOO_LARGE)
            await _lingers(reader, writer)
            return
        try:
            answers, onward = await asyncio.open_connection(LOOPBACK, ports[service])
        except OSError:
            writer.write(UNAVAILABLE)
            return
        onward.write(passed_on(head))
        up = asyncio.create_task(_pour(reader, onward))
        down = asyncio.create_task(_pour(answers, writer))
        # Of a live line, whoever ends first ends both; any other request is over when its answer is.
        live = b"\r\nupgrade:" in head.lower()
        await asyncio.wait({up, down} if live else {down}, return_when=asyncio.FIRST_COMPLETED)
        for task in (up, down):
            task.cancel()
        await asyncio.gather(up, down, return_exceptions=True)
        if not live:
            await _lingers(reader, writer)
    except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, IndexError):
        return
    finally:
        for each in (onward, writer):
            if each is not None:
                with suppress(OSError):
                    each.close()


async def serve(port: int, ports: dict[str, int]) -> None:
    """Serve until SIGTERM or SIGINT."""
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    server = await asyncio.start_server(lambda r, w: _serve(ports, r, w), LOOPBACK, port, limit=HEAD_LIMIT)
    async with server:
        await ended.wait()


if __name__ == "__main__":
    pairs = (word.split("=") for word in sys.argv[2:])
    asyncio.run(serve(int(sys.argv[1]), {name: int(number) for name, number in pairs}))
