"""A service that lacks settings says so in one sentence that names all of them."""

from pathlib import Path

import pytest

from servicekit.settings import Reader, SettingsError


def test_everything_missing_or_wrong_is_named_at_once() -> None:
    """An operator mends the configuration in one go."""
    reader = Reader({"DEMO": "perhaps", "PORT": "eighty", "SHORT": "abc", "EMPTY": "  "})
    reader.text("AUTH_URL")
    reader.text("EMPTY")
    reader.secret("SHORT")
    reader.flag("DEMO")
    reader.integer("PORT", 8000)

    with pytest.raises(SettingsError) as refused:
        reader.done()

    sentence = str(refused.value)
    assert all(name in sentence for name in ("AUTH_URL", "EMPTY", "SHORT", "DEMO", "PORT"))
    assert "abc" not in sentence
    assert "\n" not in sentence


def test_a_secret_may_lie_in_a_file(tmp_path: Path) -> None:
    """Containers hand secrets over as files."""
    path = tmp_path / "secret"
    path.write_text("a-secret-of-many-characters\n")
    reader = Reader({"SESSION_SECRET_FILE": str(path)})

    value = reader.secret("SESSION_SECRET")

    reader.done()
    assert value == "a-secret-of-many-characters"


def test_a_file_that_cannot_be_read_is_named() -> None:
    """No traceback for a wrong path."""
    reader = Reader({"SESSION_SECRET_FILE": "/nowhere/at/all"})
    reader.secret("SESSION_SECRET")

    with pytest.raises(SettingsError, match="SESSION_SECRET_FILE"):
        reader.done()


def test_defaults_stand_where_nothing_is_set() -> None:
    """What has a default is not missing."""
    reader = Reader({})

    read = (reader.text("HOST", "localhost"), reader.integer("PORT", 8000), reader.flag("DEMO"))

    reader.done()
    assert read == ("localhost", 8000, False)
