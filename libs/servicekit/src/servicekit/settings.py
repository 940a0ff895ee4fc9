"""Reading a service's configuration: once, at start, and naming everything that is missing in one sentence.

A service's `settings.py` reads through one `Reader` into one frozen object; nothing else looks at the environment.
"""

from collections.abc import Mapping
from pathlib import Path


class SettingsError(Exception):
    """The configuration cannot work; the message is one sentence that names every variable concerned."""


class Reader:
    """Reads variables and remembers what was missing or wrong until `done()` is asked.

    A variable NAME may also be given as NAME_FILE, the path of a file that holds it, as container secrets are.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._missing: list[str] = []
        self._wrong: list[str] = []

    def text(self, name: str, default: str | None = None) -> str:
        """Return the variable; without a default it must be set and not empty."""
        value = self._value(name)
        if value:
            return value
        if default is None:
            self._missing.append(name)
            return ""
        return default

    def secret(self, name: str, least: int = 16) -> str:
        """Return a secret of at least `least` characters; there is never a default."""
        value = self.text(name)
        if value and len(value) < least:
            self._wrong.append(f"{name} must have at least {least} characters")
        return value

    def flag(self, name: str, *, default: bool = False) -> bool:
        """Return a switch: on/off, true/false, yes/no, 1/0."""
        value = self._value(name).lower()
        if not value:
            return default
        if value not in {"on", "true", "yes", "1", "off", "false", "no", "0"}:
            self._wrong.append(f"{name} must be on or off")
        return value in {"on", "true", "yes", "1"}

    def integer(self, name: str, default: int) -> int:
        """Return a whole number."""
        value = self._value(name)
        if not value:
            return default
        try:
            return int(value)
        except ValueError:
            self._wrong.append(f"{name} must be a whole number")
            return default

    def refuse(self, sentence: str) -> None:
        """Remember that something is wrong which only the service can tell."""
        self._wrong.append(sentence)

    def done(self) -> None:
        """Raise SettingsError with one sentence that names everything missing or wrong; else do nothing."""
        complaints = []
        if self._missing:
            complaints.append("these settings are missing: " + ", ".join(self._missing))
        complaints += self._wrong
        if complaints:
            raise SettingsError("Cannot start: " + "; ".join(complaints) + ".")

    def _value(self, name: str) -> str:
        direct = self._environ.get(name, "").strip()
        path = self._environ.get(name + "_FILE", "").strip()
        if direct or not path:
            return direct
        try:
            return Path(path).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeError):
            self._wrong.append(f"{name}_FILE cannot be read")
            return ""
