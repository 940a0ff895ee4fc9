"""The configuration of auth: one frozen object, read once."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from servicekit.settings import Reader

LEAST_SECRET = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything auth is told from outside; secrets never show in its repr."""

    public_origin: str
    database_url: str = field(repr=False)
    secret: str = field(repr=False)
    staff_gateway_secret: str = field(repr=False)
    portal_gateway_secret: str = field(repr=False)
    conversations_secret: str = field(repr=False)
    password_grant: bool = False
    demo: bool = False
    broker_url: str = field(default="", repr=False)
    log_level: str = "INFO"

    @property
    def issuer(self) -> str:
        """The `iss` of every token."""
        return f"{self.public_origin}/auth"

    @property
    def secure(self) -> bool:
        """Whether browsers reach us over https, so that cookies may be kept to it."""
        return self.public_origin.startswith("https://")

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> "Settings":
        """Read the environment; SettingsError names everything missing or wrong at once."""
        reader = Reader(environ)
        settings = cls(
            public_origin=reader.text("PUBLIC_ORIGIN", "http://localhost:8080").rstrip("/"),
            database_url=reader.text("AUTH_DATABASE_URL"),
            secret=reader.secret("AUTH_SECRET", LEAST_SECRET),
            staff_gateway_secret=reader.secret("STAFF_GATEWAY_SECRET"),
            portal_gateway_secret=reader.secret("PORTAL_GATEWAY_SECRET"),
            conversations_secret=reader.secret("CONVERSATIONS_SECRET"),
            password_grant=reader.flag("AUTH_PASSWORD_GRANT"),
            demo=reader.flag("DEMO"),
            broker_url=reader.text("BROKER_URL"),
            log_level=reader.text("LOG_LEVEL", "INFO"),
        )
        reader.done()
        return settings


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageSettings:
    """What the command line needs: the database, the secret that seals the keys, whether the demo is wanted."""

    database_url: str = field(repr=False)
    secret: str = field(repr=False)
    demo: bool = False

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> "StorageSettings":
        """Read the environment; SettingsError names everything missing or wrong at once."""
        reader = Reader(environ)
        settings = cls(
            database_url=reader.text("AUTH_DATABASE_URL"),
            secret=reader.secret("AUTH_SECRET", LEAST_SECRET),
            demo=reader.flag("DEMO"),
        )
        reader.done()
        return settings
