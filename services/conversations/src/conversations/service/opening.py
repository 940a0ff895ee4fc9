"""Opening conversations: direct, group and patient ones, by staff and from the portal.

* Two people have one direct conversation; opening it again brings it back.
* The same `client_message_id` of a first message brings back the same conversation.
* A conversation and its first message are stored together or not at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from conversations.model import Action, EntryType, Kind, Person, Role, Status, Stream
from conversations.policy import require_opening, require_writing
from conversations.service.announcing import announce_to
from conversations.service.desk import Desk, Work
from conversations.service.posting import Draft, Posted, Posting, append_post
from conversations.service.shapes import Shape
from conversations.service.showing import audience_of, shown_to
from conversations.store import conversations as store
from conversations.store import directory, posts
from wire.claims import Claims, Plane
from wire.problems import Conflict, Invalid, NotFound, Problem

NOBODY_CARES = "Nobody is recorded as caring for this patient yet. Please call the clinic."
NOBODY_READS = "Nobody reads messages in the portal for this patient yet."

Member = tuple[Person, Role]


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstMessage:
    """The message that opens a conversation."""

    client_message_id: str
    body: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A conversation somebody wants."""

    kind: Kind
    subject: str = field(default="", repr=False)
    participant_ids: tuple[str, ...] = ()
    patient_id: str | None = None
    first_message: FirstMessage | None = None


class Opening:
    """Opens conversations."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def open(self, claims: Claims, wish: Wish) -> tuple[Shape, bool]:
        """Return the conversation as the caller sees it, and whether it is new."""

        def use_case(work: Work) -> tuple[Shape, bool]:
            require_opening(claims, wish.kind)
            conversation_id, is_new = _open(work, _for_oneself(claims, wish))
            work.save()
            return shown_to(work.connection, claims, [conversation_id])[0], is_new

        return self._desk.do(claims, Action.OPENED, use_case)


def _for_oneself(claims: Claims, wish: Wish) -> Wish:
    """Take the portal account's own patient where it names none."""
    if claims.plane is Plane.STAFF or wish.patient_id is not None or not claims.patients:
        return wish
    return replace(wish, patient_id=claims.patients[0])


def _open(work: Work, wish: Wish) -> tuple[str, bool]:
    existing = _opened_before(work, wish)
    if existing is not None:
        return existing, False
    members = _members(work, wish)
    row = _row(work, wish, members)
    if not store.open_one(work.connection, row):
        # Somebody opened the same one between our look and now.
        existing = _opened_before(work, wish, members)
        if existing is None:
            raise Conflict
        return existing, False
    _begin(work, wish, row["id"], members)
    return str(row["id"]), True


def _opened_before(work: Work, wish: Wish, members: Sequence[Member] = ()) -> str | None:
    first = wish.first_message
    if first is not None:
        key = first.client_message_id
        opened = store.opened_by_key(work.connection, work.org, work.claims.user_id, key)
        if opened is not None:
            _post_again(work, wish, opened)
            return opened
    if wish.kind is not Kind.DIRECT:
        return None
    others = members or _members(work, wish)
    opened = store.direct_between(work.connection, work.org, _direct_key(others))
    if opened is not None and first is not None:
        _post_again(work, wish, opened)
    return opened


def _members(work: Work, wish: Wish) -> list[Member]:
    if wish.kind is not Kind.PATIENT:
        if wish.patient_id is not None:
            raise Invalid(errors={"patient_id": ["Only a patient conversation is about a patient."]})
        return [(work.me(), Role.OWNER), *_colleagues(work, wish, at_least=1)]
    if work.claims.plane is Plane.PORTAL:
        return _patient_and_care_team(work, wish)
    if wish.patient_id is None:
        raise Invalid(errors={"patient_id": ["Say which patient this is about."]})
    if directory.patient_name(work.connection, work.org, wish.patient_id) is None:
        raise Invalid(errors={"patient_id": ["There is no such patient."]})
    patients = _readers(work, wish.patient_id)
    if not patients:
        raise Invalid(errors={"patient_id": [NOBODY_READS]})
    return [(work.me(), Role.OWNER), *_colleagues(work, wish, at_least=0), *patients]


def _colleagues(work: Work, wish: Wish, *, at_least: int) -> list[Member]:
    wanted = [one for one in dict.fromkeys(wish.participant_ids) if one != work.claims.user_id]
    if len(wanted) < at_least:
        raise Invalid(errors={"participant_ids": ["Say who else takes part."]})
    if wish.kind is Kind.DIRECT and len(wanted) != 1:
        raise Invalid(errors={"participant_ids": ["A direct conversation is with one other person."]})
    found = directory.reachable_staff(work.connection, work.org, wanted)
    unknown = [one for one in wanted if one not in found]
    if unknown:
        raise Invalid(errors={"participant_ids": ["Some of these people cannot be written to."]})
    return [(found[one], Role.MEMBER) for one in wanted]


def _patient_and_care_team(work: Work, wish: Wish) -> list[Member]:
    claims = work.claims
    patient_id = wish.patient_id
    if patient_id is None or patient_id not in claims.patients:
        raise NotFound
    if directory.patient_name(work.connection, work.org, patient_id) is None:
        raise Conflict(NOBODY_CARES)
    staff = directory.caring_for(work.connection, work.org, patient_id)
    if not staff:
        raise Conflict(NOBODY_CARES)
    readers = _readers(work, patient_id)
    mine = [member for member in readers if member[0].id == claims.user_id]
    if not mine:
        role = Role.PATIENT if patient_id == claims.patients[0] else Role.PROXY
        readers = [(work.me(), role), *readers]
    return [*readers, *((one, Role.MEMBER) for one in staff)]


def _readers(work: Work, patient_id: str) -> list[Member]:
    found = directory.standing_for(work.connection, work.org, patient_id)
    return [(person, Role.PATIENT if position == 0 else Role.PROXY) for person, position in found]


def _row(work: Work, wish: Wish, members: Sequence[Member]) -> dict[str, object]:
    return {
        "id": work.new_id(),
        "org": work.org,
        "kind": wish.kind,
        "status": Status.OPEN,
        "subject": wish.subject,
        "patient_id": wish.patient_id,
        "opened_by": work.claims.user_id,
        "opening_key": wish.first_message and wish.first_message.client_message_id,
        "direct_key": _direct_key(members) if wish.kind is Kind.DIRECT else None,
        "shared_at": work.at,
        "created_at": work.at,
    }


def _direct_key(members: Sequence[Member]) -> str:
    return ":".join(sorted(person.id for person, _ in members))


def _begin(work: Work, wish: Wish, conversation_id: object, members: Sequence[Member]) -> None:
    store.take_in(
        work.connection,
        [
            {
                "conversation_id": conversation_id,
                "user_id": person.id,
                "org": work.org,
                "kind": person.kind,
                "role": role,
                "joined_at": work.at,
            }
            for person, role in members
        ],
    )
    standing = store.standings(work.connection, work.org, [str(conversation_id)])[str(conversation_id)]
    audience = audience_of(store.participations(work.connection, [standing.id])[standing.id])
    announce_to(work, standing, audience, [person for person, _ in members])
    ledger = work.ledger(standing, audience)
    ledger.append(Stream.SHARED, EntryType.OPENED, work.me())
    work.record(Action.OPENED, standing.id)
    if wish.first_message is None:
        return
    draft = _draft(work, wish.first_message, standing.id)
    require_writing(work.claims, standing, audience, Stream.SHARED)
    append_post(draft, ledger, work.me(), at=work.at, new_id=work.new_id, writes=work.writes)
    work.record(Action.POSTED, standing.id, stream=Stream.SHARED, last_seq=ledger.head(Stream.SHARED))


def _post_again(work: Work, wish: Wish, conversation_id: str) -> None:
    """Post the first message into a conversation that exists, unless it is there already."""
    if wish.first_message is None:
        return
    draft = _draft(work, wish.first_message, conversation_id)
    facts = posts.facts(work.connection, work.org, [draft.ask])
    posting = Posting(facts, lambda *_: (), at=work.at, new_id=work.new_id, writes=work.writes)
    outcome = posting.decide(draft)
    if isinstance(outcome, Problem):
        raise outcome
    if isinstance(outcome, Posted):
        work.record(Action.POSTED, conversation_id, stream=Stream.SHARED, last_seq=outcome.entry["seq"])


def _draft(work: Work, first: FirstMessage, conversation_id: str) -> Draft:
    return Draft(
        claims=work.claims,
        conversation_id=conversation_id,
        stream=Stream.SHARED,
        client_message_id=first.client_message_id,
        body=first.body,
    )
