"""What both storages promise: a folder, and a bucket of a real S3 server."""

import io
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from conversations.files.s3 import PART, Bucket, Place
from conversations.files.storage import Folder, Gone, Storage
from servicekit.clock import utc_now
from tests.support import papers, s3
from tests.support.inside import Inside
from tests.support.s3 import S3Server
from wire.ids import new_id
from wire.problems import Unavailable

SMALL = b"%PDF-1.7 a letter"
BLOCK = bytes(range(1, 252)) * 397


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A storage, and how many bytes lie in it."""

    storage: Storage
    size: Callable[[], int]


@pytest.fixture(scope="module")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """Give a real S3 server."""
    with s3.running(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture(params=["folder", "bucket"])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Kept:
    """Give each of the two storages, empty."""
    if request.param == "folder":
        return Kept(storage=Folder(tmp_path), size=lambda: _bytes_in(tmp_path))
    server: S3Server = request.getfixturevalue("s3_server")
    place = server.place(new_id())
    return Kept(storage=Bucket(place), size=lambda: _bytes_in(server.folder / place.bucket))


def _bytes_in(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def test_what_was_put_is_read_back(kept: Kept) -> None:
    """The whole, and any part of it, whatever was read of the content before."""
    place, content = new_id(), io.BytesIO(SMALL)
    content.read(5)

    kept.storage.put(place, content, len(SMALL))

    assert b"".join(kept.storage.open(place)) == SMALL
    assert b"".join(kept.storage.open(place, first=9)) == SMALL[9:]
    assert b"".join(kept.storage.open(place, first=1, last=3)) == SMALL[1:4]
    assert b"".join(kept.storage.open(place, first=0, last=0)) == SMALL[:1]


def test_a_thumbnail_lies_beside_its_picture(kept: Kept) -> None:
    """Two places, each removed by itself."""
    picture = new_id()
    for place, content in ((picture, b"large"), (f"{picture}.thumbnail", b"small")):
        kept.storage.put(place, io.BytesIO(content), 5)

    kept.storage.remove(picture)

    assert b"".join(kept.storage.open(f"{picture}.thumbnail")) == b"small"
    with pytest.raises(Gone):
        kept.storage.open(picture)


def test_what_is_not_there_is_gone_and_removing_it_again_is_fine(kept: Kept) -> None:
    """Said before the first byte: nobody begins to answer with a file that is not there."""
    place = new_id()
    kept.storage.put(place, io.BytesIO(SMALL), len(SMALL))
    kept.storage.remove(place)
    kept.storage.remove(place)

    with pytest.raises(Gone):
        kept.storage.open(place)
    assert kept.size() == 0


def test_a_file_of_25_megabytes_passes_without_being_held(kept: Kept) -> None:
    """Both ways by pieces; a bucket takes it in parts and holds one of them at a time."""
    place, size = new_id(), 25_000_000

    tracemalloc.start()
    try:
        kept.storage.put(place, cast("Any", _Stream(size)), size)
        read, sent = _Stream(size), 0
        for piece in kept.storage.open(place):
            assert piece == read.read(len(piece))
            sent += len(piece)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert (sent, kept.size()) == (size, size)
    # The library has a part of 5 MiB in hand, in three copies.
    assert most < 3.5 * PART


class _Stream:
    """Gives the same bytes each time, and never all at once."""

    def __init__(self, size: int) -> None:
        self._size = size
        self.seek(0)

    def seek(self, _to: int) -> int:
        self._left, self._block, self._at = self._size, BLOCK, 0
        return 0

    def read(self, size: int = -1) -> bytes:
        out = bytearray()
        wanted = self._left if size < 0 else min(size, self._left)
        while len(out) < wanted:
            piece = self._block[self._at : self._at + wanted - len(out)]
            out += piece
            self._at = (self._at + len(piece)) % len(self._block)
        self._left -= wanted
        return bytes(out)


def test_content_that_ends_too_early_leaves_nothing_to_read(kept: Kept) -> None:
    """A file is at its place whole or not at all."""
    place = new_id()

    with pytest.raises(Unavailable):
        kept.storage.put(place, io.BytesIO(SMALL), len(SMALL) + 1)

    with pytest.raises(Gone):
        kept.storage.open(place)


def test_what_a_process_that_died_left_half_sent_is_ended(s3_server: S3Server) -> None:
    """By its age: what is being sent now goes on."""
    place = s3_server.place(new_id())
    bucket = Bucket(place)
    client = cast("Any", bucket)._client  # noqa: SLF001 - the half of a put that a killed process gets to
    upload = client._create_multipart_upload(place.bucket, new_id(), {})  # noqa: SLF001 - likewise
    assert upload

    assert bucket.tidy(utc_now() - timedelta(hours=1)) == 0
    assert bucket.tidy(utc_now() + timedelta(hours=1)) == 1
    assert bucket.tidy(utc_now() + timedelta(hours=1)) == 0


def test_a_server_that_refuses_our_key_is_unavailable(s3_server: S3Server) -> None:
    """And so is one that is not there: no file is lost, whoever asks tries again."""
    strange = Bucket(s3_server.place("files", secret="not-the-clinics-secret"))
    nowhere = Bucket(Place(endpoint="http://127.0.0.1:1", bucket="files", access_key="a", secret_key="b" * 8))

    for bucket in (strange, nowhere):
        with pytest.raises(Unavailable):
            bucket.put(new_id(), io.BytesIO(SMALL), len(SMALL))
        with pytest.raises(Unavailable):
            bucket.open(new_id())
        with pytest.raises(Unavailable):
            bucket.remove(new_id())
        with pytest.raises(Unavailable):
            bucket.tidy(utc_now())


def test_the_service_keeps_its_files_in_a_bucket(s3_server: S3Server, tmp_path: Path) -> None:
    """From the upload to the part of it that somebody else fetches, picture and thumbnail."""
    place = s3_server.place(new_id())
    house = Inside(f"sqlite:///{tmp_path}/database", files=place)
    nora, rosa = house.staff("Nora"), house.staff("Rosa")
    talk = str(nora.opens("direct", participant_ids=[rosa.id]).json["id"])
    letter = nora.uploads(papers.PDF, "letter.pdf").json
    picture = nora.uploads(papers.photograph(), "wound.jpg").json
    posted = nora.posts(talk, "Here", attachment_ids=[letter["id"], picture["id"]])

    whole = rosa.fetches(letter["id"])
    part = rosa.fetches(letter["id"], range="bytes=0-3")
    small = rosa.fetches(picture["id"], size="thumbnail")

    assert "entry" in posted
    assert (whole.status_code, whole.data) == (200, papers.PDF)
    assert (part.status_code, part.data) == (206, papers.PDF[:4])
    assert (small.status_code, small.data[:2]) == (200, b"\xff\xd8")
    assert _bytes_in(s3_server.folder / place.bucket) > len(papers.PDF)
    assert list(house.storage.rglob("*")) == []
    house.ends()
