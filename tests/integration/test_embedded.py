"""`make run` as a person meets it: one process, two people talking, and one clear sentence for what goes wrong."""

import os
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.support import children
from tests.support.clinic import ROOT
from tests.support.person import Person, new_id
from tests.support.ports import LOOPBACK, free_port, wait_until

READY_S = 40


def environ(data: Path, port: int) -> dict[str, str]:
    """Return what `make run` sets."""
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH", "HOME", "LANG") if name in os.environ}
    return {**kept, "PORT": str(port), "DATA_DIR": str(data), "DEMO": "on"}


@contextmanager
def embedded(folder: Path, data: Path, port: int) -> Iterator[children.Child]:
    """Run the whole of Messages in one process until the block ends."""
    command = [sys.executable, "-m", "embedded"]
    child = children.start("embedded", command, log=folder / "embedded.log", environ=environ(data, port), cwd=ROOT)
    try:
        wait_until(lambda: not child.alive or ready(port), within_s=READY_S, what="the embedded run being ready")
        assert child.alive, child.last_words()
        yield child
    finally:
        child.kill()


def ready(port: int) -> bool:
    """Tell whether everything answers."""
    try:
        return httpx.get(f"http://{LOOPBACK}:{port}/readyz", timeout=2, trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


def runs_and_fails(data: Path, port: int) -> str:
    """Start it where it cannot run; return what it says, after it ended by itself with a failure."""
    done = subprocess.run(
        [sys.executable, "-m", "embedded"],
        env=environ(data, port),
        cwd=ROOT,
        capture_output=True,
        timeout=READY_S,
        check=False,
    )
    assert done.returncode not in {0, -signal.SIGKILL}
    return (done.stdout + done.stderr).decode()


def is_one_sentence(said: str) -> bool:
    """Tell whether a person can read it: one line, no traceback."""
    lines = [line for line in said.strip().splitlines() if line.strip()]
    return len(lines) == 1 and "Traceback" not in said


@pytest.mark.timeout(180)
def test_nora_and_ada_talk_and_a_second_run_keeps_what_they_said(tmp_path: Path) -> None:
    """A message goes both ways live, SIGINT ends the run cleanly, and the next one still has it all."""
    data, port = tmp_path / "data", free_port()
    origin = f"http://{LOOPBACK}:{port}"
    question, answer = f"May I come? {new_id()}", f"Please do. {new_id()}"

    with embedded(tmp_path, data, port) as first:
        nora, ada = (Person(origin, who).signs_in() for who in ("nora@harbor.example", "ada@patients.example"))
        conversation = ada.lists()[0]["id"]
        with nora.device() as hers, ada.device() as phone:
            phone.sends(conversation, question)
            hers.hears(question)
            hers.sends(conversation, answer)
            phone.hears(answer)
            exit_code = first.stop(within_s=15, by=signal.SIGINT)
            ended = phone.the_line.waits_for_end(within_s=1)
    with embedded(tmp_path, data, port):
        kept = [entry["message"]["body"] for entry in ada.signs_in().timeline(conversation)["items"][-2:]]

    assert kept == [question, answer]
    assert exit_code == 0
    assert ended == 4000
    assert "Traceback" not in (tmp_path / "embedded.log").read_text()


def test_its_address_in_use_is_one_sentence(tmp_path: Path) -> None:
    """A port somebody else holds is named, without a traceback."""
    with socket.create_server((LOOPBACK, 0)) as taken:
        port = taken.getsockname()[1]

        said = runs_and_fails(tmp_path / "data", port)

    assert is_one_sentence(said), said
    assert str(port) in said


def test_a_data_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    """A path below a file can never be a folder, not even for root."""
    (tmp_path / "file").write_text("in the way")

    said = runs_and_fails(tmp_path / "file" / "data", free_port())

    assert is_one_sentence(said), said
    assert "DATA_DIR" in said or str(tmp_path) in said


def test_a_database_of_a_newer_release_is_one_sentence(tmp_path: Path) -> None:
    """What a newer release wrote is not touched; the sentence says so."""
    data, port = tmp_path / "data", free_port()
    with embedded(tmp_path, data, port) as first:
        first.stop(within_s=15, by=signal.SIGINT)
    with sqlite3.connect(data / "conversations.db") as database:
        database.execute("UPDATE conversations_version SET version_num = '9999_future'")
    database.close()

    said = runs_and_fails(data, port)

    assert is_one_sentence(said), said
    assert "newer" in said


def test_missing_settings_are_named_all_at_once() -> None:
    """A service without its settings ends at once, naming every one of them in one sentence."""
    done = subprocess.run(
        [sys.executable, "-m", "gunicorn", "--config", "deploy/gunicorn.conf.py"],
        env={"PATH": os.environ["PATH"], "SERVICE": "auth", "PORT": str(free_port())},
        cwd=ROOT,
        capture_output=True,
        timeout=30,
        check=False,
    )
    said = done.stderr.decode() + done.stdout.decode()

    assert done.returncode != 0
    assert all(name in said for name in ("AUTH_DATABASE_URL", "AUTH_SECRET", "STAFF_GATEWAY_SECRET"))
    assert "Traceback" not in said
