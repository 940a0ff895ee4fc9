"""What breaks, when, and for how long: drawn from the seed alone, before the run begins.

Kinds are dealt like cards, so that even a short run meets many of them before any comes again.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from random import Random

from tests.chaos.system import BROKER, DATABASE, GATEWAYS, RELAYS, STAFF_2, STORES, System
from tests.support.clinic import AUTH, CONVERSATIONS, PORTAL, STAFF

LEADER = "the relay that leads"
STANDBY = "the relay that waits"


class Kind(StrEnum):
    """How things break."""

    KILL_GATEWAY = "kill gateway"
    KILL_CONVERSATIONS = "kill conversations"
    KILL_RELAY = "kill relay"
    KILL_AUTH = "kill auth"
    KILL_BROKER = "kill RabbitMQ"
    KILL_DATABASE = "kill PostgreSQL"
    KILL_WORKER = "oom-kill a worker"
    FREEZE_GATEWAY = "stop gateway"
    FREEZE_CONVERSATIONS = "stop conversations"
    FREEZE_RELAY = "stop relay"
    FREEZE_BROKER = "stop RabbitMQ"
    FREEZE_DATABASE = "stop PostgreSQL"
    CUT_CLIENTS = "cut clients"
    CUT_INSIDE = "cut gateway from conversations"
    CUT_BROKER = "cut from RabbitMQ"
    CUT_DATABASE = "cut from PostgreSQL"
    STALL_CLIENTS = "stall clients"
    STALL_INSIDE = "stall gateway from conversations"
    STALL_BROKER = "stall from RabbitMQ"
    STALL_DATABASE = "stall from PostgreSQL"
    LOSE_ANSWERS = "lose answers"
    REPLACE = "rolling restart"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that breaks: after a pause, for a while, perhaps while the next one breaks, too."""

    kind: Kind
    target: str
    after_s: float
    lasts_s: float
    answers_only: bool
    beside_the_next: bool

    def __str__(self) -> str:
        return f"{self.kind}: {self.target}, {self.lasts_s:.1f} s"


_TO_BROKER = tuple(f"{name}→{BROKER}" for name in (*GATEWAYS, *RELAYS))
_TO_DATABASE = tuple(f"{name}→{DATABASE}" for name in (*STORES, *RELAYS))
_INSIDE = tuple(f"{name}→{CONVERSATIONS}" for name in GATEWAYS)
_CLIENTS = (f"clients→{STAFF}", f"clients→{PORTAL}")

_TARGETS: dict[Kind, tuple[tuple[str, ...], tuple[float, float]]] = {
    Kind.KILL_GATEWAY: (GATEWAYS, (0.0, 1.5)),
    Kind.KILL_CONVERSATIONS: (STORES, (0.0, 1.5)),
    Kind.KILL_RELAY: ((LEADER, LEADER, LEADER, STANDBY), (0.0, 1.5)),
    Kind.KILL_AUTH: ((AUTH,), (0.0, 1.5)),
    Kind.KILL_BROKER: ((BROKER,), (0.0, 2.0)),
    Kind.KILL_DATABASE: ((DATABASE,), (0.0, 2.0)),
    Kind.KILL_WORKER: ((*GATEWAYS, *STORES, AUTH), (0.0, 0.0)),
    Kind.FREEZE_GATEWAY: (GATEWAYS, (0.5, 5.0)),
    Kind.FREEZE_CONVERSATIONS: (STORES, (0.5, 5.0)),
    Kind.FREEZE_RELAY: ((LEADER,), (0.5, 15.0)),
    Kind.FREEZE_BROKER: ((BROKER,), (0.5, 5.0)),
    Kind.FREEZE_DATABASE: ((DATABASE,), (0.5, 5.0)),
    Kind.CUT_CLIENTS: (_CLIENTS, (0.0, 1.5)),
    Kind.CUT_INSIDE: (_INSIDE, (0.0, 1.5)),
    Kind.CUT_BROKER: (_TO_BROKER, (0.0, 3.0)),
    Kind.CUT_DATABASE: (_TO_DATABASE, (0.0, 3.0)),
    Kind.STALL_CLIENTS: (_CLIENTS, (0.5, 4.0)),
    Kind.STALL_INSIDE: (_INSIDE, (0.5, 4.0)),
    Kind.STALL_BROKER: (_TO_BROKER, (0.5, 5.0)),
    Kind.STALL_DATABASE: (_TO_DATABASE, (0.5, 5.0)),
    Kind.LOSE_ANSWERS: ((*_CLIENTS, *_INSIDE, *_TO_DATABASE), (0.1, 0.8)),
    Kind.REPLACE: (("gateways", "conversations", "relays", "auth"), (0.0, 0.0)),
}
_GROUPS = {"gateways": (STAFF, STAFF_2, PORTAL), "conversations": STORES, "relays": RELAYS, "auth": (AUTH,)}


def plan(seed: int) -> Iterator[Fault]:
    """Return faults without end, the same for the same seed."""
    chance = Random(f"faults {seed}")  # noqa: S311 - to be repeated, not to be kept secret
    while True:
        deck = list(Kind)
        chance.shuffle(deck)
        for kind in deck:
            targets, (shortest, longest) = _TARGETS[kind]
            yield Fault(
                kind=kind,
                target=chance.choice(targets),
                after_s=round(chance.uniform(0.2, 1.5), 2),
                lasts_s=round(chance.uniform(shortest, longest), 2),
                answers_only=chance.random() < 0.5,
                beside_the_next=chance.random() < 0.3,
            )


class Breaker:
    """Does to a system what a fault says, and undoes it; one fault at a time for each target."""

    def __init__(self, system: System) -> None:
        self._system = system
        self._broken: set[str] = set()
        self.took: list[tuple[str, float]] = []
        """What was asked to end, and how many seconds it took."""

    async def breaks(self, fault: Fault) -> bool:
        """Break, wait, mend, and return when it serves again; False when its target is broken already."""
        targets = await self._targets(fault)
        if self._broken & set(targets):
            return False
        self._broken |= set(targets)
        try:
            await self._verb(fault)(fault, targets)
        finally:
            self._broken -= set(targets)
        return True

    async def _targets(self, fault: Fault) -> tuple[str, ...]:
        if fault.target in {LEADER, STANDBY}:
            leader = await self._system.leader()
            others = tuple(name for name in RELAYS if name != leader)
            return (leader,) if fault.target == LEADER else others
        return _GROUPS[fault.target] if fault.kind is Kind.REPLACE else (fault.target,)

    def _verb(self, fault: Fault) -> Callable[[Fault, tuple[str, ...]], Awaitable[None]]:
        verb = fault.kind.value.split()[0]
        return {
            "kill": self._kills,
            "oom-kill": self._kills_workers,
            "stop": self._freezes,
            "cut": self._cuts,
            "stall": self._stalls,
            "lose": self._loses_answers,
            "rolling": self._replaces,
        }[verb]

    async def _kills(self, fault: Fault, targets: tuple[str, ...]) -> None:
        for name in targets:
            await self._system.kills(name)
        await asyncio.sleep(fault.lasts_s)
        for name in targets:
            await self._system.restarts(name)

    async def _kills_workers(self, fault: Fault, targets: tuple[str, ...]) -> None:
        """Kill what serves and leave its parent, who starts another."""
        del fault
        for name in targets:
            await self._system.kills_workers(name)

    async def _freezes(self, fault: Fault, targets: tuple[str, ...]) -> None:
        for name in targets:
            await self._system.freezes(name)
        await asyncio.sleep(fault.lasts_s)
        for name in targets:
            await self._system.thaws(name)

    async def _cuts(self, fault: Fault, targets: tuple[str, ...]) -> None:
        for name in targets:
            self._system.wires[name].cuts(refusing=True)
        await asyncio.sleep(fault.lasts_s)
        for name in targets:
            self._system.wires[name].mends()

    async def _stalls(self, fault: Fault, targets: tuple[str, ...]) -> None:
        for name in targets:
            self._system.wires[name].stalls(answers_only=fault.answers_only)
        await asyncio.sleep(fault.lasts_s)
        for name in targets:
            self._system.wires[name].flows()

    async def _loses_answers(self, fault: Fault, targets: tuple[str, ...]) -> None:
        """Let questions through, hold their answers back, then cut: what was done is not known to who asked."""
        for name in targets:
            self._system.wires[name].stalls(answers_only=True)
        await asyncio.sleep(fault.lasts_s)
        for name in targets:
            self._system.wires[name].cuts()
            self._system.wires[name].mends()

    async def _replaces(self, fault: Fault, targets: tuple[str, ...]) -> None:
        """Replace each politely, the next one when the last one serves."""
        del fault
        codes = {}
        for name in targets:
            began = time.monotonic()
            codes[name] = await self._system.asks_to_end(name)
            self.took.append((name, time.monotonic() - began))
            await self._system.restarts(name)
        if any(codes.values()):
            raise UnpoliteEnd(f"asked to end, they ended with {codes}")


class UnpoliteEnd(Exception):
    """A process that was asked to end did not end by itself, or not well."""
