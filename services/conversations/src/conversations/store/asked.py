"""Many keys in one statement: a list of (conversation, stream, seq) as something to join with.

One parameter on SQLite, three arrays on PostgreSQL: the statement's text never changes with the number of keys.
"""

from __future__ import annotations

from collections.abc import Sequence

import orjson
from sqlalchemy import BigInteger, Connection, FromClause, Text, column, func, literal, select
from sqlalchemy.dialects.postgresql import ARRAY, UUID

from conversations.tables import Id

Point = tuple[str, str, int]
"""A conversation's id, a stream's name and a seq."""


def points(connection: Connection, keys: Sequence[Point]) -> FromClause:
    """Return the keys as a table of `conversation_id`, `stream` and `seq`."""
    if connection.dialect.name == "postgresql":
        return _unnested(keys)
    row = func.json_each(literal(orjson.dumps(keys).decode())).table_valued("value", name="listed")
    picked = [
        func.json_extract(row.c.value, f"$[{place}]").label(name)
        for place, name in enumerate(("conversation_id", "stream", "seq"))
    ]
    return select(*picked).subquery("asked")


def _unnested(keys: Sequence[Point]) -> FromClause:
    conversations, streams, seqs = zip(*keys, strict=True)
    return (
        func.unnest(
            literal(list(conversations), ARRAY(UUID(as_uuid=False))),
            literal([str(stream) for stream in streams], ARRAY(Text())),
            literal(list(seqs), ARRAY(BigInteger())),
        )
        .table_valued(
            column("conversation_id", Id), column("stream", Text()), column("seq", BigInteger()), name="asked"
        )
        .render_derived()
    )
