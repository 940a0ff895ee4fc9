"""Finding messages by their words and by what is known of them, the newest first.

PostgreSQL is asked in one of two ways. Words that few messages have are found by their index, and what the caller may
not hear is left out of those few. Words that many have are soon met with: the caller's messages are gone through from
the newest back until the page is full. Neither reads all there is.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    Text,
    and_,
    cast,
    delete,
    func,
    literal,
    or_,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import TSQUERY

from conversations.model import PersonKind, Stream
from conversations.store.asked import POSTGRESQL, among, words
from conversations.store.conversations import TAKES_PART, WHOEVER_JOINED
from conversations.tables import conversations, messages, participants, search_queue, searchable
from wire.words import Words, folded

FEW = 4_000
"""So many messages are looked at one by one to see which of them the caller hears."""

GATHERING = text("SELECT set_config('app.gathering', 'on', true)")
# Looking at which messages are queued is a statement of its own: it sees what was committed before the lock was held.
ONE_AT_A_TIME = text("SELECT pg_try_advisory_xact_lock(hashtextextended('search_queue ' || :org, 0))")
IN_TURN = text("SELECT pg_advisory_xact_lock(hashtextextended('search_queue ' || :org, 0))")
QUEUED = text("SELECT EXISTS (SELECT FROM search_queue WHERE org = CAST(:org AS uuid))")
TAKE = text("""
    WITH taken AS (
        DELETE FROM search_queue
        WHERE ctid = ANY (ARRAY(SELECT ctid FROM search_queue WHERE org = CAST(:org AS uuid) LIMIT :at_most))
        RETURNING message_id
    )
    SELECT id, body, recalled_at IS NOT NULL AS recalled FROM messages
    WHERE id IN (SELECT message_id FROM taken)
""")
KEEP = text("""
    INSERT INTO searchable (message_id, org, words)
    SELECT message_id, CAST(:org AS uuid), array_to_tsvector(string_to_array(words, ' '))
    FROM unnest(CAST(:ids AS uuid[]), CAST(:words AS text[])) AS kept (message_id, words)
    ON CONFLICT (message_id) DO UPDATE SET words = excluded.words
""")
FIND = text("SELECT find_few(CAST(:asked AS tsquery), :at_most)")
MATCHES = text("searchable_words MATCH :asked")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sought:
    """Which messages are looked for; None leaves it open."""

    words: Words
    author_id: str | None = None
    mentioned_id: str | None = None
    since: datetime | None = None
    before: datetime | None = None
    with_file: bool = False


def behind(connection: Connection) -> str | None:
    """Return an organisation with messages whose words are not gathered yet, on PostgreSQL; None when there is none."""
    connection.execute(GATHERING)
    return connection.execute(select(search_queue.c.org).limit(1)).scalar()


def gather(connection: Connection, org: str, *, at_most: int) -> int:
    """Gather the words of so many queued messages of an organisation that was entered; returns of how many.

    Of none where somebody else is at it: two at once could leave the words of before an edit behind. Of none on SQLite
    either, which gathers them while posting.
    """
    if connection.dialect.name != POSTGRESQL or not connection.execute(ONE_AT_A_TIME, {"org": org}).scalar_one():
        return 0
    return _gather(connection, org, at_most)


def catch_up(connection: Connection, org: str, *, at_most: int) -> None:
    """Gather what is queued, as `gather` does, but in turn: whoever searches next finds also what somebody is at now.

    In a transaction of its own: the turn lasts until that ends. What is not committed yet is still seen as queued.
    """
    if connection.dialect.name == POSTGRESQL and connection.execute(QUEUED, {"org": org}).scalar_one():
        connection.execute(IN_TURN, {"org": org})
        _gather(connection, org, at_most)


def _gather(connection: Connection, org: str, at_most: int) -> int:
    taken = connection.execute(TAKE, {"org": org, "at_most": at_most}).all()
    said = {str(row.id): folded(row.body) for row in taken if not row.recalled}
    if said:
        connection.execute(KEEP, {"org": org, "ids": list(said), "words": list(said.values())})
    if len(said) < len(taken):
        recalled = [str(row.id) for row in taken if row.recalled]
        gone = among(POSTGRESQL, searchable.c.message_id, "recalled")
        connection.execute(delete(searchable).where(gone), words(POSTGRESQL, "recalled", recalled))
    return len(taken)


def heard(
    connection: Connection, *, org: str, user_id: str, kind: PersonKind, patient_ids: Sequence[str] | None
) -> list[str]:
    """Return the conversations somebody takes part in; a portal account's, of the patients it stands for only."""
    query = select(participants.c.conversation_id).select_from(WHOEVER_JOINED)
    query = query.where(conversations.c.org == org, participants.c.user_id == user_id, TAKES_PART)
    query = query.where(participants.c.kind == kind)
    if patient_ids is not None:
        query = query.where(conversations.c.patient_id.in_(patient_ids))
    return [row.conversation_id for row in connection.execute(query)]


def written_in(connection: Connection, org: str, author_id: str, within: Collection[str]) -> list[str]:
    """Return those of these conversations that somebody takes or took part in: nobody writes in others."""
    dialect = connection.dialect.name
    query = select(participants.c.conversation_id).where(
        participants.c.org == org,
        participants.c.user_id == author_id,
        among(dialect, participants.c.conversation_id, "within"),
    )
    return list(connection.execute(query, words(dialect, "within", within)).scalars())


def found(
    connection: Connection,
    org: str,
    sought: Sought,
    *,
    within: Collection[str],
    streams: Sequence[Stream],
    before: tuple[datetime, str] | None,
    limit: int,
) -> Sequence[Row[Any]]:
    """Return where messages stand that are sought, in these conversations and streams, the newest first.

    `before` is the moment and id of the last one somebody has seen.
    """
    dialect = connection.dialect.name
    place = messages.c.conversation_id, messages.c.stream, messages.c.seq
    query: Select[Any] = select(messages.c.id, *place, messages.c.posted_at)
    query = query.where(messages.c.org == org, messages.c.recalled_at.is_(None))
    query = query.where(among(dialect, messages.c.conversation_id, "within"), messages.c.stream.in_(streams))
    given = words(dialect, "within", within)
    conditions = _known(sought)
    if sought.words:
        having, more = _having_words(connection, sought.words)
        conditions += [having, *_in_a_row(sought.words)]
        given |= more
    if before is not None:
        at, last = before
        conditions.append(and_(messages.c.posted_at <= at, or_(messages.c.posted_at < at, messages.c.id < last)))
    query = query.where(*conditions).order_by(messages.c.posted_at.desc(), messages.c.id.desc()).limit(limit)
    return connection.execute(query, given).all()


def _known(sought: Sought) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if sought.author_id is not None:
        conditions.append(messages.c.author_id == sought.author_id)
    if sought.mentioned_id is not None:
        conditions += [messages.c.mentions != literal("[]", literal_execute=True)]
        conditions += [messages.c.mentions.contains(f'"{sought.mentioned_id}"', autoescape=True)]
    if sought.since is not None:
        conditions.append(messages.c.posted_at >= sought.since)
    if sought.before is not None:
        conditions.append(messages.c.posted_at < sought.before)
    if sought.with_file:
        conditions.append(messages.c.attachments.is_not(None))
    return conditions


def _having_words(connection: Connection, sought: Words) -> tuple[ColumnElement[bool], dict[str, Any]]:
    """Return the condition that all of the words stand in a message, in any order."""
    if connection.dialect.name != POSTGRESQL:
        table = text("searchable_words")
        matching = (
            select(searchable.c.message_id)
            .select_from(searchable)
            .join(table, text("searchable_words.rowid = searchable.id"))
        )
        return messages.c.id.in_(matching.where(MATCHES)), {"asked": _to_fts5(sought)}
    asked = _to_tsquery(sought)
    few = [row[0] for row in connection.execute(FIND, {"asked": asked, "at_most": FEW})]
    if len(few) < FEW and None not in few:
        return among(POSTGRESQL, messages.c.id, "few"), words(POSTGRESQL, "few", few)
    matches = searchable.c.words.op("@@")(cast(literal(asked, Text()), TSQUERY))
    return select(searchable.c.id).where(searchable.c.message_id == messages.c.id, matches).exists(), {}


def _in_a_row(sought: Words) -> list[ColumnElement[bool]]:
    """Return the conditions that the words of each phrase stand together."""
    body = literal(" ").concat(func.folded(messages.c.body)).concat(" ")
    phrases = [f" {' '.join(phrase)} " for phrase in sought.phrases if len(phrase) > 1]
    if len(sought.unfinished) > 1:
        phrases.append(f" {' '.join(sought.unfinished)}")
    return [body.contains(phrase, autoescape=True) for phrase in phrases]


def _to_tsquery(sought: Words) -> str:
    """Say it in PostgreSQL's words; a folded word holds no quote and no backslash."""
    whole = [f"'{word}'" for word in sought.single]
    return " & ".join([*whole, f"'{sought.beginning}':*"] if sought.beginning else whole)


def _to_fts5(sought: Words) -> str:
    """Say it in SQLite's words; likewise."""
    whole = [f'"{word}"' for word in sought.single]
    return " AND ".join([*whole, f'"{sought.beginning}" *'] if sought.beginning else whole)
