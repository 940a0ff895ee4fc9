"""What the database holds at the end, as plain values; read past row-level security, straight from the tables."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.chaos.histories import EDITED, StreamKey
from tests.support.postgres import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEntry:
    """One row of a stream; `body` is what a post or an edit brought."""

    seq: int
    type: str
    actor: str
    message: str = ""
    user: str = ""
    body: str = field(default="", repr=False)
    client_message_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One person's place in a conversation."""

    user: str
    present: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredMessage:
    """One row of a message as it is now."""

    id: str
    conversation: str
    stream: str
    seq: int
    author: str
    client_message_id: str
    body: str = field(repr=False)
    recalled: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """The truth."""

    entries: Mapping[StreamKey, tuple[StoredEntry, ...]]
    """By stream, in the order of seq."""
    heads: Mapping[StreamKey, int]
    members: Mapping[str, tuple[Member, ...]]
    """By conversation: everybody who takes part or ever did."""
    messages: tuple[StoredMessage, ...]
    waiting: int
    """Events not yet published."""


def read(database: Database) -> Stored:
    """Read everything from one snapshot."""
    with database.server.connect(database.name) as connection:
        connection.autocommit = False
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        entries: defaultdict[StreamKey, list[StoredEntry]] = defaultdict(list)
        for row in connection.execute(ENTRIES):
            conversation, stream, seq, kind, actor, message, user, body, version_body, key = row
            entries[conversation, stream].append(
                StoredEntry(
                    seq=seq,
                    type=kind,
                    actor=actor,
                    message=message or "",
                    user=user or "",
                    body=(version_body if kind == EDITED else body) or "",
                    client_message_id=key or "",
                )
            )
        heads: dict[StreamKey, int] = {}
        for conversation, shared, internal in connection.execute(HEADS):
            heads[conversation, "shared"], heads[conversation, "internal"] = shared, internal
        members: defaultdict[str, list[Member]] = defaultdict(list)
        for conversation, user, present in connection.execute(MEMBERS):
            members[conversation].append(Member(user=user, present=present))
        messages = tuple(
            StoredMessage(
                id=row[0],
                conversation=row[1],
                stream=row[2],
                seq=row[3],
                author=row[4],
                client_message_id=row[5],
                body=row[6],
                recalled=row[7],
            )
            for row in connection.execute(MESSAGES)
        )
        waiting = connection.execute("SELECT count(*) FROM outbox").fetchone()
    return Stored(
        entries={key: tuple(rows) for key, rows in entries.items()},
        heads=heads,
        members={key: tuple(rows) for key, rows in members.items()},
        messages=messages,
        waiting=waiting[0] if waiting else 0,
    )


ENTRIES = """
SELECT e.conversation_id::text, e.stream, e.seq, e.type, e.actor_id::text, e.message_id::text, e.user_id::text,
       coalesce(first.body, m.body), v.body, m.client_message_id::text
FROM entries e
LEFT JOIN messages m ON m.id = e.message_id AND e.type = 'message.posted'
LEFT JOIN message_versions v ON v.message_id = e.message_id AND v.version = e.version
LEFT JOIN message_versions first ON first.message_id = m.id AND first.version = 1
ORDER BY e.conversation_id, e.stream, e.seq
"""
HEADS = "SELECT id::text, head_shared, head_internal FROM conversations"
MEMBERS = "SELECT conversation_id::text, user_id::text, left_at IS NULL FROM participants"
MESSAGES = """
SELECT id::text, conversation_id::text, stream, seq, author_id::text, client_message_id::text, body,
       recalled_at IS NOT NULL
FROM messages
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where everything stands, without what was said: cheap to ask again and again."""

    heads: Mapping[StreamKey, int]
    members: frozenset[tuple[str, str]]
    """Conversations and who takes part in them now."""
    waiting: int


def standing(database: Database) -> Standing:
    """Look where everything stands."""
    heads: dict[StreamKey, int] = {}
    for conversation, shared, internal in database.ask(HEADS):
        heads[conversation, "shared"], heads[conversation, "internal"] = shared, internal
    present = frozenset((row[0], row[1]) for row in database.ask(MEMBERS) if row[2])
    return Standing(heads=heads, members=present, waiting=database.ask("SELECT count(*) FROM outbox")[0][0])
