"""Conversations on real PostgreSQL: many at once, and the second wall between organisations."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from typing import Any, TypeVar

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Table, insert, text
from sqlalchemy.exc import OperationalError

from conversations.model import Stream
from conversations.store import conversations, fence, timeline
from conversations.tables import (
    METADATA,
    acknowledgements,
    attachments,
    drafts,
    preferences,
    push_notices,
    push_subscriptions,
)
from servicekit import database
from servicekit.clock import utc_now
from servicekit.database import transaction
from tests.support.inside import Inside, Somebody
from tests.support.postgres import Database
from wire.ids import new_id
from wire.permissions import Permission

SEND, GROUP, MODERATE = Permission.PATIENT_SEND, Permission.CREATE_GROUP, Permission.MODERATE

T = TypeVar("T")


def together(*work: Callable[[], T]) -> list[T]:
    """Do everything at the same moment and return what came of it, in order."""
    line = threading.Barrier(len(work))

    def at_once(one: Callable[[], T]) -> T:
        line.wait(10)
        return one()

    with ThreadPoolExecutor(len(work)) as pool:
        return list(pool.map(at_once, work))


def group_of(house: Inside, count: int) -> tuple[str, list[Somebody]]:
    """Open a group of `count` people and return its id and them."""
    people = [house.staff(f"Person {n}", GROUP, SEND) for n in range(count)]
    opened = people[0].opens("group", participant_ids=[one.id for one in people[1:]], subject="Ward 3")
    return opened.json["id"], people


def test_the_migrations_make_the_tables_we_describe(house: Inside) -> None:
    """What Alembic finds in the database is what the tables say, on PostgreSQL as on SQLite."""
    with house.owner.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"version_table": database.version_table("conversations")}
        )

        differences = compare_metadata(context, METADATA)

    assert differences == []


def test_seqs_have_no_hole_whoever_posts_at_once(house: Inside) -> None:
    """Eight threads, batches of all sizes, two conversations: every seq once, and ids of the outbox in seq order."""
    (first, people), (second, others) = group_of(house, 4), group_of(house, 4)

    def batches(one: Somebody, other: Somebody) -> list[dict[str, Any]]:
        results = []
        for size in (1, 5, 12, 2):
            items = [item for n in range(size) for item in (one.item(first, f"{n}"), other.item(second, f"{n}"))]
            # Not in the order of the ids: locks must be taken in one order all the same.
            results += house.sends(items if one is people[0] else items[::-1])
        return results

    results = together(
        *(lambda one=one, other=other: batches(one, other) for one, other in zip(people, others, strict=True))
    )

    assert all("entry" in result for batch in results for result in batch)
    for conversation, reader in ((first, people[0]), (second, others[0])):
        entries = reader.timeline(conversation, after=0, limit=200)["items"]
        assert [entry["seq"] for entry in entries] == list(range(1, 4 * 20 + 2))
        told = [
            event["entry"] for event in house.events() if event.get("entry", {}).get("conversation_id") == conversation
        ]
        assert [entry["seq"] for entry in told] == list(range(1, 4 * 20 + 2))


def test_a_repeat_at_the_same_moment_is_one_message(house: Inside) -> None:
    """The same client id from six threads: one 201, five 200, one row."""
    conversation, (nora, *_) = group_of(house, 2)
    item = nora.item(conversation, "once")

    results = together(*[lambda: house.sends([item])[0]] * 6)

    assert sorted(result["status"] for result in results) == [200] * 5 + [201]
    assert len({result["entry"]["message"]["id"] for result in results}) == 1
    assert len(house.rows("messages")) == 1


def test_posting_reads_no_other_conversation(house: Inside, made: Database) -> None:
    """Nor other people, in a database nobody counted yet: a batch costs the same however much there is beside it."""
    mine, people = group_of(house, 3)
    for _ in range(60):
        group_of(house, 2)
    asked: tuple[Any, ...] = (house.org, [mine] * 2, [one.id for one in people[:2]], [new_id(), new_id()], [])

    with psycopg.connect(made.dsn("conversations")) as connection:
        connection.execute("SELECT look_up_for_posting(%s, %s::uuid[], %s::uuid[], %s::uuid[], %s::uuid[])", asked)
        looked_at = connection.execute(
            "SELECT relname, coalesce(idx_tup_fetch, 0) + seq_tup_read FROM pg_stat_xact_user_tables "
            "WHERE relname IN ('accounts', 'conversations', 'participants')"
        ).fetchall()

    # The conversation to lock it and for who hears it, three people who do, and the two who write.
    assert {name: count <= 2 + 3 + 2 for name, count in looked_at} == {
        "accounts": True,
        "conversations": True,
        "participants": True,
    }


def test_what_is_planned_once_leaves_the_settings_as_they_were(house: Inside) -> None:
    """Reading amid a post must not let what is stored after it be planned by a sequential scan."""
    ward, _ = group_of(house, 2)
    settings = text("SELECT current_setting('plan_cache_mode'), current_setting('enable_seqscan')")
    page: dict[str, Any] = {"conversation_id": ward, "stream": Stream.SHARED, "before": None, "after": None, "limit": 5}

    with transaction(house.owner) as connection:
        fence.enter(connection, house.org)
        connection.execute(text("SELECT set_config('enable_seqscan', 'off', true)"))
        before = connection.execute(settings).one()
        read = timeline.page(connection, **page)

        assert len(read) == 1
        assert connection.execute(settings).one() == before == ("auto", "off")


def test_what_is_asked_all_the_time_is_planned_once_a_connection(house: Inside, made: Database) -> None:
    """The plan is made at the first call and kept, also one made while the tables were empty: none is read whole."""
    who = house.staff("Nora", GROUP)
    service = database.engine(made.url("conversations"), pool_size=1)
    page: dict[str, Any] = {"stream": Stream.SHARED, "before": None, "after": None, "limit": 5}

    def looks(conversation: str) -> None:
        with transaction(service) as connection:
            fence.enter(connection, house.org, keeping_plans=True)
            timeline.page(connection, conversation_id=conversation, **page)
            conversations.whereabouts(connection, org=house.org, user_id=who.id, patient_ids=None)

    looks(new_id())
    for _ in range(30):
        wards = [group_of(house, 2)[0] for _ in range(2)]
    looks(wards[0])
    with transaction(service) as connection:
        fence.enter(connection, house.org, keeping_plans=True)
        kept = connection.execute(text("SELECT generic_plans, custom_plans FROM pg_prepared_statements")).all()
        timeline.page(connection, conversation_id=wards[1], **page)
        whole = text("SELECT sum(seq_scan) FROM pg_stat_xact_user_tables")
        read_whole = connection.execute(whole).scalar()
    service.dispose()

    assert [tuple(each) for each in kept] == [(2, 0), (2, 0)]
    assert not read_whole


def test_a_forward_repeated_at_the_same_moment_is_one_message(house: Inside) -> None:
    """Both get the same entry, with its origin; forwarding crosswise waits for nobody for ever."""
    one, people = group_of(house, 2)
    two = people[0].opens("group", participant_ids=[people[1].id], subject="Ward 4").json["id"]
    here, there = (people[0].posts(place, "A plan")["entry"]["message"]["id"] for place in (one, two))
    to_there = {"conversation_id": two, "client_message_id": new_id()}

    crosswise = [
        partial(
            people[1].asks, "POST", f"/messages/{there}/forward", {"conversation_id": one, "client_message_id": key}
        )
        for key in (new_id(), new_id())
    ]
    answers = together(*[partial(people[0].asks, "POST", f"/messages/{here}/forward", to_there)] * 3, *crosswise)

    assert sorted(answer.status for answer in answers) == [200, 200, 201, 201, 201]
    assert [answer.json for answer in answers[1:3]] == [answers[0].json] * 2
    assert answers[0].json["message"]["forwarded"]["author"]["id"] == people[0].id
    assert people[1].timeline(two)["items"][-1] == answers[0].json


def test_what_became_of_a_message_is_told_from_what_the_service_may_keep(house: Inside) -> None:
    """Delivered, read, acknowledged and reminded, as the service's own role: each has its time, the author has none."""
    conversation, (nora, dmitri, rosa) = group_of(house, 3)
    posted = nora.posts(conversation, "Please confirm.", ask_acknowledgement=True)["entry"]
    message, seq = posted["message"]["id"], posted["seq"]
    dmitri.reads(conversation, seq, kind="delivered")
    dmitri.reads(conversation, seq)
    entries = [
        answer.json for answer in together(*[partial(dmitri.asks, "POST", f"/messages/{message}/acknowledgement")] * 3)
    ]

    reminded = nora.asks("POST", f"/messages/{message}/reminder")
    again = nora.asks("POST", f"/messages/{message}/reminder")
    items = nora.asks("GET", f"/messages/{message}/receipts").json["items"]

    assert entries == [entries[0]] * 3
    assert (reminded.json, again.json["code"]) == ({"reminded": [rosa.id]}, "rate_limited")
    by_person = {one["user"]["id"]: [one["delivered_at"], one["read_at"], one["acknowledged_at"]] for one in items}
    assert by_person[rosa.id] == [None, None, None]
    assert by_person[dmitri.id] == sorted(by_person[dmitri.id])
    assert by_person[dmitri.id][2] == entries[0]["at"]
    assert by_person.keys() == {dmitri.id, rosa.id}


def test_opening_at_the_same_moment_makes_one_conversation(house: Inside) -> None:
    """Two people open their direct conversation at once, each several times."""
    nora, dmitri = house.staff("Nora"), house.staff("Dmitri")
    opens = [
        lambda: nora.opens("direct", participant_ids=[dmitri.id]),
        lambda: dmitri.opens("direct", participant_ids=[nora.id]),
    ]

    answers = together(*opens * 3)

    assert sorted(answer.status for answer in answers) == [200] * 5 + [201]
    assert len({answer.json["id"] for answer in answers}) == 1


def test_changes_and_posts_at_once_leave_no_hole(house: Inside) -> None:
    """Edits, recalls, joinings, renamings and posts take their turns under the conversation's lock."""
    conversation, people = group_of(house, 4)
    owner = people[0]
    messages = [one.posts(conversation, "mine")["entry"]["message"]["id"] for one in people]
    newcomers = [house.staff(f"New {n}") for n in range(5)]

    def edits() -> list[int]:
        return [people[1].asks("PATCH", f"/messages/{messages[1]}", {"body": f"{n}"}).status for n in range(5)]

    def posts() -> list[int]:
        return [people[2].posts(conversation, f"{n}")["status"] for n in range(5)]

    def joins() -> list[int]:
        path = f"/conversations/{conversation}/participants"
        return [owner.asks("POST", path, {"user_id": one.id}).status for one in newcomers]

    def names() -> list[int]:
        return [people[3].asks("PATCH", f"/conversations/{conversation}", {"subject": f"{n}"}).status for n in range(5)]

    statuses = together(edits, posts, joins, names)

    assert statuses == [[200] * 5, [201] * 5, [200] * 5, [200] * 5]
    entries = owner.timeline(conversation, after=0, limit=200)["items"]
    assert [entry["seq"] for entry in entries] == list(range(1, 26))
    assert owner.sees(conversation)["heads"]["shared"] == 25


def test_nobody_is_told_after_their_removal_was_stored(house: Inside) -> None:
    """However posts and the removal meet: an entry after the leaving has no removed person in its audience."""
    conversation, (owner, leaver, author) = group_of(house, 3)

    def posts() -> None:
        for n in range(15):
            author.posts(conversation, f"{n}")

    def removes() -> None:
        owner.asks("DELETE", f"/conversations/{conversation}/participants/{leaver.id}")

    together(posts, removes)

    entries = [event for event in house.events() if "entry" in event]
    left = next(event["entry"]["seq"] for event in entries if event["entry"]["type"] == "participant.left")
    heard = [event["entry"]["seq"] for event in entries if leaver.id in event["audience"]]
    assert max(heard) < left
    assert heard == list(range(1, left))


def test_marks_at_the_same_moment_only_move_forward(house: Inside) -> None:
    """Six devices tell different marks at once: the furthest stays."""
    conversation, (nora, *_) = group_of(house, 2)
    house.sends([nora.item(conversation, f"{n}") for n in range(30)])

    together(*(lambda seq=seq: nora.reads(conversation, seq) for seq in (5, 31, 17, 30, 2, 12)))

    assert nora.sees(conversation)["read"][nora.id]["shared"] == 31
    told = [event["seq"] for event in house.events() if event["type"] == "mark.read"]
    assert told == sorted(told)


def test_a_catch_up_is_one_snapshot(house: Inside) -> None:
    """While others post, what comes back ends exactly at the heads it tells."""
    conversation, (nora, dmitri) = group_of(house, 2)

    def posts() -> list[Any]:
        for n in range(25):
            dmitri.posts(conversation, f"{n}")
        return []

    def catches_up() -> list[Any]:
        return [nora.catches_up({conversation: {"shared": 0}}) for _ in range(12)]

    answers = together(posts, catches_up)[1]

    for answer in answers:
        assert [entry["seq"] for entry in answer["entries"]] == list(
            range(1, answer["heads"][conversation]["shared"] + 1)
        )


def test_the_fast_path_stores_what_the_plain_one_stores(house: Inside, tmp_path: Any) -> None:  # noqa: ANN401 - pytest's path
    """The same batch on PostgreSQL and on SQLite: the same rows but for ids, times and the order of columns."""
    plain = Inside(f"sqlite:///{tmp_path}/plain.db")

    stored = []
    for clinic in (house, plain):
        nora, dmitri = clinic.staff("Nora", SEND), clinic.staff("Dmitri", SEND)
        ada = clinic.patient("Ada", clinic.patient_record("Ada", nora, dmitri))
        talk = ada.opens("patient", "Question", subject="Tablets").json["id"]
        question = nora.posts(talk, "When?")["entry"]["message"]["id"]
        clinic.sends(
            [
                dmitri.item(talk, 'Now "\\ \t\n🫀', reply_to=question, mentions=[nora.id], priority="urgent"),
                nora.item(talk, "note", stream="internal", ask_acknowledgement=True),
                nora.item(talk, "stale", seen_seq=0),
                nora.item(talk, "nowhere", reply_to=new_id()),
            ]
        )
        tables = ("entries", "messages", "audit", "conversations")
        named = {one.id: one.name for one in (nora, dmitri, ada)} | {talk: "talk", question: "question"}
        stored.append({name: sorted(_bare(row, named) for row in clinic.rows(name)) for name in tables})
        stored[-1]["events"] = [[event["type"], str(len(event["audience"]))] for event in clinic.events()]
    plain.ends()

    assert stored[0] == stored[1]


def _bare(row: dict[str, Any], named: dict[str, str]) -> list[str]:
    passing = {"id", "org", "at", "posted_at", "shared_at", "internal_at", "created_at", "client_message_id", "digest"}
    passing |= {"session_id", "opening_key", "joined_at", "message_id", "patient_id", "subject_id", "mentions"}
    return [str(named.get(str(value), value)) for name, value in sorted(row.items()) if name not in passing]


# ---- the second wall


@pytest.fixture
def two_clinics(house: Inside) -> tuple[Inside, str, str]:
    """Give a clinic and another one, each with a conversation and everything that belongs to it."""
    hilltop = new_id()
    for org in (house.org, hilltop):
        nora, dmitri = house.staff("Nora", SEND, org=org), house.staff("Dmitri", SEND, org=org)
        ada = house.patient("Ada", house.patient_record("Ada", nora, dmitri, org=org), org=org)
        talk = ada.opens("patient", "Question", subject="Tablets").json["id"]
        message = nora.posts(talk, "answr")["entry"]["message"]["id"]
        nora.asks("GET", "/search", q="answr")  # gathers its words; the edit queues it again
        nora.asks("PATCH", f"/messages/{message}", {"body": "answer"})
        nora.reads(talk, 2)
        _has_rows_of_its_own(house, org, talk, message, nora.id)
    return house, house.org, hilltop


def _has_rows_of_its_own(house: Inside, org: str, talk: str, message: str, user_id: str) -> None:
    """Put a row into each table that no door has written to by now."""
    now, here = utc_now(), {"org": org, "conversation_id": talk, "user_id": user_id, "stream": "shared"}
    rows: dict[Table, dict[str, object]] = {
        attachments: {
            "id": new_id(),
            "org": org,
            "uploader_id": user_id,
            "place": "",
            "state": "ready",
            "created_at": now,
        },
        acknowledgements: {"message_id": message, "user_id": user_id, "org": org, "seq": 2, "at": now},
        preferences: {"org": org, "conversation_id": talk, "user_id": user_id},
        push_notices: {"message_id": message, "plane": "staff", "org": org, "at": now},
        push_subscriptions: {
            "id": new_id(),
            "org": org,
            "user_id": user_id,
            "plane": "staff",
            "session_id": new_id(),
            "endpoint": "https://push.example/x",
            "digest": org,
            "at": now,
        },
        drafts: {**here, "body": "draft", "head": 2, "updated_at": now},
    }
    with transaction(house.owner) as connection:
        fence.enter(connection, org)
        for table, row in rows.items():
            connection.execute(insert(table), row)


FENCED = sorted(METADATA.tables)


def test_a_raw_query_sees_its_own_organisation_only(two_clinics: tuple[Inside, str, str], made: Database) -> None:
    """As the service's own role, without any WHERE: each table has rows of the one that was entered, and no others."""
    _, harbor, hilltop = two_clinics
    readable = [table for table in FENCED if table not in ("outbox", "audit")]

    with psycopg.connect(made.dsn("conversations")) as connection:
        for org in (harbor, hilltop):
            connection.execute("SELECT set_config('app.org', %s, true)", (org,))
            for table in readable:
                column = "id" if table == "organisations" else "org"
                rows = connection.execute(f"SELECT DISTINCT {column}::text FROM {table}".encode()).fetchall()  # noqa: S608 - our own table names

                assert rows == [(org,)], table


def test_without_an_organisation_nothing_is_seen(two_clinics: tuple[Inside, str, str], made: Database) -> None:
    """Nor is anything with an empty one; not even by the owner of the tables."""
    del two_clinics

    for role in ("conversations", "messages_owner"):
        with psycopg.connect(made.dsn(role)) as connection:
            for entered in (None, ""):
                if entered is not None:
                    connection.execute("SELECT set_config('app.org', %s, true)", (entered,))
                counts = [
                    connection.execute(f"SELECT count(*) FROM {table}".encode()).fetchone()  # noqa: S608 - as above
                    for table in FENCED
                    if role == "messages_owner" or table not in ("outbox", "audit")
                ]

                assert set(counts) == {(0,)}


def test_nothing_is_written_into_another_organisation(two_clinics: tuple[Inside, str, str], made: Database) -> None:
    """Neither by inserting there, nor by moving a row over, nor by changing what is there."""
    _, harbor, hilltop = two_clinics

    with psycopg.connect(made.dsn("conversations"), autocommit=True) as connection:
        connection.execute("SELECT set_config('app.org', %s, false)", (harbor,))
        for statement in (
            "INSERT INTO outbox (org, type) VALUES (%s, 'x')",
            "INSERT INTO audit (org, at, user_id, plane, action) VALUES (%s, now(), gen_random_uuid(), 'staff', 'x')",
            "UPDATE messages SET org = %s",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement.encode(), (hilltop,))
        changed = connection.execute("UPDATE messages SET body = 'mine' WHERE org = %s", (hilltop,)).rowcount

    assert changed == 0


def test_the_service_cannot_rewrite_the_record_or_step_over_the_wall(
    two_clinics: tuple[Inside, str, str], made: Database
) -> None:
    """No update or deletion of the record, no reading of the outbox, no switching off of the fence."""
    _, harbor, _ = two_clinics

    with psycopg.connect(made.dsn("conversations"), autocommit=True) as connection:
        connection.execute("SELECT set_config('app.org', %s, false)", (harbor,))
        for statement in (
            "UPDATE audit SET refused = NULL",
            "DELETE FROM audit",
            "SELECT staff FROM outbox",
            "DELETE FROM messages",
            "ALTER TABLE messages NO FORCE ROW LEVEL SECURITY",
            "SET ROLE messages_owner",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement.encode())


def test_the_relay_reads_no_conversation(two_clinics: tuple[Inside, str, str], made: Database) -> None:
    """It empties the outbox of every organisation, feeds the directory, and that is all."""
    _, harbor, hilltop = two_clinics

    with psycopg.connect(made.dsn("relay"), autocommit=True) as connection:
        seen = connection.execute("SELECT DISTINCT org::text FROM outbox").fetchall()
        for table in ("conversations", "participants", "entries", "messages", "message_versions", "marks", "audit"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(f"SELECT 1 FROM {table}".encode())  # noqa: S608 - as above

    assert {org for (org,) in seen} == {harbor, hilltop}


def test_a_service_without_its_database_says_unavailable(house: Inside, made: Database) -> None:
    """Nothing was stored, the same client id may be sent again, and afterwards all is well by itself."""
    conversation, (nora, *_) = group_of(house, 2)
    item = nora.item(conversation, "patience")
    _allow(made, connections=False)

    away = house.call("POST", "/sends", {"items": [item]}, headers=house.service("staff"))
    listed = nora.asks("GET", "/conversations")
    _allow(made, connections=True)
    back = house.sends([item])[0]

    assert (away.status, away.json["code"]) == (503, "unavailable")
    assert (listed.status, listed.json["code"]) == (503, "unavailable")
    assert back["status"] == 201


def _allow(made: Database, *, connections: bool) -> None:
    """Let nobody in, those inside not either; or let everybody in again."""
    with made.server.connect() as connection:
        allowed = str(connections).lower()
        connection.execute(f"ALTER DATABASE {made.name} ALLOW_CONNECTIONS {allowed}".encode())
        if not connections:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (made.name,)
            )


@pytest.mark.parametrize(("rested_s", "failures"), [(0.0, 0), (60.0, 1)])
def test_a_connection_that_ended_costs_one_transaction_at_the_most(
    made: Database, rested_s: float, failures: int
) -> None:
    """Asked before it is handed out it costs none; in steady use the first statement on it fails, and no other."""
    engine = database.engine(made.url(), pool_size=4, rested_s=rested_s)
    with ExitStack() as stack:
        for _ in range(4):
            stack.enter_context(transaction(engine)).execute(text("SELECT 1"))
    made.ask(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    failed = 0

    for _ in range(8):
        try:
            with transaction(engine) as connection:
                connection.execute(text("SELECT 1"))
        except OperationalError:
            failed += 1

    engine.dispose()
    assert failed == failures
