"""The heart of conversations on SQLite: whatever people do, in whatever order, it is as on paper."""

from tests.support.heart import beats
from tests.support.inside import Inside


def test_whatever_people_do_conversations_are_as_on_paper(house: Inside) -> None:
    """Posting, repeating, editing, recalling, joining, leaving, reading, closing, resuming, in random interleavings."""
    beats(house, examples=10, steps=25)
