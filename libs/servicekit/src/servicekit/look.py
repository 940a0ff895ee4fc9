"""A look at something that may hang: made on a thread of its own, so that whoever asks waits as long as they like.

While a look is under way everybody who asks gets the answer of that one: what hangs holds one thread, however often
it is asked about.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

T = TypeVar("T")


class Look(Generic[T]):
    """One thing to look at."""

    def __init__(self, look: Callable[[], T]) -> None:
        self._look = look
        self._turn = threading.Lock()
        self._latest: Future[T] | None = None

    def answer(self) -> Future[T]:
        """Return the answer that is to come, or the exception."""
        with self._turn:
            if self._latest is None or self._latest.done():
                answer: Future[T] = Future()
                threading.Thread(target=self._fill, args=(answer,), name="look", daemon=True).start()
                self._latest = answer  # not before: where there is no thread to be had it would never be filled
            return self._latest

    def _fill(self, answer: Future[T]) -> None:
        try:
            answer.set_result(self._look())
        except Exception as failed:  # noqa: BLE001 - the top of a thread: who asked hears of it
            answer.set_exception(failed)
