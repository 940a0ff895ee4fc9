"""A first look needs no setting; a wrong one is refused in a sentence."""

from pathlib import Path

import pytest

from embedded.settings import Settings
from servicekit.settings import SettingsError


def test_nothing_needs_to_be_set() -> None:
    """`make run` is enough."""
    settings = Settings.from_env({})

    assert (settings.port, settings.data_dir, settings.demo) == (8080, Path("var"), None)
    assert settings.public_origin == "http://localhost:8080"
    assert not settings.everywhere


def test_the_origin_follows_the_port() -> None:
    """Origin checks and the issuer's name must match what the browser shows."""
    settings = Settings.from_env({"PORT": "8090", "DATA_DIR": "/srv/messages", "DEMO": "off"})

    assert settings.public_origin == "http://localhost:8090"
    assert (settings.data_dir, settings.demo) == (Path("/srv/messages"), False)
    assert Settings.from_env({"DEMO": "on"}).demo is True


@pytest.mark.parametrize("port", ["0", "65536", "-1", "eighty"])
def test_a_port_that_cannot_be_is_refused(port: str) -> None:
    """Not with a traceback from the socket."""
    with pytest.raises(SettingsError, match="PORT"):
        Settings.from_env({"PORT": port})
