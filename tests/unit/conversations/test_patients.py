"""Importing patients: everything is checked first, complaints are sentences, and nothing is half done."""

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import Engine, select

from conversations.patientfile import BadFile, read
from conversations.patients import import_file
from conversations.preparation import prepare
from conversations.tables import care_team, patients, stands_for
from servicekit import database
from servicekit.clock import utc_now
from wire import demo

TODAY = date(2026, 11, 22)
NEW = "01930000-0000-7000-8000-0000000003f1"
HEAD = "organisation,id,name,birth_date,identifiers,care_team,accounts\n"


@pytest.fixture(scope="module")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """Give a database with the demo clinic in it."""
    engine = database.engine(f"sqlite:///{tmp_path_factory.mktemp('clinic') / 'conversations.db'}")
    prepare(engine, with_demo=True, clock=utc_now)
    yield engine
    engine.dispose()


def csv_of(folder: Path, *lines: str) -> Path:
    """Write a CSV file."""
    file = folder / "patients.csv"
    file.write_text(HEAD + "\n".join(lines) + "\n", encoding="utf-8-sig")
    return file


def complaints(engine: Engine, file: Path) -> list[str]:
    """Return what an import of this file is refused for."""
    with pytest.raises(BadFile) as refused:
        import_file(engine, file, today=TODAY)
    *sentences, last = str(refused.value).splitlines()
    assert last == "Nothing was stored."
    return sentences


def count(engine: Engine) -> int:
    """Return how many patients there are."""
    with engine.connect() as connection:
        return len(connection.execute(select(patients.c.id)).all())


def test_a_csv_file_is_stored_whole(clinic: Engine, tmp_path: Path) -> None:
    """Name, birth date, identifiers, care team and standing account all arrive; importing again changes nothing."""
    line = f"{demo.HARBOR},{NEW},  Léa   Blanc ,2001-02-03,urn:mrn|77;urn:x|8,{demo.NORA};{demo.DMITRI},{demo.ADA}"
    file = csv_of(tmp_path, line)

    assert import_file(clinic, file, today=TODAY) == 1
    assert import_file(clinic, file, today=TODAY) == 1

    with clinic.connect() as connection:
        row = connection.execute(select(patients).where(patients.c.id == NEW)).one()
        team = connection.execute(select(care_team.c.account_id).where(care_team.c.patient_id == NEW)).scalars().all()
        stood = connection.execute(select(stands_for).where(stands_for.c.patient_id == NEW)).one()
    assert (row.org, row.name, row.birth_date) == (demo.HARBOR, "Léa Blanc", date(2001, 2, 3))
    assert json.loads(row.identifiers) == [{"system": "urn:mrn", "value": "77"}, {"system": "urn:x", "value": "8"}]
    assert sorted(team) == [demo.NORA, demo.DMITRI]
    assert (stood.account_id, stood.position) == (demo.ADA, 1)


def test_a_json_file_is_stored_whole(clinic: Engine, tmp_path: Path) -> None:
    """The same as a list of objects; what is not given is empty."""
    file = tmp_path / "patients.json"
    file.write_text(json.dumps([{"organisation": demo.HILLTOP, "id": NEW[:-1] + "2", "name": "Ben"}]))

    assert import_file(clinic, file, today=TODAY) == 1


def test_one_bad_line_stores_nothing_and_all_bad_lines_are_named(clinic: Engine, tmp_path: Path) -> None:
    """Good lines beside bad ones are not stored; each bad line has its sentence."""
    before = count(clinic)
    good = f"{demo.HARBOR},{NEW[:-1]}3,Good,,,,"

    found = complaints(
        clinic,
        csv_of(
            tmp_path,
            good,
            f"{demo.HARBOR},not-an-id,Some,,,,",
            f"{demo.HARBOR},{NEW[:-1]}4,,,,,",
            f"{demo.HARBOR},{NEW[:-1]}5,Some,2031-01-01,,,",
            f"{demo.HARBOR},{NEW[:-1]}6,Some,31.12.1999,,,",
            f"{demo.HARBOR},{NEW[:-1]}7,Some,,urn:mrn,,",
            f"{demo.HARBOR},{NEW[:-1]}3,Again,,,,",
            f"{demo.HARBOR},{NEW[:-1]}8,Some,,,,,,,",
        ),
    )

    assert found == ["line 9: there are more values than columns."]
    found = complaints(
        clinic,
        csv_of(
            tmp_path,
            good,
            f"{demo.HARBOR},not-an-id,Some,,,,",
            f"{demo.HARBOR},{NEW[:-1]}4,,,,,",
            f"{demo.HARBOR},{NEW[:-1]}5,Some,2031-01-01,,,",
            f"{demo.HARBOR},{NEW[:-1]}6,Some,31.12.1999,,,",
            f"{demo.HARBOR},{NEW[:-1]}7,Some,,urn:mrn,,",
            f"{demo.HARBOR},{NEW[:-1]}3,Again,,,,",
        ),
    )
    assert found == [
        "line 3: id must be a UUID, lower-case with dashes.",
        "line 4: name must have 1 to 200 characters.",
        "line 5: birth_date lies in the future.",
        "line 6: birth_date must be a date such as 1958-03-14.",
        "line 7: each identifier needs a system and a value.",
        "line 8: the id was used before, at line 2.",
    ]
    assert count(clinic) == before


def test_people_must_be_known_and_of_the_right_kind(clinic: Engine, tmp_path: Path) -> None:
    """Care teams are staff, accounts are portal accounts, all of one organisation; patients stay in theirs."""
    before = count(clinic)

    found = complaints(
        clinic,
        csv_of(
            tmp_path,
            f"{demo.HARBOR},{NEW[:-1]}9,Some,,,{demo.HANA},",
            f"{demo.HARBOR},{NEW[:-1]}a,Some,,,{demo.ADA},{demo.NORA}",
            f"{demo.HARBOR},{demo.PATIENT_PIA},Taken,,,,",
            f"{NEW},{NEW[:-1]}b,Some,,,,",
        ),
    )

    assert found == [
        f"line 2: care_team names {demo.HANA}, who is no staff of this organisation.",
        f"line 3: care_team names {demo.ADA}, who is no staff of this organisation.",
        f"line 3: accounts names {demo.NORA}, which is no portal account of this organisation.",
        "line 4: the id is that of another organisation's patient.",
        f"line 5: organisation {NEW} is not known here; has the relay read auth's accounts yet?",
    ]
    assert count(clinic) == before


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("a.csv", b"id,name\n", "a.csv lacks the columns organisation in its first line."),
        ("a.csv", b"", "a.csv lacks the columns organisation, id, name in its first line."),
        ("a.csv", b"\xff\xfe\x00", "a.csv is not UTF-8."),
        ("a.json", b"{", "a.json is not JSON"),
        ("a.json", b'{"id": 1}', "a.json must be a list of objects."),
        ("a.json", b"[1]", "a.json must be a list of objects."),
        ("a.json", b'[{"organization": 1}]', "record 1: there is no field organization."),
        ("a.json", b'[{"organisation": 7, "id": 1, "name": 2}]', "record 1: organisation must be a UUID"),
        ("a.csv", HEAD.encode() + b'"unclosed', "unexpected end of data"),
    ],
)
def test_a_file_that_is_none_is_one_sentence(tmp_path: Path, name: str, content: bytes, sentence: str) -> None:
    """Whatever somebody hands over, the answer is a sentence and no traceback."""
    file = tmp_path / name
    file.write_bytes(content)

    with pytest.raises(BadFile) as refused:
        read(file, today=TODAY)

    assert sentence in str(refused.value)


def test_complaints_show_no_name(tmp_path: Path) -> None:
    """A refusal may end in a log: it says where, never who."""
    file = csv_of(tmp_path, f"{demo.HARBOR},{NEW},Canary Secretname,not-a-date,,,")

    with pytest.raises(BadFile) as refused:
        read(file, today=TODAY)

    assert "Canary" not in str(refused.value)
    assert "Canary" not in repr(read(csv_of(tmp_path, f"{demo.HARBOR},{NEW},Canary Secretname,,,,"), today=TODAY))
