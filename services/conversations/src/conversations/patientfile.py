"""The file format of patient records, and everything about a file that can be checked without the database.

A record is `{organisation, id, name, birth_date, identifiers, care_team, accounts}`: a JSON list of such objects, or
CSV with these columns. In CSV lists are separated by `;` and an identifier is `system|value` (the token form of FHIR's
search, HL7 FHIR R4 section 3.1.1.4.10). `care_team` are account ids of staff, `accounts` those of portal users who
stand for the patient. Complaints never quote a name.
"""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import orjson

from wire.ids import is_id
from wire.text import clean_subject

COLUMNS = ("organisation", "id", "name", "birth_date", "identifiers", "care_team", "accounts")
REQUIRED = ("organisation", "id", "name")
COMPLAINTS_SHOWN = 50
NAME_CHARS = 200


class BadFile(Exception):
    """The file was refused and nothing stored; one sentence for each bad record, none with a patient's name."""

    def __init__(self, complaints: Sequence[str]) -> None:
        shown = list(complaints[:COMPLAINTS_SHOWN])
        if len(complaints) > COMPLAINTS_SHOWN:
            shown.append(f"… and {len(complaints) - COMPLAINTS_SHOWN} more.")
        super().__init__("\n".join([*shown, "Nothing was stored."]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One patient as the file has them; `place` says where."""

    place: str
    organisation: str
    id: str
    name: str = field(repr=False)
    birth_date: date | None = field(repr=False)
    identifiers: tuple[Mapping[str, str], ...] = field(repr=False)
    care_team: tuple[str, ...]
    accounts: tuple[str, ...]


def read(file: Path, *, today: date) -> list[Record]:
    """Return the file's records; BadFile when one cannot be a patient."""
    complaints: list[str] = []
    records: dict[str, Record] = {}
    for place, members in _raw(file):
        try:
            record = _record(place, members, today)
        except ValueError as wrong:
            complaints.append(f"{place}: {wrong}")
            continue
        if record.id in records:
            complaints.append(f"{place}: the id was used before, at {records[record.id].place}.")
        records[record.id] = record
    if complaints:
        raise BadFile(complaints)
    return list(records.values())


def _raw(file: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as odd:
        raise BadFile([f"{file.name} is not UTF-8."]) from odd
    return _raw_json(file, text) if file.suffix.lower() == ".json" else _raw_csv(file, text)


def _raw_json(file: Path, text: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    try:
        listed = orjson.loads(text)
    except orjson.JSONDecodeError as odd:
        raise BadFile([f"{file.name} is not JSON: {odd.msg} in line {odd.lineno}."]) from odd
    if not isinstance(listed, list) or not all(isinstance(each, dict) for each in listed):
        raise BadFile([f"{file.name} must be a list of objects."])
    for number, members in enumerate(listed, start=1):
        yield f"record {number}", members


def _raw_csv(file: Path, text: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    reader = csv.DictReader(io.StringIO(text), strict=True)
    try:
        missing = [column for column in REQUIRED if column not in (reader.fieldnames or [])]
        if missing:
            raise BadFile([f"{file.name} lacks the columns {', '.join(missing)} in its first line."])
        for members in reader:
            if None in members:
                raise BadFile([f"line {reader.line_num}: there are more values than columns."])
            yield f"line {reader.line_num}", _split(members)
    except csv.Error as odd:
        raise BadFile([f"line {reader.line_num}: {odd}."]) from odd


def _split(members: Mapping[str, str | None]) -> Mapping[str, Any]:
    def parts(column: str) -> list[str]:
        return [part.strip() for part in (members.get(column) or "").split(";") if part.strip()]

    pairs = [part.partition("|") for part in parts("identifiers")]
    return {
        **{column: (members.get(column) or "").strip() for column in members},
        "identifiers": [{"system": system, "value": value} for system, _, value in pairs],
        "care_team": parts("care_team"),
        "accounts": parts("accounts"),
    }


def _record(place: str, members: Mapping[str, Any], today: date) -> Record:
    unknown = sorted(set(members) - set(COLUMNS))
    if unknown:
        raise ValueError(f"there is no field {', '.join(unknown)}.")
    return Record(
        place=place,
        organisation=_id(members, "organisation"),
        id=_id(members, "id"),
        name=_name(members.get("name")),
        birth_date=_birth_date(members.get("birth_date"), today),
        identifiers=_identifiers(members.get("identifiers") or []),
        care_team=_ids(members, "care_team"),
        accounts=_ids(members, "accounts"),
    )


def _id(members: Mapping[str, Any], name: str) -> str:
    value = members.get(name)
    if not is_id(value):
        raise ValueError(f"{name} must be a UUID, lower-case with dashes.")
    return str(value)


def _ids(members: Mapping[str, Any], name: str) -> tuple[str, ...]:
    values = members.get(name) or []
    if not isinstance(values, list) or not all(is_id(value) for value in values):
        raise ValueError(f"{name} must be a list of account ids.")
    return tuple(dict.fromkeys(values))


def _name(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("name must be text.")  # noqa: TRY004 - a bad file, not a bad call
    try:
        name = clean_subject(value, NAME_CHARS)
    except ValueError:
        name = ""
    if not name:
        raise ValueError(f"name must have 1 to {NAME_CHARS} characters.")
    return name


def _birth_date(value: object, today: date) -> date | None:
    if value in (None, ""):
        return None
    try:
        born = date.fromisoformat(str(value))
    except ValueError:
        raise ValueError("birth_date must be a date such as 1958-03-14.") from None
    if born > today:
        raise ValueError("birth_date lies in the future.")
    return born


def _identifiers(values: object) -> tuple[Mapping[str, str], ...]:
    good = isinstance(values, list) and all(
        isinstance(each, dict)
        and set(each) == {"system", "value"}
        and all(isinstance(part, str) and part for part in each.values())
        for each in values
    )
    if not good:
        raise ValueError("each identifier needs a system and a value.")
    return tuple(values)  # type: ignore[arg-type] # checked above
