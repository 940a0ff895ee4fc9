"""What all sockets of one gateway process share, put together once by `realtime.app`."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from gevent.lock import BoundedSemaphore

from realtime.marks import Marks
from realtime.pushes import Presenter
from realtime.sends import Sends
from realtime.ticks import Ticks
from realtime.typing import WhoWrites
from realtime.upstream import CaughtUp, Positions, Unlisted
from servicekit.clock import Clock
from wire.claims import Plane


class Remembers(Protocol):
    """Who knows what a socket missed (conversations)."""

    def catch_up(self, access_token: str, positions: Positions, unlisted: Unlisted) -> CaughtUp:
        """Return what this user missed since `positions`; a Problem when they may not know or cannot be told now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """The shared parts."""

    plane: Plane
    presenter: Presenter
    remembers: Remembers
    sends: Sends
    marks: Marks
    writers: WhoWrites
    catch_up_turns: BoundedSemaphore
    """Bounds how many sockets ask the database at the same time, when all of them have to."""
    clock: Clock
    ticks: Ticks
    spread: Callable[[], float]
    """Returns a number from 0 to 1, to keep many sockets from doing the same thing at once."""

    @property
    def streams(self) -> tuple[str, ...]:
        """The streams there are on this plane."""
        return ("shared", "internal") if self.plane is Plane.STAFF else ("shared",)
