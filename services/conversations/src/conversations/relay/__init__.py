"""Carries what was stored to the broker: oldest first, confirmed, at least once.

- One relay leads at a time; it takes unpublished rows in the order of their ids and never counts on ids being in the
  order of commits: a row that appears late with a low id is simply the oldest next time.
- Rows of one plane and organisation that follow each other under one routing key travel as one message. What one
  listener may hear of a conversation is of one plane and organisation, so it keeps its order.
- A row is deleted after the broker confirmed it. Whoever dies in between leaves it to be published again.
- While the broker is away, rows stay where they are and the pause between attempts grows up to a cap.
- Whoever leads says so: a pulse behind what it has read, so that gateways who hear none ask the database instead. It
  comes from the very loop that empties the outbox: a relay that hangs anywhere has none.
"""

import math
import random
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from time import monotonic

from prometheus_client import Counter, Histogram

from conversations.relay.outlet import Outlet, OutletLost, Row, Turn, made_at
from servicekit.background import Stop
from servicekit.clock import Clock, utc_now
from servicekit.exchange import ExchangeUnavailable, Message, Publisher
from servicekit.log import get_logger
from wire.claims import Plane
from wire.events import MESSAGES, PULSE, PULSE_EVERY_S, encode_batch, join_batch, pulse_key, routing_key
from wire.ids import Ids, new_id

log = get_logger()

ROWS_AT_ONCE = 500
BYTES_AT_ONCE = 256 * 1024
LOOK_EVERY_S = PULSE_EVERY_S
FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 2.0
CHANCE = random.SystemRandom()

PUBLISHED = Counter("messages_events_published_total", "Events the broker confirmed, by plane.", ["plane"])
FAILED = Counter("messages_publish_failures_total", "Attempts to publish that the broker did not confirm.")
LAG = Histogram(
    "messages_relay_lag_seconds",
    "Seconds from an event's making to the broker's confirm; of each parcel the oldest event.",
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 600),
)


class Relay:
    """Empties the outbox; `run` is a loop for `servicekit.background`."""

    def __init__(
        self,
        outlet: Outlet,
        publisher: Publisher,
        *,
        ids: Ids = new_id,
        clock: Clock = utc_now,
        chance: Callable[[], float] = CHANCE.random,
        ticks: Callable[[], float] = monotonic,
    ) -> None:
        self._outlet = outlet
        self._publisher = publisher
        self._ids = ids
        self._clock = clock
        self._chance = chance
        self._ticks = ticks
        self._pulse_at = -math.inf
        self._leading = False
        self._failures = 0

    @property
    def leading(self) -> bool:
        """Tell whether this relay is the one that publishes."""
        return self._leading

    def run(self, stop: Stop) -> None:
        """Lead when it is our turn and publish until asked to stop; what was confirmed is deleted before the end."""
        while not stop.wanted:
            try:
                with self._outlet.lead(stop) as turn:
                    self._leading = turn is not None
                    if turn is not None:
                        self._failures = 0
                        log.info("relay.leads")
                        self._empty(turn, stop)
            except OutletLost as lost:
                self._failures += 1
                log.warning("relay.outbox_lost", reason=str(lost), attempt=self._failures)
                stop.wait(self._pause())
            finally:
                self._leading = False

    def wake(self) -> None:
        """Cut a wait short."""
        self._outlet.wake()

    def _empty(self, turn: Turn, stop: Stop) -> None:
        confirmed: Sequence[int] = ()
        while True:
            rows = turn.next(confirmed, ROWS_AT_ONCE)
            confirmed = ()
            if stop.wanted:
                return
            if not rows:
                self._say_alive(stop)
                turn.wait(LOOK_EVERY_S)
                continue
            confirmed = self._publish(rows)
            if not confirmed:
                stop.wait(self._pause())

    def _publish(self, rows: Sequence[Row]) -> Sequence[int]:
        if not self._sent([*messages(rows, self._ids), *self._pulses()], rows=len(rows)):
            return ()
        oldest = made_at(rows[0])
        if oldest is not None:
            LAG.observe(max(0.0, (self._clock() - oldest).total_seconds()))
        PUBLISHED.labels(Plane.STAFF).inc(sum(row.staff is not None for row in rows))
        PUBLISHED.labels(Plane.PORTAL).inc(sum(row.portal is not None for row in rows))
        return [row.id for row in rows]

    def _say_alive(self, stop: Stop) -> None:
        pulses = self._pulses()
        if pulses and not self._sent(pulses, rows=0):
            stop.wait(self._pause())

    def _sent(self, parcel: Sequence[Message], *, rows: int) -> bool:
        try:
            self._publisher.publish(parcel)
        except ExchangeUnavailable as away:
            FAILED.inc()
            self._failures += 1
            log.warning("relay.not_published", rows=rows, attempt=self._failures, reason=str(away))
            return False
        self._failures = 0
        return True

    def _pulses(self) -> Sequence[Message]:
        """Return the signs of life that are due."""
        now = self._ticks()
        if now - self._pulse_at < PULSE_EVERY_S:
            return ()
        self._pulse_at = now
        return [
            Message(
                exchange=MESSAGES,
                routing_key=pulse_key(plane),
                body=encode_batch(()),
                type=PULSE,
                message_id=self._ids(),
            )
            for plane in Plane
        ]

    def _pause(self) -> float:
        full = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0 ** min(self._failures, 10))
        return full / 2 + full / 2 * self._chance()


def messages(rows: Sequence[Row], ids: Ids) -> Iterator[Message]:
    """Join rows into broker messages; the order within each plane and organisation is kept."""
    streams: dict[tuple[Plane, str], list[tuple[str, bytes]]] = {}
    for row in rows:
        for plane, event in ((Plane.STAFF, row.staff), (Plane.PORTAL, row.portal)):
            if event is not None:
                streams.setdefault((plane, row.org), []).append((row.type, event.encode()))
    for (plane, org), events in streams.items():
        for event_type, run in groupby(events, key=lambda event: event[0]):
            for batch in _batches(event for _, event in run):
                yield Message(
                    exchange=MESSAGES,
                    routing_key=routing_key(plane, org, event_type),
                    body=join_batch(batch),
                    type=event_type,
                    message_id=ids(),
                )


def _batches(events: Iterator[bytes]) -> Iterator[list[bytes]]:
    batch: list[bytes] = []
    size = 0
    for event in events:
        if batch and size + len(event) > BYTES_AT_ONCE:
            yield batch
            batch, size = [], 0
        batch.append(event)
        size += len(event)
    if batch:
        yield batch
