"""What people may type: one place that cleans it, so that every door stores the same characters.

Text is put into NFC, trimmed and kept as typed otherwise: line breaks, emoji and right-to-left scripts stay.
"""

import re
import unicodedata

BODY_CHARS = 10_000
SUBJECT_CHARS = 200

# Unicode's control characters (Cc) and lone surrogates (Cs); a body keeps its tabs and line breaks.
_REFUSED_IN_SUBJECT = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_REFUSED_IN_BODY = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


def clean_body(text: str, limit: int = BODY_CHARS) -> str:
    """Return the message body as it is stored, 1 to `limit` characters; ValueError with a sentence otherwise."""
    return _clean(text.replace("\r\n", "\n").replace("\r", "\n"), limit, _REFUSED_IN_BODY)


def clean_subject(text: str, limit: int = SUBJECT_CHARS) -> str:
    """Return a one-line subject, 1 to `limit` characters; ValueError with a sentence otherwise."""
    return _clean(" ".join(text.split()), limit, _REFUSED_IN_SUBJECT)


def clean_draft(text: str, limit: int = BODY_CHARS) -> str:
    """Return a draft as it is kept: not trimmed, perhaps empty; ValueError with a sentence where a body would be."""
    typed = text.replace("\r\n", "\n").replace("\r", "\n")
    return _clean(typed, limit, _REFUSED_IN_BODY) and unicodedata.normalize("NFC", typed) if typed.strip() else ""


def _clean(text: str, limit: int, refused: re.Pattern[str]) -> str:
    if refused.search(text):
        raise ValueError("Must not contain control characters.")
    cleaned = unicodedata.normalize("NFC", text).strip()
    if not cleaned:
        raise ValueError("Must not be empty.")
    if len(cleaned) > limit:
        raise ValueError(f"Must be at most {limit} characters long.")
    return cleaned
