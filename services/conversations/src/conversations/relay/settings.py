"""What the relay process is told by its environment."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from servicekit.settings import Reader


@dataclass(frozen=True, slots=True, kw_only=True)
class RelaySettings:
    """Read once, at start; addresses hold passwords, so they never show in a repr."""

    database_url: str = field(repr=False)
    broker_url: str = field(repr=False)
    auth_url: str
    client_secret: str = field(repr=False)
    port: int
    log_level: str

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> "RelaySettings":
        """Return the settings; SettingsError names everything missing or wrong at once."""
        reader = Reader(environ)
        settings = cls(
            database_url=reader.text("RELAY_DATABASE_URL"),
            broker_url=reader.text("BROKER_URL"),
            auth_url=reader.text("AUTH_URL"),
            client_secret=reader.secret("CONVERSATIONS_SECRET"),
            port=reader.integer("PORT", 8000),
            log_level=reader.text("LOG_LEVEL", "INFO"),
        )
        reader.done()
        return settings
