"""Taking the clinic's patient records from a file: all of it is checked first, and stored whole or not at all.

Staff and portal accounts must be known, so auth has told of them before. For whom an account stands auth has the last
word: its next change of that account replaces what was imported.
"""

from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path

from sqlalchemy import Connection, Engine, func, insert, select
from sqlalchemy.exc import ProgrammingError

from conversations.model import PersonKind
from conversations.patientfile import BadFile, Record, read
from conversations.store import directory, fence
from conversations.tables import accounts, organisations, patients, stands_for
from servicekit.database import transaction


def import_file(engine: Engine, file: Path, *, today: date) -> int:
    """Store every patient of the file and return how many; BadFile when any record is not good."""
    records = read(file, today=today)
    complaints: list[str] = []
    with transaction(engine) as connection:
        for org in sorted({record.organisation for record in records}):
            fence.enter(connection, org)
            own = [record for record in records if record.organisation == org]
            found = list(_unknown(connection, org, own))
            complaints += found
            if not found:
                _store(connection, own)
        if complaints:
            raise BadFile(complaints)
    return len(records)


def _unknown(connection: Connection, org: str, records: Sequence[Record]) -> Iterator[str]:
    """Say what the records name that this organisation does not have."""
    if connection.execute(select(organisations.c.id).where(organisations.c.id == org)).first() is None:
        yield f"{records[0].place}: organisation {org} is not known here; has the relay read auth's accounts yet?"
        return
    kinds: dict[str, str] = {
        row.id: row.kind
        for row in connection.execute(select(accounts.c.id, accounts.c.kind, accounts.c.org))
        if row.org == org
    }
    taken = {row.id for row in connection.execute(select(patients.c.id, patients.c.org)) if row.org != org}
    for record in records:
        if record.id in taken:
            yield f"{record.place}: the id is that of another organisation's patient."
        for one in record.care_team:
            if kinds.get(one) != PersonKind.STAFF:
                yield f"{record.place}: care_team names {one}, who is no staff of this organisation."
        for one in record.accounts:
            if kinds.get(one) != PersonKind.PATIENT:
                yield f"{record.place}: accounts names {one}, which is no portal account of this organisation."


def _store(connection: Connection, records: Sequence[Record]) -> None:
    for record in records:
        if not _put(connection, record):
            raise BadFile([f"{record.place}: the id is that of another organisation's patient."])
        directory.put_care_team(connection, org=record.organisation, patient_id=record.id, staff_ids=record.care_team)
        for account_id in record.accounts:
            _stand_for(connection, record, account_id)


def _put(connection: Connection, record: Record) -> bool:
    try:
        return directory.put_patient(
            connection,
            patient_id=record.id,
            org=record.organisation,
            name=record.name,
            birth_date=record.birth_date,
            identifiers=record.identifiers,
        )
    except ProgrammingError:
        # Row-level security hides other organisations' rows until one is in the way.
        return False


def _stand_for(connection: Connection, record: Record, account_id: str) -> None:
    own = stands_for.c.account_id == account_id
    if connection.execute(select(stands_for).where(own, stands_for.c.patient_id == record.id)).first() is not None:
        return
    last = connection.execute(select(func.max(stands_for.c.position)).where(own)).scalar()
    connection.execute(
        insert(stands_for).values(
            account_id=account_id,
            patient_id=record.id,
            org=record.organisation,
            position=0 if last is None else last + 1,
        )
    )
