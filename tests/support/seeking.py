"""Random talk, then searches: what is found is held against a plain look through what each person's timelines show.

`seeks(house, examples=…)`: SQLite and PostgreSQL alike.
"""

import os
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.support.inside import Inside, Somebody
from wire.permissions import Permission
from wire.words import folded

BITS = (
    "tablets",
    "Tablets,",
    "tab",
    "mañana",
    "MANANA",
    "after",
    "the",
    "12-45",
    "😀",
    "Ελλάς",
    "it's",
    "\n",
    "ﬁt",
    "İs",
)
BODIES = st.lists(st.sampled_from(BITS), min_size=1, max_size=5).map(" ".join).filter(lambda body: bool(body.strip()))
LOOKS = (
    st.lists(st.sampled_from((*BITS, '"', '"after the"', "a", "t", "m", "AND", "*")), min_size=1, max_size=3)
    .map(" ".join)
    .filter(lambda look: bool(look.strip()))
)
CHOICES = st.integers(min_value=0, max_value=1_000)
DEEDS = st.lists(
    st.tuples(st.sampled_from(["post"] * 6 + ["edit", "recall", "join", "leave"]), CHOICES, CHOICES, BODIES),
    min_size=5,
    max_size=20,
)


def seeks(house: Inside, *, examples: int) -> None:
    """Run so many stories; the same ones every time on CI."""

    @settings(
        max_examples=examples,
        deadline=None,
        derandomize="CI" in os.environ,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(deeds=DEEDS, looks=st.lists(LOOKS, min_size=3, max_size=6), chosen=CHOICES)
    def story(deeds: list[tuple[str, int, int, str]], looks: list[str], chosen: int) -> None:
        _Story(house, deeds).is_found(looks, chosen)

    story()


class _Story:
    """Three of the staff and a patient; a group and a patient conversation."""

    def __init__(self, house: Inside, deeds: list[tuple[str, int, int, str]]) -> None:
        nora = house.staff("Nora", Permission.PATIENT_SEND, Permission.CREATE_GROUP, Permission.MODERATE)
        dmitri, rosa = house.staff("Dmitri", Permission.PATIENT_SEND), house.staff("Rosa", Permission.PATIENT_SEND)
        ada = house.patient("Ada", house.patient_record("Ada", nora, dmitri))
        self.people = [nora, dmitri, rosa, ada]
        group = nora.opens("group", participant_ids=[dmitri.id, rosa.id], subject="Ward").json["id"]
        self.talks = [group, ada.opens("patient", subject="Tablets", first="after the tablets").json["id"]]
        self.posted: list[tuple[Somebody, str]] = []
        for deed, who, which, body in deeds:
            self._does(deed, self.people[who % 4], who, which, body)

    def _does(self, deed: str, person: Somebody, who: int, which: int, body: str) -> None:
        talk, whom = self.talks[which % 2], self.people[which % 3]
        if deed == "post":
            stream = "internal" if which % 3 == 0 and person.plane == "staff" else "shared"
            posted = person.posts(talk, body, stream=stream, mentions=[whom.id] if who % 5 == 0 else [])
            if "entry" in posted:
                self.posted.append((person, posted["entry"]["message"]["id"]))
        elif deed in {"edit", "recall"} and self.posted:
            author, message = self.posted[which % len(self.posted)]
            change = {"body": body} if deed == "edit" else None
            author.asks("PATCH" if deed == "edit" else "DELETE", f"/messages/{message}", change)
        elif deed == "join":
            self.people[0].asks("POST", f"/conversations/{talk}/participants", {"user_id": whom.id})
        elif deed == "leave":
            self.people[0].asks("DELETE", f"/conversations/{talk}/participants/{whom.id}")

    def is_found(self, looks: list[str], chosen: int) -> None:
        """Search as everybody, for each of these and without words."""
        author = self.people[chosen % 4]
        for person in self.people:
            shown = self._shown_to(person)
            for look in looks:
                expected = {one["id"] for one in shown if _has(one["body"], look)} if folded(look) else set()
                assert _found(person, q=look) == expected, look
            theirs = {one["id"] for one in shown if one["author"] == author.id}
            assert _found(person, **{"from": author.id}) == theirs
            assert _found(person, mentions="me") == {one["id"] for one in shown if person.id in one["mentions"]}

    def _shown_to(self, person: Somebody) -> list[dict[str, Any]]:
        entries: list[dict[str, Any]] = []
        for talk in self.talks:
            for stream in ("shared", "internal"):
                page = person.asks("GET", f"/conversations/{talk}/timeline", stream=stream, limit=200)
                entries += page.json["items"] if page.status == 200 else []
        posted = [entry for entry in entries if entry["type"] == "message.posted" and not entry["message"]["recalled"]]
        return [entry["message"] | {"author": entry["actor"]["id"]} for entry in posted]


def _found(person: Somebody, **query: object) -> set[str]:
    """Go through every page; each message comes once."""
    found: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = person.asks("GET", "/search", limit=2, **query, **cursor).json
        found += [item["entry"]["message"]["id"] for item in page["items"]]
        if page["next_cursor"] is None:
            assert len(found) == len(set(found))
            return set(found)
        cursor = {"cursor": page["next_cursor"]}


def _has(body: str, look: str) -> bool:
    """Tell, as simply as it can be said, whether a body has all that is looked for."""
    parts = look.split('"')
    needles: list[str] = []
    for number, part in enumerate(parts):
        words = folded(part).split()
        phrases = [" ".join(words)] if number % 2 else words
        needles += [f" {phrase} " for phrase in phrases if phrase]
        if number == len(parts) - 1 and words:
            needles[-1] = needles[-1].removesuffix(" ")
    return all(needle in f" {folded(body)} " for needle in needles)
