"""A gateway's configuration: read once, frozen, and naming everything that is missing in one sentence."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from servicekit.settings import Reader
from servicekit.vapid import VapidKey


@dataclass(frozen=True, slots=True, kw_only=True)
class GateSettings:
    """What a gateway needs to know of the world."""

    public_origin: str
    auth_url: str
    conversations_url: str
    gateway_secret: str = field(repr=False)
    session_secret: str = field(repr=False)
    broker_url: str = field(default="", repr=False)
    sends_per_minute: int = 60
    calls_per_minute: int = 3_000
    uploads_per_minute: int = 60
    sockets_per_user: int = 10
    log_level: str = "INFO"
    push_key: VapidKey | None = field(default=None, repr=False)
    """What notices to devices are signed with; without it none are sent."""
    push_contact: str = ""
    push_services: tuple[str, ...] = ()
    """The push services that are called; the browsers' own where none is named."""

    @property
    def issuer(self) -> str:
        """The issuer's name and public address."""
        return f"{self.public_origin}/auth"

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> "GateSettings":
        """Read the environment; SettingsError names everything that is missing or wrong."""
        read = Reader(environ)
        settings = cls(
            public_origin=read.text("PUBLIC_ORIGIN").rstrip("/"),
            auth_url=read.text("AUTH_URL"),
            conversations_url=read.text("CONVERSATIONS_URL"),
            gateway_secret=read.secret("GATEWAY_SECRET"),
            session_secret=read.secret("SESSION_SECRET", least=32),
            broker_url=read.text("BROKER_URL"),
            sends_per_minute=read.integer("SENDS_PER_MINUTE", 60),
            calls_per_minute=read.integer("CALLS_PER_MINUTE", 3_000),
            uploads_per_minute=read.integer("UPLOADS_PER_MINUTE", 60),
            sockets_per_user=read.integer("SOCKETS_PER_USER", 10),
            log_level=read.text("LOG_LEVEL", "INFO"),
            push_key=_push_key(read),
            push_contact=read.text("PUSH_VAPID_CONTACT", ""),
            push_services=tuple(name.strip() for name in read.text("PUSH_SERVICES", "").split(",") if name.strip()),
        )
        if settings.push_key is not None and not settings.push_contact.startswith(("mailto:", "https:")):
            read.refuse("PUSH_VAPID_CONTACT must be where push services reach you: mailto:… or https:…")
        read.done()
        return settings


def _push_key(read: Reader) -> VapidKey | None:
    text = read.text("PUSH_VAPID_PRIVATE_KEY", "")
    if not text:
        return None
    try:
        return VapidKey.read(text)
    except ValueError as wrong:
        read.refuse(f"PUSH_VAPID_PRIVATE_KEY is no key for web push: {wrong}")
        return None
