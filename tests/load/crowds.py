"""B4 and B5 of the quality page, on the real system.

B4  so many idle sockets at one gateway process: handshakes a second, hellos a second, memory a socket.
B5  so many clients lose their gateway at once (kill -9) and have ten entries each to catch up at another one.

Memory is the resident size of the gateway's processes, so without the kernel's own buffers. CPU is told for each step,
because the generator shares the machine with what it measures.
"""

import asyncio
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import orjson
import picows

from tests.load import people
from tests.load.cost import Meter
from tests.load.people import Member
from tests.load.report import Figure
from tests.support import children
from tests.support.clinic import STAFF, Clinic
from tests.support.live import websocket_url
from tests.support.person import new_id

SESSIONS = 10
"""Sockets a person: each a session, and so a token, of its own."""
ENTRIES = 10
AT_ONCE = 64
"""Handshakes on their way at a time."""
BRIEF = 1_000
"""Sockets that are opened and left at once, at the most: a hello must come within ten seconds."""
PATIENCE_S = 120.0
PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What one step took."""

    name: str
    count: int
    seconds: float
    cpu_s: Mapping[str, float]

    @property
    def per_s(self) -> float:
        return self.count / self.seconds

    def lines(self) -> Iterator[str]:
        """Tell it as text."""
        yield f"{self.name:44} {self.count:7,} in {self.seconds:6.2f} s {self.per_s:9,.0f}/s"
        for who, cpu_s in sorted(self.cpu_s.items(), key=lambda each: -each[1]):
            if cpu_s * 1000 / self.count >= 0.01:
                yield f"    {who:30} {cpu_s * 1000 / self.count:8.3f} ms of CPU each"


class Guest(picows.WSListener):
    """One open socket that keeps count of what it hears in one conversation."""

    def __init__(self, token: str, url: str) -> None:
        self.token = token
        self.url = url
        self.seqs: list[int] = []
        self.heads: dict[str, dict[str, int]] = {}
        self.welcome = asyncio.Event()
        self.caught_up = asyncio.Event()
        self.closed = asyncio.Event()
        self._transport: picows.WSTransport

    async def comes(self) -> None:
        """Open the socket."""
        headers = {"Authorization": f"Bearer {self.token}", "Sec-WebSocket-Protocol": "messages.v1"}
        await picows.ws_connect(lambda: self, self.url, extra_headers=headers, websocket_handshake_timeout=PATIENCE_S)

    async def greets(self, resume: Mapping[str, Mapping[str, int]] | None = None) -> None:
        """Say hello and wait until caught up."""
        hello: dict[str, Any] = {"op": "hello", "ref": "hello"}
        self.says(hello if resume is None else {**hello, "resume": resume})
        await asyncio.wait_for(self.caught_up.wait(), PATIENCE_S)
        if self.closed.is_set():
            raise ConnectionError("the socket was closed before it was caught up")

    def says(self, members: Mapping[str, object]) -> None:
        """Send one frame."""
        self._transport.send(picows.WSMsgType.TEXT, orjson.dumps(members))

    def on_ws_connected(self, transport: picows.WSTransport) -> None:
        """Remember the line."""
        self._transport = transport

    def on_ws_frame(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
        """Take in what comes; a ping is answered."""
        if frame.msg_type == picows.WSMsgType.PING:
            transport.send_pong(frame.get_payload_as_bytes())
        if frame.msg_type != picows.WSMsgType.TEXT:
            return
        members = orjson.loads(frame.get_payload_as_bytes())
        if members.get("push") == "entry":
            self.seqs.append(members["seq"])
        elif members.get("push") == "caught_up":
            self.heads = members["heads"]
            self.caught_up.set()
        elif members.get("ref") == "hello" and not members["ok"]:
            raise ConnectionError(f"hello was refused: {members['problem']['code']}")

    def on_ws_disconnected(self, transport: picows.WSTransport) -> None:
        """Note the end."""
        del transport
        self.closed.set()
        self.caught_up.set()

    def leaves(self) -> None:
        """Hang up."""
        self._transport.disconnect()


@dataclass(slots=True, kw_only=True)
class Bench:
    """The system, and what was measured of it."""

    clinic: Clinic
    hired: list[tuple[str, str]]
    meter: Meter
    steps: list[Step] = field(default_factory=list)
    figures: list[Figure] = field(default_factory=list)

    @contextmanager
    def step(self, name: str, count: int) -> Iterator[None]:
        """Measure one step."""
        sys.stderr.write(f"… {name}\n")
        self.meter.starts()
        began = time.perf_counter()
        yield
        seconds = time.perf_counter() - began
        self.steps.append(Step(name=name, count=count, seconds=seconds, cpu_s=self.meter.reads()))

    def tokens(self, count: int) -> list[str]:
        """Return tokens of so many sessions, of a tenth as many people."""
        signed: list[Member] = []
        while len(signed) < count:
            signed += people.signed_in(self.clinic, self.hired)
        return [member.token for member in signed[:count]]


async def idle_sockets(bench: Bench, count: int) -> None:
    """B4: open so many sockets, greet, and weigh the process."""
    url = websocket_url(bench.clinic.origin_of(STAFF), "/messaging/live")
    brief, warm = min(count, BRIEF), AT_ONCE
    tokens = bench.tokens(count + warm + brief)
    first = [Guest(token, url) for token in tokens[count : count + warm]]
    await _each(first, _comes_and_greets)
    passing = [Guest(token, url) for token in tokens[count + warm :]]
    with bench.step("B4 handshakes, hung up at once", brief):
        await _each(passing, _comes_and_goes)
    shaken = bench.steps[-1].per_s
    bench.figures.append(Figure(workload="B4", measure="handshakes", value=shaken, unit="/s", aim=500, at_least=True))
    guests = [Guest(token, url) for token in tokens[:count]]
    empty = _resident(bench.clinic, STAFF)
    with bench.step("B4 handshakes and hellos, until caught up", count):
        await _each(guests, _comes_and_greets)
    weight = (_resident(bench.clinic, STAFF) - empty) / count / 1024
    bench.figures += [
        Figure(workload="B4", measure="greeted and caught up", value=bench.steps[-1].per_s, unit="/s"),
        Figure(workload="B4", measure=f"memory a socket, {count:,} open", value=weight, unit="KB", aim=45),
    ]
    idle_s = 10.0
    with bench.step(f"B4 idle for {idle_s:g} s, all sockets open", count):
        await asyncio.sleep(idle_s)
    for guest in (*guests, *first):
        guest.leaves()
    await asyncio.gather(*(guest.closed.wait() for guest in guests))


async def lost_gateway(bench: Bench, count: int, second: str) -> None:
    """B5: all lose the gateway; at the other one each gets exactly what it missed."""
    clinic = bench.clinic
    first_url, second_url = (websocket_url(clinic.origin_of(name), "/messaging/live") for name in (STAFF, second))
    members = people.signed_in(clinic, bench.hired[:count])
    talks = [await asyncio.to_thread(_opens, clinic, second, members[n], members[n + 1]) for n in range(0, count, 2)]
    guests = [Guest(member.token, first_url) for member in members]
    await _each(guests, _comes_and_greets)

    clinic.kills(STAFF)
    await asyncio.gather(*(guest.closed.wait() for guest in guests))
    await _posts(members[::2], talks, second_url)

    clinic.database.ask("ANALYZE")  # which PostgreSQL does by itself, a minute later
    back = [Guest(member.token, second_url) for member in members]
    with bench.step(f"B5 back, greeted, {ENTRIES} entries each caught up", count):
        await asyncio.gather(*(_comes_back(new, old.heads) for new, old in zip(back, guests, strict=True)))
    wanted = list(range(1, ENTRIES + 1))
    held = [old.heads.get(talks[n // 2], {}).get("shared", 0) for n, old in enumerate(guests)]
    right = [guest.seqs == [seq + head for seq in wanted] for guest, head in zip(back, held, strict=True)]
    wrong, took = right.count(False), bench.steps[-1].seconds
    bench.figures += [
        Figure(workload="B5", measure=f"until {count:,} are caught up", value=took, unit="s", aim=5),
        Figure(workload="B5", measure="clients with anything missing or twice", value=wrong, unit="", aim=0),
    ]
    for guest in back:
        guest.leaves()


async def _comes_and_greets(guest: Guest) -> None:
    await guest.comes()
    await guest.greets()


async def _comes_and_goes(guest: Guest) -> None:
    await guest.comes()
    guest.leaves()


async def _comes_back(guest: Guest, heads: Mapping[str, Mapping[str, int]]) -> None:
    await guest.comes()
    await guest.greets(resume=heads)


async def _each(guests: list[Guest], do: Callable[[Guest], Any]) -> None:
    room = asyncio.Semaphore(AT_ONCE)

    async def one(guest: Guest) -> None:
        async with room:
            await do(guest)

    await asyncio.gather(*(one(guest) for guest in guests))


async def _posts(writers: list[Member], talks: list[str], url: str) -> None:
    """Have each writer post what will be missing, over REST."""
    async with httpx.AsyncClient(trust_env=False, timeout=60) as http:
        room = asyncio.Semaphore(AT_ONCE)
        root = url.replace("ws://", "http://").removesuffix("/live")

        async def writes(member: Member, conversation_id: str) -> None:
            async with room:
                for number in range(ENTRIES):
                    answer = await http.post(
                        f"{root}/api/conversations/{conversation_id}/messages",
                        json={"client_message_id": new_id(), "body": f"missed {number}"},
                        headers={"Authorization": f"Bearer {member.token}"},
                    )
                    answer.raise_for_status()

        await asyncio.gather(*(writes(who, where) for who, where in zip(writers, talks, strict=True)))


def _opens(clinic: Clinic, at: str, one: Member, other: Member) -> str:
    answer = httpx.post(
        f"{clinic.origin_of(at)}/messaging/api/conversations",
        json={"kind": "direct", "participant_ids": [other.id]},
        headers={"Authorization": f"Bearer {one.token}"},
        trust_env=False,
        timeout=30,
    )
    return str(answer.raise_for_status().json()["id"])


def _resident(clinic: Clinic, name: str) -> int:
    """Return the resident bytes of a program's processes."""
    pids = children.family(clinic.processes[name].pid)
    return sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE for pid in pids)


def measured(
    clinic: Clinic, hired: list[tuple[str, str]], meter: Meter, second: str, *, sockets: int, clients: int, only: str
) -> tuple[list[Figure], str]:
    """Measure what is asked for; B5's clients go to `second`. Returns the figures and what each step cost."""
    bench = Bench(clinic=clinic, hired=hired, meter=meter)
    clinic.database.ask("ANALYZE")
    if "B4" in only:
        asyncio.run(idle_sockets(bench, sockets))
    if "B5" in only:
        asyncio.run(lost_gateway(bench, clients, second))
    return bench.figures, "\n".join(line for step in bench.steps for line in step.lines())
