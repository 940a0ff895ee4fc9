"""The real parts of the tests are real, private and fresh."""

import pika
import psycopg

from tests.support.postgres import Database, PostgresServer


def test_every_test_gets_an_empty_database_of_its_own(postgres_database: Database) -> None:
    """A fresh database holds no table and belongs to the role that migrates."""
    tables = postgres_database.ask("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")

    with psycopg.connect(postgres_database.dsn()) as owner:
        owner.execute("CREATE TABLE ours (id int)")

    assert tables == [(0,)]


def test_a_template_is_prepared_once_and_cloned(postgres_server: PostgresServer) -> None:
    """What a template holds, each clone holds for itself."""
    prepared: list[str] = []

    def prepare(database: Database) -> None:
        prepared.append(database.name)
        database.ask("CREATE TABLE seeded AS SELECT 1 AS one")

    for _ in range(2):
        postgres_server.template("proof", prepare)
    first, second = postgres_server.fresh_database("proof"), postgres_server.fresh_database("proof")
    first.ask("DELETE FROM seeded")

    assert len(prepared) == 1
    assert second.ask("SELECT one FROM seeded") == [(1,)]


def test_the_broker_takes_and_gives_a_message(rabbitmq_url: str) -> None:
    """A message published to a queue of the fresh virtual host comes back."""
    with pika.BlockingConnection(pika.URLParameters(rabbitmq_url)) as connection:
        channel = connection.channel()
        queue = channel.queue_declare("", exclusive=True).method.queue
        channel.basic_publish("", queue, b"hello")
        _, _, body = channel.basic_get(queue, auto_ack=True)

    assert body == b"hello"
