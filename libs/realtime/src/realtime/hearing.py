"""What one socket hears: live pushes, and by the one path of recovery everything it missed.

Recovery serves the first hello, a resume, a hole and a broker that was away alike: live pushes are held, the database
is asked for what is missing, that goes out first, then what was held, merged by seq (`realtime.streams`).

Promises: one catch-up at a time per socket; whatever makes another one necessary meanwhile is not forgotten; a catch-up
waits for a slow reader instead of overrunning it, and for a service that is away instead of giving up.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

import gevent
from gevent.event import Event

from realtime.desk import Desk
from realtime.metrics import CATCH_UPS, GAPS, HELLOS, HOLES, HOLES_FILLED
from realtime.outbox import Outbox
from realtime.protocol import Fields, push
from realtime.pushes import EntryPush, Push, StatePush, entry_push
from realtime.session import Session
from realtime.streams import Streams, Tally, TooFarBehind
from realtime.upstream import CaughtUp, Positions, Unlisted
from servicekit.log import failure, get_logger
from wire.frames import CloseCode
from wire.ids import ConversationId
from wire.problems import PermissionRequired, Problem, Unauthenticated

PATIENCE_S: Final = 0.2
"""How long an entry ahead of its turn waits for the missing one before the database is asked."""
FIRST_PAUSE_S: Final = 0.5
LONGEST_PAUSE_S: Final = 10.0

Welcome = Callable[[Fields | Problem], None]

log = get_logger()


class Leaves(Protocol):
    """The socket's way out."""

    @property
    def leaving(self) -> bool:
        """Tell whether the socket has said its last word."""

    def leave(self, code: CloseCode, reason: str) -> None:
        """Say `bye` and close."""

    def overflowed(self, reason: str) -> None:
        """Let go a client for whom too much waits."""


class Hearing:
    """One socket's ears."""

    def __init__(self, desk: Desk, session: Session, outbox: Outbox, exit_: Leaves) -> None:
        self._desk = desk
        self._session = session
        self._outbox = outbox
        self._exit = exit_
        self._streams = Streams(session.claims.user_id)
        self._begun = False
        self._welcome: Welcome | None = None
        self._announce = False
        self._wanted = Event()
        self._catching_up = False
        self._in_line = False
        """Whether it waits for its turn to ask the database."""
        self._mending = False
        self._mends_in_a_row = 0
        self._hole = False
        """Whether there is a hole that was counted and has not closed."""

    def begin(self, resume: Positions | None, welcome: Welcome) -> None:
        """Start to listen and catch up from `resume`; conversations that are not in it start at their head.

        `welcome` is called once, before anything else goes out: with who the person is, as conversations knows them,
        or with the Problem because of which nothing has begun.
        """
        self._welcome = welcome
        self._streams.resume(_only(resume or {}, self._desk.streams))
        self._begun = self._announce = True
        HELLOS.labels(plane=self._desk.plane, resume="no" if resume is None else "yes").inc()
        self._catch_up("head", cause="hello")

    def hears(self, conversation_id: ConversationId, stream: str) -> bool:
        """Tell whether the socket has a place in this stream."""
        return self._streams.hears(conversation_id, stream)

    def offer(self, pushed: Push) -> None:
        """Take a live push."""
        if isinstance(pushed, StatePush) and pushed.about == self._session.claims.user_id:
            return
        try:
            for ready in self._streams.offer(pushed):
                self._write(ready)
        except TooFarBehind:
            self._exit.overflowed("too much is waiting")
            return
        if self._streams.broken and not self._mending and not self._streams.catching_up:
            self._mend_soon()

    def recover(self, cause: str, *, announce: bool) -> None:
        """Something may have been lost on the way: ask the database.

        `announce` says so by another `caught_up`: states were lost too, and the client does well to read them again.
        """
        if not self._begun:
            return  # what `begin` is about to read has it all
        self._announce = self._announce or announce
        if not self._in_line:  # else what is about to be read has it all
            self._catch_up("joined", cause=cause)

    def compare(self, there: Tally) -> None:
        """Catch up unless the socket holds as much; what a catch-up under way has read may be older than `there`."""
        if self._streams.tally() != there:
            self.recover("poll", announce=False)

    def written(self, entry: EntryPush) -> None:
        """Note that the client's machine has this entry."""
        if entry.confirm and entry.author != self._session.claims.user_id:
            self._desk.marks.note("delivered", self._session, entry.conversation_id, entry.stream, entry.seq)

    # Holes.

    def _mend_soon(self) -> None:
        self._mending = True
        if not self._hole:
            self._hole = True
            HOLES.labels(plane=self._desk.plane).inc()
        pause = min(PATIENCE_S * 2.0**self._mends_in_a_row, LONGEST_PAUSE_S)
        gevent.spawn_later(pause, self._mend)

    def _mend(self) -> None:
        self._mending = False
        if self._exit.leaving:
            return
        if not self._streams.broken:
            self._mended("event")
            return
        self._mends_in_a_row += 1
        self.recover("hole", announce=False)

    # Catching up.

    def _catch_up(self, unlisted: Unlisted, *, cause: str) -> None:
        CATCH_UPS.labels(plane=self._desk.plane, cause=cause).inc()
        self._wanted.set()
        if not self._catching_up:
            self._catching_up = True
            self._streams.hold()
            gevent.spawn(self._keep_catching_up, unlisted)

    def _keep_catching_up(self, unlisted: Unlisted) -> None:
        try:
            while self._wanted.is_set() and not self._exit.leaving:
                # From here on a new wish means that this round may not have seen all.
                self._wanted.clear()
                self._streams.hold()
                self._one_round(unlisted)
                unlisted = "joined"
        except TooFarBehind:
            self._exit.overflowed("too much is waiting")
        except Exception as error:  # noqa: BLE001 - the top of a greenlet: the client comes back and starts afresh
            log.error("catch_up.failed", **failure(error))
            self._exit.leave(CloseCode.TOO_SLOW, "catching up failed")
        finally:
            self._catching_up = False
        if not self._streams.broken:
            self._mended("database")
        elif not self._mending:
            self._mend_soon()

    def _mended(self, by: str) -> None:
        self._mends_in_a_row = 0
        if self._hole:
            self._hole = False
            HOLES_FILLED.labels(plane=self._desk.plane, by=by).inc()

    def _one_round(self, unlisted: Unlisted) -> None:
        answer = self._missed(unlisted) if self._welcome is None else self._first(self._welcome, unlisted)
        if answer is None:
            return
        for entry in answer.entries:
            missed = self._shown(entry)
            if missed is not None and self._streams.missed(missed):
                self._write_when_room(missed)
        for reset in answer.resets:
            self._outbox.put_when_room(push("reset", reset))
        for conversation_id in answer.gone:
            self._streams.leave(conversation_id)
            self._outbox.put_when_room(push("removed", {"conversation_id": conversation_id}))
        heads = _only(answer.heads, self._desk.streams)
        gaps = self._streams.arrive(heads, [(reset["conversation_id"], reset["stream"]) for reset in answer.resets])
        if gaps:
            GAPS.labels(plane=self._desk.plane).inc(gaps)
            log.error("catch_up.gap", streams=gaps, user=self._session.claims.user_id)
        if self._announce:
            self._announce = False
            self._outbox.put_when_room(push("caught_up", {"heads": heads}))
        while (ready := self._streams.next_held()) is not None:
            for held in ready:
                self._write_when_room(held)

    def _shown(self, entry: Mapping[str, Any]) -> EntryPush | None:
        try:
            return entry_push(entry, self._desk.presenter)
        except (KeyError, TypeError, AttributeError) as odd:
            # Skipped: else the client would come back to the same entry for ever.
            log.error("catch_up.entry_not_understood", **failure(odd))
            return None

    def _first(self, welcome: Welcome, unlisted: Unlisted) -> CaughtUp | None:
        """Ask once, and answer the hello by it; None when nothing has begun, or the socket went."""
        self._welcome = None
        try:
            answer = self._ask(unlisted, with_me=True)
            if answer is not None:
                welcome(answer.me)
        except Problem as refused:
            self._not_begun(welcome, refused)
        except Exception as error:  # noqa: BLE001 - whatever broke, the client waits for an answer
            log.error("hello.failed", **failure(error))
            self._not_begun(welcome, Problem())
        else:
            return answer
        return None

    def _not_begun(self, welcome: Welcome, refused: Problem) -> None:
        self._begun = False
        self._wanted.clear()
        welcome(refused)

    def _ask(self, unlisted: Unlisted, *, with_me: bool) -> CaughtUp | None:
        """Ask once; None when the socket went while it waited for its turn, as many of a crowd do."""
        self._in_line = True
        with self._desk.hellos if with_me else self._desk.recoveries:
            self._in_line = False
            if self._exit.leaving:
                return None
            return self._desk.remembers.catch_up(
                self._session.access_token, self._streams.positions(), unlisted, with_me=with_me
            )

    def _missed(self, unlisted: Unlisted) -> CaughtUp | None:
        """Ask until there is an answer; None when the socket leaves before."""
        pause = FIRST_PAUSE_S
        refused = False
        while not self._exit.leaving:
            try:
                return self._ask(unlisted, with_me=False)
            except Unauthenticated:
                self._renew_or_leave(again=refused)
                refused = True
            except PermissionRequired:
                self._exit.leave(CloseCode.PERMISSION_LOST, "the permission was taken away")
            except Problem as away:
                log.warning("catch_up.again", code=away.code, pause_s=pause)
                gevent.sleep(pause * (1 + self._desk.timing.spread()))
                pause = min(pause * 2, LONGEST_PAUSE_S)
        return None

    def _renew_or_leave(self, *, again: bool) -> None:
        """Conversations no longer takes the token: get another one, once."""
        try:
            if not again and self._session.renews_itself:
                self._session.renew()
                return
        except Problem as refused:
            log.info("catch_up.token_refused", code=refused.code)
        self._exit.leave(CloseCode.TOKEN_ENDED, "the token is no longer good")

    # Writing.

    def _write(self, ready: Push) -> None:
        if not self._outbox.put(ready.frame, _numbered(ready)):
            self._exit.overflowed("the client does not read")

    def _write_when_room(self, ready: Push) -> None:
        self._outbox.put_when_room(ready.frame, _numbered(ready))


def _numbered(ready: Push) -> EntryPush | None:
    return ready if isinstance(ready, EntryPush) else None


def _only(positions: Positions, streams: tuple[str, ...]) -> dict[ConversationId, dict[str, int]]:
    """Return the positions in the streams there are on this plane."""
    return {
        conversation_id: {stream: seq for stream, seq in held.items() if stream in streams}
        for conversation_id, held in positions.items()
    }
