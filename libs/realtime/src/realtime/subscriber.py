"""From the broker to the sockets: each event is decoded once, presented once, framed once, and handed to its audience.

Promises: what this plane may not see goes no further than here; an event nobody understands is skipped and counted,
and harms none beside it; the audience is the event's own, nobody is added; a burst leaves the writers time to write.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import gevent

from realtime.hub import Hub
from realtime.metrics import EVENTS_REFUSED, FAN_OUT_DELAY
from realtime.presence import Presence
from realtime.protocol import push
from realtime.pushes import EntryPush, Presenter, Push, StatePush, entry_push
from servicekit.clock import Clock
from servicekit.exchange import Message
from servicekit.log import failure, get_logger
from wire import events
from wire.events import Event, decode_batch
from wire.times import from_wire

CONFIRM_UP_TO: Final = 32
"""In a larger audience nobody's `delivered` is worth a mark."""
BREATH: Final = 50
"""Events after which everybody else gets a turn."""

log = get_logger()


class Subscriber:
    """Hears the events of one plane."""

    def __init__(
        self,
        hub: Hub,
        presenter: Presenter,
        presence: Presence,
        clock: Clock,
        *,
        plane: str,
        overhear: Callable[[Event], None] = lambda _event: None,
    ) -> None:
        """Hand on what is heard; `overhear` is told of each entry that was handed on."""
        self._hub = hub
        self._presenter = presenter
        self._presence = presence
        self._clock = clock
        self._plane = plane
        self._overhear = overhear
        self._delay = FAN_OUT_DELAY.labels(plane=plane)

    def hear(self, message: Message) -> None:
        """Hand on every event of a broker message."""
        try:
            batch = decode_batch(message.body)
        except ValueError:
            log.error("events.not_understood", type=message.type, message_id=message.message_id)
            EVENTS_REFUSED.labels(plane=self._plane).inc()
            return
        for number, event in enumerate(batch, start=1):
            self._hand_on(event)
            if number % BREATH == 0 or number == len(batch):
                # Let the writers write: in one breath a burst would fill the queue of a client that reads well.
                gevent.sleep(0)

    def _hand_on(self, event: Event) -> None:
        if event.type == events.PRESENCE:
            self._presence.hear(event)
            return
        try:
            ready = self._ready(event)
        except (KeyError, TypeError, AttributeError, ValueError) as odd:
            log.error("event.not_understood", type=event.type, event_id=event.event_id, **failure(odd))
            ready = None
        if ready is None:
            EVENTS_REFUSED.labels(plane=self._plane).inc()
            return
        self._hub.fan_out(event.audience, ready)
        if isinstance(ready, EntryPush):
            self._overhear(event)
            delay = self._clock() - from_wire(event.body["entry"]["at"])
            self._delay.observe(max(0.0, delay.total_seconds()))

    def _ready(self, event: Event) -> Push | None:
        if "entry" in event.body:
            confirm = len(event.audience) <= CONFIRM_UP_TO
            return entry_push(event.body["entry"], self._presenter, confirm=confirm)
        make = _STATES.get(event.type)
        return make(event.body, self._presenter) if make is not None else None


def _changed(body: Mapping[str, Any], presenter: Presenter) -> StatePush | None:
    shown = presenter.conversation(body["conversation"])
    if shown is None:
        return None
    return StatePush(frame=push("conversation", shown), conversation_id=shown["id"])


def _removed(body: Mapping[str, Any], _presenter: Presenter) -> StatePush:
    conversation_id = body["conversation_id"]
    return StatePush(
        frame=push("removed", {"conversation_id": conversation_id}), conversation_id=conversation_id, removes=True
    )


def _mark(kind: str) -> Callable[[Mapping[str, Any], Presenter], StatePush | None]:
    def mark(body: Mapping[str, Any], presenter: Presenter) -> StatePush | None:
        shown = presenter.state({name: body[name] for name in ("conversation_id", "user_id", "stream", "seq")})
        return None if shown is None else StatePush(frame=push(kind, shown), conversation_id=shown["conversation_id"])

    return mark


def _typing(body: Mapping[str, Any], presenter: Presenter) -> StatePush | None:
    shown = presenter.state({name: body[name] for name in ("conversation_id", "stream", "user", "active")})
    if shown is None:
        return None
    return StatePush(
        frame=push("typing", shown),
        conversation_id=shown["conversation_id"],
        transient=True,
        about=body["user"]["id"],
    )


def _reminder(body: Mapping[str, Any], presenter: Presenter) -> StatePush | None:
    shown = presenter.state({name: body[name] for name in ("conversation_id", "stream", "seq", "message_id", "user")})
    return None if shown is None else StatePush(frame=push("reminder", shown), conversation_id=shown["conversation_id"])


def _preference(body: Mapping[str, Any], _presenter: Presenter) -> StatePush:
    """Make the push of what is its owner's alone, and holds nothing but what they chose."""
    shown = {name: body[name] for name in ("conversation_id", "pinned", "notify", "archived")}
    return StatePush(frame=push("preference", shown), conversation_id=body["conversation_id"])


_STATES: dict[str, Callable[[Mapping[str, Any], Presenter], StatePush | None]] = {
    events.CONVERSATION_CHANGED: _changed,
    events.PARTICIPANT_REMOVED: _removed,
    events.MARK_READ: _mark("read"),
    events.MARK_DELIVERED: _mark("delivered"),
    events.TYPING: _typing,
    events.REMINDER: _reminder,
    events.PREFERENCE: _preference,
}
