"""What a body may hold is what its document says: true is not "yes", and nobody looks for a NUL."""

from typing import Any

import pytest

from wire.bodies import ChangePreference, DirectoryQuery, ForwardMessage, ListQuery, SearchQuery
from wire.frames import OPS
from wire.ids import new_id

LOOKS_TRUE = ["yes", "true", "on", "1", 1, 0, "false", "", None, [], {}]


@pytest.mark.parametrize("value", LOOKS_TRUE, ids=repr)
def test_what_looks_like_true_confirms_nothing(value: Any) -> None:  # noqa: ANN401 - anything may come
    """A patient reads what was confirmed with `true`, and with nothing else; false likewise."""
    wish = {"conversation_id": new_id(), "client_message_id": new_id(), "confirmed": value}

    assert list(ForwardMessage().validate(wish)) == ["confirmed"]
    assert list(ChangePreference().validate({"pinned": value, "archived": value})) == ["pinned", "archived"]


@pytest.mark.parametrize("value", LOOKS_TRUE, ids=repr)
@pytest.mark.parametrize(
    ("op", "field"), [("send", "ask_acknowledgement"), ("typing", "active"), ("watch", "away")], ids=str
)
def test_a_frame_says_true_or_false(op: str, field: str, value: Any) -> None:  # noqa: ANN401 - anything may come
    """On the socket as in a call."""
    whole = {
        "send": {"client_message_id": new_id(), "body": "Hello"},
        "typing": {"stream": "shared"},
        "watch": {},
    }
    frame = {"op": op, "ref": "1", "conversation_id": new_id(), **whole[op]}

    assert OPS[op]().validate(frame | {field: True}) == OPS[op]().validate(frame | {field: False}) == {}
    assert list(OPS[op]().validate(frame | {field: value})) == [field]


@pytest.mark.parametrize("query", [ListQuery, DirectoryQuery, SearchQuery])
def test_nobody_looks_for_a_nul(query: Any) -> None:  # noqa: ANN401 - a schema
    """No database compares with one; every other character may be looked for."""
    assert list(query().validate({"q": "Har\0bor"})) == ["q"]
    assert query().validate({"q": "'%_\\\"*\u202e\n🫀"}) == {}
