"""Searching what one may read: by words, person, conversation, day, and what is with a message.

* Who may is decided when somebody searches: they take part now, the stream is one they hear, the message was not
  recalled; an edited message is found by what it says today.
* The record tells who searched; never for what.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import orjson
from sqlalchemy import Row

from conversations.model import Action
from conversations.policy import kind_of, streams_of
from conversations.service import entries
from conversations.service.desk import Desk, Work
from conversations.service.shapes import Shape
from conversations.service.showing import shown_to
from conversations.store import searching as store
from conversations.store import timeline
from wire.claims import Claims, Plane
from wire.ids import is_id
from wire.problems import Invalid, NotFound
from wire.times import from_wire, to_wire
from wire.words import Words

EXCERPT = 160
LEAD = 40
"""Characters an excerpt shows before the first word that was found."""

WORDS_MAX = 32

GATHER_MAX = 500
"""Queued messages whose words a search gathers itself, the longest waiting: with fewer queued, all are found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What somebody looks for, and which part of it."""

    text: str = field(default="", repr=False)
    conversation_id: str | None = None
    author_id: str | None = None
    since: date | datetime | None = None
    until: date | datetime | None = None
    with_file: bool = False
    mentions_me: bool = False
    cursor: str | None = None
    limit: int = 50

    @property
    def is_open(self) -> bool:
        """Tell whether it asks for nothing in particular."""
        narrowed = (self.text.strip(), self.conversation_id, self.author_id, self.since, self.until)
        return not (any(narrowed) or self.with_file or self.mentions_me)


class Searching:
    """Finds messages."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def search(self, claims: Claims, search: Search) -> Shape:
        """Return a page of the messages that are looked for, the newest first."""
        if Words.of(search.text):
            self._desk.do(claims, Action.SEARCHED, _catch_up, conversation_id=search.conversation_id)
        return self._desk.do(
            claims,
            Action.SEARCHED,
            lambda work: _search(work, search),
            conversation_id=search.conversation_id,
        )


def _catch_up(work: Work) -> None:
    store.catch_up(work.connection, work.org, at_most=GATHER_MAX)


def _search(work: Work, search: Search) -> Shape:
    words = Words.of(search.text)
    if search.is_open:
        raise Invalid(errors={"q": ["Give words to look for, or something else to go by."]})
    if len(words.single) > WORDS_MAX:
        raise Invalid(errors={"q": [f"Give at most {WORDS_MAX} words."]})
    before = None if search.cursor is None else _read_cursor(search.cursor)
    within = _within(work, search)
    work.record(Action.SEARCHED, search.conversation_id)
    if search.text.strip() and not words:
        return {"items": [], "next_cursor": None}
    rows = store.found(
        work.connection,
        work.org,
        _sought(work, search, words),
        within=within,
        streams=streams_of(work.claims),
        before=before,
        limit=search.limit + 1,
    )
    here = rows[: search.limit]
    return {
        "items": _shown(work, here, words),
        "next_cursor": _cursor(here[-1]) if len(rows) > search.limit else None,
    }


def _within(work: Work, search: Search) -> list[str]:
    claims = work.claims
    heard = store.heard(
        work.connection,
        org=work.org,
        user_id=claims.user_id,
        kind=kind_of(claims),
        patient_ids=claims.patients if claims.plane is Plane.PORTAL else None,
    )
    if search.conversation_id is not None and search.conversation_id not in heard:
        raise NotFound
    within = heard if search.conversation_id is None else [search.conversation_id]
    return within if search.author_id is None else store.written_in(work.connection, work.org, search.author_id, within)


def _sought(work: Work, search: Search, words: Words) -> store.Sought:
    return store.Sought(
        words=words,
        author_id=search.author_id,
        mentioned_id=work.claims.user_id if search.mentions_me else None,
        since=_begins(search.since),
        before=None if search.until == date.max else _begins(search.until, days=1),
        with_file=search.with_file,
    )


def _begins(when: date | datetime | None, *, days: int = 0) -> datetime | None:
    """Return the moment itself, or that at which a day, or one so many days later, begins in UTC."""
    if when is None or isinstance(when, datetime):
        return when
    return datetime.combine(when, time(), UTC) + timedelta(days=days)


def _shown(work: Work, rows: Sequence[Row[Any]], words: Words) -> list[Shape]:
    stored = timeline.at(work.connection, [(row.conversation_id, row.stream, row.seq) for row in rows])
    found = {entry["message"]["id"]: entry for entry in entries.shown(work.connection, stored, plane=work.claims.plane)}
    talks = {
        shown["id"]: shown for shown in shown_to(work.connection, work.claims, {row.conversation_id for row in rows})
    }
    items = []
    for row in rows:
        entry = found[row.id]
        excerpt, matches = excerpt_of(entry["message"]["body"], words)
        items.append(
            {"entry": entry, "conversation": talks[row.conversation_id], "excerpt": excerpt, "matches": matches}
        )
    return items


def excerpt_of(body: str, words: Words) -> tuple[str, list[list[int]]]:
    """Return one line around the first word that was found, and where such words stand in it, in characters."""
    line = "".join(" " if one.isspace() else one for one in body)
    places = words.places(line)
    start = max(0, places[0][0] - LEAD) if places and places[0][1] > EXCERPT else 0
    before = "…" if start else ""
    room = EXCERPT - len(before)
    after = "…" if len(line) - start > room else ""
    end = start + room - len(after)
    shift = len(before) - start
    matches = [[from_ + shift, min(to, end) + shift] for from_, to in places if start <= from_ < end]
    return before + line[start:end] + after, matches


def _cursor(row: Row[Any]) -> str:
    return base64.urlsafe_b64encode(orjson.dumps([to_wire(row.posted_at), row.id])).decode().rstrip("=")


def _read_cursor(cursor: str) -> tuple[datetime, str]:
    try:
        at, last = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if not is_id(last):
            raise ValueError("no id")
        return from_wire(at), last
    except (ValueError, TypeError, AttributeError, binascii.Error) as broken:
        raise Invalid(errors={"cursor": ["Not a cursor we gave out."]}) from broken
