"""The golden samples as the examples of a plane's API document, one for each body."""

from typing import Any

from wire import samples
from wire.claims import Plane


def examples_of(plane: Plane) -> dict[str, Any]:
    """Return a sample by the name of its schema, as this plane sees it where it matters."""
    found: dict[str, Any] = {"Entry": samples.load("entries")["message.posted"]}
    for name, sample in samples.load("bodies").items():
        schema, _, variant = name.partition(".")
        if variant in {"", plane}:
            found[schema] = sample
    return found
