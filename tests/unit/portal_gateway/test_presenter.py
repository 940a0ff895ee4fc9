"""Of the internal stream nothing passes to a patient, whatever conversations or the broker say."""

import copy
from collections.abc import Iterator
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from portal_gateway.presenter import Presenter
from wire import samples

PRESENT = Presenter()
BODIES = samples.load("bodies")
ENTRIES = samples.load("entries")

PATIENTLY = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
_INTERNAL = ("internal", "note_internal", "staff_only")
_JSON = st.sampled_from(
    [
        None,
        "internal",
        7,
        {"internal": 3},
        [{"internal": {"seq": 1}}],
        {"stream": "internal", "shared": {"internal": 2}},
        {"01930000-0000-7000-8000-000000000101": {"shared": 1, "internal": 2}},
    ]
)


@st.composite
def tainted(draw: st.DrawFn, thing: Any) -> Any:  # noqa: ANN401 - JSON
    """Return a copy of a thing with up to six fields, internal ones above all, added or replaced at any depth."""
    grown = copy.deepcopy(thing)
    inside = list(objects(grown))
    for place, added, value in draw(st.lists(st.tuples(st.integers(0, 99), st.integers(0, 9), _JSON), max_size=6)):
        chosen = inside[place % len(inside)]
        names = (*_INTERNAL, *chosen)
        chosen[names[added % len(names)]] = copy.deepcopy(value)
    return grown


def objects(thing: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401 - JSON
    """Yield every object in a thing, itself first."""
    if isinstance(thing, dict):
        yield thing
        thing = list(thing.values())
    if isinstance(thing, list):
        for inner in thing:
            yield from objects(inner)


def traces(thing: Any, path: str = "") -> list[str]:  # noqa: ANN401 - JSON
    """Return every place where a key is undocumented or a stream is not the shared one."""
    if isinstance(thing, list):
        return [found for item in thing for found in traces(item, path + "[]")]
    if not isinstance(thing, dict):
        return []
    found = [f"{path}.{key}" for key in thing if key in _INTERNAL]
    if thing.get("stream", "shared") != "shared":
        found.append(f"{path}.stream")
    return found + [deeper for key, value in thing.items() for deeper in traces(value, f"{path}.{key}")]


@PATIENTLY
@given(conversation=tainted(BODIES["Conversation.staff"]))
def test_a_conversation_shows_no_trace_of_the_internal_stream(conversation: dict[str, Any]) -> None:
    """Heads, unread counts, marks, the last entry: only the shared stream."""
    shown = PRESENT.conversation(conversation)

    assert traces(shown) == []


@PATIENTLY
@given(items=st.lists(st.sampled_from(sorted(ENTRIES)).flatmap(lambda name: tainted(ENTRIES[name])), max_size=4))
def test_a_timeline_shows_no_trace_of_the_internal_stream(items: list[dict[str, Any]]) -> None:
    """An internal entry is not there at all; a shared one has its documented fields."""
    shown = PRESENT.timeline({"items": items, "head": 9, "has_more": False, "internal": {"head": 4}})

    assert traces(shown) == []
    assert set(shown) == {"items", "head", "has_more"}


@PATIENTLY
@given(page=st.lists(tainted(BODIES["Conversation.staff"]), max_size=2))
def test_a_list_shows_no_trace_of_the_internal_stream(page: list[dict[str, Any]]) -> None:
    """Every conversation of the page."""
    shown = PRESENT.conversations({"items": page, "next_cursor": None, "internal": 1})

    assert traces(shown) == []


@PATIENTLY
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
