"""Coming into a conversation that exists: brought in by a colleague, or because one now stands for its patient."""

from __future__ import annotations

from dataclasses import replace

from conversations.model import Action, Audience, EntryType, Person, PersonKind, Role, Standing, Stream
from conversations.service import shapes
from conversations.service.announcing import announce_to
from conversations.service.desk import Work
from conversations.store import conversations as store
from wire.claims import Plane


def take_in(work: Work, standing: Standing, audience: Audience, newcomer: Person, role: Role) -> None:
    """Take somebody into a locked conversation: announced to them, then an entry for everybody."""
    store.take_in_again(
        work.connection,
        {
            "conversation_id": standing.id,
            "user_id": newcomer.id,
            "org": work.org,
            "kind": newcomer.kind,
            "role": role,
            "joined_at": work.at,
            "joined_shared": standing.head_shared,
            "joined_internal": standing.head_internal,
        },
    )
    wider = _with(audience, newcomer)
    announce_to(work, standing, wider, [newcomer])
    work.ledger(standing, wider).append(
        Stream.SHARED, EntryType.JOINED, work.me(), {"user": shapes.person(newcomer)}, user_id=newcomer.id
    )


def join_ones_own(work: Work) -> None:
    """Bring a portal account into the conversations of its patients that began before it stood for them."""
    claims = work.claims
    if claims.plane is not Plane.PORTAL:
        return
    ids = store.not_joined(work.connection, work.org, claims.user_id, claims.patients)
    if not ids:
        return
    found = store.standings(work.connection, work.org, ids, lock=True)
    audiences = store.audiences(work.connection, found)
    for standing in found.values():
        role = Role.PATIENT if standing.patient_id == claims.patients[0] else Role.PROXY
        take_in(work, standing, audiences.get(standing.id, Audience()), work.me(), role)
        work.record(Action.JOINED, standing.id, subject_id=claims.user_id)
    work.save()


def _with(audience: Audience, newcomer: Person) -> Audience:
    if newcomer.kind is PersonKind.STAFF:
        return replace(audience, staff=(*audience.staff, newcomer.id))
    return replace(audience, patients=(*audience.patients, newcomer.id))
