"""The heart of conversations on PostgreSQL, as its service's role: whatever people do, it is as on paper."""

from tests.support.heart import beats
from tests.support.inside import Inside


def test_whatever_people_do_conversations_are_as_on_paper(house: Inside) -> None:
    """Posting, repeating, editing, recalling, joining, leaving, reading, closing, resuming, in random interleavings."""
    beats(house, examples=5, steps=25)
