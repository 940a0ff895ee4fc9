"""Refusals carry a code and a sentence through every process, and nothing that somebody wrote."""

import pytest

from wire import problems
from wire.problems import Problem, problem_from_dict

KINDS = [kind for kind in vars(problems).values() if isinstance(kind, type) and issubclass(kind, Problem)]

PROTOCOL = {
    "unauthenticated": 401,
    "permission_required": 403,
    "origin_refused": 403,
    "not_found": 404,
    "conflict": 409,
    "stale": 409,
    "conversation_closed": 409,
    "too_large": 413,
    "unsupported_media": 415,
    "invalid": 422,
    "rate_limited": 429,
    "unavailable": 503,
}


def test_every_code_of_the_protocol_has_its_status() -> None:
    """The table of protocol.md section 3, as it stands there."""
    ours = {kind.code: kind.status for kind in KINDS}

    assert PROTOCOL.items() <= ours.items()


@pytest.mark.parametrize("kind", KINDS)
def test_a_problem_comes_out_of_another_process_as_itself(kind: type[Problem]) -> None:
    """as_dict and problem_from_dict are each other's inverse."""
    sent = kind("Because of this.")

    heard = problem_from_dict(sent.as_dict())

    assert type(heard) is kind
    assert heard.as_dict() == sent.as_dict()


def test_an_unknown_code_becomes_the_nearest_by_status() -> None:
    """A newer service may refuse for a reason this one does not know."""
    heard = problem_from_dict({"code": "from_the_future", "status": 404, "detail": "No."})

    assert heard.code == "not_found"
