"""The relay on real PostgreSQL and RabbitMQ: one leads, another takes over, nothing is lost, order is kept."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence

import httpx
import psycopg
import pytest
from sqlalchemy import text

from conversations import outbox
from conversations.model import Parcel
from conversations.relay import Relay
from conversations.relay.outlet import PostgresOutlet
from conversations.store import fence
from servicekit import database
from servicekit.amqp import RabbitExchange
from servicekit.background import Background, Stop
from servicekit.exchange import Binding, Message
from tests.support.ports import free_port, wait_until
from tests.support.postgres import Database, PostgresServer
from wire.events import MESSAGES, Event, decode_batch, encode
from wire.ids import OrganisationId, UserId, new_id

HARBOR = "01930000-0000-7000-8000-000000000001"


@pytest.fixture
def clinic(postgres_server: PostgresServer) -> Iterator[Database]:
    """Give a migrated database of this test's own."""
    postgres_server.template("relay", _migrated)
    made = postgres_server.fresh_database("relay")
    yield made
    made.drop()


def _migrated(empty: Database) -> None:
    engine = database.engine(empty.url())
    database.upgrade(engine, "conversations")
    engine.dispose()


class Writer:
    """The service, storing events of conversations under their locks."""

    def __init__(self, clinic: Database) -> None:
        self._engine = database.engine(clinic.url("conversations"), pool_size=8)

    def stores(self, conversation: int, *seqs: int) -> None:
        with database.transaction(self._engine) as connection:
            fence.enter(connection, HARBOR)
            connection.execute(text("SELECT pg_advisory_xact_lock(:it)"), {"it": conversation})
            outbox.put(connection, [_parcel(conversation, seq) for seq in seqs])

    def close(self) -> None:
        self._engine.dispose()


def _parcel(conversation: int, seq: int) -> Parcel:
    made = Event(
        event_id=new_id(),
        type="message.posted" if seq % 5 else "message.edited",
        org=OrganisationId(HARBOR),
        audience=(UserId("u"),),
        body={"entry": {"conversation_id": conversation, "seq": seq}},
    )
    return Parcel(org=HARBOR, type=made.type, staff=encode(made).decode(), portal=None)


class Notebook:
    """A publisher, or a subscriber, that writes down the seqs it saw of each conversation."""

    def __init__(self) -> None:
        self.seen: defaultdict[int, list[int]] = defaultdict(list)
        self.connected = True
        self.hold = threading.Event()
        self.hold.set()

    def publish(self, messages: Sequence[Message]) -> None:
        self.hold.wait(20)
        for message in messages:
            self.hear(message)

    def hear(self, message: Message) -> None:
        for event in decode_batch(message.body):
            entry = event.body["entry"]
            self.seen[entry["conversation_id"]].append(entry["seq"])

    def close(self) -> None:
        """Hold nothing."""


def started(clinic: Database, publisher: object, *, silent_leader_s: int = 12) -> tuple[Relay, Background]:
    """Return a relay that runs."""
    outlet = PostgresOutlet(clinic.url("relay"), silent_leader_s=silent_leader_s)
    relay = Relay(outlet, publisher)  # type: ignore[arg-type]
    background = Background()
    background.add("relay", relay.run)
    background.start()
    return relay, background


def leader_pids(clinic: Database) -> list[int]:
    """Return the sessions that hold the relay's lock."""
    rows = clinic.ask(
        "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted AND mode = 'ExclusiveLock' AND objsubid = 1"
        " AND pid IN (SELECT pid FROM pg_stat_activity WHERE application_name = 'messages-relay')"
        " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    )
    return [row[0] for row in rows]


def outbox_rows(clinic: Database) -> int:
    """Return how many rows wait."""
    return int(clinic.ask("SELECT count(*) FROM outbox")[0][0])


def test_one_leads_and_another_takes_over(clinic: Database) -> None:
    """Of two relays one publishes; when its session ends the other, or it anew, goes on, and nobody publishes twice."""
    writer, notebook = Writer(clinic), Notebook()
    first, first_loop = started(clinic, notebook)
    wait_until(lambda: first.leading, within_s=5, what="the first leading")
    second, second_loop = started(clinic, notebook)
    writer.stores(1, 1, 2, 3)
    wait_until(lambda: notebook.seen[1] == [1, 2, 3], within_s=5, what="three events")
    assert not second.leading

    first_loop.stop(5)
    wait_until(lambda: second.leading, within_s=5, what="the second leading")
    writer.stores(1, 4)
    wait_until(lambda: notebook.seen[1] == [1, 2, 3, 4], within_s=5, what="the fourth")

    assert len(leader_pids(clinic)) == 1
    second_loop.stop(5)
    writer.close()


def test_a_leader_whose_session_is_ended_stops_leading_and_comes_back(clinic: Database) -> None:
    """With its connection a relay loses the lead at once; it takes its turn again and goes on where it was."""
    writer, notebook = Writer(clinic), Notebook()
    relay, loop = started(clinic, notebook)
    wait_until(lambda: relay.leading, within_s=5, what="the relay leading")
    (before,) = leader_pids(clinic)

    clinic.ask("SELECT pg_terminate_backend(%s)", before)
    writer.stores(1, 1, 2)

    wait_until(lambda: notebook.seen[1] == [1, 2], within_s=10, what="both events")
    assert leader_pids(clinic) != [before]
    loop.stop(5)
    writer.close()


def test_a_leader_that_falls_silent_is_replaced(clinic: Database) -> None:
    """A relay that hangs with the lead in its hands loses it after a while, and another publishes what waits."""
    writer, stuck, notebook = Writer(clinic), Notebook(), Notebook()
    first, first_loop = started(clinic, stuck, silent_leader_s=1)
    wait_until(lambda: first.leading, within_s=5, what="the first leading")
    second, second_loop = started(clinic, notebook, silent_leader_s=1)
    stuck.hold.clear()

    writer.stores(1, 1, 2)

    wait_until(lambda: notebook.seen[1] == [1, 2], within_s=10, what="both events from the second")
    assert second.leading
    stuck.hold.set()
    first_loop.stop(5)
    second_loop.stop(5)
    writer.close()


def test_a_commit_wakes_the_relay(clinic: Database) -> None:
    """Whoever waits is woken by the storing transaction, also when it commits during another query."""
    writer = Writer(clinic)
    with PostgresOutlet(clinic.url("relay")).lead(Stop()) as turn:
        assert turn is not None
        writer.stores(1, 1)
        turn.next([], 1)
        began = time.monotonic()
        turn.wait(20)
        alarm = threading.Timer(0.3, writer.stores, (1, 2))
        alarm.start()
        turn.wait(20)
        took = time.monotonic() - began
        alarm.join()

    assert took < 10
    writer.close()


def test_many_writers_keep_the_order_of_each_conversation(clinic: Database, rabbitmq_url: str) -> None:
    """Eight writers, six conversations, one relay, RabbitMQ: each conversation arrives whole, in order, once."""
    writer, notebook = Writer(clinic), Notebook()
    exchange = RabbitExchange(rabbitmq_url)
    publisher = exchange.publisher()
    ready = threading.Event()
    subscription = exchange.subscribe(
        [Binding(exchange=MESSAGES, pattern="staff.#")], on_message=notebook.hear, on_connected=ready.set
    )
    assert ready.wait(10)
    _, loop = started(clinic, publisher)

    _write_concurrently(writer, conversations=6, each=40)

    wait_until(lambda: all(len(notebook.seen[c]) >= 40 for c in range(6)), within_s=20, what="240 events")
    assert dict(notebook.seen) == {c: list(range(1, 41)) for c in range(6)}
    wait_until(lambda: outbox_rows(clinic) == 0, within_s=5, what="an empty outbox")
    loop.stop(5)
    publisher.close()
    subscription.close()
    writer.close()


def test_killing_the_process_loses_nothing(clinic: Database, rabbitmq_url: str) -> None:
    """The real process, killed twice while it works: all is heard, and what is heard first keeps its order."""
    writer, notebook = Writer(clinic), Notebook()
    exchange = RabbitExchange(rabbitmq_url)
    ready = threading.Event()
    subscription = exchange.subscribe(
        [Binding(exchange=MESSAGES, pattern="staff.#")], on_message=notebook.hear, on_connected=ready.set
    )
    assert ready.wait(10)
    enough, written = threading.Event(), [0, 0, 0]
    writing = [threading.Thread(target=_write_until, args=(enough, writer, written, number)) for number in range(3)]
    for thread in writing:
        thread.start()
    for _ in range(3):
        process, _port = _process(clinic, rabbitmq_url)
        _hears_more(notebook, 60)
        process.kill()
        process.wait(10)
    process, port = _process(clinic, rabbitmq_url)
    _hears_more(notebook, 60)
    enough.set()
    for thread in writing:
        thread.join(10)

    wait_until(lambda: outbox_rows(clinic) == 0, within_s=30, what="an empty outbox")
    wait_until(lambda: [max(notebook.seen[c]) for c in range(3)] == written, within_s=20, what="the last of each")
    for conversation, last in enumerate(written):
        assert list(dict.fromkeys(notebook.seen[conversation])) == list(range(1, last + 1))
    assert "messages_relay_leading 1.0" in httpx.get(f"http://127.0.0.1:{port}/metrics").text
    process.send_signal(signal.SIGTERM)
    assert process.wait(15) == 0
    subscription.close()
    writer.close()


def test_the_process_says_what_is_missing(clinic: Database, rabbitmq_url: str) -> None:
    """Alive while auth is away; ready only when everything answers; refuses to start without settings or its port."""
    process, port = _process(clinic, rabbitmq_url)

    wait_until(lambda: _missing(port) == ["directory", "auth"], within_s=20, what="only auth and its accounts missing")

    assert httpx.get(f"http://127.0.0.1:{port}/livez").status_code == 200
    assert httpx.get(f"http://127.0.0.1:{port}/readyz").status_code == 503
    second = _run(_environment(clinic, rabbitmq_url, port))
    assert second.returncode == 1
    assert second.stderr.count(b"\n") <= 2
    assert f"port {port} cannot be opened".encode() in second.stderr
    unset = _run({"PATH": os.environ["PATH"]})
    assert unset.returncode == 1
    for name in (b"RELAY_DATABASE_URL", b"BROKER_URL", b"AUTH_URL", b"CONVERSATIONS_SECRET"):
        assert name in unset.stderr
    assert b"Traceback" not in unset.stderr + second.stderr
    process.send_signal(signal.SIGTERM)
    assert process.wait(15) == 0


def test_the_relays_role_reads_no_conversation(clinic: Database) -> None:
    """The relay's database role empties the outbox and feeds the directory, and sees nothing of what was said."""
    with psycopg.connect(clinic.dsn("relay")) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("SELECT * FROM messages")


def _write_concurrently(writer: Writer, *, conversations: int, each: int) -> None:
    nexts = {conversation: iter(range(1, each + 1)) for conversation in range(conversations)}
    turns = {conversation: threading.Lock() for conversation in nexts}

    def write(offset: int) -> None:
        for step in range(each):
            conversation = (offset + step) % conversations
            with turns[conversation]:
                seq = next(nexts[conversation], None)
                if seq is not None:
                    writer.stores(conversation, seq)

    writers = [threading.Thread(target=write, args=(offset,)) for offset in range(8)]
    for thread in writers:
        thread.start()
    for thread in writers:
        thread.join(60)
    for conversation, rest in nexts.items():
        for seq in rest:
            writer.stores(conversation, seq)


def _write_until(enough: threading.Event, writer: Writer, written: list[int], conversation: int) -> None:
    while not enough.wait(0.005):
        writer.stores(conversation, written[conversation] + 1)
        written[conversation] += 1


def _hears_more(notebook: Notebook, events: int) -> None:
    before = _heard(notebook)
    wait_until(lambda: _heard(notebook) >= before + events, within_s=20, what=f"{events} more events")


def _heard(notebook: Notebook) -> int:
    return sum(len(seqs) for seqs in notebook.seen.values())


def _environment(clinic: Database, broker: str, port: int) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "RELAY_DATABASE_URL": clinic.url("relay"),
        "BROKER_URL": broker,
        "AUTH_URL": "http://127.0.0.1:9",
        "CONVERSATIONS_SECRET": "not-a-secret-of-anyone",
        "PORT": str(port),
    }


def _process(clinic: Database, broker: str) -> tuple[subprocess.Popen[bytes], int]:
    port = free_port()
    command = [sys.executable, "-m", "conversations.relay"]
    return subprocess.Popen(command, env=_environment(clinic, broker, port), stderr=subprocess.DEVNULL), port


def _run(environ: dict[str, str]) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "conversations.relay"]
    return subprocess.run(command, env=environ, capture_output=True, timeout=30, check=False)


def _missing(port: int) -> list[str] | None:
    try:
        missing: list[str] = httpx.get(f"http://127.0.0.1:{port}/readyz").json()["missing"]
    except httpx.HTTPError:
        return None
    return missing
