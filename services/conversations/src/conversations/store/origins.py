"""Where forwarded messages came from: kept beside each as a little JSON, so that all others cost nothing more.

It holds ids, a time and a subject; names come from the directory, as everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping

import orjson
from sqlalchemy import Connection

from conversations.model import Kind, Origin
from conversations.store import directory
from wire.times import from_wire, to_wire


def written(origin: Origin) -> str:
    """Return an origin as `messages.forwarded` keeps it."""
    kept = {
        "message_id": origin.message_id,
        "author_id": origin.author.id,
        "at": to_wire(origin.at),
        "kind": origin.kind,
        "subject": origin.subject,
    }
    return orjson.dumps(kept).decode()


def read(connection: Connection, org: str, kept: Mapping[str, str]) -> dict[str, Origin]:
    """Return the origins of messages by their ids, from what `messages.forwarded` keeps of each."""
    if not kept:
        return {}
    known = {message_id: orjson.loads(text) for message_id, text in kept.items()}
    people = directory.people(connection, org, {one["author_id"] for one in known.values()})
    return {
        message_id: Origin(
            message_id=one["message_id"],
            author=people[one["author_id"]],
            at=from_wire(one["at"]),
            kind=Kind(one["kind"]),
            subject=one["subject"],
        )
        for message_id, one in known.items()
    }
