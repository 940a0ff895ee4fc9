"""The system of a run: every process of production, some twice, with wires between them that can be broken.

Two staff gateways, a portal gateway, two conversations, two relays and auth, on a PostgreSQL and a RabbitMQ of our own.
Every process has wires of its own to the database, the broker and conversations; clients reach the gateways over wires,
too. A process that ends by itself while it starts is started again, as every orchestrator does.
"""

import asyncio
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import httpx

from tests.chaos.sessions import Doors
from tests.chaos.wires import Wire
from tests.support import children
from tests.support.clinic import AUTH, CONVERSATIONS, EDGE, PORTAL, RELAY, STAFF, Clinic, Program, prepared
from tests.support.ports import LOOPBACK, free_port
from tests.support.postgres import PostgresServer
from tests.support.power import Power
from tests.support.rabbitmq import RabbitServer

STAFF_2, CONVERSATIONS_2, RELAY_2 = f"{STAFF}-2", f"{CONVERSATIONS}-2", f"{RELAY}-2"
DATABASE, BROKER = "PostgreSQL", "RabbitMQ"
REPLICAS = {STAFF_2: STAFF, CONVERSATIONS_2: CONVERSATIONS, RELAY_2: RELAY}
GATEWAYS = (STAFF, STAFF_2, PORTAL)
STORES = (CONVERSATIONS, CONVERSATIONS_2)
RELAYS = (RELAY, RELAY_2)
SERVES_WITHIN_S = 60.0


class System:
    """What is broken and mended; every verb waits until it is done."""

    def __init__(self, clinic: Clinic) -> None:
        self._clinic = clinic
        self._http = httpx.AsyncClient(timeout=5, trust_env=False)
        self.wires: dict[str, Wire] = {}
        self._powers: dict[str, tuple[Power, Callable[[], bool]]] = {
            DATABASE: (clinic.postgres.power, clinic.postgres.answers),
            BROKER: (clinic.rabbit.power, clinic.rabbit.answers),
        }

    async def starts(self) -> None:
        """Lay the wires and start every process."""
        programs = self._clinic.programs
        del programs[EDGE]
        for name, original in REPLICAS.items():
            port = free_port()
            environ = {**programs[original].environ, "PORT": str(port)}
            programs[name] = Program(name=name, command=programs[original].command, environ=environ, port=port)
        await self._lay_wires()
        for name in programs:
            self._clinic.begins(name)
        await asyncio.gather(*(self.serves(name) for name in programs))

    def doors(self, plane: str) -> Doors:
        """Return where a client of this plane goes."""
        name, root = (PORTAL, "/portal") if plane == "portal" else (STAFF, "/messaging")
        port = self.wires[f"clients→{name}"].port
        return Doors(
            auth=self._clinic.origin_of(AUTH),
            rest=f"http://{LOOPBACK}:{port}{root}/api",
            live=f"ws://{LOOPBACK}:{port}{root}/live",
        )

    # Breaking and mending.

    async def kills(self, name: str) -> None:
        """End a process or a server at once (kill -9)."""
        if name in self._powers:
            await asyncio.to_thread(self._powers[name][0].cut)
        else:
            self._clinic.kills(name)
            self._leaves_out(name)

    async def kills_workers(self, name: str) -> None:
        """End what a process has started (kill -9), and wait until it has started others that serve."""
        for pid in children.family(self._clinic.processes[name].pid)[1:]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        await self.serves(name)

    async def restarts(self, name: str) -> None:
        """Start what was killed and wait until it serves."""
        if name in self._powers:
            await asyncio.to_thread(self._powers[name][0].give)
        else:
            self._clinic.begins(name)
        await self.serves(name)
        for wire in self.wires.values():
            wire.takes_in(self._place(name))

    async def freezes(self, name: str) -> None:
        """Stop a process or a server where it stands (SIGSTOP)."""
        if name in self._powers:
            await asyncio.to_thread(self._powers[name][0].freeze)
        else:
            self._clinic.processes[name].send(signal.SIGSTOP)

    async def thaws(self, name: str) -> None:
        """Let it go on, and wait until it serves."""
        if name in self._powers:
            await asyncio.to_thread(self._powers[name][0].thaw)
        else:
            self._clinic.processes[name].send(signal.SIGCONT)
        await self.serves(name)

    async def asks_to_end(self, name: str) -> int:
        """Ask a process to end (SIGTERM) and wait for it, leading nobody to it; returns how it ended."""
        self._leaves_out(name)
        return await asyncio.to_thread(self._clinic.stops, name)

    async def serves(self, name: str, *, within_s: float = SERVES_WITHIN_S) -> None:
        """Wait until something says that it can serve; TimeoutError with its name."""
        end = asyncio.get_running_loop().time() + within_s
        while not await self._ready(name):
            if asyncio.get_running_loop().time() > end:
                raise TimeoutError(f"{name} did not serve within {within_s:g} s")
            if name in self._clinic.processes and not self._clinic.processes[name].alive:
                self._clinic.begins(name)
            await asyncio.sleep(0.1)

    async def leader(self) -> str:
        """Return which relay leads; the first when none says so."""
        for name in RELAYS:
            try:
                told = await self._http.get(f"{self._clinic.origin_of(name)}/metrics")
            except httpx.HTTPError:
                continue
            if "messages_relay_leading 1.0" in told.text:
                return name
        return RELAYS[0]

    async def heals(self) -> None:
        """Mend every wire and start whatever does not run; what is frozen goes on."""
        for wire in self.wires.values():
            wire.mends()
        for name, (_, answers) in self._powers.items():
            if not await asyncio.to_thread(answers):
                await self._revives(name)
        for name in self._clinic.programs:
            self._clinic.processes[name].send(signal.SIGCONT)
            if not self._clinic.processes[name].alive:
                self._clinic.begins(name)
        await asyncio.gather(*(self.serves(name) for name in (*self._powers, *self._clinic.programs)))

    async def _revives(self, name: str) -> None:
        """Thaw or start a server, whichever it needs."""
        power, _ = self._powers[name]
        for verb in (power.thaw, power.give):
            try:
                await asyncio.to_thread(verb)
            except Exception:  # noqa: BLE001, S112 - a container that is not frozen cannot be thawed: then start it
                continue

    async def closes(self) -> None:
        for wire in self.wires.values():
            await wire.closes()
        await self._http.aclose()

    async def _ready(self, name: str) -> bool:
        if name in self._powers:
            return await asyncio.to_thread(self._powers[name][1])
        try:
            return (await self._http.get(f"{self._clinic.origin_of(name)}/readyz")).is_success
        except httpx.HTTPError:
            return False

    # Wires.

    async def _lay_wires(self) -> None:
        programs, place = self._clinic.programs, self._place
        database = (self._clinic.postgres.host, self._clinic.postgres.port)
        broker = (self._clinic.rabbit.host, self._clinic.rabbit.port)
        for name in programs:
            tapped: dict[str, str] = {}
            environ = programs[name].environ
            for variable in environ:
                if variable.endswith("DATABASE_URL"):
                    wire = await self._lay(f"{name}→{DATABASE}", database)
                    tapped[variable] = _over(wire, environ[variable], database)
            tapped["BROKER_URL"] = _over(await self._lay(f"{name}→{BROKER}", broker), environ["BROKER_URL"], broker)
            if name in GATEWAYS:
                wire = await self._lay(f"{name}→{CONVERSATIONS}", *map(place, STORES))
                tapped["CONVERSATIONS_URL"] = f"http://{LOOPBACK}:{wire.port}"
            programs[name] = replace(programs[name], environ={**environ, **tapped})
        await self._lay(f"clients→{STAFF}", place(STAFF), place(STAFF_2))
        await self._lay(f"clients→{PORTAL}", place(PORTAL))

    async def _lay(self, name: str, *ends: tuple[str, int]) -> Wire:
        self.wires[name] = wire = Wire(*ends)
        await wire.opens()
        return wire

    def _leaves_out(self, name: str) -> None:
        for wire in self.wires.values():
            wire.leaves_out(self._place(name))

    def _place(self, name: str) -> tuple[str, int]:
        if name in self._powers:
            return "", 0
        return LOOPBACK, self._clinic.programs[name].port


def _over(wire: Wire, url: str, place: tuple[str, int]) -> str:
    """Return a URL that leads over a wire."""
    return url.replace(f"@{place[0]}:{place[1]}/", f"@{LOOPBACK}:{wire.port}/")


@contextmanager
def clinic(postgres: PostgresServer, rabbit: RabbitServer, folder: Path) -> Iterator[Clinic]:
    """Prepare databases and broker for a run, and end every process afterwards."""
    made = prepared(postgres, rabbit, folder, {"LOG_LEVEL": "INFO"})
    try:
        yield made
    finally:
        for child in made.processes.values():
            child.kill()
