"""Whether events come at all, and when the database must be asked because they do not.

Pure: no I/O, time is passed in. Events come while there is a line to the broker and the relay that leads was heard a
moment ago: it says that it lives some times a second. A relay that is killed, hangs, or has lost its own line to the
broker or to the database says nothing, and neither does its standby before it leads.
"""

import math
from typing import Final

from realtime.metrics import RELAY_SILENCE
from realtime.timing import Ticks
from wire.events import PRESENCE, PULSE_EVERY_S, TYPING

SILENT_AFTER_S: Final = 3 * PULSE_EVERY_S
LISTEN_EVERY_S: Final = 0.2
ASK_EVERY_S: Final = 1.3
"""How often the database is asked for all sockets while no events come: with the above, within two seconds."""


PAST_THE_RELAY: Final = (TYPING, PRESENCE)
"""What conversations publishes itself: it comes also where the relay does not live."""


class Pulse:
    """What one gateway process hears of the relay."""

    def __init__(self, ticks: Ticks, *, plane: str) -> None:
        self._ticks = ticks
        self._silence = RELAY_SILENCE.labels(plane=plane)
        self._heard_at = ticks()
        """When the relay was last heard, on whatever line; before that, when this process began."""
        self._asked_at = -math.inf
        self._connected = False
        self._trusted = False
        """Whether the relay was heard on the line there is now."""

    @property
    def connected(self) -> bool:
        """Tell whether there is a line to the broker."""
        return self._connected

    @property
    def silent(self) -> bool:
        """Tell whether what is stored may fail to come by itself."""
        return not self._connected or not self._trusted or self._ticks() - self._heard_at >= SILENT_AFTER_S

    def came(self) -> None:
        """Note that there is a line to the broker: somebody asks the database now."""
        self._connected = True
        self._asked_at = self._ticks()

    def went(self) -> None:
        """Note that the line broke: on the next one the relay must be heard anew, it may find the broker later."""
        self._connected = self._trusted = False

    def heard(self, event_type: str) -> None:
        """Note a message: who carries a burst lives."""
        if event_type not in PAST_THE_RELAY:
            self._heard_at = self._ticks()
            self._trusted = True

    def must_ask(self) -> bool:
        """Tell whether it is time to ask the database; whoever is told so does."""
        now = self._ticks()
        self._silence.set(now - self._heard_at)
        if not self.silent or now - self._asked_at < ASK_EVERY_S:
            return False
        self._asked_at = now
        return True
