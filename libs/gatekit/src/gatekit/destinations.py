"""Where a person goes after signing in: only ever to one of our own pages."""

import re
from typing import Final

_PLAIN: Final = re.compile(r"/[A-Za-z0-9/_.~-]*(\?[A-Za-z0-9/_.~=&%+-]*)?", re.ASCII)
_LONGEST: Final = 512


def local_destination(wanted: str | None, *, pages: str) -> str:
    r"""Return `wanted` when it is `pages` or a path below it, else `pages`.

    Another host (`https://…`, `//…`, `/\\…`), a path out of the pages (`..`) and anything unusual are not followed.
    """
    if wanted is None or len(wanted) > _LONGEST or not _PLAIN.fullmatch(wanted):
        return pages
    path = wanted.partition("?")[0]
    if "//" in path or any(part in {".", ".."} for part in path.split("/")):
        return pages
    return wanted if path == pages or path.startswith(pages + "/") else pages
