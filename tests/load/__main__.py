"""`python -m tests.load`: B1, B2 and B3 of the quality page on real PostgreSQL and RabbitMQ and real processes.

Everything is this run's own, on the loopback, and gone afterwards, also after Ctrl-C. The load generator is this
process. Limits of the machine are measured before and after, and their mean counts.
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
from tests.load import limits, people, workloads
from tests.load.cost import Meter
from tests.load.people import Member
from tests.load.report import Report
from tests.load.workloads import Outcome, Pair
from tests.support import children, parts, postgres, rabbitmq
from tests.support.clinic import STAFF, Clinic, prepared
from tests.support.live import websocket_url
from tests.support.postgres import PostgresServer
from tests.support.rabbitmq import RabbitServer

COMMITS = "PostgreSQL one-row commits/s, 16 clients"


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="tests.load", description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="B1,B2,B3", help="which workloads, by comma")
    parser.add_argument("--seconds", type=float, default=15, help="how long each is measured")
    parser.add_argument("--pairs", type=int, default=200)
    parser.add_argument("--rate", type=float, default=500, help="messages a second of B2")
    parser.add_argument("--group", type=int, default=500, help="members of B3's group")
    parser.add_argument("--group-rate", type=float, default=20, help="messages a second of B3")
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
    settings = {"LOG_LEVEL": "WARNING"}
    clinic = prepared(database_server, broker, folder, settings)
    stack.callback(clinic.ends)
    count = max(2 * wanted.pairs, wanted.group)
    hired = people.hired(clinic, count)
    clinic.starts(*clinic.programs)
    meter = _meter(clinic, database_server, broker)
    url = websocket_url(clinic.origin_of(STAFF), "/messaging/live")
    outcomes: list[Outcome] = []
    for name in wanted.only.split(","):
        members = people.signed_in(clinic, hired)
        _says(f"{name}: opening conversations and sockets")
        outcomes.append(asyncio.run(_workload(name, url, clinic, members, meter, wanted)))
    clinic.ends()
    _says("limits of this machine, again")
    after = _limits(database_server)
    return Report(
        limits={name: statistics.mean((before[name], after[name])) for name in before},
        outcomes=outcomes,
        conditions={
            "PostgreSQL": database_server.version(),
            "RabbitMQ": str(broker.call("GET", "/overview")["rabbitmq_version"]),
            "from": str(parts.source()),
            "cores": str(os.cpu_count()),
            "processes": "auth, conversations, relay and one gateway of each kind, one worker each",
        },
    )


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
    name: str, url: str, clinic: Clinic, members: list[Member], meter: Meter, wanted: argparse.Namespace
) -> Coroutine[Any, Any, Outcome]:
    match name:
        case "B1":
            return workloads.talking_pairs(url, _pairs(clinic, members, wanted.pairs), meter, wanted.seconds)
        case "B2":
            pairs = _pairs(clinic, members, wanted.pairs)
            return workloads.steady_pairs(url, pairs, meter, wanted.seconds, rate=wanted.rate)
        case "B3":
            group = members[: wanted.group]
            conversation_id = _opens(clinic, group[0], kind="group", subject="All", participants=group[1:])
            return workloads.one_group(url, group, conversation_id, meter, wanted.seconds, rate=wanted.group_rate)
    raise SystemExit(f"There is no workload {name}: B1, B2, B3.")


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
