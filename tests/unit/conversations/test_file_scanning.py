"""Where a scanner is configured nothing is kept that it did not find clean."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import papers
from tests.support.inside import Inside
from tests.support.ports import free_port
from tests.support.scanner import Scanner, scanning

EVIL = b"X5O!P%@AP-this-is-a-test"


@pytest.fixture
def scanner() -> Iterator[Scanner]:
    """Give a scanner that finds EVIL."""
    with scanning(EVIL) as running:
        yield running


@pytest.fixture
def guarded(migrated_file: Path, tmp_path: Path, scanner: Scanner) -> Iterator[Inside]:
    """Give the service with that scanner."""
    yield from opened(migrated_file, tmp_path, scanner.port)


def opened(migrated_file: Path, tmp_path: Path, port: int) -> Iterator[Inside]:
    """Yield the service over a fresh database, with a scanner at this port."""
    for part in migrated_file.parent.iterdir():
        shutil.copy(part, tmp_path / part.name)
    inside = Inside(f"sqlite:///{tmp_path / 'conversations.db'}", migrate=False, clamd=("127.0.0.1", port))
    yield inside
    inside.ends()


def test_a_clean_file_is_kept_after_all_of_it_was_scanned(guarded: Inside, scanner: Scanner) -> None:
    """The scanner saw each byte, in pieces."""
    content = b"a line of text\n" * 20_000

    assert guarded.staff("Nora").uploads(content).status == 201
    assert scanner.scanned == [content]


def test_an_infected_file_is_refused_and_recorded(guarded: Inside) -> None:
    """A sentence, a line of the record of its own, and not a byte kept."""
    answer = guarded.staff("Nora").uploads(b"words " + EVIL, "words.txt")

    assert answer.json["code"] == "unsupported_media"
    assert "virus scanner" in answer.json["detail"]
    assert [(row["action"], row["refused"]) for row in guarded.rows("audit")] == [
        ("attachment.infected", "unsupported_media")
    ]
    assert guarded.rows("attachments") == []
    assert not any(path.is_file() for path in guarded.storage.rglob("*"))


@pytest.mark.parametrize("said", [b"", b"INSTREAM size limit exceeded. ERROR\0", b"stream: Odd ERROR\0", b"\0"])
def test_a_scanner_that_answers_oddly_lets_nothing_through(guarded: Inside, scanner: Scanner, said: bytes) -> None:
    """Only a plain OK is one."""
    scanner.answer = said

    assert guarded.staff("Nora").uploads(papers.PDF).json["code"] == "unavailable"
    assert guarded.rows("attachments") == []


def test_while_the_scanner_is_away_nothing_is_taken(migrated_file: Path, tmp_path: Path) -> None:
    """503: try again."""
    for inside in opened(migrated_file, tmp_path, free_port()):
        assert inside.staff("Nora").uploads(papers.PDF).json["code"] == "unavailable"
        assert inside.rows("attachments") == []
