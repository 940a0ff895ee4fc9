"""A gateway that lacks a setting does not start, and says all of them at once."""

import pytest

from gatekit.settings import GateSettings
from servicekit.settings import SettingsError

COMPLETE = {
    "PUBLIC_ORIGIN": "https://clinic.example/",
    "AUTH_URL": "http://auth:8000",
    "CONVERSATIONS_URL": "http://conversations:8000",
    "GATEWAY_SECRET": "a gateway's secret",
    "SESSION_SECRET": "a secret that seals every cookie",
    "BROKER_URL": "amqp://staff:word@rabbitmq/",
}


def test_a_complete_environment_gives_settings_that_show_no_secret() -> None:
    """Nor in a repr, which is what ends up in logs."""
    settings = GateSettings.from_env(COMPLETE)

    assert settings.issuer == "https://clinic.example/auth"
    assert not any(COMPLETE[name] in repr(settings) for name in ("GATEWAY_SECRET", "SESSION_SECRET", "BROKER_URL"))


def test_everything_missing_is_named_in_one_sentence() -> None:
    """A secret that is too short as well."""
    with pytest.raises(SettingsError) as refused:
        GateSettings.from_env({"PUBLIC_ORIGIN": "https://clinic.example", "SESSION_SECRET": "short"})

    told = str(refused.value)
    assert all(name in told for name in COMPLETE if name != "PUBLIC_ORIGIN")
    assert "PUBLIC_ORIGIN" not in told
