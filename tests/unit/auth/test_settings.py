"""The configuration: everything missing is named at once, and no secret shows."""

import pytest

from auth.settings import Settings
from servicekit.settings import SettingsError

SECRET = "a secret of thirty-two characters and more"
COMPLETE = {
    "AUTH_DATABASE_URL": "sqlite:////tmp/never-opened.db",
    "AUTH_SECRET": SECRET,
    "STAFF_GATEWAY_SECRET": "staff-gateway-secret",
    "PORTAL_GATEWAY_SECRET": "portal-gateway-secret",
    "CONVERSATIONS_SECRET": "conversations-secret",
    "BROKER_URL": "amqp://user:canary@broker/",
}


def test_one_sentence_names_everything_that_is_missing() -> None:
    """Not one after the other, start by start."""
    with pytest.raises(SettingsError) as refused:
        Settings.from_env({})

    assert all(name in str(refused.value) for name in COMPLETE)
    assert str(refused.value).count(".") == 1


def test_a_short_secret_is_refused() -> None:
    """A guessable one is as bad as none."""
    with pytest.raises(SettingsError, match="AUTH_SECRET must have at least 32 characters"):
        Settings.from_env(COMPLETE | {"AUTH_SECRET": "short"})


def test_the_password_grant_and_the_demo_are_off_unless_asked_for() -> None:
    """Both are for demos."""
    settings = Settings.from_env(COMPLETE)

    assert (settings.password_grant, settings.demo, settings.secure) == (False, False, False)
    assert settings.issuer == "http://localhost:8080/auth"


def test_secrets_do_not_show() -> None:
    """A settings object in a log gives nothing away."""
    shown = repr(Settings.from_env(COMPLETE))

    assert not any(COMPLETE[name] in shown for name in COMPLETE)
