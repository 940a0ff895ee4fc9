"""Of the internal stream nothing passes to a patient, whatever conversations or the broker say."""

import copy
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from portal_gateway.presenter import Presenter
from wire import samples

PRESENT = Presenter()
BODIES = samples.load("bodies")
ENTRIES = samples.load("entries")

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.just("internal"),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["internal", "shared", "stream", "seq", "note", "items"]), inner, max_size=4)
    ),
    max_leaves=12,
)


@st.composite
def tainted(draw: st.DrawFn, thing: Any) -> Any:  # noqa: ANN401 - JSON
    """Return a thing with undocumented fields, internal ones above all, put in at any depth."""
    if isinstance(thing, list):
        return [draw(tainted(item)) for item in thing]
    if not isinstance(thing, dict):
        return draw(st.just(thing) | _JSON) if draw(st.integers(0, 9)) == 0 else thing
    grown = {key: draw(tainted(value)) for key, value in thing.items()}
    if draw(st.booleans()):
        grown |= draw(st.dictionaries(st.sampled_from(["internal", "note_internal", "staff_only"]), _JSON, max_size=3))
    return grown


def traces(thing: Any, path: str = "") -> list[str]:  # noqa: ANN401 - JSON
    """Return every place where a key is undocumented or a stream is not the shared one."""
    if isinstance(thing, list):
        return [found for item in thing for found in traces(item, path + "[]")]
    if not isinstance(thing, dict):
        return []
    found = [f"{path}.{key}" for key in thing if key in {"internal", "note_internal", "staff_only"}]
    if thing.get("stream", "shared") != "shared":
        found.append(f"{path}.stream")
    return found + [deeper for key, value in thing.items() for deeper in traces(value, f"{path}.{key}")]


@given(conversation=tainted(BODIES["Conversation.staff"]))
def test_a_conversation_shows_no_trace_of_the_internal_stream(conversation: dict[str, Any]) -> None:
    """Heads, unread counts, marks, the last entry: only the shared stream."""
    shown = PRESENT.conversation(conversation)

    assert traces(shown) == []


@given(items=st.lists(st.sampled_from(sorted(ENTRIES)).flatmap(lambda name: tainted(ENTRIES[name])), max_size=4))
def test_a_timeline_shows_no_trace_of_the_internal_stream(items: list[dict[str, Any]]) -> None:
    """An internal entry is not there at all; a shared one has its documented fields."""
    shown = PRESENT.timeline({"items": items, "head": 9, "has_more": False, "internal": {"head": 4}})

    assert traces(shown) == []
    assert set(shown) == {"items", "head", "has_more"}


@settings(max_examples=40)
@given(page=st.lists(tainted(BODIES["Conversation.staff"]), max_size=2))
def test_a_list_shows_no_trace_of_the_internal_stream(page: list[dict[str, Any]]) -> None:
    """Every conversation of the page."""
    shown = PRESENT.conversations({"items": page, "next_cursor": None, "internal": 1})

    assert traces(shown) == []


@given(state=tainted({"conversation_id": "c", "user_id": "u", "stream": "shared", "seq": 3, "user": {"id": "u"}}))
def test_a_state_shows_no_trace_of_the_internal_stream(state: dict[str, Any]) -> None:
    """A mark or somebody typing."""
    shown = PRESENT.state(state)

    assert traces(shown) == []


def test_an_internal_note_is_nothing_to_a_patient() -> None:
    """Neither as an entry, nor as the last entry of a conversation, nor as somebody typing it."""
    note = ENTRIES["message.posted.internal"]
    conversation = copy.deepcopy(BODIES["Conversation.staff"]) | {"last_entry": note}

    shown = PRESENT.conversation(conversation)

    assert PRESENT.entry(note) is None
    assert PRESENT.state({"conversation_id": "c", "stream": "internal", "seq": 1, "user_id": "u"}) is None
    assert shown is not None
    assert shown["last_entry"] is None


def test_what_is_documented_passes_unchanged() -> None:
    """The portal's golden conversation and every shared entry come out as they went in."""
    shared = {name: entry for name, entry in ENTRIES.items() if entry["stream"] == "shared"}

    assert PRESENT.conversation(BODIES["Conversation.portal"]) == BODIES["Conversation.portal"]
    assert {name: PRESENT.entry(entry) for name, entry in shared.items()} == shared
