"""The words of a text, as searching compares them: without case, accents or signs, the same in every database.

* `folded` is the one meaning of a word. PostgreSQL has it as a function too (conversations' migration 0010), SQLite is
  given this one (`servicekit.database`); a test holds them together.
* What somebody types is never a query language: `Words.of` takes any text and refuses none.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

WORD_CHARS: Final = 100
"""A longer word counts by its beginning: an index takes no word of any length."""

# Accents, vowel points and what is invisible: nobody types them to find something.
_DROPPED: Final = re.compile(
    "[\u00ad\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u05bf\u05c1-\u05c2\u05c4-\u05c5\u05c7\u0610-\u061a\u0640"
    "\u064b-\u065f\u0670\u06d6-\u06ed\u1ab0-\u1aff\u1dc0-\u1dff\u200b-\u200f\u202a-\u202e\u2060-\u206f"
    "\u20d0-\u20ff\ufe00-\ufe0f\ufe20-\ufe2f\ufeff]+"
)
# Everything that stands between words: blanks, signs, punctuation, pictures.
_BETWEEN: Final = re.compile(
    "[\u0000-\u002f\u003a-\u0040\u005b-\u0060\u007b-\u00bf\u00d7\u00f7\u055a-\u055f\u0589\u05be\u05c0\u05c3"
    "\u05f3-\u05f4\u060c\u061b\u061f\u06d4\u0964-\u0965\u2000-\u2bff\u2e00-\u2e7f\u3000-\u303f\ue000-\uf8ff"
    "\ufff9-\uffff\U0001f000-\U0001faff]+"
)
_TOO_LONG: Final = re.compile(f"([^ ]{{{WORD_CHARS}}})[^ ]+")
_QUOTES: Final = str.maketrans(dict.fromkeys("“”„«»", '"'))


def folded(text: str) -> str:
    """Return the words of a text in their order, one blank between any two; empty when it has none."""
    plain = _plain(text)
    return _TOO_LONG.sub(r"\1", _BETWEEN.sub(" ", _DROPPED.sub("", plain))).strip(" ")


def _plain(text: str) -> str:
    # Greek has two letters for one s, by where it stands.
    return unicodedata.normalize("NFKD", text).lower().replace("\u03c2", "\u03c3")


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What somebody looks for: all of these phrases, a phrase being one word or, in quotes, several in a row.

    The last one, unless a quote ends it, may be the beginning of a word: it is still being typed.
    """

    phrases: tuple[tuple[str, ...], ...]
    unfinished: tuple[str, ...] = ()

    @classmethod
    def of(cls, typed: str) -> "Words":
        """Read what somebody typed, whatever it is."""
        phrases: dict[tuple[str, ...], None] = {}
        unfinished: tuple[str, ...] = ()
        parts = typed.translate(_QUOTES).split('"')
        for number, part in enumerate(parts):
            words = tuple(folded(part).split())
            if not words:
                continue
            quoted, last = number % 2 == 1, number == len(parts) - 1
            found = [words] if quoted else [(word,) for word in words]
            unfinished = found.pop() if last else ()
            phrases |= dict.fromkeys(found)
        return cls(phrases=tuple(phrases), unfinished=unfinished)

    @property
    def single(self) -> tuple[str, ...]:
        """Return the whole words that must be there, each once."""
        return tuple(dict.fromkeys(word for phrase in (*self.phrases, self.unfinished[:-1]) for word in phrase))

    @property
    def beginning(self) -> str:
        """Return the beginning of a word that must be there; empty when there is none."""
        return self.unfinished[-1] if self.unfinished else ""

    def __bool__(self) -> bool:
        """Tell whether there is anything to find."""
        return bool(self.phrases or self.unfinished)

    def places(self, text: str) -> list[tuple[int, int]]:
        """Return where in a text they stand, as characters from and to, in order and apart from each other."""
        words = list(_words_of(text))
        spans: list[tuple[int, int]] = []
        for phrase, begun in (*((phrase, False) for phrase in self.phrases), (self.unfinished, True)):
            for at in range(len(words) - len(phrase) + 1 if phrase else 0):
                if _stands(phrase, [word for word, _, _ in words[at : at + len(phrase)]], begun=begun):
                    spans += [(start, end) for _, start, end in words[at : at + len(phrase)]]
        return sorted(set(spans))


def _stands(phrase: tuple[str, ...], here: list[str], *, begun: bool) -> bool:
    if begun:
        return tuple(here[:-1]) == phrase[:-1] and here[-1].startswith(phrase[-1])
    return tuple(here) == phrase


def _words_of(text: str) -> Iterator[tuple[str, int, int]]:
    """Return each word of a text, folded, and where it stands in the text as it was written."""
    word, start, end = "", 0, 0
    for place, character in enumerate(f"{text} "):
        plain = _plain(character)
        for one in _BETWEEN.sub(" ", _DROPPED.sub("", plain)):
            if one != " ":
                word, start, end = word + one, start if word else place, place + 1
            elif word:
                yield word[:WORD_CHARS], start, end
                word = ""
        if word and not _BETWEEN.search(plain):
            end = place + 1
