"""How far a client has heard, per conversation and stream; decides what is news, what a repeat, and what is missing.

Pure: no I/O, no clock. The server promises each entry once and in order; this makes a client sure of it on its own,
over as many lines as it takes, and is what `hello` resumes from.
"""

from collections.abc import Iterable, Mapping

from client.things import Entry
from wire.frames import RESUME_MAX

Positions = Mapping[str, Mapping[str, int]]
"""Conversation id, stream, and the seq of the last entry held."""


class Hole(Exception):
    """An entry came ahead of one that did not: the line is to be opened anew, which brings what is missing."""


class Places:
    """The positions of one client."""

    def __init__(self, held: Positions | None = None) -> None:
        """Begin with what was held when the client last ran, if anything."""
        self._held = {(cid, stream): seq for cid, streams in (held or {}).items() for stream, seq in streams.items()}
        self._catching_up = True

    def held(self) -> dict[str, dict[str, int]]:
        """Return the last seq of each stream, as `hello` and the next start take it."""
        return _listed(dict(self._held).items())

    def hello(self) -> dict[str, dict[str, int]] | None:
        """Begin a new line: return what it resumes from, None for nothing; RESUME_MAX conversations at the most."""
        self._catching_up = True
        held = self.held()
        return dict(list(held.items())[-RESUME_MAX:]) or None

    def is_news(self, entry: Entry) -> bool:
        """Take an entry: False for a repeat; Hole when one before it is missing.

        While catching up the server's word stands: what it leaves out this person may not see, as after they were
        removed and came back. So it does for a stream that begins for this client.
        """
        stream = (entry["conversation_id"], entry["stream"])
        at = self._held.get(stream)
        if at is not None and entry["seq"] <= at:
            return False
        if at is not None and entry["seq"] > at + 1 and not self._catching_up:
            raise Hole
        # Taken out and put in again, so that what was heard last stands last.
        self._held.pop(stream, None)
        self._held[stream] = entry["seq"]
        return True

    def caught_up(self, heads: Positions) -> None:
        """Stand where the server says that everything has been sent; elsewhere there is nothing to hear."""
        there = {(cid, stream): seq for cid, streams in heads.items() for stream, seq in streams.items()}
        known = [stream for stream in self._held if stream in there]
        self._held = {stream: there[stream] for stream in [*(new for new in there if new not in self._held), *known]}
        self._catching_up = False

    def reset(self, conversation_id: str, stream: str, head: int) -> None:
        """Go on from the head: too much was missed, and the timeline has it."""
        self._held[conversation_id, stream] = head

    def leave(self, conversation_id: str) -> None:
        """Forget a conversation this person no longer takes part in."""
        self._held = {stream: seq for stream, seq in self._held.items() if stream[0] != conversation_id}


def _listed(held: Iterable[tuple[tuple[str, str], int]]) -> dict[str, dict[str, int]]:
    listed: dict[str, dict[str, int]] = {}
    for (conversation_id, stream), seq in held:
        listed.setdefault(conversation_id, {})[stream] = seq
    return listed
