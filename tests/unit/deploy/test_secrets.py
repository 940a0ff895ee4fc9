"""The secrets of `make up`: made once, told to whom they belong, readable by their owner only."""

import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[3]


def files_after_making(folder: Path) -> dict[str, str]:
    """Run the script as `make up` does; returns what each file of the folder holds."""
    subprocess.run(["sh", ROOT / "deploy/secrets.sh", folder / "secrets"], check=True)
    return {path.name: path.read_text() for path in (folder / "secrets").iterdir()}


def test_a_secret_is_made_once_and_told_to_those_it_belongs_to(tmp_path: Path) -> None:
    """A second `make up` changes nothing; no two secrets are alike; the gateways know no database."""
    made = files_after_making(tmp_path)
    values = dict(line.split("=", 1) for line in made["values"].splitlines())

    assert files_after_making(tmp_path) == made
    assert len(set(values.values())) == len(values)
    assert all(len(value) == 64 for value in values.values())
    assert values["database_conversations"] in made["conversations.env"]
    assert {name for name, text in made.items() if values["database_conversations"] in text} == {
        "values", "postgres.env", "conversations.env"
    }  # fmt: skip
    assert all(path.stat().st_mode & 0o077 == 0 for path in (tmp_path / "secrets").iterdir())


def test_what_an_operator_sets_for_a_container_outlives_every_make_up(tmp_path: Path) -> None:
    """A bucket's keys stand behind the container's own secrets, for that container alone; gone from the file, gone."""
    own = tmp_path / "conversations.env"
    own.write_text("S3_BUCKET=clinic\n")

    for _ in range(2):
        made = files_after_making(tmp_path)
        assert made["conversations.env"].count("S3_BUCKET=clinic\n") == 1
        assert {name for name, text in made.items() if "S3_BUCKET" in text} == {"conversations.env"}
    own.unlink()
    assert "S3_BUCKET" not in files_after_making(tmp_path)["conversations.env"]
