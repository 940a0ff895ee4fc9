"""The golden samples and the schemas, encoders and decoders that claim to know them hold each other to their word."""

from typing import Any

import orjson
import pytest
from marshmallow import RAISE, Schema

from wire import bodies, events, frames, samples
from wire.changes import Change
from wire.problems import problem_from_dict

ENTRIES = samples.load("entries")
BODIES = samples.load("bodies")
FRAMES = samples.load("frames")
EVENTS = samples.load("events")
CHANGES = samples.load("changes")


def keys_anywhere(value: Any) -> set[str]:  # noqa: ANN401 - any JSON
    """Collect every key used at any depth."""
    if isinstance(value, dict):
        return set(value) | {key for inner in value.values() for key in keys_anywhere(inner)}
    if isinstance(value, list):
        return {key for inner in value for key in keys_anywhere(inner)}
    return set()


@pytest.mark.parametrize("name", ENTRIES)
def test_every_sample_entry_is_an_entry_of_the_schema(name: str) -> None:
    """An entry sample loads without an unknown or a missing field."""
    sample = ENTRIES[name]

    errors = bodies.Entry(unknown=RAISE).validate(sample)

    assert errors == {}


def test_every_entry_type_has_a_sample() -> None:
    """No entry type may exist without a golden sample."""
    shown = {entry["type"] for entry in ENTRIES.values()}

    assert shown == set(bodies.ENTRY_TYPES)


@pytest.mark.parametrize("name", BODIES)
def test_every_sample_body_fits_its_schema(name: str) -> None:
    """A body sample loads by the schema its name begins with."""
    schema: Schema = getattr(bodies, name.split(".", maxsplit=1)[0])(unknown=RAISE)

    errors = schema.validate(BODIES[name])

    assert errors == {}


@pytest.mark.parametrize("name", [name for name in FRAMES if name.startswith("client.")])
def test_every_client_frame_fits_the_schema_of_its_op(name: str) -> None:
    """A client frame sample loads by the schema of its op."""
    frame = FRAMES[name]

    errors = frames.OPS[frame["op"]]().validate(frame)

    assert errors == {}


def test_every_op_has_a_sample_and_a_reply() -> None:
    """No op may exist without a golden frame and a golden reply."""
    asked = {name.removeprefix("client.") for name in FRAMES if name.startswith("client.")}
    replied = {name.removeprefix("reply.") for name in FRAMES if name.startswith("reply.")}

    assert asked == set(frames.OPS)
    assert replied == asked | {"refused"}


@pytest.mark.parametrize("name", [name for name in FRAMES if name.startswith("reply.")])
def test_every_reply_fits_the_schema_of_its_op(name: str) -> None:
    """A reply sample has the members its schema documents, and no other."""
    schema: type[Schema] = frames.REPLIES.get(name.removeprefix("reply."), frames.Refused)

    assert schema(unknown=RAISE).validate(FRAMES[name]) == {}


def test_every_push_has_a_schema_and_a_sample() -> None:
    """No push may exist without either, and no op without the schema of its reply."""
    assert {name.removeprefix("push.") for name in FRAMES if name.startswith("push.")} == set(frames.PUSHES)
    assert set(frames.REPLIES) == set(frames.OPS)


@pytest.mark.parametrize("push", frames.PUSHES)
def test_every_push_fits_its_schema(push: str) -> None:
    """A push sample has the members its schema documents, and no other."""
    assert frames.PUSHES[push](unknown=RAISE).validate(FRAMES[f"push.{push}"]) == {}


@pytest.mark.parametrize("name", EVENTS)
def test_an_event_survives_the_broker_unchanged(name: str) -> None:
    """Encoding what was decoded gives the sample again."""
    batch = events.encode_batch(events.decode_batch(_batch(EVENTS[name])))

    assert batch == _batch(EVENTS[name])


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_survives_the_way_from_auth_unchanged(name: str) -> None:
    """Reading and sending a change gives the sample again."""
    change = Change.from_dict(CHANGES[name])

    assert change.as_dict() == CHANGES[name]


@pytest.mark.parametrize("name", [name for name in BODIES if name.startswith("ProblemBody")])
def test_a_problem_survives_a_process_unchanged(name: str) -> None:
    """Reading and sending a problem gives the sample again."""
    problem = problem_from_dict(BODIES[name])

    assert problem.as_dict() == BODIES[name]


def test_the_portal_sample_has_no_internal_key_anywhere() -> None:
    """A patient's conversation shows no trace of the internal stream."""
    sample = BODIES["Conversation.portal"]

    assert "internal" not in keys_anywhere(sample)


def _batch(sample: dict[str, Any]) -> bytes:
    return orjson.dumps({"batch": [sample]})
