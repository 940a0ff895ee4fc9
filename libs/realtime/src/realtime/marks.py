"""Read and delivered marks on their way: states, gathered and stored at most once a second.

Promises: of many marks of a user in a stream only the furthest leaves; none is lost while conversations is away, as
long as there is room; marks never delay anybody: to record one is to note a number.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol

from gevent.event import Event

from realtime.session import Session
from servicekit.background import Stop
from servicekit.log import get_logger
from wire.ids import ConversationId, UserId
from wire.problems import Problem, Unavailable

FLUSH_EVERY_S: Final = 1.0
BATCH_ITEMS: Final = 500
WAITING_AT_MOST: Final = 50_000
LAST_MARKS_S: Final = 5.0
"""How long the end waits for the last marks: those of sockets whose sends are being finished."""

Kind = Literal["read", "delivered"]
_Key = tuple[Kind, UserId, ConversationId, str]

log = get_logger()


class Keeps(Protocol):
    """Where marks go (conversations)."""

    def marks(self, items: Sequence[Mapping[str, Any]]) -> list[Problem | None]:
        """Move marks; for each None or why not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Mark:
    seq: int
    session: Session


class Marks:
    """The marks of one gateway process that are not stored yet."""

    def __init__(self, keeps: Keeps) -> None:
        self._keeps = keeps
        self._waiting: dict[_Key, _Mark] = {}
        self._closed = Event()

    def note(self, kind: Kind, session: Session, conversation_id: ConversationId, stream: str, seq: int) -> None:
        """Remember how far this user is, unless they are known to be further."""
        self._keep((kind, session.claims.user_id, conversation_id, stream), _Mark(seq=seq, session=session))

    def store_now(self, kind: Kind, session: Session, conversation_id: ConversationId, stream: str, seq: int) -> None:
        """Store one mark at once and raise the Problem it met."""
        key: _Key = (kind, session.claims.user_id, conversation_id, stream)
        for problem in self._keeps.marks([_item(key, _Mark(seq=seq, session=session))]):
            if problem is not None:
                raise problem

    def run(self, stop: Stop) -> None:
        """Store what gathered, every second and once more at the end, when the last mark was noted."""
        while not stop.wait(FLUSH_EVERY_S):
            self.flush()
        self._closed.wait(LAST_MARKS_S)
        self.flush()

    def close(self) -> None:
        """Say that no more marks come: the gateway ends."""
        self._closed.set()

    def flush(self) -> None:
        """Store what gathered; what meets a service that is away stays for the next time."""
        waiting, self._waiting = self._waiting, {}
        keys = list(waiting)
        for start in range(0, len(keys), BATCH_ITEMS):
            part = keys[start : start + BATCH_ITEMS]
            if not self._stored([_item(key, waiting[key]) for key in part]):
                for key in keys[start:]:
                    self._keep(key, waiting[key])
                return

    def _stored(self, items: list[dict[str, Any]]) -> bool:
        try:
            refused = [problem.code for problem in self._keeps.marks(items) if problem is not None]
        except Unavailable as away:
            log.warning("marks.not_stored", items=len(items), code=away.code)
            return False
        except Problem as refused_whole:
            # Asked again it would be refused again, for ever and for everybody's marks.
            log.error("marks.refused_whole", items=len(items), code=refused_whole.code)
            return True
        if refused:
            log.info("marks.refused", items=len(refused), codes=sorted(set(refused)))
        return True

    def _keep(self, key: _Key, mark: _Mark) -> None:
        known = self._waiting.get(key)
        if known is None and len(self._waiting) >= WAITING_AT_MOST:
            return
        if known is None or mark.seq > known.seq:
            self._waiting[key] = mark


def _item(key: _Key, mark: _Mark) -> dict[str, Any]:
    kind, _, conversation_id, stream = key
    return {
        "token": mark.session.access_token,
        "kind": kind,
        "conversation_id": conversation_id,
        "stream": stream,
        "seq": mark.seq,
    }
