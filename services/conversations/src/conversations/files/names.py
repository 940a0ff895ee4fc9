"""The name a file is shown and saved under: the last part of what its uploader called it, made harmless.

* No folder, no control character, no character that turns the direction of reading or cannot be seen.
* It ends as its kind does, so that what is downloaded opens as what it is: `letter.exe` that is a PDF becomes
  `letter.exe.pdf`.
"""

from __future__ import annotations

import re
import unicodedata

from conversations.files.kinds import Kind

LONGEST = 120
NAMELESS = "file"

_FOLDERS = re.compile(r"[/\\]")
# What Windows allows in no name; the others allow it, and a download would be renamed anyway.
_NOWHERE = re.compile(r'[<>:"|?*]')
# Control (Cc), format (Cf: bidi and zero-width ones), surrogates (Cs), private use (Co), line and paragraph ends.
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def clean(given: str, kind: Kind) -> str:
    """Return the name under which a file of this kind is kept."""
    last = _FOLDERS.split(unicodedata.normalize("NFC", given))[-1]
    seen = "".join(one for one in last if one == "\t" or unicodedata.category(one) not in _UNSEEN)
    plain = " ".join(_NOWHERE.sub("_", seen).split()).strip(". ")
    stem, ending = _parted(plain, kind)
    return f"{stem[: LONGEST - len(ending)].rstrip('. ') or NAMELESS}{ending}"


def _parted(name: str, kind: Kind) -> tuple[str, str]:
    for ending in kind.endings:
        if name.lower().endswith(ending):
            return name[: -len(ending)], name[-len(ending) :]
    return name, kind.endings[0]
