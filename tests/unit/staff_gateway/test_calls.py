"""What only staff may ask reaches conversations at the right place, and comes back as it was answered."""

from typing import Any

import pytest

from gatekit.addresses import STAFF
from staff_gateway.app import compose
from tests.unit.gatekit.standins import CONVERSATION, MESSAGE, nora
from tests.unit.gatekit.world import World
from wire.demo import ROSA
from wire.problems import Conflict, PermissionRequired

CALLS: list[tuple[str, str, Any, int]] = [
    ("GET", "/directory?q=ro&kind=staff", None, 200),
    ("GET", f"/messages/{MESSAGE}/history", None, 200),
    ("PATCH", f"/messages/{MESSAGE}", {"body": "better"}, 200),
    ("DELETE", f"/messages/{MESSAGE}", None, 200),
    ("PATCH", f"/conversations/{CONVERSATION}", {"status": "closed"}, 200),
    ("POST", f"/conversations/{CONVERSATION}/participants", {"user_id": ROSA}, 200),
    ("DELETE", f"/conversations/{CONVERSATION}/participants/{ROSA}", None, 200),
    ("POST", "/conversations", {"kind": "direct", "participant_ids": [ROSA]}, 201),
    ("GET", f"/conversations/{CONVERSATION}/timeline?stream=internal&after=3&limit=20", None, 200),
]


@pytest.mark.parametrize(("method", "path", "body", "status"), CALLS)
def test_a_call_reaches_its_place_as_it_was_meant(method: str, path: str, body: Any, status: int) -> None:  # noqa: ANN401 - JSON
    """Method, path, query and body."""
    world = World(STAFF, compose)

    answer = world.call(world.browser(), method, path, origin=None, token=world.auth.access_token(nora()), body=body)

    (noted,) = world.conversations.calls
    asked = "&".join(f"{name}={value}" for name, value in noted.query.items() if f"{name}=" in path)
    assert answer.status_code == status
    assert (noted.method, noted.path, asked) == (method, path.partition("?")[0], path.partition("?")[2])
    assert noted.body == body


@pytest.mark.parametrize(
    "problem", [PermissionRequired("Only a moderator may."), Conflict("A direct conversation is of two.")]
)
def test_what_may_not_be_is_said_in_conversations_words(problem: PermissionRequired | Conflict) -> None:
    """The gateway decides nothing of it."""
    world = World(STAFF, compose)
    world.conversations.refuses("DELETE", f"/messages/{MESSAGE}", problem.as_dict())

    answer = world.call(
        world.browser(), "DELETE", f"/messages/{MESSAGE}", origin=None, token=world.auth.access_token(nora())
    )

    assert answer.get_json() == problem.as_dict()


def test_an_existing_direct_conversation_comes_back_with_200() -> None:
    """Opening it again opens nothing."""
    world = World(STAFF, compose)
    existing = {"id": CONVERSATION, "kind": "direct"}
    world.conversations.answers("POST", "/conversations", existing, 200)

    answer = world.call(
        world.browser(),
        "POST",
        "/conversations",
        origin=None,
        token=world.auth.access_token(nora()),
        body={"kind": "direct", "participant_ids": [ROSA]},
    )

    assert (answer.status_code, answer.get_json()) == (200, existing)
