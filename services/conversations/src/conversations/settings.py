"""What conversations is told by its environment: one frozen object, read once."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from servicekit.settings import Reader


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Read at start; addresses and secrets hold passwords, so they never show in a repr."""

    public_origin: str
    database_url: str = field(repr=False)
    auth_url: str
    client_secret: str = field(repr=False)
    broker_url: str = field(default="", repr=False)
    log_level: str = "INFO"
    demo: bool = False

    @property
    def issuer(self) -> str:
        """The issuer whose tokens are good here."""
        return f"{self.public_origin}/auth"

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> "Settings":
        """Return the settings; SettingsError names everything missing or wrong at once."""
        reader = Reader(environ)
        settings = cls(
            public_origin=reader.text("PUBLIC_ORIGIN").rstrip("/"),
            database_url=reader.text("CONVERSATIONS_DATABASE_URL"),
            auth_url=reader.text("AUTH_URL"),
            client_secret=reader.secret("CONVERSATIONS_SECRET"),
            broker_url=reader.text("BROKER_URL"),
            log_level=reader.text("LOG_LEVEL", "INFO"),
            demo=reader.flag("DEMO"),
        )
        reader.done()
        return settings
