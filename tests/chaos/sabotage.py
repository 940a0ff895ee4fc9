"""The code a run runs on: a copy, so that nobody's editing disturbs it; patched where a promise is broken on purpose.

A run on broken code shows that a breach is found. The copy goes first on the path of every process (PYTHONPATH).
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.clinic import ROOT


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrench:
    """Words of one file, and what they become."""

    file: str
    was: str
    becomes: str


WAYS: dict[str, tuple[Wrench, ...]] = {
    # The relay deletes what the broker did not confirm.
    "outbox": (
        Wrench(
            file="conversations/relay/__init__.py",
            was="confirmed = self._publish(rows)\n",
            becomes="confirmed = self._publish(rows) or [row.id for row in rows]\n",
        ),
    ),
    # A used client id is a new message, and the database does not mind.
    "dedupe": (
        Wrench(
            file="conversations/service/posting.py",
            was="self._posted.get(draft.key, (None, None))",
            becomes="(None, None)",
        ),
        Wrench(
            file="conversations/migrations/versions/0001_ground.py",
            was='"client_message_id",\n            name=',
            becomes='"client_message_id",\n            "id",\n            name=',
        ),
    ),
    # Whoever is removed stays.
    "removal": (
        Wrench(
            file="conversations/service/changing.py",
            was="    store.let_go(work.connection, conversation_id, user_id, work.at)\n",
            becomes="",
        ),
    ),
    # What was missed is told newest first.
    "resume": (
        Wrench(
            file="conversations/store/timeline.py",
            was="query.order_by(entries.c.conversation_id, entries.c.stream, entries.c.seq)",
            becomes="query.order_by(entries.c.conversation_id, entries.c.stream, entries.c.seq.desc())",
        ),
    ),
}


@contextmanager
def copied(folder: Path, way: str | None = None) -> Iterator[None]:
    """Have every process that is started meanwhile run on a copy; `way` says how it is broken."""
    code = folder / "code"
    for package in (*ROOT.glob("libs/*/src/*"), *ROOT.glob("services/*/src/*")):
        shutil.copytree(package, code / package.name)
    for wrench in WAYS[way] if way else ():
        _apply(wrench, code)
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = str(code)
    try:
        yield
    finally:
        if before is None:
            del os.environ["PYTHONPATH"]
        else:
            os.environ["PYTHONPATH"] = before


def _apply(wrench: Wrench, code: Path) -> None:
    place = code / wrench.file
    text = place.read_text()
    if text.count(wrench.was) != 1:
        raise LookupError(f"{wrench.file} no longer says once what the sabotage is about: {wrench.was!r}")
    place.write_text(text.replace(wrench.was, wrench.becomes))
