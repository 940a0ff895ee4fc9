"""What people may type: one place that cleans it, so that every door stores the same characters.

Text is put into NFC, trimmed and kept as typed otherwise: line breaks, emoji and right-to-left scripts stay.
"""

import unicodedata

BODY_CHARS = 10_000
SUBJECT_CHARS = 200


def clean_body(text: str, limit: int = BODY_CHARS) -> str:
    """Return the message body as it is stored, 1 to `limit` characters; ValueError with a sentence otherwise."""
    return _clean(text.replace("\r\n", "\n").replace("\r", "\n"), limit, kept="\n\t")


def clean_subject(text: str, limit: int = SUBJECT_CHARS) -> str:
    """Return a one-line subject, 1 to `limit` characters; ValueError with a sentence otherwise."""
    return _clean(" ".join(text.split()), limit, kept="")


def _clean(text: str, limit: int, *, kept: str) -> str:
    if any(unicodedata.category(character) in {"Cc", "Cs"} and character not in kept for character in text):
        raise ValueError("Must not contain control characters.")
    cleaned = unicodedata.normalize("NFC", text).strip()
    if not cleaned:
        raise ValueError("Must not be empty.")
    if len(cleaned) > limit:
        raise ValueError(f"Must be at most {limit} characters long.")
    return cleaned
