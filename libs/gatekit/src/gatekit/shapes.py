"""What a schema documents, as a sieve: what passes has the documented fields and nothing else, at any depth.

The same schemas make the OpenAPI document, so what is shown and what is documented cannot drift apart. A value of
another kind than documented (an object where a text belongs) does not pass; nothing is validated beyond that.
"""

from collections.abc import Callable, Mapping
from typing import Any

from marshmallow import Schema, fields

from wire.bodies import Id
from wire.ids import is_id

Sieve = Callable[[Any], Any]
_SCALARS = (str, int, float, bool, type(None))


class _Nothing:
    """What is left of a value that does not pass."""


NOTHING = _Nothing()


def sieve(schema: type[Schema] | Schema) -> Sieve:
    """Return what lets through the documented fields of one thing; a value that is no such thing becomes NOTHING."""
    made = schema if isinstance(schema, Schema) else schema()
    inner = {name: _of_field(field) for name, field in made.fields.items()}

    def keep(thing: Any) -> Any:  # noqa: ANN401 - JSON
        if not isinstance(thing, Mapping):
            return NOTHING
        kept = {name: through(thing[name]) for name, through in inner.items() if name in thing}
        return {name: value for name, value in kept.items() if value is not NOTHING}

    return keep


def _of_field(field: fields.Field[Any] | None) -> Sieve:
    if isinstance(field, fields.Nested):
        return _or_null(sieve(field.schema))
    if isinstance(field, fields.List):
        return _or_null(_each(_of_field(field.inner)))
    if isinstance(field, fields.Dict):
        return _or_null(_each_value(_of_field(field.value_field), ids_only=isinstance(field.key_field, Id)))
    return lambda value: value if isinstance(value, _SCALARS) else NOTHING


def _or_null(through: Sieve) -> Sieve:
    return lambda value: None if value is None else through(value)


def _each(through: Sieve) -> Sieve:
    def keep(values: Any) -> Any:  # noqa: ANN401 - JSON
        if not isinstance(values, list):
            return NOTHING
        return [kept for kept in map(through, values) if kept is not NOTHING]

    return keep


def _each_value(through: Sieve, *, ids_only: bool) -> Sieve:
    def keep(values: Any) -> Any:  # noqa: ANN401 - JSON
        if not isinstance(values, Mapping):
            return NOTHING
        kept = {key: through(value) for key, value in values.items() if is_id(key) or not ids_only}
        return {key: value for key, value in kept.items() if value is not NOTHING}

    return keep
