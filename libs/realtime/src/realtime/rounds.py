"""Asks for all sockets at once whether something was stored for them, while no events come by themselves.

Promises: one question for some hundreds of people, and a whole catch-up for those sockets only that miss something; one
round at a time, however long conversations takes for it. While it is away nobody asks: the next round finds out.
"""

from collections.abc import Mapping, Sequence
from typing import Final, Protocol

import gevent

from realtime.connection import Connection
from realtime.hub import Hub
from realtime.streams import Tally
from servicekit.log import failure, get_logger
from wire.ids import OrganisationId, UserId
from wire.problems import NotFound, Problem

PEOPLE_AT_ONCE: Final = 500

Person = tuple[OrganisationId, UserId]
NOTHING: Final = Tally(conversations=0, entries=0)

log = get_logger()


class Counts(Protocol):
    """Who knows how much there is for each person (conversations)."""

    def tallies(self, people: Sequence[Person]) -> Mapping[UserId, Tally]:
        """Return it for these people; who takes part in nothing is left out. A Problem when it cannot be told."""


class Rounds:
    """The rounds of one gateway process."""

    def __init__(self, counts: Counts, hub: Hub) -> None:
        self._counts = counts
        self._hub = hub
        self._under_way = False

    def begin(self) -> None:
        """Begin a round, unless one is under way."""
        if not self._under_way:
            self._under_way = True
            gevent.spawn(self._go)

    def _go(self) -> None:
        try:
            self._ask_for_all()
        except NotFound:
            # A conversations of the release before this one knows no tallies: each socket asks for itself.
            self._hub.each(lambda connection: connection.recover("poll", announce=False))
        except Problem as away:
            log.warning("round.put_off", code=away.code)
        except Exception as error:  # noqa: BLE001 - the top of a greenlet: the next round is tried all the same
            log.error("round.failed", **failure(error))
        finally:
            self._under_way = False

    def _ask_for_all(self) -> None:
        people = list(dict.fromkeys(map(_who, self._hub.everyone())))
        for start in range(0, len(people), PEOPLE_AT_ONCE):
            some = people[start : start + PEOPLE_AT_ONCE]
            tallies = self._counts.tallies(some)
            for _, user_id in some:
                for connection in self._hub.of_user(user_id):
                    connection.compare(tallies.get(user_id, NOTHING))


def _who(connection: Connection) -> Person:
    claims = connection.session.claims
    return claims.organisation_id, claims.user_id
