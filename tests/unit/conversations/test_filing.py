"""Files at the inside doors: taken in whole or not at all, posted once by who uploaded them, fetched by who hears."""

import io
import resource
import tracemalloc
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

import pytest
from PIL import Image

from conversations.service.filing import UNPOSTED_MOST
from tests.support import papers
from tests.support.inside import Inside, Somebody
from wire.files import LARGEST
from wire.ids import new_id
from wire.permissions import Permission

MEGABYTE = 1_000_000


@pytest.fixture
def nora(house: Inside) -> Somebody:
    """Give a nurse who may write to patients."""
    return house.staff("Nora", Permission.PATIENT_SEND, Permission.CREATE_GROUP)


@pytest.fixture
def dmitri(house: Inside) -> Somebody:
    """Give a doctor who may write to patients."""
    return house.staff("Dmitri", Permission.PATIENT_SEND)


@pytest.fixture
def direct(nora: Somebody, dmitri: Somebody) -> str:
    """Give the id of Nora's and Dmitri's conversation."""
    return str(nora.opens("direct", participant_ids=[dmitri.id]).json["id"])


@pytest.fixture
def ada(house: Inside, nora: Somebody) -> Somebody:
    """Give a patient of Nora's."""
    return house.patient("Ada", house.patient_record("Ada", nora))


@pytest.fixture
def about_ada(nora: Somebody, ada: Somebody) -> str:
    """Give the id of Ada's conversation with Nora."""
    return str(nora.opens("patient", patient_id=ada.patients[0]).json["id"])


def uploaded(somebody: Somebody, content: bytes = papers.PDF, name: str = "letter.pdf") -> dict[str, Any]:
    """Upload a file and return what is shown of it."""
    answer = somebody.uploads(content, name)
    assert answer.status == 201, answer
    shown: dict[str, Any] = answer.json
    return shown


def posted(somebody: Somebody, conversation_id: str, *attachments: dict[str, Any], **more: object) -> dict[str, Any]:
    """Post files and return the entry."""
    ids = [one["id"] for one in attachments]
    result = somebody.posts(conversation_id, "Here", attachment_ids=ids, **more)
    assert "entry" in result, result
    entry: dict[str, Any] = result["entry"]
    return entry


def kept(house: Inside) -> list[str]:
    """Return the names of all files in the storage."""
    return sorted(path.name for path in house.storage.rglob("*") if path.is_file())


# ---- taking in


def test_a_file_is_kept_and_comes_back_byte_for_byte(nora: Somebody, house: Inside) -> None:
    """What is no picture is not touched; its uploader may look at it before it is posted."""
    shown = uploaded(nora)

    answer = nora.fetches(shown["id"])

    assert shown == {
        "id": shown["id"],
        "name": "letter.pdf",
        "media_type": "application/pdf",
        "size": len(papers.PDF),
        "width": None,
        "height": None,
        "url": f"/messaging/api/attachments/{shown['id']}",
        "thumbnail_url": None,
    }
    assert (answer.status_code, answer.data) == (200, papers.PDF)
    assert kept(house) == [shown["id"]]
    assert [row["state"] for row in house.rows("attachments")] == ["ready"]


def test_a_photograph_has_a_thumbnail_and_tells_no_place(nora: Somebody) -> None:
    """Width and height are known, and neither answer knows the camera."""
    shown = uploaded(nora, papers.photograph((1200, 900)), "IMG_1.jpg")

    whole, small = nora.fetches(shown["id"]), nora.fetches(shown["id"], size="thumbnail")

    assert (shown["width"], shown["height"]) == (1200, 900)
    assert shown["thumbnail_url"] == f"{shown['url']}?size=thumbnail"
    assert max(Image.open(io.BytesIO(small.data)).size) == 480
    assert papers.CAMERA.encode() not in whole.data + small.data
    assert len(whole.data) == shown["size"]


@pytest.mark.parametrize(
    ("content", "name", "code"),
    [
        (b"", "empty.txt", "invalid"),
        (b"<svg onload=alert(1)>", "x.svg", "unsupported_media"),
        (papers.png_bomb(), "x.png", "unsupported_media"),
        (papers.PDF + papers.zipped({"a.js": b""}), "x.pdf", "unsupported_media"),
        (b"MZ" + b"\0" * 99, "x.exe", "unsupported_media"),
    ],
)
def test_what_is_refused_leaves_nothing(house: Inside, nora: Somebody, content: bytes, name: str, code: str) -> None:
    """A problem that tells no name, a line of the record, and neither a row nor a byte."""
    answer = nora.uploads(content, name)

    assert answer.json["code"] == code
    assert name not in str(answer.json)
    assert house.rows("attachments") == []
    assert kept(house) == []
    assert [(row["action"], row["refused"]) for row in house.rows("audit")] == [("attachment.uploaded", code)]


def test_a_name_is_needed(nora: Somebody, house: Inside) -> None:
    """The header is what the gateway sends it in."""
    keys = house.service("staff") | {"X-User-Token": nora.token}

    answer = house.gives("/attachments", papers.PDF, keys)

    assert (answer.status, list(answer.json["errors"])) == (422, ["file"])


def pieces(total: int) -> Iterator[bytes]:
    """Yield so many bytes of text, a piece at a time."""
    piece = b"a line of text\n" * 4_000
    for start in range(0, total, len(piece)):
        yield piece[: total - start]


def test_25_megabytes_fit_and_one_byte_more_does_not(nora: Somebody, house: Inside) -> None:
    """However it comes: with its length told, or without."""
    whole = b"".join(pieces(LARGEST))

    assert nora.uploads(whole).status == 201
    assert nora.uploads(pieces(LARGEST)).status == 201
    assert nora.uploads(whole + b"\n").json["code"] == "too_large"
    assert nora.uploads(pieces(LARGEST + 1)).json["code"] == "too_large"
    assert len(kept(house)) == 2


def test_what_never_ends_is_refused_soon(nora: Somebody) -> None:
    """An upload without an end is read no further than the limit."""
    read = 0

    def endless() -> Iterator[bytes]:
        nonlocal read
        while True:
            read += 60_000
            yield b"x" * 60_000

    assert nora.uploads(endless()).json["code"] == "too_large"
    assert read < LARGEST + 2 * 60_000


def test_a_file_is_never_whole_in_memory(nora: Somebody) -> None:
    """Taking in 25 MB, and giving them out, takes a few hundred kilobytes."""
    nora.uploads(pieces(1_000))
    tracemalloc.start()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    shown = nora.uploads(pieces(LARGEST)).json
    _, uploading = tracemalloc.get_traced_memory()
    tracemalloc.reset_peak()
    answer = nora.fetches(shown["id"])
    length = sum(map(len, answer.response))
    _, fetching = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert length == LARGEST
    assert uploading < 2 * MEGABYTE
    assert fetching < 2 * MEGABYTE
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000


def test_too_many_files_that_nobody_posts_are_refused(nora: Somebody) -> None:
    """A person may have a hundred waiting; removing one makes room."""
    first, *_ = [uploaded(nora, b"a line\n", "note.txt") for _ in range(UNPOSTED_MOST)]

    refused = nora.uploads(papers.PDF)
    nora.asks("DELETE", f"/attachments/{first['id']}")

    assert refused.json["code"] == "rate_limited"
    assert nora.uploads(papers.PDF).status == 201


# ---- who may


def test_until_it_is_posted_nobody_else_knows_of_it(nora: Somebody, dmitri: Somebody, house: Inside) -> None:
    """Neither a colleague nor another organisation, to fetch, remove or post."""
    hana = house.staff("Hana", org=new_id())
    shown = uploaded(nora)

    for other in (dmitri, hana):
        assert other.fetches(shown["id"]).status_code == 404
        assert other.asks("DELETE", f"/attachments/{shown['id']}").status == 404

    assert nora.fetches(shown["id"]).status_code == 200


def test_once_posted_whoever_hears_it_fetches_it(nora: Somebody, dmitri: Somebody, direct: str, house: Inside) -> None:
    """The other one does, a stranger and another organisation do not, and it can no longer be removed."""
    shown = uploaded(nora)
    entry = posted(nora, direct, shown)
    stranger, hana = house.staff("Stranger"), house.staff("Hana", org=new_id())

    assert entry["message"]["attachments"] == [shown]
    assert dmitri.fetches(shown["id"]).data == papers.PDF
    assert [other.fetches(shown["id"]).status_code for other in (stranger, hana)] == [404, 404]
    assert nora.asks("DELETE", f"/attachments/{shown['id']}").status == 404


def test_whoever_left_fetches_nothing_more(nora: Somebody, dmitri: Somebody) -> None:
    """Not even what they posted themselves."""
    group = str(nora.opens("group", subject="Ward", participant_ids=[dmitri.id]).json["id"])
    theirs = uploaded(dmitri)
    posted(dmitri, group, theirs)
    nora.asks("DELETE", f"/conversations/{group}/participants/{dmitri.id}")

    assert dmitri.fetches(theirs["id"]).status_code == 404
    assert nora.fetches(theirs["id"]).status_code == 200


def test_a_file_of_an_internal_note_is_none_for_the_patient(nora: Somebody, ada: Somebody, about_ada: str) -> None:
    """Neither to fetch nor in the list of files; the shared one is both."""
    noted, shared = uploaded(nora, name="note.pdf"), uploaded(nora, papers.photograph(), "knee.jpg")
    posted(nora, about_ada, noted, stream="internal")
    posted(nora, about_ada, shared)

    assert ada.fetches(noted["id"]).status_code == 404
    assert ada.fetches(shared["id"]).status_code == 200
    assert [one["attachment"] for one in ada.asks("GET", f"/conversations/{about_ada}/files").json["items"]] == [shared]
    assert len(nora.asks("GET", f"/conversations/{about_ada}/files").json["items"]) == 2


def test_a_recalled_message_has_no_files(nora: Somebody, dmitri: Somebody, direct: str) -> None:
    """Neither shown, nor listed, nor fetched, by nobody."""
    shown = uploaded(nora)
    entry = posted(nora, direct, shown)

    nora.asks("DELETE", f"/messages/{entry['message']['id']}")

    (now,) = [one for one in dmitri.timeline(direct)["items"] if one["seq"] == entry["seq"]]
    assert now["message"]["attachments"] == []
    assert dmitri.asks("GET", f"/conversations/{direct}/files").json["items"] == []
    assert [one.fetches(shown["id"]).status_code for one in (nora, dmitri)] == [404, 404]


def test_fetching_is_on_the_record(nora: Somebody, dmitri: Somebody, direct: str, house: Inside) -> None:
    """Who took which file, and who was refused."""
    shown = uploaded(nora)
    posted(nora, direct, shown)
    dmitri.fetches(shown["id"])
    house.staff("Stranger").fetches(shown["id"])

    lines = [row for row in house.rows("audit") if row["action"] == "attachment.read"]

    assert [(row["user_id"] == dmitri.id, row["subject_id"], row["refused"]) for row in lines] == [
        (True, shown["id"], None),
        (False, None, "not_found"),
    ]


# ---- posting


def test_files_keep_their_order_wherever_an_entry_is_shown(
    nora: Somebody, dmitri: Somebody, direct: str, house: Inside
) -> None:
    """In the answer, the timeline, the catching up, the list's last entry and the event: the same."""
    files = [uploaded(nora, name=f"{n}.pdf") for n in range(4)]
    wanted = [files[2], files[0], files[3], files[1]]

    entry = posted(nora, direct, *wanted)

    assert entry["message"]["attachments"] == wanted
    assert dmitri.timeline(direct)["items"][-1] == entry
    assert dmitri.catches_up({direct: {"shared": entry["seq"] - 1}})["entries"] == [entry]
    assert dmitri.lists()[0]["last_entry"] == entry
    assert house.events()[-1]["entry"] == entry


def test_a_repeat_gives_the_first_result_and_other_files_a_conflict(nora: Somebody, direct: str, house: Inside) -> None:
    """The same files again are a repeat, though they are posted by now; others under the same id are not."""
    first, other = uploaded(nora), uploaded(nora)
    item = nora.item(direct, "Here", attachment_ids=[first["id"]])

    one, twin = house.sends([item, item])
    later, changed, without = house.sends(
        [item, item | {"attachment_ids": [other["id"]]}, item | {"attachment_ids": []}]
    )

    assert [result["status"] for result in (one, twin, later)] == [201, 200, 200]
    assert one["entry"] == twin["entry"] == later["entry"]
    assert [result["problem"]["code"] for result in (changed, without)] == ["conflict", "conflict"]
    assert len(house.rows("messages")) == 1


def test_only_ones_own_unposted_files_are_posted_and_each_once(
    nora: Somebody, dmitri: Somebody, direct: str, house: Inside
) -> None:
    """Anything else is invalid, names the field, and stores nothing; its neighbours are stored."""
    mine, theirs, gone = uploaded(nora), uploaded(dmitri), uploaded(nora)
    nora.asks("DELETE", f"/attachments/{gone['id']}")
    eleven = [new_id() for _ in range(11)]

    results = house.sends(
        [
            nora.item(direct, "mine", attachment_ids=[mine["id"]]),
            nora.item(direct, "again", attachment_ids=[mine["id"]]),
            nora.item(direct, "theirs", attachment_ids=[theirs["id"]]),
            nora.item(direct, "gone", attachment_ids=[gone["id"]]),
            nora.item(direct, "nothing", attachment_ids=[new_id()]),
            nora.item(direct, "too many", attachment_ids=eleven),
            nora.item(direct, "no list", attachment_ids="all"),
            dmitri.item(direct, "twice", attachment_ids=[theirs["id"], theirs["id"]]),
            dmitri.item(direct, "plain"),
        ]
    )
    later = nora.posts(direct, "later", attachment_ids=[mine["id"]])

    assert [result.get("status") for result in results] == [201, *[None] * 7, 201]
    assert [list(result["problem"]["errors"]) for result in [*results[1:8], later]] == [["attachment_ids"]] * 8
    assert [row["body"] for row in house.rows("messages")] == ["mine", "plain"]
    assert dmitri.posts(direct, "now", attachment_ids=[theirs["id"]])["status"] == 201


# ---- fetching


def test_what_a_browser_may_do_with_it_is_said(nora: Somebody) -> None:
    """Pictures and PDF are shown, all else is a download; nothing in it runs; its name is told in full."""
    odd = 'Süß "2" 50%.pdf'
    shown, table = uploaded(nora, name=odd), uploaded(nora, b"a;b\n", "values.csv")

    headers = nora.fetches(shown["id"]).headers
    download = nora.fetches(table["id"]).headers

    assert headers["Content-Type"] == "application/pdf"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "private, no-cache"
    assert headers["Content-Disposition"].startswith("inline; filename=\"S__ _2_ 50_.pdf\"; filename*=UTF-8''")
    assert unquote(headers["Content-Disposition"].split("''")[1]) == "Süß _2_ 50%.pdf"
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "script" not in headers["Content-Security-Policy"]
    assert download["Content-Disposition"].startswith("attachment; ")
    assert download["Content-Type"] == "text/csv"


def test_parts_are_given_where_they_are_asked_for(nora: Somebody) -> None:
    """One range, its end open or not; what is odd is answered whole; what is held is not sent again."""
    content = b"0123456789" * 20_000
    shown = uploaded(nora, content, "digits.txt")
    etag = nora.fetches(shown["id"]).headers["ETag"]

    middle = nora.fetches(shown["id"], Range="bytes=100000-100009")
    end = nora.fetches(shown["id"], Range="bytes=-5")
    beyond = nora.fetches(shown["id"], Range="bytes=900000-")
    changed = nora.fetches(shown["id"], Range="bytes=0-9", If_Range='"other"')
    held = nora.fetches(shown["id"], If_None_Match=etag)

    assert (middle.status_code, middle.data) == (206, b"0123456789")
    assert middle.headers["Content-Range"] == "bytes 100000-100009/200000"
    assert (end.status_code, end.data) == (206, b"56789")
    assert (beyond.status_code, changed.status_code) == (200, 200)
    assert changed.data == content
    assert (held.status_code, held.data) == (304, b"")


def test_a_thumbnail_of_what_has_none_is_not_found(nora: Somebody) -> None:
    """A PDF has none; a size that is none is invalid."""
    shown = uploaded(nora)

    assert nora.fetches(shown["id"], size="thumbnail").status_code == 404
    assert nora.fetches(shown["id"], size="huge").status_code == 422


# ---- the list of a conversation


def test_a_conversations_files_are_listed_newest_first(nora: Somebody, about_ada: str) -> None:
    """Over both streams, page by page, each once, with who posted it where."""
    wanted: list[tuple[str, int, str]] = []
    for n in range(7):
        files = [uploaded(nora, name=f"{n}-{part}.pdf") for part in range(1 + n % 2)]
        entry = posted(nora, about_ada, *files, stream="internal" if n % 3 == 0 else "shared")
        wanted[:0] = [(entry["stream"], entry["seq"], one["id"]) for one in files]

    found: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        page = nora.asks("GET", f"/conversations/{about_ada}/files", limit=3, **cursor).json
        found += page["items"]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}

    assert [(one["stream"], one["seq"], one["attachment"]["id"]) for one in found] == wanted
    assert {one["actor"]["name"] for one in found} == {"Nora"}
    assert {one["conversation_id"] for one in found} == {about_ada}


@pytest.mark.parametrize("cursor", ["x", "eyJhIjoxfQ", "W10", "eyJzaGFyZWQiOlsxXX0", "eyJzaGFyZWQiOlstMSwwXX0"])
def test_a_cursor_we_did_not_give_is_invalid(nora: Somebody, direct: str, cursor: str) -> None:
    """Whatever stands in it."""
    answer = nora.asks("GET", f"/conversations/{direct}/files", cursor=cursor)

    assert (answer.status, list(answer.json["errors"])) == (422, ["cursor"])


def test_strangers_list_no_files(direct: str, house: Inside) -> None:
    """The conversation does not exist for them."""
    assert house.staff("Stranger").asks("GET", f"/conversations/{direct}/files").status == 404


# ---- forwarding


def test_files_go_along_when_a_message_is_forwarded(
    nora: Somebody, dmitri: Somebody, direct: str, house: Inside
) -> None:
    """Who hears only the other conversation fetches its copy and not the first one; recalling one leaves the other."""
    rosa = house.staff("Rosa")
    other = str(nora.opens("direct", participant_ids=[rosa.id]).json["id"])
    files = [uploaded(dmitri, papers.photograph(), "knee.jpg"), uploaded(dmitri, name="plan.pdf")]
    source = posted(dmitri, direct, *files)["message"]["id"]
    wish = {"conversation_id": other, "client_message_id": new_id()}

    first = nora.asks("POST", f"/messages/{source}/forward", wish)
    again = nora.asks("POST", f"/messages/{source}/forward", wish)
    dmitri.asks("DELETE", f"/messages/{source}")

    copies = first.json["message"]["attachments"]
    assert (first.status, again.status, again.json) == (201, 200, first.json)
    assert [one["name"] for one in copies] == ["knee.jpg", "plan.pdf"]
    assert not {one["id"] for one in copies} & {one["id"] for one in files}
    assert rosa.fetches(copies[1]["id"]).data == papers.PDF
    assert rosa.fetches(copies[0]["id"], size="thumbnail").status_code == 200
    assert [rosa.fetches(files[1]["id"]).status_code, dmitri.fetches(copies[1]["id"]).status_code] == [404, 404]
    assert len(kept(house)) == 3
