"""The load generator: many live sockets in one asyncio loop, as cheap as Python can (picows).

Every message's body starts with its number; `sent_at[number]` is when it left, so whoever hears it knows how long it
took from send to screen, by one clock. What an entry or a reply says beyond that is not looked at.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import cycle

import orjson
import picows

from tests.load.people import Member
from tests.support.person import new_id

ENTRY = b'{"push":"entry"'
BODY = b'"body":"'
PIECE = 40
HANDSHAKE_S = 30.0
FILL = " Lorem ipsum dolor sit amet, consetetur sadipscing elitr, sed diam nonumy."


class Load:
    """Counts and times of one workload."""

    def __init__(self) -> None:
        self.sent_at: list[float] = []
        self.acknowledged = 0
        self.refused: dict[str, int] = {}
        self.delivered = 0
        self.delays: list[float] = []
        self.ended: list[int] = []
        self.measuring = False

    def expected(self, per_message: int) -> int:
        """Return how many deliveries there must be once nothing is on its way."""
        return (len(self.sent_at) - sum(self.refused.values())) * per_message


class Screen(picows.WSListener):
    """One member's open socket."""

    def __init__(self, member: Member, load: Load, *, counts: bool) -> None:
        self.member = member
        self.load = load
        self.counts = counts
        self.caught_up = asyncio.Event()
        self.on_reply: Callable[[], None] = lambda: None
        self._transport: picows.WSTransport

    def on_ws_connected(self, transport: picows.WSTransport) -> None:
        """Say hello as soon as the line is open."""
        self._transport = transport
        self._say({"op": "hello", "ref": "hello"})

    def on_ws_frame(self, _transport: picows.WSTransport, frame: picows.WSFrame) -> None:
        """Count what comes in."""
        if frame.msg_type != picows.WSMsgType.TEXT:
            if frame.msg_type == picows.WSMsgType.CLOSE:
                self.load.ended.append(frame.get_close_code().value)
            return
        payload = frame.get_payload_as_bytes()
        if payload.startswith(ENTRY):
            if self.counts:
                self._hears(payload)
            return
        members = orjson.loads(payload)
        if "ref" in members:
            self._replied(members)
        elif members["push"] == "caught_up":
            self.caught_up.set()

    def sends(self, conversation_id: str) -> None:
        """Send the next message."""
        number = len(self.load.sent_at)
        self.load.sent_at.append(time.perf_counter())
        self._say(
            {
                "op": "send",
                "ref": number,
                "conversation_id": conversation_id,
                "client_message_id": new_id(),
                "body": f"{number}{FILL}",
            }
        )

    def closes(self) -> None:
        """Hang up."""
        self._transport.send_close(picows.WSCloseCode.OK)
        self._transport.disconnect()

    def _hears(self, payload: bytes) -> None:
        start = payload.find(BODY) + len(BODY)
        if start < len(BODY):
            return
        number = int(payload[start : payload.find(b" ", start, start + PIECE)])
        self.load.delivered += 1
        if self.load.measuring:
            self.load.delays.append(time.perf_counter() - self.load.sent_at[number])

    def _replied(self, members: Mapping[str, object]) -> None:
        if members["ref"] == "hello":
            return
        if members["ok"]:
            self.load.acknowledged += 1
        else:
            problem = members["problem"]
            code = str(problem["code"]) if isinstance(problem, dict) else ""
            self.load.refused[code] = self.load.refused.get(code, 0) + 1
        self.on_reply()

    def _say(self, members: Mapping[str, object]) -> None:
        self._transport.send(picows.WSMsgType.TEXT, orjson.dumps(members))


@dataclass(slots=True, kw_only=True)
class Crowd:
    """Open screens, and the load they share."""

    load: Load
    screens: list[Screen] = field(default_factory=list)

    async def gathers(self, urls: Sequence[str], members: Sequence[Member], *, counts: bool) -> list[Screen]:
        """Open a screen for each member, at the gateways by turns, and wait until all are caught up."""
        room = asyncio.Semaphore(20)

        async def opens(member: Member, url: str) -> Screen:
            async with room:
                screen = Screen(member, self.load, counts=counts)
                await picows.ws_connect(
                    lambda: screen,
                    url,
                    extra_headers={
                        "Authorization": f"Bearer {member.token}",
                        "Sec-WebSocket-Protocol": "messages.v1",
                    },
                    websocket_handshake_timeout=HANDSHAKE_S,
                )
                await asyncio.wait_for(screen.caught_up.wait(), HANDSHAKE_S)
                return screen

        opened = await asyncio.gather(*(opens(member, url) for member, url in zip(members, cycle(urls), strict=False)))
        self.screens += opened
        return list(opened)

    def leaves(self) -> None:
        """Close all screens."""
        for screen in self.screens:
            screen.closes()
