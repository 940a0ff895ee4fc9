"""How long people went without service while something was broken. For the report only: the proof needs no clock.

A wait belongs to the kind of fault whose time it touches. Where it touches several, it is theirs together: nobody can
say whose fault it was. After its mending a fault is given `GRACE_S` more, in which clients find their way back, unless
another one has begun.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from math import inf

from tests.chaos.histories import POSTED, Heard, Post, Record, Verdict

GRACE_S = 2.0
SEVERAL, NONE = "several at once", "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """When something was broken: from the blow until it served again."""

    kind: str
    target: str
    began: float
    ended: float


@dataclass(slots=True, kw_only=True)
class Waits:
    """The longest waits, in seconds."""

    times: int = 0
    longest_fault: float = 0.0
    nobody: float = 0.0
    """Between two acknowledgements to anybody at all."""
    send: float = 0.0
    """Of one person for one acknowledgement, repeats included."""
    hear: float = 0.0
    """Of one person for a message acknowledged to another."""


@dataclass(frozen=True, slots=True)
class _Wait:
    began: float
    ended: float
    what: str = ""

    @property
    def length(self) -> float:
        return self.ended - self.began

    def touches(self, window: Window, grace_s: float = 0.0) -> bool:
        return self.began <= window.ended + grace_s and self.ended >= window.began

    def belongs_to(self, windows: list[Window]) -> str:
        kinds = {window.kind for window in windows if self.touches(window)}
        if not kinds:
            kinds = {window.kind for window in windows if self.touches(window, GRACE_S)}
        if len(kinds) > 1:
            return SEVERAL
        return next(iter(kinds), NONE)


def longest(record: Record, windows: Iterable[Window], *, load_until: float = inf) -> dict[str, Waits]:
    """Return the longest waits by kind of fault; those of `SEVERAL` and of `NONE` under their names.

    After `load_until` people no longer write all the time: that nobody is served then says nothing.
    """
    windows = list(windows)
    found: dict[str, Waits] = {}
    for window in windows:
        waits = found.setdefault(window.kind, Waits())
        waits.times += 1
        waits.longest_fault = max(waits.longest_fault, window.ended - window.began)
    answered = [post for post in record.posts if post.verdict is Verdict.ACKNOWLEDGED]
    _note(found, windows, "nobody", _gaps([post for post in answered if post.issued_at < load_until]))
    _note(found, windows, "send", _sendings(answered))
    _note(found, windows, "hear", _hearings(record, answered))
    return found


def _note(found: dict[str, Waits], windows: list[Window], what: str, waits: Iterable[_Wait]) -> None:
    for wait in waits:
        noted = found.setdefault(wait.belongs_to(windows), Waits())
        setattr(noted, what, max(getattr(noted, what), wait.length))


def worst(record: Record, windows: Iterable[Window], *, began: float, most: int = 20) -> list[dict[str, object]]:
    """Return the longest waits of one person, each with what was broken meanwhile; moments count from `began`."""
    windows = list(windows)
    answered = [post for post in record.posts if post.verdict is Verdict.ACKNOWLEDGED]
    waits = sorted([*_sendings(answered), *_hearings(record, answered)], key=lambda wait: -wait.length)
    return [
        {
            "what": wait.what,
            "seconds": round(wait.length, 2),
            "from": round(wait.began - began, 2),
            "broken": [
                f"{window.kind}: {window.target} ({window.began - began:.1f} to {window.ended - began:.1f})"
                for window in windows
                if wait.touches(window)
            ],
        }
        for wait in waits[:most]
    ]


def _sendings(answered: list[Post]) -> Iterator[_Wait]:
    for post in answered:
        yield _Wait(post.issued_at, post.answered_at, f"{post.client} sent, {post.tries} tries")


def _gaps(answered: list[Post]) -> Iterator[_Wait]:
    moments = sorted(post.answered_at for post in answered)
    return (_Wait(earlier, later) for earlier, later in pairwise(moments))


def _hearings(record: Record, answered: list[Post]) -> Iterator[_Wait]:
    sent: Mapping[str, Post] = {post.message_id: post for post in answered}
    for history in record.histories:
        for event in history.events:
            if isinstance(event, Heard) and event.type == POSTED and event.message in sent:
                post = sent[event.message]
                if post.client != history.client:
                    what = f"{history.client} heard {event.conversation}/{event.stream} {event.seq} of {post.client}"
                    yield _Wait(post.answered_at, max(event.at, post.answered_at), what)
