"""Telling people of a whole conversation: one that is new to them, or one that changed outside its streams.

An announcement holds the conversation as of now, heads included. One that is new to somebody is therefore announced
before its next entry, so that what they hold and what follows fit together without a hole or a repeat.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection

from conversations.model import Audience, Person, PersonKind, Standing, StateType
from conversations.service.desk import Work
from conversations.service.showing import shown_to
from conversations.store import directory
from wire.claims import Claims, Plane
from wire.ids import OrganisationId, PatientId, SessionId, UserId
from wire.permissions import Permission

TOLD_AT_MOST = 32
"""Participants beyond which a change is not announced: each counts something else as unread."""


def announce_to(work: Work, standing: Standing, audience: Audience, newcomers: Collection[Person]) -> None:
    """Announce a conversation to people who have read nothing of it and have nothing unread in it."""
    alike: defaultdict[tuple[PersonKind, bool], list[Person]] = defaultdict(list)
    for person in newcomers:
        alike[person.kind, Permission.PATIENT_SEND in person.permissions].append(person)
    for people in alike.values():
        _announce(work, standing, audience, people)


def announce_change(work: Work, standing: Standing, audience: Audience) -> None:
    """Announce a conversation that changed to everybody in it, each as they see it."""
    if len(audience) > TOLD_AT_MOST:
        return
    people = directory.people(work.connection, work.org, [*audience.staff, *audience.patients])
    for person in people.values():
        _announce(work, standing, audience, [person])


def announce_to_oneself(work: Work, conversation_id: str, audience: Audience) -> None:
    """Announce a conversation to the caller's own devices: it is only for them that something changed."""
    shown = shown_to(work.connection, work.claims, [conversation_id])
    if shown:
        work.tell(StateType.CONVERSATION, {"conversation": shown[0]}, audience.among({work.claims.user_id}))


def _announce(work: Work, standing: Standing, audience: Audience, people: Collection[Person]) -> None:
    """Announce a conversation to people who see it alike."""
    one = next(iter(people))
    shown = shown_to(work.connection, _eyes_of(one, standing), [standing.id])
    if shown:
        work.tell(StateType.CONVERSATION, {"conversation": shown[0]}, audience.among({each.id for each in people}))


def _eyes_of(person: Person, standing: Standing) -> Claims:
    """Return by what to show a conversation to somebody who holds no token here: the directory's word for them."""
    staff = person.kind is PersonKind.STAFF
    return Claims(
        user_id=UserId(person.id),
        session_id=SessionId(""),
        token_id="",
        organisation_id=OrganisationId(standing.org),
        name=person.name,
        plane=Plane.STAFF if staff else Plane.PORTAL,
        permissions=person.permissions,
        patients=() if standing.patient_id is None else (PatientId(standing.patient_id),),
        client_id="",
        issued_at=0,
        expires_at=0,
    )
