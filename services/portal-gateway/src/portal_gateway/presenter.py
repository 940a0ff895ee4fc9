"""What a patient may see of what conversations and the broker bring: the documented fields of the shared stream.

Conversations shows a portal token nothing else already; this is the second wall. Promises: no field that the portal's
schemas do not document passes, at any depth; of another stream nothing passes at all, not even that it is there; files
have the portal's addresses.
"""

from collections.abc import Mapping
from typing import Any, Final

import wire.bodies
from gatekit.shapes import Sieve, sieve
from portal_gateway import bodies
from wire.claims import Plane
from wire.files import address, thumbnail_address

_ENTRY: Final = sieve(bodies.Entry)
_CONVERSATION: Final = sieve(bodies.Conversation)
_STATE: Final = sieve(bodies.Mark)
_ATTACHMENT: Final = sieve(wire.bodies.Attachment)
_FOUND: Final = sieve(bodies.Found)
_FILE: Final = sieve(bodies.PostedFile)


class Presenter:
    """Shows things as the portal does; None means that there is nothing to show."""

    def entry(self, entry: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return the entry, or None when it is not of the shared stream."""
        return _at_home(_shared(_ENTRY, entry))

    def conversation(self, conversation: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return the conversation with its last shared entry, if it has one."""
        shown = _kept(_CONVERSATION, conversation)
        if shown is not None and (last := shown.get("last_entry")) is not None and last.get("stream") != bodies.SHARED:
            shown["last_entry"] = None
        if shown is not None:
            _at_home(shown.get("last_entry"))
        return shown

    def state(self, state: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return a mark or somebody typing, or None when it is not of the shared stream."""
        return _shared(_STATE, state)

    def attachment(self, attachment: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return a file."""
        kept = _kept(_ATTACHMENT, attachment)
        return None if kept is None else _addressed(kept)

    def files(self, page: Mapping[str, Any]) -> dict[str, Any]:
        """Return a page of a conversation's files."""
        items = [item for found in page["items"] if (item := _shared(_FILE, found)) is not None]
        for item in items:
            _addressed(item.get("attachment") or {})
        return {"items": items, "next_cursor": page["next_cursor"]}

    def found(self, page: Mapping[str, Any]) -> dict[str, Any]:
        """Return a page of what was found; an excerpt passes only with its message."""
        items = []
        for found in page["items"]:
            entry, conversation = self.entry(found["entry"]), self.conversation(found["conversation"])
            if entry is not None and conversation is not None:
                kept = _kept(_FOUND, found) or {}
                items.append(kept | {"entry": entry, "conversation": conversation})
        return {"items": items, "next_cursor": page["next_cursor"]}

    def conversations(self, page: Mapping[str, Any]) -> dict[str, Any]:
        """Return a page of the list."""
        items = (self.conversation(item) for item in page["items"])
        return {"items": [item for item in items if item is not None], "next_cursor": page["next_cursor"]}

    def timeline(self, page: Mapping[str, Any]) -> dict[str, Any]:
        """Return a page of the stream."""
        items = (self.entry(item) for item in page["items"])
        return {
            "items": [item for item in items if item is not None],
            "head": page["head"],
            "has_more": page["has_more"],
        }


def _kept(through: Sieve, thing: Mapping[str, Any]) -> dict[str, Any] | None:
    kept = through(thing)
    return kept if isinstance(kept, dict) else None


def _shared(through: Sieve, thing: Mapping[str, Any]) -> dict[str, Any] | None:
    kept = _kept(through, thing)
    return kept if kept is not None and kept.get("stream") == bodies.SHARED else None


def _at_home(entry: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return the entry, just made by a sieve, with the portal's addresses."""
    for attachment in ((entry or {}).get("message") or {}).get("attachments") or ():
        _addressed(attachment)
    return entry


def _addressed(attachment: dict[str, Any]) -> dict[str, Any]:
    attachment_id = attachment.get("id")
    for name, of in (("url", address), ("thumbnail_url", thumbnail_address)):
        if attachment.get(name) is not None:
            attachment[name] = of(Plane.PORTAL, str(attachment_id))
    return attachment
