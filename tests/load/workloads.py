"""The workloads B1 to B3 of the quality page. Each ends by itself and counts what was lost: sent, but not heard."""

import asyncio
import gc
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

from tests.load.cost import Meter
from tests.load.generator import Crowd, Load, Screen
from tests.load.people import Member

WARM_UP_S = 3.0
DRAIN_S = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two people who talk: one writes, the other listens."""

    writer: Member
    listener: Member
    conversation_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a workload measured."""

    name: str
    what: str
    seconds: float
    stored: int
    delivered: int
    lost: int
    refused: dict[str, int]
    delays_ms: list[float] = field(repr=False)
    cpu_s: dict[str, float]

    @property
    def stored_per_s(self) -> float:
        return self.stored / self.seconds

    @property
    def delivered_per_s(self) -> float:
        return self.delivered / self.seconds

    def percentile_ms(self, percent: float) -> float:
        """Return the delay that so many percent of deliveries did not exceed."""
        ordered = sorted(self.delays_ms)
        return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))] if ordered else float("nan")

    def cpu_per_1000(self, per: int | None = None) -> dict[str, float]:
        """Return CPU seconds per 1,000 stored messages (or of another count), per process."""
        count = per or self.stored
        return {name: seconds * 1000 / max(1, count) for name, seconds in self.cpu_s.items()}

    def as_dict(self) -> dict[str, Any]:
        """Return the outcome for the JSON file: percentiles instead of every delay."""
        kept = asdict(self)
        del kept["delays_ms"]
        shown = {f"p{percent:g}_ms": round(self.percentile_ms(percent), 2) for percent in (50, 90, 99, 99.9)}
        return {**kept, **shown, "stored_per_s": self.stored_per_s, "delivered_per_s": self.delivered_per_s}


async def talking_pairs(
    urls: Sequence[str], pairs: list[Pair], meter: Meter, seconds: float, *, name: str = "B1"
) -> Outcome:
    """B1: each writer sends again when acknowledged; their sockets are spread over the gateways of `urls`."""
    load = Load()
    crowd = Crowd(load=load)
    await crowd.gathers(urls, [pair.listener for pair in pairs], counts=True)
    writers = await crowd.gathers(urls, [pair.writer for pair in pairs], counts=False)
    going = True

    def talks(screen: Screen, conversation_id: str) -> Callable[[], None]:
        return lambda: screen.sends(conversation_id) if going else None

    for screen, pair in zip(writers, pairs, strict=True):
        screen.on_reply = talks(screen, pair.conversation_id)
        screen.sends(pair.conversation_id)
    outcome = await _measured(name, f"{len(pairs)} pairs, send again when acknowledged", crowd, meter, seconds)
    going = False
    return await _drained(outcome, crowd, per_message=1)


async def steady_pairs(urls: Sequence[str], pairs: list[Pair], meter: Meter, seconds: float, *, rate: float) -> Outcome:
    """B2: the same people, so many messages a second, evenly."""
    load = Load()
    crowd = Crowd(load=load)
    await crowd.gathers(urls, [pair.listener for pair in pairs], counts=True)
    writers = await crowd.gathers(urls, [pair.writer for pair in pairs], counts=False)
    turn = iter(_around(list(zip(writers, pairs, strict=True))))

    def sends() -> None:
        screen, pair = next(turn)
        screen.sends(pair.conversation_id)

    async with _steadily(sends, rate):
        outcome = await _measured("B2", f"{len(pairs)} pairs, {rate:g} messages/s evenly", crowd, meter, seconds)
    return await _drained(outcome, crowd, per_message=1)


async def one_group(
    urls: Sequence[str], members: list[Member], conversation_id: str, meter: Meter, seconds: float, *, rate: float
) -> Outcome:
    """B3: one group, everybody connected, so many messages a second."""
    load = Load()
    crowd = Crowd(load=load)
    screens = await crowd.gathers(urls, members, counts=True)
    turn = iter(_around(screens))

    async with _steadily(lambda: next(turn).sends(conversation_id), rate):
        outcome = await _measured(
            "B3", f"a group of {len(members)} connected, {rate:g} messages/s", crowd, meter, seconds
        )
    return await _drained(outcome, crowd, per_message=len(members))


def _around(things: list[Any]) -> Iterator[Any]:
    while True:
        yield from things


class _steadily:  # noqa: N801 - reads as a word: `async with _steadily(sends, 500)`
    """Calls `sends` at an even rate until the block ends; a late turn is made up for at once."""

    def __init__(self, sends: Callable[[], None], rate: float) -> None:
        self._sends = sends
        self._every = 1 / rate
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> None:
        self._task = asyncio.create_task(self._run())

    async def __aexit__(self, *ended: object) -> None:
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        due = time.perf_counter()
        while True:
            self._sends()
            due += self._every
            await asyncio.sleep(max(0.0, due - time.perf_counter()))


async def _measured(name: str, what: str, crowd: Crowd, meter: Meter, seconds: float) -> Outcome:
    load = crowd.load
    await asyncio.sleep(WARM_UP_S)
    sys.stderr.write(f"… {name}: measuring {what}\n")
    with _no_pauses():
        stored, delivered, begun = load.acknowledged, load.delivered, time.perf_counter()
        load.measuring = True
        meter.starts()
        await asyncio.sleep(seconds)
        cpu, took = meter.reads(), time.perf_counter() - begun
        load.measuring = False
        stored, delivered = load.acknowledged - stored, load.delivered - delivered
    if load.ended:
        raise ConnectionError(f"{name}: {len(load.ended)} sockets were closed, codes {sorted(set(load.ended))}")
    return Outcome(
        name=name,
        what=what,
        seconds=took,
        stored=stored,
        delivered=delivered,
        lost=0,
        refused=dict(load.refused),
        delays_ms=[delay * 1000 for delay in load.delays],
        cpu_s=cpu,
    )


async def _drained(outcome: Outcome, crowd: Crowd, *, per_message: int) -> Outcome:
    """Wait for what is still on its way, count what never came, and hang up."""
    load = crowd.load
    end = time.perf_counter() + DRAIN_S
    while load.expected(per_message) > load.delivered and time.perf_counter() < end:  # noqa: ASYNC110 - counting stays cheap
        await asyncio.sleep(0.05)
    lost = load.expected(per_message) - load.delivered
    crowd.leaves()
    await asyncio.sleep(0.5)
    fields = {name: getattr(outcome, name) for name in outcome.__dataclass_fields__}
    return Outcome(**{**fields, "lost": lost})


@contextmanager
def _no_pauses() -> Iterator[None]:
    """Keep Python's collector out of the measured window: its pauses are the generator's, not the system's."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


Workload = Callable[[], Awaitable[Outcome]]
