"""What the gateways say is what their documents tell: a day of every call and every frame, recorded and compared.

A day is a list of acts. Whoever adds a call or a frame adds an act: a call that nobody makes here, or a frame that
nobody says, fails the test, as does a status, a problem or a member that the documents do not tell.
"""

import base64
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from client import Live
from tests.support.clinic import PUSH_SERVICE, Clinic
from tests.support.person import JSON, Person, new_id
from tests.support.ports import wait_until
from tests.support.recorder import Published, Recorder
from wire.claims import Plane
from wire.frames import BEAT_EVERY, CATCH_UP_LIMIT
from wire.problems import Problem

ROOTS = {Plane.STAFF: "/messaging", Plane.PORTAL: "/portal"}
PICTURE = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
SILENT: dict[Plane, set[str]] = {Plane.STAFF: set(), Plane.PORTAL: {"push.removed"}}
"""Documented, and not said: no patient is taken out of their conversation."""


@dataclass(kw_only=True)
class Day:
    """Who takes part, what they have open, and what is written down."""

    recorder: Recorder
    clinic: Clinic
    nora: Person
    dmitri: Person
    ada: Person
    desk: Live
    phone: Live
    patients: str
    """Ada's conversation with her care team."""

    def __post_init__(self) -> None:
        self.direct = self.nora.opens_conversation_with(self.dmitri)

    def hears(self, plane: Plane, push: str, **fields: object) -> None:
        """Wait until this was pushed to the plane's line."""
        wait_until(
            lambda: any(
                all(frame.get(name) == value for name, value in fields.items())
                for frame in self.recorder.pushes(plane, push)
            ),
            within_s=10,
            what=f"{push} {fields} on {plane}",
        )


def each_plane(day: Day) -> list[tuple[Person, Live]]:
    """Return the two who do the same on both planes."""
    return [(day.nora, day.desk), (day.ada, day.phone)]


def lists_and_reads(day: Day) -> None:
    """Who am I, what is there, what was said, how far have I read."""
    for person, _ in each_plane(day):
        person.call("GET", "/me")
        person.call("GET", "/conversations", params={"filter": "unread", "q": "", "limit": 5})
        person.conversation(day.patients)
        page = person.timeline(day.patients, after=0, limit=2)
        person.timeline(day.patients, before=page["head"] + 1)
        person.calls.mark_read(day.patients, page["head"])
    day.nora.call("GET", "/directory", params={"q": "Ada", "kind": "patient"})


def says_and_corrects(day: Day) -> None:
    """Posting, the same again, editing, recalling; what it said before."""
    for person, _ in each_plane(day):
        key = new_id()
        posted = person.sends(day.patients, "I meant tomorrow", client_message_id=key, priority="urgent")
        person.sends(day.patients, "I meant tomorrow", client_message_id=key, priority="urgent")
        person.calls.edit(posted["message"]["id"], "I meant today")
        person.sends(day.patients, "Yes", reply_to=posted["message"]["id"])
        person.calls.recall(posted["message"]["id"])
    day.nora.sends(day.patients, "Only among us", stream="internal")
    noted = day.nora.sends(day.direct, "First draft")
    day.nora.calls.edit(noted["message"]["id"], "Second draft")
    day.dmitri.staff_calls.history(noted["message"]["id"])


def asks_for_a_word(day: Day) -> None:
    """Acknowledgement asked for, reminded of, given on both planes; who has; forwarded to colleagues."""
    asked = day.dmitri.sends(day.patients, "Please fast from midnight", ask_acknowledgement=True)["message"]["id"]
    day.dmitri.staff_calls.remind(asked)
    for person, _ in each_plane(day):
        day.hears(person.plane, "reminder", message_id=asked)
        person.calls.acknowledge(asked)
    day.dmitri.staff_calls.receipts(asked)
    key = new_id()
    day.nora.staff_calls.forward(asked, day.direct, client_message_id=key)
    day.nora.staff_calls.forward(asked, day.direct, client_message_id=key)


def keeps_for_oneself(day: Day) -> None:
    """Preferences, drafts, unread from here on; who the patient is."""
    for person, _ in each_plane(day):
        head = person.timeline(day.patients)["head"]
        person.calls.prefer(day.patients, pinned=True, notify="mentions")
        person.calls.preferences()
        person.calls.keep_draft(day.patients, "Dear")
        person.calls.drafts()
        person.calls.mark_unread(day.patients, head)
        day.hears(person.plane, "preference", conversation_id=day.patients)
    day.nora.staff_calls.patient(day.patients)


def shows_files(day: Day) -> None:
    """A picture sent up, posted, listed, fetched large and small; another thought better of."""
    for person, _ in each_plane(day):
        files = {"file": ("wound.png", PICTURE, "image/png")}
        up = person.raw("POST", "/attachments", files=files).raise_for_status().json()
        person.sends(day.patients, "See here", attachment_ids=[up["id"]])
        person.raw("GET", f"/attachments/{up['id']}").raise_for_status()
        person.raw("GET", f"/attachments/{up['id']}", params={"size": "thumbnail"}).raise_for_status()
        person.call("GET", f"/conversations/{day.patients}/files", params={"limit": 10})
        unwanted = person.raw("POST", "/attachments", files=files).raise_for_status().json()
        person.call("DELETE", f"/attachments/{unwanted['id']}")
        person.raw("POST", "/attachments", files={"file": ("odd.html", b"<script>", "text/html")})


def looks_for_something(day: Day) -> None:
    """By words, by what is with a message, by a broken place to go on from."""
    for person, _ in each_plane(day):
        person.call("GET", "/search", params={"q": "hello", "conversation_id": day.patients, "limit": 5})
        person.call("GET", "/search", params={"has": "file", "since": "2026-01-01"})
        person.raw("GET", "/search", params={"q": "hello", "cursor": "odd"})


def wants_to_be_told(day: Day) -> None:
    """The key for it, a browser that subscribes and thinks better of it, and one whose service is not called."""
    for person, _ in each_plane(day):
        browser = {"endpoint": f"{PUSH_SERVICE}/{new_id()}"}
        assert person.call("GET", "/push")["public_key"]
        person.call("PUT", "/push/subscription", json=browser)
        person.call("DELETE", "/push/subscription", json=browser)
        person.raw("PUT", "/push/subscription", json={"endpoint": "https://169.254.169.254/latest"})


def opens_and_leads(day: Day) -> None:
    """Opening from both planes, renaming, closing and reopening, letting people in and out."""
    group = day.nora.opens_group("Rounds", day.dmitri)
    day.nora.staff_calls.rename(group, "Evening rounds")
    who = day.dmitri.id
    day.nora.staff_calls.remove(group, who)
    day.nora.staff_calls.add(group, who)
    day.dmitri.staff_calls.remove(group, day.nora.id)
    day.hears(Plane.STAFF, "removed", conversation_id=group)
    key = new_id()
    opened = day.ada.portal_calls.write("Another matter", "Good morning", client_message_id=key)
    again = day.ada.portal_calls.write("Another matter", "Good morning", client_message_id=key)
    assert opened["id"] == again["id"]
    day.dmitri.staff_calls.close(opened["id"])
    day.dmitri.staff_calls.reopen(opened["id"])
    patient = day.nora.finds("Ada")["id"]
    day.nora.staff_calls.open_patient(patient, "Results", "They have come")
    for plane in Plane:
        day.hears(plane, "conversation", id=opened["id"])


def talks_on_the_line(day: Day) -> None:
    """Every op on both planes, and what the others hear of it."""
    for person, line in each_plane(day):
        sent = line.send(day.patients, f"From {person.plane}")
        line.read(day.patients, sent["seq"])
        line.typing(day.patients, active=True)
        line.typing(day.patients, active=False)
        line.ping()
        line.ask("token", access_token=person.renews_token().access_token)
    for plane in Plane:
        for push in ("entry", "read", "delivered", "typing", "caught_up"):
            day.hears(plane, push)


def looks_at_each_other(day: Day) -> None:
    """Two of the staff have the same conversation open, and see that the other is there."""
    day.desk.ask("watch", conversation_id=day.direct, away=False)
    with day.recorder.line_of(day.dmitri) as other:
        other.wait()
        other.ask("watch", conversation_id=day.direct, away=False)
        day.hears(Plane.STAFF, "presence", user_id=day.dmitri.id)
        other.ask("watch", conversation_id=None, away=False)


def is_refused(day: Day) -> None:
    """Each kind of refusal there is a short way to, by call and by frame."""
    for person, line in each_plane(day):
        path = f"/conversations/{day.patients}/messages"
        key = new_id()
        person.sends(day.patients, "One", client_message_id=key)
        stranger = day.recorder.follows(Person(day.clinic.origin, person.email))
        stranger.raw("GET", "/me")
        person.raw("POST", path, json={"client_message_id": key, "body": "Another"})
        person.raw("POST", path, json={"client_message_id": new_id(), "body": " "})
        person.raw("POST", path, json={"client_message_id": new_id(), "body": "Old", "seen_seq": 0})
        person.raw("POST", path, data={"body": "x"})
        person.raw("POST", path, content=b" " * 600_000, headers={"Content-Type": "application/json"})
        person.raw("GET", f"/conversations/{new_id()}")
        person.raw("GET", "/conversations", params={"limit": 0})
        person.raw("PUT", f"/conversations/{day.patients}/read", json={}, headers={"Origin": "https://evil.example"})
        with pytest.raises(Problem):
            line.ask("send", conversation_id=new_id(), client_message_id=new_id(), body="Nobody home")
        with pytest.raises(Problem):
            line.ask("read", conversation_id=day.patients)


def is_closed(day: Day) -> None:
    """A closed group refuses its people; a patient's word opens theirs again."""
    group = day.nora.opens_group("To be closed", day.dmitri)
    day.nora.staff_calls.close(group)
    with pytest.raises(Problem):
        day.desk.ask("send", conversation_id=group, client_message_id=new_id(), body="One more thing")
    day.nora.raw("POST", f"/conversations/{group}/messages", json={"client_message_id": new_id(), "body": "And"})
    closed = day.ada.writes_to_care_team("To be reopened", "Done?")
    day.dmitri.staff_calls.close(closed)
    day.phone.send(closed, "One more question")


def falls_far_behind(day: Day) -> None:
    """More entries than a catch-up repeats: another line of each is told to read the timeline."""
    conversation = day.ada.writes_to_care_team("A long story", "It began …")
    said: list[JSON] = [
        {"conversation_id": conversation, "client_message_id": new_id(), "body": "and then"}
        for _ in range(CATCH_UP_LIMIT + 1)
    ]
    with ThreadPoolExecutor(32) as many:
        list(many.map(lambda message: day.desk.ask("send", **message), said))
    for person, _ in each_plane(day):
        with day.recorder.line_of(person, held={conversation: {"shared": 0}}) as late:
            late.wait()
            day.hears(person.plane, "reset", conversation_id=conversation)


ACTS: list[Callable[[Day], None]] = [
    lists_and_reads,
    says_and_corrects,
    asks_for_a_word,
    keeps_for_oneself,
    shows_files,
    looks_for_something,
    wants_to_be_told,
    opens_and_leads,
    talks_on_the_line,
    looks_at_each_other,
    is_refused,
    is_closed,
    falls_far_behind,
]


@pytest.fixture(scope="module")
def recorded(the_clinic: Clinic) -> Recorder:
    """Play the day once: two hear all of it, a beat included, and are signed out at its end."""
    the_clinic.starts(*the_clinic.missing())
    recorder = Recorder()
    people = [the_clinic.signs_in(f"{name}.example") for name in ("nora@harbor", "dmitri@harbor", "ada@patients")]
    nora, dmitri, ada = (recorder.follows(each) for each in people)
    patients = ada.writes_to_care_team(f"Recorded {new_id()}", "Hello")
    with ExitStack() as lines:
        desk, phone = (lines.enter_context(recorder.line_of(each)).wait() for each in (nora, ada))
        day = Day(
            recorder=recorder,
            clinic=the_clinic,
            nora=nora,
            dmitri=dmitri,
            ada=ada,
            desk=desk,
            phone=phone,
            patients=patients,
        )
        for act in ACTS:
            act(day)
        wait_until(
            lambda: all(recorder.pushes(plane, "beat") for plane in Plane), within_s=BEAT_EVERY + 5, what="two beats"
        )
        for person in (nora, ada):
            person.signs_out()
            day.hears(person.plane, "bye")
    return recorder


@pytest.mark.parametrize("plane", Plane)
def test_every_call_and_its_answer_is_documented(clinic: Clinic, recorded: Recorder, plane: Plane) -> None:
    """Method, path, query, body, status, problem and every member of what was answered."""
    published = Published(clinic.origin, ROOTS[plane])

    wrong = {told for call in recorded.calls[plane] for told in published.undocumented(call)}

    assert wrong == set()
    assert published.not_called(recorded.calls[plane]) == set(), "add an act to this day that makes these calls"


@pytest.mark.parametrize("plane", Plane)
def test_every_frame_is_documented(clinic: Clinic, recorded: Recorder, plane: Plane) -> None:
    """Each op, reply, refusal and push, with every member it had."""
    published = Published(clinic.origin, ROOTS[plane])

    wrong = {told for spoken in recorded.frames[plane] for told in published.unspoken(spoken)}

    assert wrong == set()
    assert published.not_spoken(recorded.frames[plane]) <= SILENT[plane], "add an act to this day that has these said"


def test_no_patient_heard_of_the_other_stream(recorded: Recorder) -> None:
    """Not a word of it in any answer or frame of the portal, though the day had notes."""
    answers = [call for call in recorded.calls[Plane.PORTAL] if b"internal" in call.said]
    frames = [spoken.name for spoken in recorded.frames[Plane.PORTAL] if "internal" in str(spoken.frame)]

    assert [(call.method, call.path) for call in answers] == []
    assert frames == []
    assert any(b"internal" in call.said for call in recorded.calls[Plane.STAFF])
