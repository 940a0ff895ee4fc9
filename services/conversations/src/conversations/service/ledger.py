"""The two streams of one conversation under its lock: what is appended here is stored and told by the same transaction.

* Each entry takes the next seq of its stream; heads move with it.
* Who hears an entry is decided here, from who takes part at this moment: one event a plane, each for its own audience.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from conversations.model import Audience, EntryType, Parcel, Person, Standing, StateType, Status, Stream, Writes
from conversations.service import shapes
from conversations.service.shapes import Shape
from wire.events import Event, encode
from wire.ids import Ids, OrganisationId, UserId


class Ledger:
    """Appends to one locked conversation; nothing is stored before `writes` is handed to the store."""

    def __init__(self, standing: Standing, audience: Audience, *, at: datetime, new_id: Ids, writes: Writes) -> None:
        self.standing = standing
        self.audience = audience
        self._heads = {stream: standing.head(stream) for stream in Stream}
        self._moved_at = {Stream.SHARED: standing.shared_at, Stream.INTERNAL: standing.internal_at}
        self._at = at
        self._new_id = new_id
        self._writes = writes

    def head(self, stream: Stream) -> int:
        """Return the seq of the newest entry, those appended here included."""
        return self._heads[stream]

    def append(
        self, stream: Stream, kind: EntryType, actor: Person, details: Shape | None = None, **stored: object
    ) -> Shape:
        """Append an entry and tell it; `details` is what it shows, `stored` what its row keeps."""
        seq = self._take_seq(stream)
        self._writes.entries.append(
            {
                "conversation_id": self.standing.id,
                "stream": stream,
                "seq": seq,
                "org": self.standing.org,
                "type": kind,
                "at": self._at,
                "actor_id": actor.id,
                "message_id": None,
                "version": None,
                "user_id": None,
                "subject": None,
                **stored,
            }
        )
        made = shapes.entry(
            conversation_id=self.standing.id,
            stream=stream,
            seq=seq,
            kind=kind,
            at=self._at,
            actor=shapes.person(actor),
            details=details or {},
        )
        self.tell(kind, {"entry": made}, self.audience.may_hear(stream))
        return made

    def change_status(self, status: Status) -> None:
        """Open or close the conversation."""
        self.standing = replace(self.standing, status=status)
        self._keep_head()

    def as_it_stands(self) -> Standing:
        """Return the conversation with what was appended here."""
        return replace(
            self.standing,
            head_shared=self._heads[Stream.SHARED],
            head_internal=self._heads[Stream.INTERNAL],
        )

    def tell(self, kind: EntryType | StateType, body: Shape, audience: Audience) -> None:
        """Tell something to these participants, as one event for each plane that has any of them."""
        parcel = parcel_of(self._new_id(), self.standing.org, kind, body, audience)
        if parcel is not None:
            self._writes.parcels.append(parcel)

    def _take_seq(self, stream: Stream) -> int:
        self._heads[stream] += 1
        self._moved_at[stream] = self._at
        self._keep_head()
        return self._heads[stream]

    def _keep_head(self) -> None:
        self._writes.heads[self.standing.id] = {
            "status": self.standing.status,
            "head_shared": self._heads[Stream.SHARED],
            "head_internal": self._heads[Stream.INTERNAL],
            "shared_at": self._moved_at[Stream.SHARED],
            "internal_at": self._moved_at[Stream.INTERNAL],
        }


def parcel_of(event_id: str, org: str, kind: str, body: Shape, audience: Audience) -> Parcel | None:
    """Return an event on its way to these people, or None when there is nobody."""
    if not audience:
        return None
    staff = _encoded(event_id, org, kind, body, audience.staff) if audience.staff else None
    heard = shapes.as_patients_hear(body) if audience.patients else body
    portal = _encoded(event_id, org, kind, heard, audience.patients) if audience.patients else None
    return Parcel(org=org, type=kind, staff=staff, portal=portal)


def _encoded(event_id: str, org: str, kind: str, body: Mapping[str, Any], audience: tuple[str, ...]) -> str:
    event = Event(
        event_id=event_id,
        type=kind,
        org=OrganisationId(org),
        audience=tuple(UserId(one) for one in audience),
        body=body,
    )
    return encode(event).decode()
