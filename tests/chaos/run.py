"""One run: everything is started, broken under load, healed, brought to rest, and proven."""

import asyncio
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from math import inf
from random import Random

from tests.chaos import stored
from tests.chaos.acts import CAST, Player, Scene, set_scene
from tests.chaos.breaches import Breach, Kind
from tests.chaos.checker import check
from tests.chaos.clients import Client
from tests.chaos.faults import Breaker, Fault, UnpoliteEnd, plan
from tests.chaos.histories import INTERNAL, Record
from tests.chaos.outages import Window
from tests.chaos.stored import Stored
from tests.chaos.system import BROKER, RELAYS, System
from tests.support.clinic import Clinic
from wire import demo

CONNECTED_WITHIN_S = 30.0
FINISHED_WITHIN_S = 45.0
AT_REST_WITHIN_S = 40.0
QUIET_S = 1.0
BETWEEN_LOOKS_S = 0.25


@dataclass(slots=True, kw_only=True)
class Outcome:
    """What a run leaves behind."""

    seed: int
    seconds: float
    record: Record = field(default_factory=Record)
    windows: list[Window] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    breaches: list[Breach] = field(default_factory=list)
    stored: Stored | None = None
    polite_ends: list[tuple[str, float]] = field(default_factory=list)
    """What was asked to end (SIGTERM), and how many seconds it took."""
    load_until: float = inf
    """When people stopped writing all the time."""
    began: float = 0.0
    broken_for_s: float = 0.0
    interrupted: bool = False


class Run:
    """The phases of a run, in order."""

    def __init__(self, clinic: Clinic, outcome: Outcome, *, pause_s: float) -> None:
        self._clinic = clinic
        self._outcome = outcome
        self._pause_s = pause_s
        self._system = System(clinic)
        self._clients: dict[str, Client] = {}
        self._over, self._enough = asyncio.Event(), asyncio.Event()
        self._lines: list[asyncio.Task[None]] = []

    async def plays(self) -> Outcome:
        """Go through all phases; what was begun is ended whatever happens."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._interrupt)
        try:
            await self._system.starts()
            _says("everything serves")
            scene = await self._opens()
            players = self._players(scene)
            playing = [asyncio.create_task(player.plays(self._over)) for player in players]
            self._outcome.began = began = time.monotonic()
            await self._breaks_things(began)
            self._outcome.load_until = time.monotonic()
            self._outcome.broken_for_s = self._outcome.load_until - began
            _says("healing")
            self._over.set()
            await self._heals()
            await self._finishes(playing)
            await self._has_the_last_word(players)
            await self._comes_to_rest()
            self._outcome.stored = await asyncio.to_thread(stored.read, self._clinic.database)
            self._outcome.breaches += check(self._outcome.record, self._outcome.stored)
        finally:
            await self._ends()
        return self._outcome

    def _interrupt(self) -> None:
        """End early, but well: heal, check, report. Asked a second time, end at once."""
        if self._enough.is_set():
            raise KeyboardInterrupt
        self._outcome.interrupted = True
        self._enough.set()

    async def _opens(self) -> Scene:
        for name, email, user in CAST:
            plane = "portal" if "patients" in email else "staff"
            self._clients[name] = Client(
                name,
                email,
                user,
                self._system.doors(plane),
                self._outcome.record,
                password=demo.PASSWORD,
                chance=self._chance(f"line {name}"),
            )
        scene = await set_scene(self._clients)
        self._lines = [asyncio.create_task(client.line.stays_connected()) for client in self._clients.values()]
        await self._until(self._all_caught_up, CONNECTED_WITHIN_S, "everybody being connected")
        return scene

    def _players(self, scene: Scene) -> list[Player]:
        return [
            Player(client, scene, pause_s=self._pause_s, chance=self._chance(f"acts {name}"))
            for name, client in self._clients.items()
        ]

    # Breaking.

    async def _breaks_things(self, began: float) -> None:
        breaker = Breaker(self._system)
        breaking: set[asyncio.Task[None]] = set()
        until = began + self._outcome.seconds
        enough = asyncio.create_task(self._enough.wait())
        for fault in plan(self._outcome.seed):
            await self._pauses(min(fault.after_s, until - time.monotonic()))
            if self._enough.is_set() or time.monotonic() >= until:
                break
            task = asyncio.create_task(self._breaks(breaker, fault))
            breaking.add(task)
            task.add_done_callback(breaking.discard)
            if not fault.beside_the_next:
                await asyncio.wait({task, enough}, return_when="FIRST_COMPLETED")
        enough.cancel()
        if breaking:
            await asyncio.gather(*breaking)
        self._outcome.polite_ends = breaker.took

    async def _breaks(self, breaker: Breaker, fault: Fault) -> None:
        began = time.monotonic()
        _says(str(fault))
        try:
            happened = await breaker.breaks(fault)
        except UnpoliteEnd as odd:
            self._outcome.notes.append(f"{fault}: {odd}")
            happened = True
        except TimeoutError as late:
            self._outcome.breaches.append(Breach(kind=Kind.WRONG, what=f"after {fault}: {late}"))
            happened = True
        except Exception as odd:  # noqa: BLE001 - the top of a loop: what could not be broken harms no proof
            self._outcome.notes.append(f"{fault}: {type(odd).__name__}: {odd}")
            happened = False
        if happened:
            window = Window(kind=fault.kind, target=fault.target, began=began, ended=time.monotonic())
            self._outcome.windows.append(window)

    async def _pauses(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(max(0.0, seconds)):
                await self._enough.wait()
        except TimeoutError:
            return

    # Coming to rest.

    async def _heals(self) -> None:
        try:
            await self._system.heals()
        except TimeoutError as late:
            self._outcome.breaches.append(Breach(kind=Kind.WRONG, what=f"after everything was mended, {late}"))

    async def _finishes(self, playing: list[asyncio.Task[None]]) -> None:
        """Let everybody finish what they had begun."""
        done, unfinished = await asyncio.wait(playing, timeout=FINISHED_WITHIN_S)
        for task in unfinished:
            task.cancel()
        await asyncio.gather(*unfinished, return_exceptions=True)
        for task in done:
            task.result()

    async def _has_the_last_word(self, players: list[Player]) -> None:
        """Say something in every stream while no relay reaches the broker, and kill the one that tries.

        Gateways stay connected to the broker, so nothing but the outbox brings these messages to anybody.
        """
        wires = [self._system.wires[f"{name}→{BROKER}"] for name in RELAYS]
        for wire in wires:
            wire.cuts(refusing=True)
        words = [asyncio.create_task(player.says_a_last_word()) for player in players]
        await self._finishes(words)
        await asyncio.sleep(QUIET_S)
        leader = await self._system.leader()
        await self._system.kills(leader)
        for wire in wires:
            wire.mends()
        await self._system.restarts(leader)

    async def _comes_to_rest(self) -> None:
        """Wait until everything is published and everybody holds everything; what never comes is the checker's."""
        try:
            await self._until(self._all_at_rest, AT_REST_WITHIN_S, "everybody holding everything")
        except TimeoutError as late:
            self._outcome.notes.append(str(late))
        await asyncio.sleep(QUIET_S)
        for line in self._lines:
            if line.done():
                line.result()

    async def _all_caught_up(self) -> bool:
        return all(client.held for client in self._clients.values())

    async def _all_at_rest(self) -> bool:
        standing = await asyncio.to_thread(stored.standing, self._clinic.database)
        if standing.waiting:
            return False
        for client in self._clients.values():
            for (conversation, stream), head in standing.heads.items():
                hears = (stream != INTERNAL or client.plane == "staff") and (
                    conversation,
                    client.user,
                ) in standing.members
                if hears and client.held.get((conversation, stream), 0) < head:
                    return False
        return True

    async def _until(self, fact: Callable[[], Awaitable[bool]], within_s: float, what: str) -> None:
        end = time.monotonic() + within_s
        while not await fact():
            if time.monotonic() > end:
                raise TimeoutError(f"within {within_s:g} s not seen: {what}")
            await asyncio.sleep(BETWEEN_LOOKS_S)

    async def _ends(self) -> None:
        for task in self._lines:
            task.cancel()
        await asyncio.gather(*self._lines, return_exceptions=True)
        for client in self._clients.values():
            await client.closes()
        await self._system.closes()

    def _chance(self, whose: str) -> Random:
        return Random(f"{whose} {self._outcome.seed}")  # noqa: S311 - to be repeated, not to be kept secret


def _says(what: str) -> None:
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {what}\n")
