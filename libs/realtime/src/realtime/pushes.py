"""What is on its way to sockets: one ready frame each, made once and handed to everybody it is for."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from realtime.protocol import push
from wire.ids import ConversationId, UserId


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryPush:
    """A numbered entry, ready to be written."""

    conversation_id: ConversationId
    stream: str
    seq: int
    frame: bytes = field(repr=False)
    author: UserId
    joined: UserId | None = None
    """Who began to take part with this entry: for that user the stream starts here."""
    confirm: bool = True
    """Whether devices that got it are worth a `delivered` mark."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatePush:
    """A state: safe to repeat, without a number. `transient` ones are worth nothing later."""

    frame: bytes = field(repr=False)
    conversation_id: ConversationId | None = None
    removes: bool = False
    """Whether it takes the conversation away from the user."""
    transient: bool = False
    about: UserId | None = None


Push = EntryPush | StatePush


class Presenter(Protocol):
    """What a plane may see: returns the fields to be shown, or None when nothing may be."""

    def entry(self, entry: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Return the entry as this plane sees it."""

    def conversation(self, conversation: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Return the conversation as this plane sees it."""

    def state(self, state: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Return the fields of a mark or of somebody typing as this plane sees them."""


def entry_push(entry: Mapping[str, Any], presenter: Presenter, *, confirm: bool = True) -> EntryPush | None:
    """Return the entry as a push, or None when this plane sees nothing of it; KeyError when it is no entry."""
    shown = presenter.entry(entry)
    if shown is None:
        return None
    return EntryPush(
        conversation_id=shown["conversation_id"],
        stream=shown["stream"],
        seq=shown["seq"],
        frame=push("entry", shown),
        author=shown["actor"]["id"],
        joined=shown["user"]["id"] if shown["type"] == "participant.joined" else None,
        confirm=confirm,
    )
