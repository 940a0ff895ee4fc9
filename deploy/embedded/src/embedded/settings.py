"""What the embedded run is told from outside: all of it optional, because a first look must need nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from servicekit.settings import Reader, SettingsError

PORTS = range(1, 65_536)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Where to serve, where to keep what lasts, and whether the demo clinic is wanted."""

    port: int
    data_dir: Path
    demo: bool | None
    """None: as it was in this data folder, and on where it is new."""
    public_origin: str
    everywhere: bool
    log_level: str

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> "Settings":
        """Read the environment; SettingsError says in one sentence what is wrong."""
        reader = Reader(environ)
        port = reader.integer("PORT", 8080)
        settings = cls(
            port=port,
            data_dir=Path(reader.text("DATA_DIR", "var")),
            demo=reader.flag("DEMO") if reader.text("DEMO", "") else None,
            public_origin=reader.text("PUBLIC_ORIGIN", f"http://localhost:{port}").rstrip("/"),
            everywhere=reader.flag("EVERYWHERE"),
            log_level=reader.text("LOG_LEVEL", "WARNING"),
        )
        reader.done()
        if port not in PORTS:
            raise SettingsError(f"Cannot start: PORT must be between 1 and 65535, not {port}.")
        return settings
