"""What conversations is told by its environment: one frozen object, read once."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from conversations.files.s3 import Place
from servicekit.settings import Reader, SettingsError


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Read at start; addresses and secrets hold passwords, so they never show in a repr."""

    public_origin: str
    database_url: str = field(repr=False)
    auth_url: str
    client_secret: str = field(repr=False)
    files: Path | Place
    """Where files lie: a folder, or a bucket of an S3 server."""
    clamd: tuple[str, int] | None = None
    """The virus scanner's host and port, where there is one."""
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
            files=_files(reader),
            clamd=_clamd(reader.text("CLAMD", "")),
            broker_url=reader.text("BROKER_URL"),
            log_level=reader.text("LOG_LEVEL", "INFO"),
            demo=reader.flag("DEMO"),
        )
        reader.done()
        return settings


def _files(reader: Reader) -> Path | Place:
    if not reader.text("S3_ENDPOINT", ""):
        return Path(reader.text("CONVERSATIONS_FILES_DIR"))
    return Place(
        endpoint=reader.text("S3_ENDPOINT"),
        bucket=reader.text("S3_BUCKET"),
        access_key=reader.text("S3_ACCESS_KEY"),
        secret_key=reader.text("S3_SECRET_KEY"),
        region=reader.text("S3_REGION", "us-east-1"),
    )


def _clamd(address: str) -> tuple[str, int] | None:
    if not address:
        return None
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        raise SettingsError("Cannot start: CLAMD must be a host and a port, as in scanner:3310.")
    return host, int(port)
