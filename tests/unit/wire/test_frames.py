"""Client frames are refused field by field, never as a whole without a reason."""

from typing import Any

import pytest

from wire import samples
from wire.frames import OPS

SEND = samples.load("frames")["client.send"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("body", ""),
        ("body", None),
        ("body", 7),
        ("body", "x" * 10_001),
        ("client_message_id", "not-an-id"),
        ("client_message_id", "01930000-0000-7000-8000-00000000D001"),
        ("conversation_id", ["01930000-0000-7000-8000-00000000c001"]),
        ("stream", "secret"),
        ("priority", "panic"),
        ("mentions", "everybody"),
        ("seen_seq", -1),
        ("seen_seq", "3"),
        ("ref", None),
        ("ref", True),
        ("ref", "x" * 65),
        ("unheard_of", 1),
    ],
)
def test_a_wrong_field_of_a_send_is_named(field: str, value: Any) -> None:  # noqa: ANN401 - anything may come
    """The problem tells which field was wrong."""
    frame = SEND | {field: value}

    errors = OPS["send"]().validate(frame)

    assert list(errors) == [field]


@pytest.mark.parametrize("seq", [-1, 1.5, "7", True, 2**53])
def test_resume_takes_whole_numbers_only(seq: Any) -> None:  # noqa: ANN401 - anything may come
    """A position is a whole number from 0."""
    frame = {"op": "hello", "ref": "1", "resume": {SEND["conversation_id"]: {"shared": seq}}}

    errors = OPS["hello"]().validate(frame)

    assert list(errors) == ["resume"]
