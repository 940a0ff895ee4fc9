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

from sqlalchemy import ColumnElement, Connection, Row, Select, Text, and_, cast, func, literal, or_, select, text
from sqlalchemy.dialects.postgresql import TSQUERY

from conversations.model import PersonKind, Stream
from conversations.store.asked import POSTGRESQL, among, words
from conversations.store.conversations import TAKES_PART, WHOEVER_JOINED
from conversations.tables import conversations, messages, participants, searchable
from wire.words import Words

FEW = 2_000
"""So many messages are looked at one by one to see which of them the caller hears."""

FIND = text("SELECT find_words(CAST(:asked AS tsquery), :at_most)")
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
    few = [str(row[0]) for row in connection.execute(FIND, {"asked": asked, "at_most": FEW})]
    if len(few) < FEW:
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
