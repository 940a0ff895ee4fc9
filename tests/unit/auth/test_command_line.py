"""The operator's command: each ends with one sentence, and never with a traceback."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import text

from auth.cli import main
from servicekit.database import engine, transaction
from tests.unit.auth.desk import Desk, body
from wire.demo import HARBOR
from wire.ids import new_id

Run = Callable[..., Result]


@pytest.fixture
def environ(desk: Desk) -> Mapping[str, str]:
    """Give the settings that the command needs."""
    return {"AUTH_DATABASE_URL": desk.settings.database_url, "AUTH_SECRET": desk.settings.secret}


@pytest.fixture
def run(environ: Mapping[str, str]) -> Run:
    """Give the command, run in this process."""

    def call(*words: str, typed: str | None = None, **other: str) -> Result:
        return CliRunner(env=dict(environ) | other).invoke(main, list(words), input=typed)

    return call


def test_migrate_makes_a_database_and_may_be_repeated(run: Run, tmp_path: Path) -> None:
    """Fresh or done, the answer is the same; the demo's people come only where they are wanted."""
    url = f"sqlite:///{tmp_path / 'new.db'}"

    plain = [run("migrate", AUTH_DATABASE_URL=url) for _ in range(2)]
    empty = count(url)
    demo = [run("migrate", AUTH_DATABASE_URL=url, DEMO="on") for _ in range(2)]

    assert [result.exit_code for result in plain + demo] == [0] * 4
    assert (empty, count(url)) == (0, 9)


def test_a_user_made_by_the_command_can_sign_in(run: Run, desk: Desk) -> None:
    """The password is asked for, not shown; the id is printed; the others are told."""
    before = desk.head()
    who = ("--email", "tove@harbor.example", "--name", "Tove", "--organisation", HARBOR)

    result = run("create-user", *who, "--permission", "pf.messaging.view", typed="a good password\na good password\n")

    granted = body(desk.password("tove@harbor.example", "a good password"))
    assert result.exit_code == 0, result.output
    assert desk.claims(granted["access_token"])["sub"] in result.output
    assert "a good password" not in result.output
    assert [change["reason"] for change in desk.changes(after=before)] == ["created"]


def test_a_first_organisation_is_made_with_its_first_user(run: Run, desk: Desk) -> None:
    """A real clinic starts without the demo."""
    org = new_id()
    who = ("--email", "a@new.example", "--name", "A", "--organisation", org, "--organisation-name", "New clinic")

    result = run("create-user", *who, "--password-stdin", typed="a good password\n")

    granted = body(desk.password("a@new.example", "a good password"))
    assert result.exit_code == 0, result.output
    assert desk.claims(granted["access_token"])["org"] == org


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--email", "nowhere"), "email: Must be an e-mail address."),
        (("--email", "nora@harbor.example"), "This e-mail address has an account already."),
        (("--permission", "pf.everything"), "permissions: There is no such permission."),
        (("--organisation", "nonsense"), "The organisation must be a UUID in lower case with dashes."),
        (("--organisation", "01930000-0000-7000-8000-00000000dddd"), "org: There is no such organisation."),
        (("--kind", "patient"), "patients: A patient's account stands for at least one patient."),
    ],
)
def test_what_is_wrong_with_a_user_is_one_sentence(run: Run, words: tuple[str, ...], sentence: str) -> None:
    """Exit code 1, nothing made."""
    usual = ("--email", "tove@harbor.example", "--name", "Tove", "--organisation", HARBOR)

    result = run("create-user", *usual, *words, "--password-stdin", typed="a good password\n")

    assert (result.exit_code, result.output.strip()) == (1, sentence)


def test_a_short_password_is_refused(run: Run) -> None:
    """Before anything is stored."""
    who = ("--email", "tove@harbor.example", "--name", "Tove", "--organisation", HARBOR)

    result = run("create-user", *who, "--password-stdin", typed="short\n")

    assert (result.exit_code, result.output.strip()) == (1, "password: Must be 12 to 200 characters long.")


def test_rotate_keys_publishes_the_next_one(run: Run, desk: Desk) -> None:
    """It signs in ten minutes, and until then the old one does."""
    result = run("rotate-keys")

    desk.clock.passes(seconds=6)
    keys = [key["kid"] for key in body(desk.http.get("/auth/jwks.json"))["keys"]]
    assert result.exit_code == 0, result.output
    assert len(keys) == 2
    assert any(kid in result.output for kid in keys)


def test_missing_settings_are_named_all_at_once(run: Run) -> None:
    """One sentence."""
    result = run("migrate", AUTH_DATABASE_URL="", AUTH_SECRET="")

    assert result.exit_code == 1
    assert result.output.strip() == "Cannot start: these settings are missing: AUTH_DATABASE_URL, AUTH_SECRET."


@pytest.mark.parametrize(
    "url", ["sqlite:////nowhere/at/all.db", "nonsense", "postgresql://x:y@127.0.0.1:1/z", "odd://x"]
)
@pytest.mark.parametrize("command", ["migrate", "rotate-keys"])
def test_a_database_that_cannot_be_used_is_one_sentence(run: Run, url: str, command: str) -> None:
    """A wrong folder, a wrong address, nobody there; no password of an address is shown."""
    result = run(command, AUTH_DATABASE_URL=url)

    assert result.exit_code == 1
    assert result.output.count("\n") == 1
    assert result.output.startswith("The database of auth cannot be used")


def test_a_database_of_a_newer_release_is_left_alone(run: Run, environ: Mapping[str, str]) -> None:
    """Neither migrated back nor written to."""
    database = engine(environ["AUTH_DATABASE_URL"])
    with transaction(database) as connection:
        connection.execute(text("UPDATE auth_version SET version_num = '9999'"))
    database.dispose()

    results = [run("migrate"), run("rotate-keys")]

    assert [result.exit_code for result in results] == [1, 1]
    assert all("newer release" in result.output for result in results)


def test_another_secret_is_noticed_by_migrate(run: Run) -> None:
    """Before a service signs with keys it cannot open."""
    result = run("migrate", AUTH_SECRET="another secret of at least 32 characters")

    assert result.exit_code == 1
    assert result.output.startswith("AUTH_SECRET does not open the stored signing keys")


def count(url: str) -> int:
    """Return how many accounts there are."""
    database = engine(url)
    with transaction(database) as connection:
        found = int(connection.execute(text("SELECT count(*) FROM accounts")).scalar_one())
    database.dispose()
    return found
