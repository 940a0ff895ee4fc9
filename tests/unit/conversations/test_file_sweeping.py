"""What nobody posted goes, bytes first and rows last; what was posted, or is young, stays."""

import os
import time
from datetime import timedelta

import pytest
from sqlalchemy import update

from conversations.files.storage import Folder
from conversations.sweeping import ORPHANED_AFTER, Sweeping
from conversations.tables import attachments
from servicekit.clock import utc_now
from servicekit.database import transaction
from tests.support import papers
from tests.support.inside import Inside, Somebody
from wire.problems import Unavailable


@pytest.fixture
def nora(house: Inside) -> Somebody:
    """Give a nurse."""
    return house.staff("Nora")


def later(house: Inside, **by: float) -> Sweeping:
    """Return a sweeping whose clock is so far ahead."""
    return Sweeping(house.owner, Folder(house.storage), clock=lambda: utc_now() + timedelta(**by))


def kept(house: Inside) -> int:
    """Count the files in the storage."""
    return sum(path.is_file() for path in house.storage.rglob("*"))


def becomes(house: Inside, attachment_id: str, state: str) -> None:
    """Leave a file in a state as a process that died would."""
    with transaction(house.owner) as connection:
        connection.execute(update(attachments).where(attachments.c.id == attachment_id).values(state=state))


def test_what_nobody_posted_is_gone_after_a_day(house: Inside, nora: Somebody) -> None:
    """Row, bytes and thumbnail; a posted one stays, and is fetched."""
    rosa = house.staff("Rosa")
    conversation = str(nora.opens("direct", participant_ids=[rosa.id]).json["id"])
    posted, orphan = nora.uploads(papers.photograph(), "a.jpg").json, nora.uploads(papers.photograph(), "b.jpg").json
    nora.posts(conversation, "Here", attachment_ids=[posted["id"]])

    assert later(house, hours=23).sweep() == 0
    assert later(house, hours=25).sweep() == 1

    assert [row["id"] for row in house.rows("attachments")] == [posted["id"]]
    assert kept(house) == 2
    assert rosa.fetches(posted["id"]).status_code == 200
    assert nora.fetches(orphan["id"]).status_code == 404


@pytest.mark.parametrize("state", ["arriving", "leaving"])
def test_what_a_process_left_half_done_is_ended(house: Inside, nora: Somebody, state: str) -> None:
    """Neither shown meanwhile nor posted; gone an hour later, whether or not its bytes were there."""
    left, without = nora.uploads(papers.PDF).json, nora.uploads(papers.PDF).json
    for one in (left, without):
        becomes(house, one["id"], state)
    Folder(house.storage).remove(without["id"])

    assert nora.fetches(left["id"]).status_code == 404
    assert later(house, minutes=30).sweep() == 0
    assert later(house, minutes=61).sweep() == 2
    assert house.rows("attachments") == []
    assert kept(house) == 0


def test_a_storage_that_is_away_loses_no_row(house: Inside, nora: Somebody) -> None:
    """The mark stays until the bytes are gone: the next round ends what this one began."""

    class Away(Folder):
        def remove(self, place: str) -> None:  # noqa: ARG002 - it is away
            raise Unavailable

    nora.uploads(papers.PDF)
    now = utc_now() + timedelta(hours=25)

    with pytest.raises(Unavailable):
        Sweeping(house.owner, Away(house.storage), clock=lambda: now).sweep()

    assert [row["state"] for row in house.rows("attachments")] == ["leaving"]
    assert later(house, hours=25).sweep() == 1
    assert kept(house) == 0


def test_what_was_half_written_is_tidied(house: Inside) -> None:
    """A writer that died leaves a file in the storage that no row knows of; a young one may still be written."""
    arriving = house.storage / "arriving"
    arriving.mkdir(parents=True)
    old, young = arriving / "old", arriving / "young"
    for path in (old, young):
        path.write_bytes(b"half")
    os.utime(old, (time.time() - 90_000,) * 2)

    assert Folder(house.storage).tidy(utc_now() - ORPHANED_AFTER) == 1
    assert [path.name for path in arriving.iterdir()] == ["young"]
