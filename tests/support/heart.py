"""A machine that does to conversations whatever people may think of, in any order, and holds them to paper.

`beats(house, examples=…, steps=…)` runs it; SQLite and PostgreSQL beat alike. After every step it checks what was
answered, what was told to whom, and what one person sees; at the end, everything, of everybody.
"""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import orjson
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from sqlalchemy import select

from conversations.store import fence
from conversations.tables import entries, messages, outbox
from servicekit.database import transaction
from tests.support.inside import Inside, Somebody
from tests.support.paper import INTERNAL, SHARED, Copy, Device, Line, Note, Paper, told
from wire.ids import new_id
from wire.permissions import Permission

SECRET = "between us"
"""Begins every internal message: a patient must never meet it."""

CHOICES = st.integers(min_value=0, max_value=10_000)
STREAMS = st.sampled_from([SHARED, SHARED, INTERNAL])
WISHES = st.lists(st.tuples(CHOICES, CHOICES, STREAMS, CHOICES), min_size=1, max_size=4)


def beats(house: Inside, *, examples: int, steps: int) -> None:
    """Run so many stories of at most so many steps; the same ones every time on CI."""
    bounded = settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        derandomize="CI" in os.environ,
        # A failure says so at once: making its story shorter would take minutes. Add Phase.shrink to hunt one.
        phases=[Phase.generate],
        report_multiple_bugs=False,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
    )
    run_state_machine_as_test(lambda: Heart(house), settings=bounded)  # type: ignore[arg-type] # a machine is made by calling it


class Heart(RuleBasedStateMachine):
    """Four of the staff and a patient, a group and a patient conversation; each has two devices."""

    def __init__(self, house: Inside) -> None:
        super().__init__()
        self.house = house
        self.heard_to = max((row["id"] for row in house.rows("outbox")), default=0)
        nora = house.staff("Nora", Permission.PATIENT_SEND, Permission.CREATE_GROUP)
        dmitri = house.staff("Dmitri", Permission.PATIENT_SEND, Permission.MODERATE)
        rosa, hana = house.staff("Rosa"), house.staff("Hana", Permission.PATIENT_SEND)
        ada = house.patient("Ada", house.patient_record("Ada", nora, dmitri))
        self.people = [nora, dmitri, rosa, hana, ada]
        self.devices = [Device(owner=each) for each in self.people for _ in "ab"]
        self.papers: list[Paper] = []
        self.notes: list[tuple[Paper, Note]] = []
        self.count = self.looks = 0
        self._opened(nora.opens("group", participant_ids=[dmitri.id, rosa.id], subject="Ward 3").json, nora, "group")
        self._opened(ada.opens("patient", subject="Tablets", first="Good morning").json, ada, "patient")

    def _opened(self, shown: dict[str, Any], opener: Somebody, kind: str) -> None:
        paper = Paper(id=shown["id"], patients=kind == "patient", owner=opener if kind == "group" else None)
        for each in shown["participants"]:
            paper.takes_in(next(one for one in self.people if one.id == each["id"]))
        paper.writes(SHARED, Line(type="conversation.opened", actor=opener.id))
        self.papers.append(paper)
        if kind == "patient":
            said = shown["last_entry"]["message"]
            first = Note(author=opener, stream=SHARED, key=said["client_message_id"], bodies=[said["body"]])
            self._write_note(paper, first, shown["last_entry"])

    # ---- what people do

    @rule(wishes=WISHES, at_once=st.booleans())
    def post(self, wishes: list[tuple[int, int, str, int]], *, at_once: bool) -> None:
        """Somebody posts, or several do: in one batch, or at the same moment."""
        drafts = [(self._paper(which), self._note(who, which, stream, answer)) for who, which, stream, answer in wishes]
        plane = drafts[0][1].author.plane
        drafts = [draft for draft in drafts if draft[1].author.plane == plane]
        batches = [[draft] for draft in drafts] if at_once and all(paper.open for paper, _ in drafts) else [drafts]
        with ThreadPoolExecutor(len(batches)) as pool:
            results = [result for batch in pool.map(lambda one: self._sends(one, plane), batches) for result in batch]
        # What was posted at the same moment took its place in the stream as the service chose.
        for (paper, note), result in sorted(zip(drafts, results, strict=True), key=_place):
            refusal = paper.refuses_writing(note.author, note.stream)
            assert _code(result) == refusal
            if refusal is None:
                assert result["status"] == 201
                self._reopened_by(paper, note.author)
                self._write_note(paper, note, result["entry"])
                assert told(result["entry"]) == paper.shows(note.stream)[-1]

    @rule(which=CHOICES, other_body=st.booleans())
    def post_again(self, which: int, *, other_body: bool) -> None:
        """Somebody repeats a send, perhaps with another body under the same client id."""
        paper, note = self._one_of(self.notes, which)
        repeat = Note(
            author=note.author, stream=note.stream, key=note.key, bodies=note.bodies[:1], answers=note.answers
        )
        repeat.bodies = [f"{note.bodies[0]}, or not"] if other_body else repeat.bodies
        result = self._sends([(paper, repeat)], note.author.plane)[0]
        if other_body:
            assert _code(result) == ("conflict" if note.author.id in paper.members else "not_found")
            return
        # Also to an author who left meanwhile: the answer may have been lost.
        assert result["status"] == 200
        assert told(result["entry"]) in paper.shows(note.stream)
        assert result["entry"]["message"]["id"] == note.id

    @rule(who=CHOICES, which=CHOICES, same=st.booleans())
    def edit(self, who: int, which: int, *, same: bool) -> None:
        """Somebody edits a message, perhaps into what it says already."""
        paper, note = self._one_of(self.notes, which)
        editor = note.author if who % 4 else self._person(who)
        body = note.bodies[-1] if same else self._body(note.stream)
        answer = self._asks(editor, "PATCH", f"/messages/{note.id}", {"body": body})
        refusal = paper.refuses_to_hear(editor, note.stream)
        refusal = refusal or ("permission_required" if editor is not note.author else None)
        refusal = refusal or ("conflict" if note.recalled else None)
        refusal = refusal or (None if paper.open else "conversation_closed")
        assert _code(answer) == refusal
        if refusal is None and not same:
            note.bodies.append(body)
            version = len(note.bodies) - 1
            line = Line(type="message.edited", actor=editor.id, note=note, version=version)
            assert told(answer) == paper.writes(note.stream, line)
        elif refusal is None:
            assert told(answer) in paper.shows(note.stream)

    @rule(who=CHOICES, which=CHOICES)
    def recall(self, who: int, which: int) -> None:
        """Somebody takes a message back, perhaps again, perhaps a moderator another's."""
        paper, note = self._one_of(self.notes, which)
        recaller = note.author if who % 2 else self._person(who)
        answer = self._asks(recaller, "DELETE", f"/messages/{note.id}")
        refusal = paper.refuses_to_hear(recaller, note.stream)
        may = recaller is note.author or Permission.MODERATE in recaller.permissions
        refusal = refusal or (None if may else "permission_required")
        assert _code(answer) == refusal
        if refusal is None and not note.recalled:
            note.recalled = True
            line = Line(type="message.recalled", actor=recaller.id, note=note)
            assert told(answer) == paper.writes(note.stream, line)
        elif refusal is None:
            assert told(answer) in paper.shows(note.stream)

    @rule(who=CHOICES, which=CHOICES)
    def acknowledge(self, who: int, which: int) -> None:
        """Somebody acknowledges a message, perhaps again, perhaps one that never asked."""
        asking = [(paper, note) for paper, note in self.notes if note.asks]
        paper, note = self._one_of(asking if asking and which % 4 != 1 else self.notes, which)
        reader = self._person(who)
        answer = self._asks(reader, "POST", f"/messages/{note.id}/acknowledgement")
        refusal = paper.refuses_acknowledging(reader, note)
        assert _code(answer) == refusal
        if refusal is None and reader.id not in note.acknowledged:
            note.acknowledged.append(reader.id)
            line = Line(type="message.acknowledged", actor=reader.id, note=note)
            assert told(answer) == paper.writes(note.stream, line)
        elif refusal is None:
            assert told(answer) in paper.shows(note.stream)

    @rule(who=CHOICES, which=CHOICES, whom=CHOICES)
    def join(self, who: int, which: int, whom: int) -> None:
        """Somebody brings a colleague in, perhaps one who is there, perhaps one who had left."""
        paper, bringer, newcomer = self._paper(which), self._person(who), self.people[whom % 4]
        path = f"/conversations/{paper.id}/participants"
        answer = self._asks(bringer, "POST", path, {"user_id": newcomer.id})
        assert _code(answer) == paper.refuses_leading(bringer)
        if "code" not in answer and newcomer.id not in paper.members:
            paper.takes_in(newcomer)
            paper.writes(SHARED, Line(type="participant.joined", actor=bringer.id, user=newcomer.id))

    @rule(who=CHOICES, which=CHOICES, whom=CHOICES)
    def leave(self, who: int, which: int, whom: int) -> None:
        """Somebody leaves, or is taken out."""
        paper, remover = self._paper(which), self._person(who)
        leaver = self._person(whom) if whom % 2 else remover
        answer = self._asks(remover, "DELETE", f"/conversations/{paper.id}/participants/{leaver.id}")
        refusal = paper.refuses_leaving(remover, leaver)
        assert _code(answer) == refusal
        if refusal is None:
            paper.lets_go(leaver)
            paper.writes(SHARED, Line(type="participant.left", actor=remover.id, user=leaver.id))

    @rule(who=CHOICES, which=CHOICES)
    def close_or_reopen(self, who: int, which: int) -> None:
        """Somebody closes what is open, or opens what is closed."""
        paper, closer = self._paper(which), self._person(who)
        status = "closed" if paper.open else "open"
        answer = self._asks(closer, "PATCH", f"/conversations/{paper.id}", {"status": status})
        assert _code(answer) == paper.refuses_leading(closer)
        if "code" not in answer:
            paper.open = status == "open"
            kind = "conversation.reopened" if paper.open else "conversation.closed"
            paper.writes(SHARED, Line(type=kind, actor=closer.id))

    @rule(who=CHOICES, which=CHOICES, stream=STREAMS, seq=st.integers(min_value=0, max_value=40))
    def read(self, who: int, which: int, stream: str, seq: int) -> None:
        """Somebody has read up to here, perhaps less than before, perhaps beyond the head."""
        paper, reader = self._paper(which), self._person(who)
        result = reader.reads(paper.id, seq, stream=stream)
        assert reader.plane == "staff" or _is_fit_for_patients(str(result))
        refusal = paper.refuses_to_hear(reader, stream)
        assert _code(result) == refusal
        if refusal is None:
            paper.reads(reader, stream, seq)

    @rule(which=CHOICES)
    def lose_the_line(self, which: int) -> None:
        """A device hears nothing for a while."""
        self.devices[which % len(self.devices)].online = False

    @rule(which=CHOICES, steps_back=st.integers(min_value=0, max_value=5))
    def resume(self, which: int, steps_back: int) -> None:
        """A device comes back, perhaps remembering less than it was told."""
        device = self.devices[which % len(self.devices)]
        if not device.online:
            for copy in device.holds.values():
                copy.positions = {stream: max(0, seq - steps_back) for stream, seq in copy.positions.items()}
            self._catches_up(device)

    # ---- what must be true

    @invariant()
    def everybody_was_told(self) -> None:
        """Whatever was just done was told to whom it concerns, on their plane, and devices that listen took it in."""
        with transaction(self.house.owner) as connection:
            fence.enter(connection, self.house.org)
            rows = connection.execute(select(outbox).where(outbox.c.id > self.heard_to).order_by(outbox.c.id)).all()
        for row in rows:
            self.heard_to = row.id
            for plane, event in (("staff", row.staff), ("portal", row.portal)):
                if event is not None:
                    assert plane == "staff" or _is_fit_for_patients(event)
                    self._hears(orjson.loads(event), plane)

    @invariant()
    def somebody_looks(self) -> None:
        """One person, another each time, sees the list or a stream exactly as it is on paper."""
        self.looks += 1
        viewer, turn = self._person(self.looks), self.looks // len(self.people)
        if turn % 3 == 0:
            self._looks_at_the_list(viewer)
        else:
            self._reads(viewer, self._paper(self.looks), INTERNAL if turn % 3 == 1 else SHARED)

    def teardown(self) -> None:
        """See everything as everybody, bring every device back, and look into the tables."""
        for viewer in self.people:
            self._looks_at_the_list(viewer)
            read = {paper.id: self._fresh_copy(viewer, paper) for paper in self.papers}
            for device in self.devices:
                if device.owner is viewer:
                    self._catches_up(device)
                    held = {paper_id: copy for paper_id, copy in read.items() if copy.positions}
                    assert device.holds == held, "what was pushed is not what is read"
        self._is_stored_once()

    # ---- how it is found out

    def _looks_at_the_list(self, viewer: Somebody) -> None:
        papers = {paper.id: paper for paper in self.papers if viewer.id in paper.members}
        listed = {shown["id"]: shown for shown in self._asks(viewer, "GET", "/conversations")["items"]}
        assert listed.keys() == papers.keys()
        for paper_id, shown in listed.items():
            assert shown["unread"] == papers[paper_id].unread(viewer)
            assert shown["heads"] == papers[paper_id].heads(viewer)
            assert {each["id"] for each in shown["participants"]} == set(papers[paper_id].members)
            assert shown["status"] == ("open" if papers[paper_id].open else "closed")

    def _reads(self, viewer: Somebody, paper: Paper, stream: str) -> list[dict[str, Any]]:
        """Return a stream as somebody is shown it: as on paper, or not at all."""
        path = f"/conversations/{paper.id}/timeline"
        answer = self._asks(viewer, "GET", path, stream=stream, after=0, limit=200)
        assert _code(answer) == paper.refuses_to_hear(viewer, stream)
        items: list[dict[str, Any]] = answer.get("items", [])
        if "items" in answer:
            assert [told(entry) for entry in items] == paper.shows(stream)
        return items

    def _hears(self, event: dict[str, Any], plane: str) -> None:
        body, audience = event.get("entry") or event.get("conversation") or event, set(event["audience"])
        paper_id = body.get("conversation_id") or body["id"]
        paper = next(each for each in self.papers if each.id == paper_id)
        listening = [device for device in self.devices if device.online and device.owner.id in audience]
        if event["type"] == "participant.removed":
            for device in listening:
                device.holds.pop(paper_id, None)
        elif event["type"] == "conversation.changed":
            for device in listening:
                self._holds(device, paper, body["heads"])
        elif event["type"].startswith("mark."):
            assert audience <= paper.audience(event["stream"], plane)
        else:
            assert audience == paper.audience(body["stream"], plane)
            assert told(body) == paper.shows(body["stream"])[body["seq"] - 1]
            for device in listening:
                device.holds[paper_id].applies([body])

    def _holds(self, device: Device, paper: Paper, heads: dict[str, int]) -> None:
        if paper.id in device.holds:
            assert device.holds[paper.id].positions == heads
            return
        device.holds[paper.id] = self._fresh_copy(device.owner, paper, heads)

    def _catches_up(self, device: Device) -> None:
        held = {paper_id: dict(copy.positions) for paper_id, copy in device.holds.items()}
        answer = self._asks(device.owner, "POST", "/catch-up", {"positions": held, "unlisted": "head"})
        papers = {paper.id: paper for paper in self.papers if device.owner.id in paper.members}
        assert answer["resets"] == []
        assert set(answer["gone"]) == held.keys() - papers.keys()
        assert answer["heads"] == {paper_id: paper.heads(device.owner) for paper_id, paper in papers.items()}
        for paper_id in answer["gone"]:
            del device.holds[paper_id]
        for entry in answer["entries"]:
            device.holds[entry["conversation_id"]].applies([entry])
        for paper_id, heads in answer["heads"].items():
            self._holds(device, papers[paper_id], heads)
        device.online = True

    def _fresh_copy(self, viewer: Somebody, paper: Paper, heads: dict[str, int] | None = None) -> Copy:
        """Return what somebody holds who reads everything up to these heads, or all; nothing where they may not."""
        heads = paper.heads(viewer) if heads is None else heads
        copy = Copy(positions=dict.fromkeys(heads, 0) if viewer.id in paper.members else {})
        for stream in (SHARED, INTERNAL):
            read = self._reads(viewer, paper, stream)
            copy.applies(entry for entry in read if entry["seq"] <= heads[stream])
        return copy

    def _is_stored_once(self) -> None:
        ids = [paper.id for paper in self.papers]
        with transaction(self.house.owner) as connection:
            fence.enter(connection, self.house.org)
            stored = connection.execute(select(entries).where(entries.c.conversation_id.in_(ids))).all()
            kept = connection.execute(select(messages).where(messages.c.conversation_id.in_(ids))).all()
        numbered = [
            (paper.id, stream, seq)
            for paper in self.papers
            for stream, lines in paper.streams.items()
            for seq in range(1, len(lines) + 1)
        ]
        assert sorted((row.conversation_id, row.stream, row.seq) for row in stored) == sorted(numbered)
        assert sorted(row.client_message_id for row in kept) == sorted(note.key for _, note in self.notes)

    # ---- small words

    def _asks(self, somebody: Somebody, method: str, path: str, body: object = None, **query: object) -> Any:  # noqa: ANN401 - JSON
        answer = somebody.asks(method, path, body, **query).json
        if somebody.plane == "portal":
            assert _is_fit_for_patients(orjson.dumps(answer).decode())
        return answer

    def _sends(self, drafts: Sequence[tuple[Paper, Note]], plane: str) -> list[dict[str, Any]]:
        items = [
            note.author.item(
                paper.id,
                note.bodies[0],
                stream=note.stream,
                client_message_id=note.key,
                ask_acknowledgement=note.asks,
                **({"reply_to": note.answers.id} if note.answers else {}),
            )
            for paper, note in drafts
        ]
        results = self.house.sends(items, plane)
        assert plane == "staff" or _is_fit_for_patients(orjson.dumps(results).decode())
        return results

    def _write_note(self, paper: Paper, note: Note, entry: dict[str, Any]) -> None:
        note.id = entry["message"]["id"]
        paper.writes(note.stream, Line(type="message.posted", actor=note.author.id, note=note))
        self.notes.append((paper, note))

    def _reopened_by(self, paper: Paper, author: Somebody) -> None:
        if not paper.open:
            paper.open = True
            paper.writes(SHARED, Line(type="conversation.reopened", actor=author.id))

    def _note(self, who: int, which: int, stream: str, answer: int) -> Note:
        said = [note for paper, note in self.notes if paper is self._paper(which) and note.stream == stream]
        answered = said[answer % len(said)] if said and answer % 3 == 0 else None
        return Note(
            author=self._person(who),
            stream=stream,
            key=new_id(),
            bodies=[self._body(stream)],
            answers=answered,
            asks=answer % 4 != 1,
        )

    def _body(self, stream: str) -> str:
        self.count += 1
        return f"{SECRET if stream == INTERNAL else 'Said'} {self.count}"

    def _person(self, which: int) -> Somebody:
        return self.people[which % len(self.people)]

    def _paper(self, which: int) -> Paper:
        return self.papers[which % len(self.papers)]

    @staticmethod
    def _one_of(notes: Sequence[tuple[Paper, Note]], which: int) -> tuple[Paper, Note]:
        return notes[which % len(notes)]


def _is_fit_for_patients(text: str) -> bool:
    return "internal" not in text and SECRET not in text


def _place(decided: tuple[tuple[Paper, Note], dict[str, Any]]) -> int:
    """Return the seq a draft was given; 0 where it was refused."""
    seq: int = decided[1]["entry"]["seq"] if "entry" in decided[1] else 0
    return seq


def _code(answer: dict[str, Any]) -> str | None:
    """Return the code of a refusal, of a door or of one item; None when there is none."""
    return (answer.get("problem") or answer).get("code")
