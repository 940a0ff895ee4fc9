"""The embedded run from its first to its last word to whoever typed `make run`.

What that person can mend is one sentence and exit code 1; Ctrl-C is exit code 0, at any moment.
"""

import os
import sys

import gevent
from sqlalchemy.exc import DBAPIError

from embedded.folder import FolderError, opened
from embedded.house import House, build
from embedded.server import PortTaken, listen, serve
from embedded.settings import Settings
from servicekit.database import DatabaseError
from servicekit.log import configure
from servicekit.settings import SettingsError

READY_WITHIN_S = 30.0


def main() -> int:
    """Run Messages until asked to stop; return the exit code."""
    try:
        _run(Settings.from_env(os.environ))
    except (SettingsError, FolderError, PortTaken, DatabaseError) as wrong:
        return _sorry(str(wrong))
    except DBAPIError as wrong:
        return _sorry(f"A database in the data folder cannot be used: {wrong.orig}.")
    except KeyboardInterrupt:
        return 0
    return 0


def _run(settings: Settings) -> None:
    configure("embedded", settings.log_level)
    with opened(settings.data_dir) as folder:
        sockets = listen(settings.port, everywhere=settings.everywhere)
        demo = folder.demo(asked=settings.demo)
        house = build(settings, folder, demo=demo)
        serve(
            house.origin,
            sockets,
            on_ready=lambda: gevent.spawn(_welcome, house, settings, demo=demo),
            on_stop=lambda: _farewell(house),
        )


def _welcome(house: House, settings: Settings, *, demo: bool) -> None:
    house.start()
    missing = house.wait_until_ready(READY_WITHIN_S)
    if missing:
        _say(f"Messages runs, but these parts do not answer yet: {', '.join(missing)}.")
    origin = settings.public_origin
    _say("", "Messages is ready.", "")
    _say(f"  Staff      {origin}/messaging", f"  Patients   {origin}/portal/messages")
    if demo:
        _say("", "  The demo clinic (every password is messages-demo):")
        _say("    nora@harbor.example, dmitri@harbor.example, rosa@harbor.example    staff")
        _say("    ada@patients.example, maria@patients.example                       patients")
    _say("", f"  Data in {settings.data_dir}/. Ctrl-C stops it.", "")


def _farewell(house: House) -> None:
    _say("", "Stopping: open pages are told, what was sent is finished.")
    house.stop()


def _say(*lines: str) -> None:
    for line in lines:
        sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _sorry(sentence: str) -> int:
    sys.stderr.write(sentence + "\n")
    return 1
