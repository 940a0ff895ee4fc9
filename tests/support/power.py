"""The main switch of a server that a test may cut, freeze and give back: what the server had stored stays.

Nothing here waits until the server answers again; its address stays the same.
"""

import os
import signal
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from testcontainers.core.container import DockerContainer

from tests.support import children
from tests.support.children import Child


class Power(Protocol):
    """What can be done to a server from outside."""

    def cut(self) -> None:
        """End every process of it at once (kill -9)."""

    def give(self) -> None:
        """Start it again."""

    def freeze(self) -> None:
        """Stop every process of it where it stands (SIGSTOP)."""

    def thaw(self) -> None:
        """Let them go on."""


class ContainerPower:
    """The switch of a container; implements `Power`."""

    def __init__(self, container: DockerContainer) -> None:
        self._container = container

    def cut(self) -> None:
        self._container.get_wrapped_container().kill()

    def give(self) -> None:
        self._container.get_wrapped_container().start()

    def freeze(self) -> None:
        self._container.get_wrapped_container().pause()

    def thaw(self) -> None:
        self._container.get_wrapped_container().unpause()


class ChildPower:
    """The switch of a process of this machine and all that descend from it; implements `Power`."""

    def __init__(self, start: Callable[[], Child]) -> None:
        self._start = start
        self.child = start()

    def cut(self) -> None:
        self._signal(signal.SIGKILL)
        self.child.kill()

    def give(self) -> None:
        self.child = self._start()

    def freeze(self) -> None:
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        # The family, not the group: each process of PostgreSQL leads a group of its own.
        for pid in children.family(self.child.pid):
            with suppress(ProcessLookupError):
                os.kill(pid, number)
