"""Golden samples of everything that crosses a process: code and documents are held to them by the contract tests."""

from importlib.resources import files
from typing import Any

import orjson


def load(name: str) -> dict[str, Any]:
    """Return the samples of one kind by name: `entries`, `bodies`, `frames`, `events` or `changes`."""
    samples: dict[str, Any] = orjson.loads((files(__name__) / f"{name}.json").read_bytes())
    return samples
