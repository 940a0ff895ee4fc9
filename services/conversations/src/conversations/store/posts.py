"""Looking up what deciding about messages needs, in a few statements for any number of them.

The conversations are locked first, in the order of their ids; what is read after that is true until the commit.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import Connection, select, tuple_

from conversations.model import Answered, Ask, Facts, File, Stream
from conversations.store import attachments, conversations, directory
from conversations.tables import messages


def facts(connection: Connection, org: str, asks: Sequence[Ask]) -> Facts:
    """Lock the conversations that are asked about and return what is known of them."""
    ids = {ask.conversation_id for ask in asks}
    standings = conversations.standings(connection, org, ids, lock=True)
    return Facts(
        standings=standings,
        audiences=conversations.audiences(connection, standings),
        people=directory.people(connection, org, {ask.author_id for ask in asks}),
        posted=posted(connection, {ask.key for ask in asks}),
        answered=_answered(connection, org, {ask.reply_to for ask in asks if ask.reply_to is not None}),
        files=files(connection, org, asks),
    )


def files(connection: Connection, org: str, asks: Sequence[Ask]) -> dict[str, File]:
    """Return the files that are to be posted, locked; without any nothing is asked."""
    ids = {one for ask in asks for one in ask.attachment_ids}
    return attachments.wanted(connection, org, ids) if ids else {}


def posted(
    connection: Connection, keys: Collection[tuple[str, str, str]]
) -> dict[tuple[str, str, str], tuple[str, str]]:
    """Return by `Ask.key` the id and digest of what was posted under it."""
    key = messages.c.conversation_id, messages.c.author_id, messages.c.client_message_id
    query = select(*key, messages.c.id, messages.c.digest).where(tuple_(*key).in_(keys))
    return {(one, two, three): (found, digest) for one, two, three, found, digest in connection.execute(query)}


def _answered(connection: Connection, org: str, ids: Collection[str]) -> dict[str, Answered]:
    if not ids:
        return {}
    query = select(messages).where(messages.c.id.in_(ids), messages.c.org == org)
    return {
        row.id: Answered(
            id=row.id,
            conversation_id=row.conversation_id,
            stream=Stream(row.stream),
            seq=row.seq,
            body=row.body,
            recalled=row.recalled_at is not None,
        )
        for row in connection.execute(query)
    }
