"""A look at something that may hang, made on a thread of its own."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from servicekit.look import Look

MORE_THAN_THERE_IS = 1 << 47
"""Bytes of a stack that no thread can be given."""


def test_whoever_could_not_look_for_want_of_a_thread_looks_the_next_time() -> None:
    """The machine was full for a moment: what is looked at is not missing for ever."""
    look = Look(lambda: "there")
    with _no_thread_left(), pytest.raises(RuntimeError):
        look.answer()

    assert look.answer().result(timeout=5) == "there"


@contextmanager
def _no_thread_left() -> Iterator[None]:
    before = threading.stack_size(MORE_THAN_THERE_IS)
    try:
        yield
    finally:
        threading.stack_size(before)
