"""Entries and conversations as protocol.md section 3 shows them.

* Names come from the directory.
* A recalled message has no body and no files, wherever it is shown: as itself, as an edit of it, as the excerpt of an
  answer.
* A portal shape has no internal key, and moves by nothing internal.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Row

from conversations.model import EntryType, File, Origin, Participation, Person, PersonKind, Standing, Stream
from conversations.store.acknowledgements import Acknowledged
from wire.claims import Plane
from wire.files import address, thumbnail_address
from wire.times import to_wire

EXCERPT_CHARS = 140

Shape = dict[str, Any]


def person(one: Person | Participation) -> Shape:
    """Return a person as shown."""
    return {"id": one.user_id if isinstance(one, Participation) else one.id, "name": one.name, "kind": one.kind}


def entry(
    *, conversation_id: str, stream: str, seq: int, kind: str, at: datetime, actor: Shape, details: Mapping[str, Any]
) -> Shape:
    """Return an entry: what all have, then what its type has."""
    return {
        "conversation_id": conversation_id,
        "stream": stream,
        "seq": seq,
        "type": kind,
        "at": to_wire(at),
        "actor": actor,
        **details,
    }


def message(  # noqa: PLR0913 - what every message has
    *,
    message_id: str,
    client_message_id: str,
    body: str,
    reply_to: Shape | None,
    mentions: Iterable[str],
    priority: str,
    ask_acknowledgement: bool,
    attachments: Iterable[Shape] = (),
    acknowledged: Iterable[Acknowledged] = (),
    edited_at: datetime | None = None,
    recalled: bool = False,
    forwarded: Origin | None = None,
) -> Shape:
    """Return a message as it is now; only one that was forwarded says where it came from."""
    return {
        "id": message_id,
        "client_message_id": client_message_id,
        "body": "" if recalled else body,
        "reply_to": reply_to,
        "attachments": [] if recalled else list(attachments),
        "mentions": list(mentions),
        "priority": priority,
        "acknowledgement": {
            "asked": ask_acknowledgement,
            "by": [{"id": one.user_id, "at": to_wire(one.at)} for one in acknowledged],
        },
        "edited_at": None if edited_at is None else to_wire(edited_at),
        "recalled": recalled,
        **({} if forwarded is None else {"forwarded": origin(forwarded)}),
    }


def reply(message_id: str, seq: int, body: str, *, recalled: bool) -> Shape:
    """Return what an answer shows of the message it answers."""
    return {"id": message_id, "seq": seq, "excerpt": "" if recalled else excerpt(body)}


def origin(came_from: Origin) -> Shape:
    """Return where a forwarded message came from: who wrote it when, and in which kind of conversation."""
    return {
        "author": person(came_from.author),
        "at": to_wire(came_from.at),
        "kind": came_from.kind,
        "subject": came_from.subject,
    }


def as_patients_hear(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return an event's body without where its message was forwarded from: that is for staff alone."""
    message = body.get("entry", {}).get("message", {})
    if "forwarded" not in message:
        return body
    kept = {name: value for name, value in message.items() if name != "forwarded"}
    return {**body, "entry": {**body["entry"], "message": kept}}


def attachment(file: File) -> Shape:
    """Return a file as shown to staff; the portal's gateway shows its own addresses."""
    return {
        "id": file.id,
        "name": file.name,
        "media_type": file.media_type,
        "size": file.size,
        "width": file.width,
        "height": file.height,
        "url": address(Plane.STAFF, file.id),
        "thumbnail_url": thumbnail_address(Plane.STAFF, file.id) if file.has_thumbnail else None,
    }


def excerpt(body: str) -> str:
    """Return the beginning of a body, on one line."""
    flat = " ".join(body.split())
    return flat if len(flat) <= EXCERPT_CHARS else flat[: EXCERPT_CHARS - 1].rstrip() + "…"


def entry_of(row: Row[Any], acknowledged: Iterable[Acknowledged], forwarded: Origin | None = None) -> Shape:
    """Return a stored entry as it shows today; made through `service.entries`, which finds what belongs to it."""
    return entry(
        conversation_id=row.conversation_id,
        stream=row.stream,
        seq=row.seq,
        kind=row.type,
        at=row.at,
        actor={"id": row.actor_id, "name": row.actor_name or "", "kind": row.actor_kind or PersonKind.STAFF},
        details=_details(row, acknowledged, forwarded),
    )


def conversation(
    standing: Standing,
    row: Row[Any],
    *,
    streams: tuple[Stream, ...],
    members: Iterable[Participation],
    read: Mapping[str, Mapping[Stream, int]],
    unread: Mapping[Stream, int],
    last_entry: Shape | None,
    cannot_reply: str | None,
) -> Shape:
    """Return a conversation for one viewer who knows of these streams."""
    return {
        "id": standing.id,
        "kind": standing.kind,
        "subject": row.subject or None,
        "status": standing.status,
        "patient": None if standing.patient_id is None else {"id": standing.patient_id, "name": row.patient_name or ""},
        "participants": [
            {**person(member), "role": member.role, "joined_at": to_wire(member.joined_at)} for member in members
        ],
        "heads": {stream.value: standing.head(stream) for stream in streams},
        "unread": {stream.value: unread.get(stream, 0) for stream in streams},
        "read": {
            user_id: {stream.value: seqs.get(stream, 0) for stream in streams} for user_id, seqs in sorted(read.items())
        },
        "last_entry": last_entry,
        "can_reply": {"allowed": cannot_reply is None, "reason": cannot_reply},
        "created_at": to_wire(row.created_at),
        "updated_at": to_wire(row.activity),
    }


def _details(row: Row[Any], acknowledged: Iterable[Acknowledged], forwarded: Origin | None) -> Shape:
    if row.type == EntryType.POSTED:
        return {"message": _message_of(row, acknowledged, forwarded)}
    if row.type == EntryType.EDITED:
        body = "" if row.recalled_at is not None else row.version_body
        return {"message_id": row.message_id, "body": body, "edited_at": to_wire(row.at)}
    if row.type in {EntryType.RECALLED, EntryType.ACKNOWLEDGED}:
        return {"message_id": row.message_id}
    if row.type in {EntryType.JOINED, EntryType.LEFT}:
        return {"user": {"id": row.user_id, "name": row.user_name or "", "kind": row.user_kind or PersonKind.STAFF}}
    if row.type == EntryType.RENAMED:
        return {"subject": row.subject}
    return {}


def _message_of(row: Row[Any], acknowledged: Iterable[Acknowledged], forwarded: Origin | None) -> Shape:
    answered = None
    if row.answered_id is not None:
        recalled = row.answered_recalled_at is not None
        answered = reply(row.answered_id, row.answered_seq, row.answered_body, recalled=recalled)
    return message(
        message_id=row.message_id,
        client_message_id=row.client_message_id,
        body=row.body,
        reply_to=answered,
        mentions=orjson.loads(row.mentions),
        priority=row.priority,
        ask_acknowledgement=row.ask_acknowledgement,
        attachments=() if row.attachments is None else orjson.loads(row.attachments),
        acknowledged=acknowledged,
        edited_at=row.edited_at,
        recalled=row.recalled_at is not None,
        forwarded=forwarded,
    )
