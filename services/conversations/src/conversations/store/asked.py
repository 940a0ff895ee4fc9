"""Many keys in one statement: ids, or places (conversation, stream, seq), as something to compare or join with.

One parameter on SQLite, arrays on PostgreSQL: the statement's text never changes with the number of keys, so it is put
together once for each database (`dialect` is its name) and prepared once.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

import orjson
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    FromClause,
    Row,
    Select,
    Text,
    any_,
    bindparam,
    column,
    func,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, UUID

from conversations.tables import Id

if TYPE_CHECKING:
    import psycopg

Point = tuple[str, str, int]
"""A conversation's id, a stream's name and a seq."""

POSTGRESQL = "postgresql"

# A plan that is kept must not be one for tables that were small when it was made.
KEEPING = "set_config('plan_cache_mode', 'force_generic_plan', true), set_config('enable_seqscan', 'off', true)"
KEEP_PLANS = text(f"""
    SELECT current_setting('plan_cache_mode') AS mode, current_setting('enable_seqscan') AS seqscan, {KEEPING}
""")
PLAN_AS_BEFORE = text("SELECT set_config('plan_cache_mode', :mode, true), set_config('enable_seqscan', :seqscan, true)")
KEPT = "plans_kept"
"""The execution option of a connection whose transaction keeps plans (`fence.enter`)."""


def often(connection: Connection, statement: Select[Any], given: Mapping[str, object]) -> Sequence[Row[Any]]:
    """Return the rows of a statement that is asked all the time; prepared where this transaction keeps plans."""
    if not connection.get_execution_options().get(KEPT):
        return connection.execute(statement, given).all()
    return _prepared(connection, statement, given)


def planned_once(connection: Connection, statement: Select[Any], given: Mapping[str, object]) -> Sequence[Row[Any]]:
    """Return the rows of a statement that has one good plan, whatever it is given, in any transaction.

    A connection of PostgreSQL plans it once, not at every call: with eight tables, planning takes longer than running.
    """
    if connection.dialect.name != POSTGRESQL or connection.get_execution_options().get(KEPT):
        return often(connection, statement, given)
    before = connection.execute(KEEP_PLANS).one()
    rows = _prepared(connection, statement, given)
    connection.execute(PLAN_AS_BEFORE, {"mode": before.mode, "seqscan": before.seqscan})
    return rows


def _prepared(connection: Connection, statement: Select[Any], given: Mapping[str, object]) -> Sequence[Row[Any]]:
    """Have the driver prepare this one statement; what it has prepared once it always uses."""
    driver = cast("psycopg.Connection[Any]", connection.connection.driver_connection)
    seldom, driver.prepare_threshold = driver.prepare_threshold, 0
    try:
        return connection.execute(statement, given).all()
    finally:
        driver.prepare_threshold = seldom


def among(dialect: str, what: ColumnElement[Any], name: str) -> ColumnElement[bool]:
    """Return the condition that a column is one of the ids given as `words(dialect, name, …)`."""
    if dialect == POSTGRESQL:
        return what == any_(bindparam(name, type_=ARRAY(UUID(as_uuid=False))))
    return what.in_(select(listed(dialect, name).c.value))


def listed(dialect: str, name: str) -> FromClause:
    """Return the words given as `words(dialect, name, …)`: a table of one column, `value`."""
    if dialect == POSTGRESQL:
        word = func.unnest(bindparam(name, type_=ARRAY(Text())))
        return word.table_valued(column("value", Text()), name=f"listed_{name}").render_derived()
    return func.json_each(bindparam(name, type_=Text())).table_valued("value", name=f"listed_{name}")


def words(dialect: str, name: str, given: Collection[str]) -> dict[str, object]:
    """Return the parameters of `listed`, and of `among` where they are ids."""
    plain = [str(word) for word in given]
    return {name: plain if dialect == POSTGRESQL else orjson.dumps(plain).decode()}


def points(dialect: str) -> FromClause:
    """Return the places given as `places(dialect, …)`: a table of `conversation_id`, `stream` and `seq`."""
    if dialect == POSTGRESQL:
        return _unnested()
    row = func.json_each(bindparam("places", type_=Text())).table_valued("value", name="listed")
    picked = [
        func.json_extract(row.c.value, f"$[{place}]").label(name)
        for place, name in enumerate(("conversation_id", "stream", "seq"))
    ]
    return select(*picked).subquery("asked")


def places(dialect: str, keys: Sequence[Point]) -> dict[str, object]:
    """Return the parameters of `points`; there must be any."""
    if dialect != POSTGRESQL:
        return {"places": orjson.dumps(keys).decode()}
    conversations, streams, seqs = zip(*keys, strict=True)
    return {
        "place_conversations": list(conversations),
        "place_streams": [str(stream) for stream in streams],
        "place_seqs": list(seqs),
    }


def _unnested() -> FromClause:
    return (
        func.unnest(
            bindparam("place_conversations", type_=ARRAY(UUID(as_uuid=False))),
            bindparam("place_streams", type_=ARRAY(Text())),
            bindparam("place_seqs", type_=ARRAY(BigInteger())),
        )
        .table_valued(
            column("conversation_id", Id), column("stream", Text()), column("seq", BigInteger()), name="asked"
        )
        .render_derived()
    )
