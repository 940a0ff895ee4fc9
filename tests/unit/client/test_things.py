"""The client's names for things are those of the schemas, one for one."""

from inspect import getmembers, isclass
from typing import Any, Literal, get_args, get_origin, get_type_hints, is_typeddict

import pytest
from marshmallow import fields

from client import things
from wire import bodies, frames

THINGS: dict[str, Any] = {name: kind for name, kind in getmembers(things, isclass) if is_typeddict(kind)}
NOT_IN_BODIES = {"Sent", "Said", "Wished"}
PLAIN: dict[type[fields.Field[Any]], object] = {
    fields.Integer: int,
    fields.Boolean: bool,
    fields.Dict: dict,
    fields.List: list,
    fields.Nested: dict,
}


def kind_of(told: Any) -> object:  # noqa: ANN401 - a type
    """Return what a type is without who is in it."""
    told = next((part for part in get_args(told) if part is not type(None)), told) if _is_union(told) else told
    if get_origin(told) is Literal:
        return str
    return dict if is_typeddict(told) else get_origin(told) or told


def _is_union(told: Any) -> bool:  # noqa: ANN401 - a type
    return type(None) in get_args(told)


@pytest.mark.parametrize("name", sorted(set(THINGS) - NOT_IN_BODIES))
def test_a_thing_has_the_names_and_kinds_of_its_schema(name: str) -> None:
    """A member that a schema has gained is named here as well: add it to libs/client/src/client/things.py."""
    schema = getattr(bodies, name)()
    hints = get_type_hints(THINGS[name])

    assert set(hints) == set(schema.fields)
    for member, declared in schema.fields.items():
        plain = next((kind for field, kind in PLAIN.items() if isinstance(declared, field)), str)
        assert (member, kind_of(hints[member])) == (member, plain)
        assert (member, _is_union(hints[member])) == (member, bool(declared.allow_none))
        assert (member, member in THINGS[name].__required_keys__) == (member, declared.required)


def test_what_may_be_said_of_a_message_is_what_the_door_takes() -> None:
    """Beside its body and client id, which every message has."""
    assert set(get_type_hints(things.Said)) == set(bodies.PostMessage().fields) - {"body", "client_message_id"}


def test_what_may_be_wished_is_what_the_door_takes() -> None:
    """Any part of a preference but whose it is."""
    assert set(get_type_hints(things.Wished)) == set(bodies.ChangePreference().fields)


def test_every_choice_is_offered_as_the_schemas_know_it() -> None:
    """Streams, filters and kinds, word for word."""
    assert set(get_args(things.Stream)) == set(bodies.STREAMS)
    assert set(get_args(things.Filter)) == set(bodies.FILTERS)
    assert set(get_args(things.Notify)) == set(bodies.NOTIFY)
    assert set(frames.Send().fields) >= set(get_type_hints(things.Said))
