"""A gateway that lacks a setting does not start, and says all of them at once."""

import pytest

from gatekit.settings import GateSettings
from servicekit.settings import SettingsError
from servicekit.vapid import VapidKey

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


def test_a_key_for_web_push_is_read_and_shows_nowhere() -> None:
    """With where push services reach the clinic, and the services that are called."""
    key = VapidKey.made()
    push = {"PUSH_VAPID_PRIVATE_KEY": key.private, "PUSH_VAPID_CONTACT": "mailto:olga@clinic.example"}

    settings = GateSettings.from_env(
        {**COMPLETE, **push, "PUSH_SERVICES": " *.push.example, https://push.clinic:8443 "}
    )

    assert settings.push_key is not None
    assert settings.push_key.public == key.public
    assert settings.push_services == ("*.push.example", "https://push.clinic:8443")
    assert key.private not in repr(settings)
    assert GateSettings.from_env(COMPLETE).push_key is None


@pytest.mark.parametrize(
    ("push", "named"),
    [
        ({"PUSH_VAPID_PRIVATE_KEY": "canary"}, "PUSH_VAPID_PRIVATE_KEY"),
        ({"PUSH_VAPID_PRIVATE_KEY": VapidKey.made().private}, "PUSH_VAPID_CONTACT"),
        ({"PUSH_VAPID_PRIVATE_KEY": VapidKey.made().private, "PUSH_VAPID_CONTACT": "olga"}, "PUSH_VAPID_CONTACT"),
    ],
)
def test_half_a_configuration_of_web_push_starts_nothing(push: dict[str, str], named: str) -> None:
    """Rather than sending no notices without a word; the key itself is not repeated."""
    with pytest.raises(SettingsError) as refused:
        GateSettings.from_env({**COMPLETE, **push})

    assert named in str(refused.value)
    assert "canary" not in str(refused.value)
