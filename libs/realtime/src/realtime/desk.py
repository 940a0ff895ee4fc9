"""What all sockets of one gateway process share, put together once by `realtime.app`."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from gevent.lock import BoundedSemaphore

from realtime.marks import Marks
from realtime.outbox import Turns
from realtime.presence import Presence
from realtime.protocol import Fields
from realtime.pushes import Presenter
from realtime.sends import Sends
from realtime.timing import Timing
from realtime.typing import WhoWrites
from realtime.upstream import CaughtUp, Positions, Unlisted
from wire.claims import Claims, Plane


class Remembers(Protocol):
    """Who knows the person and what their socket missed (conversations)."""

    def catch_up(
        self, access_token: str, positions: Positions, unlisted: Unlisted, *, with_me: bool = False
    ) -> CaughtUp:
        """Return what this user missed since `positions`, and who they are; a Problem when they cannot be told."""


Introduce = Callable[[Claims, Fields], Fields]
"""Returns what `hello` tells of a person, from their claims and what conversations knows of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """The shared parts."""

    plane: Plane
    presenter: Presenter
    remembers: Remembers
    introduce: Introduce
    sends: Sends
    marks: Marks
    writers: WhoWrites
    presence: Presence
    writes: Turns
    hellos: BoundedSemaphore
    """Bounds how many sockets that say hello ask the database at the same time."""
    recoveries: BoundedSemaphore
    """Likewise of those that are there and may have missed something: neither waits for the other."""
    timing: Timing

    @property
    def streams(self) -> tuple[str, ...]:
        """The streams there are on this plane."""
        return ("shared", "internal") if self.plane is Plane.STAFF else ("shared",)
