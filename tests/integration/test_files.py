"""Files through the real gateways, over PostgreSQL: uploaded, posted, heard live, fetched, and kept from all others."""

import io
import json
import socket
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from PIL import Image

from tests.support import papers
from tests.support.clinic import AUTH, CONVERSATIONS, PORTAL, STAFF, Clinic
from tests.support.person import JSON, Person, new_id
from tests.support.ports import LOOPBACK, wait_until
from wire.files import LARGEST


@pytest.fixture
def hana(clinic: Clinic) -> Person:
    """Give Hana of another organisation, signed in."""
    return clinic.signs_in("hana@hilltop.example")


def fetches(person: Person, attachment: JSON, of: str = "url", **headers: str) -> httpx.Response:
    """Fetch a file at the address it is shown with."""
    return person.http.get(attachment[of], headers={**person.bearer, **headers})


def kept(clinic: Clinic) -> set[str]:
    """Return the names of all files in the storage."""
    return {path.name for path in (clinic.folder / "files").rglob("*") if path.is_file()}


def test_a_patients_photograph_reaches_the_nurse(nora: Person, ada: Person) -> None:
    """Posted over the socket, heard live, fetched by both, each at the addresses of their own plane; no place in it."""
    conversation = ada.writes_to_care_team(f"Knee {new_id()}", "It is swollen")
    sent = ada.uploads(papers.photograph((1600, 1200)), "IMG_1.jpg")

    with nora.device() as screen, ada.device() as phone:
        reply = phone.the_line.asks(
            "send", conversation_id=conversation, client_message_id=new_id(), body="Look", attachment_ids=[sent["id"]]
        )
        heard = screen.the_line.hears("entry", conversation_id=conversation, seq=reply["seq"])
        own = phone.the_line.hears("entry", conversation_id=conversation, seq=reply["seq"])

    (hers,) = heard["message"]["attachments"]
    (theirs,) = own["message"]["attachments"]
    assert theirs == sent
    assert sent["url"] == f"/portal/api/attachments/{sent['id']}"
    assert hers["url"] == f"/messaging/api/attachments/{sent['id']}"
    for person, shown in ((nora, hers), (ada, theirs)):
        whole, small = fetches(person, shown), fetches(person, shown, "thumbnail_url")
        assert Image.open(io.BytesIO(whole.content)).size == (1600, 1200)
        assert max(Image.open(io.BytesIO(small.content)).size) == 480
        assert papers.CAMERA.encode() not in whole.content + small.content
    assert ada.timeline(conversation)["items"][-1]["message"]["attachments"] == [sent]
    assert ada.conversation(conversation)["last_entry"]["message"]["attachments"] == [sent]
    assert "/messaging/" not in json.dumps([ada.reads_everything(conversation), ada.lists()])


def test_a_repeat_over_rest_gives_the_first_result(nora: Person, dmitri: Person) -> None:
    """The files were claimed in the transaction that stored the message: once."""
    conversation = nora.opens_conversation_with(dmitri)
    sent = nora.uploads(papers.PDF)
    message = {"client_message_id": new_id(), "body": "Here", "attachment_ids": [sent["id"]]}

    answers = [nora.raw("POST", f"/conversations/{conversation}/messages", json=message) for _ in range(2)]
    other = nora.raw("POST", f"/conversations/{conversation}/messages", json=message | {"client_message_id": new_id()})

    assert [answer.status_code for answer in answers] == [201, 200]
    assert answers[0].json() == answers[1].json()
    assert (other.status_code, list(other.json()["errors"])) == (422, ["attachment_ids"])


def test_only_who_hears_it_fetches_it(nora: Person, dmitri: Person, ada: Person, hana: Person) -> None:
    """Before it is posted its uploader alone; then participants; never a stranger, nor another organisation."""
    conversation = nora.opens_conversation_with(dmitri)
    sent = nora.uploads(papers.PDF)
    before = [fetches(person, sent).status_code for person in (nora, dmitri, hana)]

    nora.posts_files(conversation, sent)

    after = [fetches(person, sent).status_code for person in (nora, dmitri, hana)]
    assert (before, after) == ([200, 404, 404], [200, 200, 404])
    assert ada.raw("GET", f"/attachments/{sent['id']}").status_code == 404
    assert fetches(ada, sent).status_code == 401
    assert httpx.get(nora.origin + sent["url"], trust_env=False).status_code == 401


def test_a_file_of_an_internal_note_is_not_there_for_the_patient(nora: Person, ada: Person) -> None:
    """Not by its id, not in the list of files, not in anything they are shown."""
    conversation = ada.writes_to_care_team(f"Arm {new_id()}", "It hurts")
    note, shared = nora.uploads(papers.PDF, "note.pdf"), nora.uploads(papers.PDF, "plan.pdf")
    nora.posts_files(conversation, note, stream="internal")
    nora.posts_files(conversation, shared)

    listed = ada.call("GET", f"/conversations/{conversation}/files")["items"]

    assert [one["attachment"]["name"] for one in listed] == ["plan.pdf"]
    assert listed[0]["attachment"]["url"] == f"/portal/api/attachments/{shared['id']}"
    assert ada.raw("GET", f"/attachments/{note['id']}").json()["code"] == "not_found"
    assert note["id"] not in json.dumps([listed, ada.reads_everything(conversation), ada.conversation(conversation)])
    assert len(nora.call("GET", f"/conversations/{conversation}/files")["items"]) == 2


def test_recalling_takes_the_files_from_everybodys_sight(nora: Person, dmitri: Person) -> None:
    """Neither its author nor the others fetch them any more."""
    conversation = nora.opens_conversation_with(dmitri)
    sent = nora.uploads(papers.PDF)
    entry = nora.posts_files(conversation, sent)

    nora.call("DELETE", f"/messages/{entry['message']['id']}")

    assert [fetches(person, sent).status_code for person in (nora, dmitri)] == [404, 404]
    listed = [one["attachment"]["id"] for one in dmitri.call("GET", f"/conversations/{conversation}/files")["items"]]
    assert sent["id"] not in listed


def test_what_was_not_posted_can_be_removed(clinic: Clinic, nora: Person, dmitri: Person) -> None:
    """By its uploader, bytes and all; once it is posted by nobody."""
    sent, posted = nora.uploads(papers.photograph()), nora.uploads(papers.PDF)
    nora.posts_files(nora.opens_conversation_with(dmitri), posted)

    assert dmitri.raw("DELETE", f"/attachments/{sent['id']}").status_code == 404
    assert nora.raw("DELETE", f"/attachments/{sent['id']}").status_code == 204
    assert nora.raw("DELETE", f"/attachments/{sent['id']}").status_code == 404
    assert nora.raw("DELETE", f"/attachments/{posted['id']}").status_code == 404
    assert {name for name in kept(clinic) if name.startswith(sent["id"])} == set()


HARMFUL: dict[str, tuple[bytes, str, int, str]] = {
    "nothing": (b"", "empty.txt", 422, "invalid"),
    "SVG with a script": (b"<svg xmlns='x'><script>alert(1)</script></svg>", "x.svg", 415, "unsupported_media"),
    "a page as a picture": (b"<html><script>alert(1)</script>", "x.png", 415, "unsupported_media"),
    "a polyglot": (papers.PDF + papers.zipped({"a.js": b"x"}), "x.pdf", 415, "unsupported_media"),
    "a bomb": (papers.png_bomb(), "x.png", 415, "unsupported_media"),
    "macros": (papers.docx(**{"word/vbaProject.bin": b"x"}), "x.docx", 415, "unsupported_media"),
    "a program": (b"MZ" + b"\0" * 200, "x.exe", 415, "unsupported_media"),
    "a byte too much": (b"x" * (LARGEST + 1), "x.txt", 413, "too_large"),
    "far too much": (b"x" * (LARGEST * 2), "x.txt", 413, "too_large"),
}


@pytest.mark.parametrize("what", HARMFUL)
@pytest.mark.parametrize("email", ["nora@harbor.example", "ada@patients.example"])
def test_what_is_harmful_is_refused_and_leaves_nothing(clinic: Clinic, what: str, email: str) -> None:
    """On both planes: a problem that repeats nothing, and not a byte in the storage."""
    content, name, status, code = HARMFUL[what]
    before = kept(clinic)

    answer = clinic.signs_in(email).raw("POST", "/attachments", files={"file": (name, content)})

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert name not in answer.text
    assert kept(clinic) == before


@pytest.mark.parametrize(
    ("named", "shown"),
    [
        ("../../../etc/passwd.pdf", "passwd.pdf"),
        ("..\\..\\windows\\system.pdf", "system.pdf"),
        ("evil\u202efdp.exe", "evilfdp.exe.pdf"),
        ("tab\there\u0007, null\0.pdf", "tab here, null.pdf"),
        ("Brief an Müller 😀.pdf", "Brief an Müller 😀.pdf"),
        ("x" * 5_000 + ".pdf", "x" * 116 + ".pdf"),
    ],
)
def test_a_name_is_made_harmless(nora: Person, named: str, shown: str) -> None:
    """Path parts, controls and what turns the direction go; letters of all scripts stay."""
    told = named.replace("\\", "\\\\")
    part = f'--b\r\nContent-Disposition: form-data; name="file"; filename="{told}"\r\n\r\n'.encode()
    sent = nora.raw(
        "POST",
        "/attachments",
        content=part + papers.PDF + b"\r\n--b--\r\n",
        headers={"Content-Type": "multipart/form-data; boundary=b"},
    ).json()

    header = fetches(nora, sent).headers["content-disposition"]
    assert sent["name"] == shown
    assert "\n" not in header
    assert ".." not in header


@pytest.mark.parametrize(
    "form",
    [
        {"data": {"file": "words"}},
        {"files": {"other": ("a.pdf", papers.PDF)}},
        {"files": [("file", ("a.pdf", papers.PDF)), ("file", ("b.pdf", papers.PDF))]},
        {"files": {"file": ("a.pdf", papers.PDF)}, "data": {"more": "words"}},
        {"content": b"--x\r\nnonsense", "headers": {"Content-Type": "multipart/form-data; boundary=x"}},
        {"content": b"", "headers": {"Content-Type": "multipart/form-data"}},
        {"content": papers.PDF, "headers": {"Content-Type": "application/pdf"}},
        {"json": {"file": "words"}},
        {
            "content": b'--b\r\nContent-Disposition: form-data; name="file"; filename="\xff"\r\n\r\nx\r\n--b--\r\n',
            "headers": {"Content-Type": "multipart/form-data; boundary=b"},
        },
    ],
    ids=[
        "a field",
        "another field",
        "two files",
        "a field beside",
        "half a form",
        "no boundary",
        "no form",
        "JSON",
        "no UTF-8",
    ],
)
@pytest.mark.parametrize("email", ["nora@harbor.example", "ada@patients.example"])
def test_a_form_that_is_none_is_refused(clinic: Clinic, email: str, form: dict[str, Any]) -> None:
    """It must hold one file, in the field `file`, and nothing else; on both planes."""
    before = kept(clinic)

    answer = clinic.signs_in(email).raw("POST", "/attachments", **form)

    assert answer.status_code in {415, 422}, answer.text
    assert answer.json()["code"] in {"unsupported_media", "invalid"}
    assert kept(clinic) == before


def test_25_megabytes_go_up_and_come_down_whole(nora: Person) -> None:
    """And parts of them, as a player of sound and video asks for."""
    content = b"0123456789abcdef" * (LARGEST // 16)

    sent = nora.uploads(content, "long.txt")

    assert fetches(nora, sent).content == content
    part = fetches(nora, sent, Range="bytes=16-31")
    assert (part.status_code, part.content) == (206, b"0123456789abcdef")
    assert part.headers["content-range"] == f"bytes 16-31/{LARGEST}"
    etag = part.headers["etag"]
    assert fetches(nora, sent, **{"If-None-Match": etag}).status_code == 304


def test_the_answer_tells_browsers_what_they_may_do(nora: Person) -> None:
    """The gateway's own headers and the file's: nothing runs, nothing is guessed, nobody else keeps it."""
    headers = fetches(nora, nora.uploads(papers.PDF)).headers
    table = fetches(nora, nora.uploads(b"a;b\n", "t.csv")).headers

    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["cache-control"] == "private, no-cache"
    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert headers["content-security-policy"].endswith("; sandbox")
    assert headers["content-disposition"].startswith("inline;")
    assert table["content-disposition"].startswith("attachment;")
    assert "set-cookie" not in headers


def test_an_upload_that_is_given_up_leaves_nothing(clinic: Clinic, nora: Person) -> None:
    """A phone that loses its line in the middle, also one that promised more than it sent."""
    before = kept(clinic)
    port = clinic.programs[STAFF].port
    head = (
        f"POST /messaging/api/attachments HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {nora.access_token}\r\n"
        "Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 5000000\r\n\r\n"
        '--b\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n'
    )

    with socket.create_connection((LOOPBACK, port)) as line:
        line.sendall(head.encode() + b"x" * 2_000_000)

    gateway = clinic.processes[STAFF].pid
    wait_until(lambda: not temporary_files(gateway), within_s=10, what="the temporary file's end")
    assert kept(clinic) == before
    assert nora.uploads(papers.PDF)["size"] == len(papers.PDF)


def temporary_files(pid: int) -> list[str]:
    """Return the files without a name that a process, or a child of it, holds open."""
    found = []
    for each in [pid, *children_of(pid)]:
        for link in Path(f"/proc/{each}/fd").iterdir():
            target = link.readlink() if link.is_symlink() else Path()
            if str(target).endswith("(deleted)") and "/dev/shm" not in str(target):  # noqa: S108 - gunicorn's heartbeat
                found.append(str(target))
    return found


def children_of(pid: int) -> list[int]:
    """Return the processes that a process has started."""
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_file_names_reach_no_log_and_no_metric(clinic: Clinic, nora: Person, dmitri: Person) -> None:
    """A canary in a name, in a file, and in what is refused: it is shown to people and told to nobody else."""
    canary = f"Canary{new_id().replace('-', '')}"
    conversation = nora.opens_conversation_with(dmitri)
    sent = nora.uploads(f"{canary} inside".encode(), f"{canary}.txt")
    nora.posts_files(conversation, sent)
    fetches(dmitri, sent)
    for name, content in ((f"{canary}.exe", b"MZ"), (f"{canary}.svg", f"<svg>{canary}".encode())):
        nora.raw("POST", "/attachments", files={"file": (name, content)})
    nora.raw("POST", "/attachments", files={canary: (canary, papers.PDF)})
    nora.raw("GET", f"/attachments/{sent['id']}?size={canary}")
    nora.raw("DELETE", f"/attachments/{canary}")

    logs = clinic.logs()
    metrics = "".join(
        httpx.get(clinic.origin_of(name) + "/metrics", trust_env=False).text
        for name in (AUTH, CONVERSATIONS, STAFF, PORTAL)
    )

    assert sent["name"] == f"{canary}.txt"
    assert canary not in logs + metrics
    assert "messages_uploads_total" in metrics
    assert clinic.rabbit.files_with(canary) == []


def test_the_database_itself_parts_the_files_of_organisations(clinic: Clinic, nora: Person, hana: Person) -> None:
    """The service's own role sees no file without saying which organisation it serves."""
    nora.uploads(papers.PDF)
    hana.uploads(papers.PDF)

    with psycopg.connect(clinic.database.dsn("conversations")) as connection:
        seen = connection.execute("SELECT count(*) FROM attachments").fetchone()

    assert seen == (0,)
    assert clinic.database.ask("SELECT count(DISTINCT org) FROM attachments")[0][0] >= 2
