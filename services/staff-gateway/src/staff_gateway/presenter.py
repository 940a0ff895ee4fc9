"""What staff see of what conversations and the broker bring: all of it, for conversations decided already."""

from collections.abc import Mapping
from typing import Any


class Presenter:
    """Shows things as they are."""

    def entry(self, entry: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the entry."""
        return entry

    def conversation(self, conversation: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the conversation."""
        return conversation

    def state(self, state: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the mark, or who is typing."""
        return state
