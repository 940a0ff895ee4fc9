"""Adding a row unless it is there: the one statement whose spelling differs between the two databases."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql, sqlite


def unless_there(connection: Connection, table: Any, key: str | None, values: Mapping[str, Any]) -> Any:  # noqa: ANN401 - the two dialects' statements share no type
    """Return the statement; of a row that is there nothing changes."""
    dialect: Any = sqlite if connection.dialect.name == "sqlite" else postgresql
    return dialect.insert(table).values(values).on_conflict_do_nothing(index_elements=[key] if key else None)
