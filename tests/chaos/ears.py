"""What one client hears, written down: its history, and what it holds of each stream."""

import time
from typing import Any

from tests.chaos.histories import (
    INTERNAL,
    Announced,
    CaughtUp,
    Event,
    Heard,
    History,
    Record,
    Removed,
    Spilled,
    Stated,
    StreamKey,
    WentOn,
)

SECRET = "~internal~"
"""Stands in every internal body, so that a patient's client can tell it anywhere in a frame."""
JSON = dict[str, Any]


class Ears:
    """Takes pushes and judges nothing, except that a portal's frame must not show anything internal."""

    def __init__(self, history: History, record: Record) -> None:
        self.history = history
        self.held: dict[StreamKey, int] = {}
        self.retry_after_s = 0.0
        """What the last `bye` asked for."""
        self._record = record
        self._take = {
            "entry": self._entry,
            "caught_up": self._caught_up,
            "conversation": self._conversation,
            "removed": self._removed,
            "reset": self._reset,
            "read": self._state,
            "delivered": self._state,
            "typing": self._state,
            "bye": self._bye,
        }

    def take(self, push: JSON, text: str) -> None:
        """Write one push down; `text` is the frame as it came."""
        if self.history.plane == "portal" and (SECRET in text or f'"{INTERNAL}"' in text):
            self.note(Spilled(tick=self._record.tick(), push=push["push"]))
        take = self._take.get(push["push"])
        if take is not None:
            take(push)

    def note(self, event: Event) -> None:
        """Write something down."""
        self.history.events.append(event)

    def _entry(self, frame: JSON) -> None:
        key = (str(frame["conversation_id"]), str(frame["stream"]))
        message = frame.get("message", {})
        self.held[key] = max(self.held.get(key, 0), frame["seq"])
        self.note(
            Heard(
                tick=self._record.tick(),
                at=time.monotonic(),
                conversation=key[0],
                stream=key[1],
                seq=frame["seq"],
                type=frame["type"],
                actor=frame["actor"]["id"],
                message=message.get("id") or frame.get("message_id", ""),
                user=frame.get("user", {}).get("id", ""),
                body=message.get("body", frame.get("body", "")),
            )
        )

    def _caught_up(self, frame: JSON) -> None:
        heads = _flat(frame["heads"])
        self.note(CaughtUp(tick=self._record.tick(), heads=heads))
        for key, head in heads.items():
            self.held.setdefault(key, head)

    def _conversation(self, frame: JSON) -> None:
        heads = _flat({frame["id"]: frame["heads"]})
        self.note(Announced(tick=self._record.tick(), conversation=frame["id"], heads=heads))
        for key, head in heads.items():
            self.held.setdefault(key, head)

    def _removed(self, frame: JSON) -> None:
        self.note(Removed(tick=self._record.tick(), conversation=frame["conversation_id"]))
        for key in [key for key in self.held if key[0] == frame["conversation_id"]]:
            del self.held[key]

    def _reset(self, frame: JSON) -> None:
        key = (str(frame["conversation_id"]), str(frame["stream"]))
        self.held[key] = frame["head"]
        self.note(WentOn(tick=self._record.tick(), conversation=key[0], stream=key[1], head=frame["head"]))

    def _state(self, frame: JSON) -> None:
        conversation, stream = str(frame["conversation_id"]), str(frame.get("stream", ""))
        self.note(Stated(tick=self._record.tick(), conversation=conversation, stream=stream))

    def _bye(self, frame: JSON) -> None:
        self.retry_after_s = frame.get("retry_after_ms", 0) / 1000


def _flat(heads: JSON) -> dict[StreamKey, int]:
    return {(conversation, stream): head for conversation, each in heads.items() for stream, head in each.items()}
