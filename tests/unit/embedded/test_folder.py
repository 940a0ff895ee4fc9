"""The data folder is made once, kept private, used by one process, and says what is wrong with it."""

import json
import stat
from pathlib import Path

import pytest

from embedded.folder import FolderError, opened


def test_secrets_are_made_once_and_readable_by_their_owner_only(tmp_path: Path) -> None:
    """A second run keeps every sign-in valid; nobody else on the machine can read the keys."""
    with opened(tmp_path / "var") as folder:
        first = folder.secrets
    with opened(tmp_path / "var") as folder:
        second = folder.secrets

    mode = stat.S_IMODE((tmp_path / "var/secrets.json").stat().st_mode)
    assert first == second
    assert mode == 0o600
    assert len(set(json.loads((tmp_path / "var/secrets.json").read_text()).values())) == 6


def test_secrets_never_show_in_a_repr(tmp_path: Path) -> None:
    """A traceback or a log line cannot carry them."""
    with opened(tmp_path) as folder:
        assert folder.secrets.auth not in repr(folder)


def test_a_second_process_is_refused(tmp_path: Path) -> None:
    """Two exchanges over one database would lose messages in silence."""
    with opened(tmp_path), pytest.raises(FolderError, match="already runs on the data folder"), opened(tmp_path):
        pass


def test_the_folder_is_free_again_afterwards(tmp_path: Path) -> None:
    """A restart needs no clean-up."""
    with opened(tmp_path):
        pass

    with opened(tmp_path) as folder:
        assert folder.path == tmp_path


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    """No traceback for a wrong DATA_DIR."""
    (tmp_path / "file").write_text("in the way")

    with (
        pytest.raises(FolderError, match=r"cannot be written .*DATA_DIR") as refused,
        opened(tmp_path / "file" / "var"),
    ):
        pass

    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"auth": "alone"}', "null"])
def test_damaged_secrets_are_one_sentence(tmp_path: Path, content: str) -> None:
    """They are never replaced in silence: that would sign everybody out and lock the signing keys away."""
    (tmp_path / "secrets.json").write_text(content)

    with pytest.raises(FolderError, match=r"secrets\.json is damaged"), opened(tmp_path):
        pass

    assert (tmp_path / "secrets.json").read_text() == content


def test_the_demo_is_on_in_a_new_folder_and_stays_off_once_it_was(tmp_path: Path) -> None:
    """A plain `make run` after `DEMO=off make run` lets no demo person in."""
    with opened(tmp_path / "new") as folder:
        assert folder.demo(asked=None)

    with opened(tmp_path / "real") as folder:
        assert not folder.demo(asked=False)
    with opened(tmp_path / "real") as folder:
        assert not folder.demo(asked=None)
        assert folder.demo(asked=True)
