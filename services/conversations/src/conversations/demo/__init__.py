"""Seeds the demo clinic's patients and conversations (protocol.md section 7), with messages of the last few days.

They are written by the same use cases as everybody's messages, each at its own moment and in its author's name.
Seeding again changes nothing; a seeding that was interrupted is completed.
"""

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import Engine, select

from conversations.demo import people, talks
from conversations.demo.talks import Talk
from conversations.model import StateType, Stream
from conversations.outbox import Bell
from conversations.service.desk import Desk
from conversations.service.gathering import Gathering
from conversations.service.marking import Marking, Reached
from conversations.service.opening import FirstMessage, Opening, Wish
from conversations.service.posting import Draft
from conversations.service.shapes import Shape
from conversations.store import directory, fence
from conversations.tables import messages, patients
from servicekit.clock import Clock
from servicekit.database import transaction
from wire.claims import Plane
from wire.ids import UserId, new_id


def seed(engine: Engine, *, clock: Clock) -> bool:
    """Seed what is not there yet; tell whether there was anything to do."""
    _seed_people(engine)
    missing = [talk for talk in talks.TALKS if not _is_told(engine, talk)]
    for talk in missing:
        _Telling(engine, talk, clock()).tell()
    return bool(missing)


def _seed_people(engine: Engine) -> None:
    with transaction(engine) as connection:
        for account in people.ACCOUNTS:
            fence.enter(connection, account.org)
            directory.put_account(connection, account, position=None)
        for patient in people.PATIENTS:
            fence.enter(connection, patient.org)
            if connection.execute(select(patients.c.id).where(patients.c.id == patient.id)).first() is not None:
                continue
            directory.put_patient(
                connection,
                patient_id=patient.id,
                org=patient.org,
                name=patient.name,
                birth_date=patient.born,
                identifiers=[{"system": "urn:messages:demo:record-number", "value": patient.number}],
            )
            directory.put_care_team(connection, org=patient.org, patient_id=patient.id, staff_ids=patient.care_team)


def _is_told(engine: Engine, talk: Talk) -> bool:
    last = len(talk.lines) - 1
    with transaction(engine) as connection:
        fence.enter(connection, people.claims_of(talk.lines[0].by).organisation_id)
        query = select(messages.c.id).where(
            messages.c.conversation_id == talk.id,
            messages.c.author_id == talk.lines[last].by,
            messages.c.client_message_id == _client_id(talk, last),
        )
        return connection.execute(query).first() is not None


def _client_id(talk: Talk, number: int) -> str:
    """Return the id under which a line is sent: always the same, so that a line is never told twice."""
    return f"{talk.id[:-6]}{talk.id[-3:]}{number:03}"


class _Telling:
    """Tells one conversation, line by line, each at its moment."""

    def __init__(self, engine: Engine, talk: Talk, now: datetime) -> None:
        self._talk = talk
        self._now = now
        self._moment = talk.lines[0].at.before(now)
        self._ids = self._fixed_then_new()
        desk = Desk(engine, clock=lambda: self._moment, new_id=lambda: next(self._ids), bell=Bell())
        self._opening = Opening(desk)
        self._gathering = Gathering(desk)
        self._marking = Marking(desk)
        self._entries: list[Shape] = []

    def tell(self) -> None:
        """Open the conversation, post its lines and leave read marks."""
        opened = self._open()
        self._entries.append(opened["last_entry"])
        for number in range(1, len(self._talk.lines)):
            self._entries.append(self._post(number))
        self._mark([each["id"] for each in opened["participants"]])

    def _fixed_then_new(self) -> Iterator[str]:
        # The first id a use case asks for when it opens a conversation is that conversation's.
        yield self._talk.id
        while True:
            yield new_id()

    def _open(self) -> Shape:
        talk, first = self._talk, self._talk.lines[0]
        wish = Wish(
            kind=talk.kind,
            subject=talk.subject,
            participant_ids=talk.with_,
            patient_id=talk.patient,
            first_message=FirstMessage(client_message_id=_client_id(talk, 0), body=first.body),
        )
        conversation, _ = self._opening.open(people.claims_of(first.by), wish)
        return conversation

    def _post(self, number: int) -> Shape:
        line = self._talk.lines[number]
        self._moment = line.at.before(self._now)
        answered = None if line.answers is None else self._entries[line.answers]["message"]["id"]
        draft = Draft(
            claims=people.claims_of(line.by),
            conversation_id=self._talk.id,
            stream=line.stream,
            client_message_id=_client_id(self._talk, number),
            body=line.body,
            reply_to=answered,
            mentions=line.mentions,
            priority=line.priority,
        )
        (result,) = self._gathering.post([draft])
        return result["entry"]  # type: ignore[no-any-return] # a Shape is whatever JSON can hold

    def _mark(self, participants: list[str]) -> None:
        self._moment = self._now
        told = [mark for user_id in participants for mark in self._marks_of(UserId(user_id))]
        self._marking.mark(told)

    def _marks_of(self, user_id: UserId) -> Iterator[Reached]:
        claims = people.claims_of(user_id)
        read = self._talk.read.get(user_id, len(self._talk.lines))
        for stream in Stream if claims.plane is Plane.STAFF else (Stream.SHARED,):
            seqs = [entry["seq"] for entry in self._entries[:read] if entry["stream"] == stream]
            if seqs:
                yield Reached(
                    claims=claims, kind=StateType.READ, conversation_id=self._talk.id, stream=stream, seq=max(seqs)
                )
