"""`python -m tests.load`: B1 to B6 of the quality page, and B1 again on more processes, on real parts.

Real PostgreSQL, RabbitMQ and processes, all of this run alone, on the loopback, and gone afterwards, also after Ctrl-C.
The load generator is this process. Limits of the machine are measured before and after, and their mean counts.

`--only B1,B4` chooses; "scale" is B1 with two processes of staff-gateway, and then also two of conversations.
"""

import argparse
import asyncio
import os
import signal
import statistics
import sys
import tempfile
from collections.abc import Callable, Coroutine
from contextlib import ExitStack
from pathlib import Path
from types import FrameType
from typing import Any

import httpx

from servicekit.log import configure
from tests.load import crowds, limits, people, reading, workloads
from tests.load.cost import Meter
from tests.load.people import Member
from tests.load.report import Figure, Report
from tests.load.workloads import Outcome, Pair
from tests.support import children, parts, postgres, rabbitmq
from tests.support.clinic import CONVERSATIONS, STAFF, Clinic, prepared
from tests.support.live import websocket_url
from tests.support.postgres import PostgresServer
from tests.support.rabbitmq import RabbitServer

COMMITS = "PostgreSQL one-row commits/s, 16 clients"
ALL = "B1,B2,B3,B4,B5,B6,scale"
LIVE = "/messaging/live"


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="tests.load", description=__doc__.splitlines()[0])
    parser.add_argument("--only", default=ALL, help="which workloads, by comma")
    parser.add_argument("--seconds", type=float, default=15, help="how long each is measured")
    parser.add_argument("--pairs", type=int, default=200)
    parser.add_argument("--rate", type=float, default=500, help="messages a second of B2")
    parser.add_argument("--group", type=int, default=500, help="members of B3's group")
    parser.add_argument("--group-rate", type=float, default=20, help="messages a second of B3")
    parser.add_argument("--sockets", type=int, default=5_000, help="idle sockets of B4")
    parser.add_argument("--clients", type=int, default=1_000, help="clients of B5")
    parser.add_argument("--calls", type=int, default=100, help="calls to each door of B6")
    parser.add_argument("--batches", type=int, default=200, help="batches posted to each database of B6")
    parser.add_argument("--into", type=Path, default=Path("bench-results"))
    return parser.parse_args()


def main() -> int:
    """Run, print, write; 130 when interrupted."""
    wanted = arguments()
    signal.signal(signal.SIGTERM, _end)
    try:
        with ExitStack() as stack:
            report = _run(wanted, stack)
    except parts.PartMissing as missing:
        sys.stderr.write(f"{missing}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("interrupted; everything was stopped\n")
        return 130
    data, picture = report.write(wanted.into)
    sys.stdout.write(f"{report.table()}\n\n{data}\n{picture}\n")
    return 0 if all(outcome.lost == 0 for outcome in report.outcomes) else 1


def _end(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _run(wanted: argparse.Namespace, stack: ExitStack) -> Report:
    configure("bench", "WARNING")
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="messages-bench-")))
    database_server = stack.enter_context(postgres.running(durable=True, direct=True))
    broker = stack.enter_context(rabbitmq.running(direct=True))
    _says("limits of this machine")
    before = _limits(database_server)
    clinic = prepared(database_server, broker, folder, {"LOG_LEVEL": "WARNING"})
    stack.callback(clinic.ends)
    count = max(2 * wanted.pairs, wanted.group, wanted.clients, wanted.sockets // crowds.SESSIONS)
    bench = _Bench(clinic, people.hired(clinic, count), database_server, broker, wanted)
    clinic.starts(*clinic.programs)
    chosen = wanted.only.split(",")
    if unknown := sorted(set(chosen) - set(ALL.split(","))):
        raise SystemExit(f"There is no workload {', '.join(unknown)}: {ALL}.")
    for name in ("B1", "B2", "B3"):
        if name in chosen:
            bench.runs(name, [clinic.origin_of(STAFF)])
    if "scale" in chosen:
        bench.scales_out()
    if {"B4", "B5"} & set(chosen):
        bench.crowds()
    clinic.ends()
    if "B6" in chosen:
        bench.reads()
    _says("limits of this machine, again")
    after = _limits(database_server)
    return Report(
        limits={name: statistics.mean((before[name], after[name])) for name in before},
        outcomes=bench.outcomes,
        more=bench.more,
        details=bench.details,
        conditions={
            "PostgreSQL": database_server.version(),
            "RabbitMQ": str(broker.call("GET", "/overview")["rabbitmq_version"]),
            "from": str(parts.source()),
            "cores": str(os.cpu_count()),
            "processes": "auth, conversations, relay and one gateway of each kind, one worker each",
        },
    )


class _Bench:
    """The running system, and what was found of it so far."""

    def __init__(
        self,
        clinic: Clinic,
        hired: list[tuple[str, str]],
        database_server: PostgresServer,
        broker: RabbitServer,
        wanted: argparse.Namespace,
    ) -> None:
        self._clinic = clinic
        self._hired = hired
        self._servers = database_server, broker
        self._wanted = wanted
        self.outcomes: list[Outcome] = []
        self.more: list[Figure] = []
        self.details: list[str] = []

    def runs(self, name: str, gateways: list[str]) -> None:
        """Run one of B1 to B3 through these gateways."""
        members = people.signed_in(self._clinic, self._hired)
        _says(f"{name}: opening conversations and sockets")
        urls = [websocket_url(origin, LIVE) for origin in gateways]
        meter = _meter(self._clinic, *self._servers)
        self.outcomes.append(asyncio.run(_workload(name, urls, self._clinic, members, meter, self._wanted)))

    def scales_out(self) -> None:
        """Run B1 with a second gateway at the same conversations, and with one of its own for each of the two.

        A gateway has one batch on its way at a time, so one gateway never keeps two conversations busy.
        """
        clinic = self._clinic
        first = clinic.origin_of(STAFF)
        with clinic.replica(STAFF) as second:
            self.runs("B1 2x1", [first, clinic.origin_of(second)])
        with (
            clinic.replica(CONVERSATIONS) as other,
            clinic.replica(STAFF, CONVERSATIONS_URL=clinic.origin_of(other)) as second,
        ):
            self.runs("B1 2x2", [first, clinic.origin_of(second)])

    def crowds(self) -> None:
        """Run B4 and B5, with a second gateway to come back to."""
        with self._clinic.replica(STAFF) as second:
            meter = _meter(self._clinic, *self._servers)
            wanted = self._wanted
            found, detail = crowds.measured(
                self._clinic,
                self._hired,
                meter,
                second,
                sockets=wanted.sockets,
                clients=wanted.clients,
                only=wanted.only,
            )
        self.more += found
        self.details.append(detail)

    def reads(self) -> None:
        """Run B6, in databases of its own."""
        found, detail = reading.measured(self._servers[0], calls=self._wanted.calls, batches=self._wanted.batches)
        self.more += found
        self.details.append(detail)


def _limits(server: PostgresServer) -> dict[str, float]:
    database = server.fresh_database()
    try:
        return {
            COMMITS: limits.commits_per_s(database, 6),
            "fsyncs/s of the disk, one after the other": limits.fsyncs_per_s(),
            "loopback round trip, µs": limits.round_trip_us(),
        }
    finally:
        database.drop()


def _workload(
    name: str, urls: list[str], clinic: Clinic, members: list[Member], meter: Meter, wanted: argparse.Namespace
) -> Coroutine[Any, Any, Outcome]:
    if name == "B3":
        group = members[: wanted.group]
        conversation_id = _opens(clinic, group[0], kind="group", subject="All", participants=group[1:])
        return workloads.one_group(urls, group, conversation_id, meter, wanted.seconds, rate=wanted.group_rate)
    pairs = _pairs(clinic, members, wanted.pairs)
    if name == "B2":
        return workloads.steady_pairs(urls, pairs, meter, wanted.seconds, rate=wanted.rate)
    return workloads.talking_pairs(urls, pairs, meter, wanted.seconds, name=name)


def _pairs(clinic: Clinic, members: list[Member], count: int) -> list[Pair]:
    """Open a direct conversation for each pair, over the public door."""
    return [
        Pair(
            writer=members[2 * number],
            listener=members[2 * number + 1],
            conversation_id=_opens(clinic, members[2 * number], kind="direct", participants=[members[2 * number + 1]]),
        )
        for number in range(count)
    ]


def _opens(clinic: Clinic, who: Member, *, kind: str, participants: list[Member], subject: str | None = None) -> str:
    body = {"kind": kind, "participant_ids": [each.id for each in participants]}
    answer = _HTTP.post(
        f"{clinic.origin_of(STAFF)}/messaging/api/conversations",
        json={**body, "subject": subject} if subject else body,
        headers={"Authorization": f"Bearer {who.token}"},
    )
    return str(answer.raise_for_status().json()["id"])


_HTTP = httpx.Client(trust_env=False, timeout=30)


def _meter(clinic: Clinic, database_server: PostgresServer, broker: RabbitServer) -> Meter:
    def of(pid: int) -> Callable[[], list[int]]:
        return lambda: children.family(pid)

    return Meter(
        {
            **{name: of(child.pid) for name, child in clinic.processes.items()},
            "PostgreSQL": database_server.pids,
            "RabbitMQ": broker.pids,
            "load generator": lambda: [os.getpid()],
        }
    )


def _says(what: str) -> None:
    sys.stderr.write(f"… {what}\n")


if __name__ == "__main__":
    sys.exit(main())
