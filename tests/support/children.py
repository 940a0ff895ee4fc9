"""Processes a test started: each with its own log file, each ended by whoever started it.

A child leads its own process group, so that ending it ends all it started, and it is told by the kernel when the
test run itself was killed (`setpriv --pdeathsig`), so that a run ended the hard way leaves nothing behind.
"""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

SETPRIV = shutil.which("setpriv")


@dataclass(slots=True, kw_only=True)
class Child:
    """One running process, its group and its log."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the whole group; a group that is gone already is fine."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)

    def kill(self) -> None:
        """End the group at once (kill -9), as a power cut would."""
        self.send(signal.SIGKILL)
        self.process.wait()

    def send_term(self) -> None:
        """Ask the process to end, without waiting."""
        if self.alive:
            self.process.terminate()

    def stop(self, *, within_s: float = 10, by: signal.Signals = signal.SIGTERM) -> int:
        """Ask the process to end and wait; one that does not is killed. Returns its exit code."""
        if self.alive:
            with suppress(ProcessLookupError):
                os.kill(self.process.pid, by)
        try:
            self.process.wait(within_s)
        except subprocess.TimeoutExpired:
            self.kill()
        self.send(signal.SIGKILL)
        return int(self.process.wait())

    def last_words(self, lines: int = 15) -> str:
        """Return the end of its log, for the sentence that explains a failure."""
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return "\n".join(text.splitlines()[-lines:])


def start(
    name: str,
    command: Sequence[str],
    *,
    log: Path,
    environ: Mapping[str, str],
    cwd: Path | None = None,
    user: str | None = None,
    ends_with_us: signal.Signals = signal.SIGTERM,
) -> Child:
    """Start a process whose output goes to `log` (appended); `user` is given up to when we are root."""
    line = list(command)
    if SETPRIV:
        line = [SETPRIV, "--pdeathsig", ends_with_us.name.removeprefix("SIG"), "--", *line]
    with log.open("ab") as output:
        process = subprocess.Popen(
            line,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=dict(environ),
            cwd=cwd,
            start_new_session=True,
            user=user,
            group=user,
            extra_groups=[] if user else None,
        )
    return Child(name=name, process=process, log=log)


@contextmanager
def running(name: str, command: Sequence[str], *, log: Path, environ: Mapping[str, str], cwd: Path) -> Iterator[Child]:
    """Start a process and kill its group afterwards: for servers that hold nothing worth a farewell."""
    child = start(name, command, log=log, environ=environ, cwd=cwd)
    try:
        yield child
    finally:
        child.kill()


def family(pid: int) -> list[int]:
    """Return a process and all that descend from it, as they are now."""
    parents: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = stat.read_text().rpartition(")")[2].split()
            parents.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    found, waiting = [], [pid]
    while waiting:
        found.append(waiting.pop())
        waiting += parents.get(found[-1], [])
    return found
