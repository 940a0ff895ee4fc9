"""B6 of the quality page, and whether posting costs more with years behind it.

Conversations' own doors, called in this process on a real PostgreSQL: what is measured is the door, its statements and
its answer, without the network. Calls to the empty database and to the full one take turns.
"""

import os
import random
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from http import HTTPStatus

from tests.load.cost import Meter
from tests.load.history import Years, empty_house, years
from tests.load.report import Figure
from tests.support.inside import Inside, Somebody
from tests.support.postgres import PostgresServer
from wire.permissions import Permission

WARM_UP = 15
BATCH = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """What calls to one door took; CPU in milliseconds a call, by process."""

    what: str
    calls: int
    p50_ms: float
    p99_ms: float
    cpu_ms: dict[str, float]
    aim_ms: float | None = None


def measured(server: PostgresServer, *, calls: int, batches: int) -> tuple[list[Figure], str]:
    """Fill a database, call each door so often, post so many batches; returns the figures, and what each call cost."""
    meter = Meter({"conversations": lambda: [os.getpid()], "PostgreSQL": server.pids})
    (full, made), (empty, _) = empty_house(server), empty_house(server)
    begun = time.perf_counter()
    filled = years(full, made)
    sys.stderr.write(f"… {filled.messages:,} messages in {time.perf_counter() - begun:.0f} s\n")
    doors = [*_reads(filled, meter, calls), *_posts(filled, _beginner(empty), meter, batches)]
    full.ends()
    empty.ends()
    return [_figure(door) for door in doors], _table(doors)


def _figure(door: Door) -> Figure:
    return Figure(workload="B6", measure=f"{door.what}, p50", value=door.p50_ms, unit="ms", aim=door.aim_ms)


def _reads(filled: Years, meter: Meter, calls: int) -> list[Door]:
    nurse, chance = filled.nurse, random.Random(6)  # noqa: S311 - which page, no secret

    def newest() -> object:
        return nurse.timeline(chance.choice(filled.hers))

    def amid() -> object:
        return nurse.timeline(filled.long, before=chance.randrange(100, 20_000))

    def searches(q: str, narrowed: Mapping[str, object] | None = None, *, finds: bool = True) -> Callable[[], object]:
        def door() -> object:
            answer = nurse.asks("GET", "/search", q=q, **(narrowed or {}))
            if answer.status != HTTPStatus.OK or bool(answer.json["items"]) is not finds:
                raise AssertionError(f"a search found otherwise: {answer.status}")
            return answer

        return door

    day = date.today() - timedelta(days=200)  # noqa: DTZ011 - any day within those years
    doors: list[tuple[str, Callable[[], object], float | None]] = [
        ("conversation list with unread counts, 50 of 500", nurse.lists, 30),
        ("conversation list, unread only", lambda: nurse.lists(filter="unread"), None),
        ("timeline page, newest", newest, 10),
        ("timeline page, amid 20,000", amid, 10),
        ("/me with the total of unread", lambda: nurse.asks("GET", "/me"), None),
        ("one conversation", lambda: nurse.sees(chance.choice(filled.hers)), None),
        ("catch-up of 500 conversations, nothing missed", lambda: nurse.catches_up({}), None),
        ("search, a word of one message", searches("15001 "), 100),
        ("search, a word of 10,000 messages", searches("chart 50 "), 100),
        ("search, a word of all messages", searches("dose "), 100),
        ("search, the beginning of a word of all", searches("fam"), 100),
        ("search, the same until a day, in one", searches("dose", {"until": day, "conversation_id": filled.long}), 100),
        ("search, the same, by a colleague", searches("dose", {"from": filled.colleague}), 100),
        ("search, words that never stand together", searches('"family chart"', finds=False), None),
    ]
    return [_took(what, meter, [door], calls, aim)[0] for what, door, aim in doors]


def _posts(filled: Years, beginner: tuple[Somebody, list[str]], meter: Meter, batches: int) -> list[Door]:
    """Post the same batches into groups of four, by turns into the empty database and into the full one."""
    figures: list[Door] = []
    for size in (1, BATCH):
        doors = [_batches(*beginner, size), _batches(filled.nurse, filled.groups[1:201], size)]
        empty, full = _took(f"batch of {size}", meter, doors, batches)
        figures += [
            replace(one, what=f"{one.what}, {where} database") for one, where in ((empty, "empty"), (full, "full"))
        ]
    return figures


def _batches(nurse: Somebody, groups: list[str], size: int) -> Callable[[], object]:
    chance = random.Random(1)  # noqa: S311 - which groups, no secret

    def posts() -> object:
        results = nurse.house.sends([nurse.item(one, "Given at eight.") for one in chance.choices(groups, k=size)])
        if any("entry" not in result for result in results):
            raise AssertionError(f"a send was refused: {results[0]}")
        return results

    return posts


def _beginner(house: Inside) -> tuple[Somebody, list[str]]:
    """Return a nurse of an empty database and the 200 groups of four they open."""
    nurse = house.staff("Nora", Permission.PATIENT_SEND, Permission.CREATE_GROUP)
    others = [house.staff(f"Colleague {n}") for n in range(3)]
    opens = (nurse.opens("group", subject=f"Talk {n}", participant_ids=[one.id for one in others]) for n in range(200))
    return nurse, [opened.json["id"] for opened in opens]


def _took(
    what: str, meter: Meter, doors: list[Callable[[], object]], calls: int, aim: float | None = None
) -> list[Door]:
    """Call each door so often, by turns of ten, and return what each took."""
    took: list[list[float]] = [[] for _ in doors]
    spent: list[dict[str, float]] = [{} for _ in doors]
    for door in doors:
        for _ in range(WARM_UP):
            door()
    for _ in range(max(1, calls // 10)):
        for number, door in enumerate(doors):
            meter.starts()
            for _ in range(10):
                begun = time.perf_counter()
                door()
                took[number].append((time.perf_counter() - begun) * 1000)
            for name, seconds in meter.reads().items():
                spent[number][name] = spent[number].get(name, 0.0) + seconds * 1000
    return [
        Door(
            what=what,
            calls=len(times),
            p50_ms=statistics.median(times),
            p99_ms=sorted(times)[int(len(times) * 0.99)],
            cpu_ms={name: milliseconds / len(times) for name, milliseconds in cost.items()},
            aim_ms=aim,
        )
        for times, cost in zip(took, spent, strict=True)
    ]


def _table(doors: list[Door]) -> str:
    lines = [f"{'B6':50} {'p50 ms':>8} {'p99 ms':>8} {'CPU ms: conversations':>22} {'PostgreSQL':>11}"]
    lines += [
        f"{one.what:50} {one.p50_ms:8.1f} {one.p99_ms:8.1f} {one.cpu_ms['conversations']:22.2f} "
        f"{one.cpu_ms['PostgreSQL']:11.2f}"
        for one in doors
    ]
    return "\n".join(lines)
