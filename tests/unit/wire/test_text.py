"""What people type is stored as they typed it, and what cannot be stored is refused with a sentence."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire.text import BODY_CHARS, clean_body, clean_subject


def test_a_body_keeps_line_breaks_emoji_and_right_to_left_script() -> None:
    """Nothing a person can see is taken away."""
    typed = "Hello 👩🏽\u200d⚕️\n\tשלום"

    cleaned = clean_body(typed)

    assert cleaned == typed


def test_a_body_is_trimmed_and_composed() -> None:
    """Blanks around the text go, and a letter with its accent becomes one character (NFC)."""
    typed = "  e\u0301 \r\n"

    cleaned = clean_body(typed)

    assert cleaned == "é"


@pytest.mark.parametrize("typed", ["", "   \n", "a\x00b", "a\x07b", "\ud800", "a" * (BODY_CHARS + 1)])
def test_a_body_that_cannot_be_stored_is_refused_with_a_sentence(typed: str) -> None:
    """Empty, too long, NUL and other control characters."""
    with pytest.raises(ValueError, match=r"^Must .*\.$"):
        clean_body(typed)


def test_a_body_of_exactly_the_limit_is_taken() -> None:
    """The limit itself is allowed."""
    assert len(clean_body("a" * BODY_CHARS)) == BODY_CHARS


def test_a_subject_is_one_line() -> None:
    """Line breaks in a subject become blanks."""
    assert clean_subject(" Ward\n 3 ") == "Ward 3"


@given(st.text(alphabet=st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=200))
def test_cleaning_twice_changes_nothing_more(typed: str) -> None:
    """A retry that sends the stored text again is the same message."""
    try:
        once = clean_body(typed)
    except ValueError:
        return

    assert clean_body(once) == once
