"""The API's documents: true to what the doors do, and made of nothing from outside."""

import json
import re
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from openapi_spec_validator import OpenAPIV31SpecValidator, validate
from schemathesis.checks import CHECKS
from schemathesis.core.result import Ok

from gatekit.addresses import PORTAL, STAFF, Addresses
from portal_gateway import app as portal
from staff_gateway import app as staff
from tests.unit.gatekit.standins import ORIGIN, SETTINGS, ada, nora
from tests.unit.gatekit.world import World, sending
from wire.frames import OPS, PUSHES

BOTH = [STAFF, PORTAL]
GENEROUS = {STAFF: staff, PORTAL: portal}
PAGES = ("docs", "docs/live")
DOCUMENTS = ("openapi.json", "docs", "asyncapi.json", "docs/live")
ASYNCAPI = json.loads((Path(__file__).parents[2] / "support" / "asyncapi-3.0.0.schema.json").read_text())
HELD_TO = ("not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance")


def world_of(addresses: Addresses) -> World:
    """Return the gateway of that plane."""
    return World(addresses, GENEROUS[addresses].compose, SETTINGS)


def document_of(world: World, name: str = "openapi.json") -> dict[str, Any]:
    """Return a document, as anybody gets it."""
    answer = world.browser().get(f"{world.addresses.api}/{name}", base_url=ORIGIN)
    assert answer.status_code == 200
    document: dict[str, Any] = answer.get_json()
    return document


@pytest.mark.parametrize("addresses", BOTH)
def test_every_call_of_the_document_names_its_refusals_with_an_example(addresses: Addresses) -> None:
    """401 and 403 at every call, and each refusal is a problem with an example."""
    document = document_of(world_of(addresses))

    for path, calls in document["paths"].items():
        for method, call in calls.items():
            if method == "parameters":
                continue
            refusals = {int(status): told for status, told in call["responses"].items() if int(status) >= 400}
            assert {401, 403, 503} <= set(refusals), (method, path)
            for told in refusals.values():
                (media_type,) = told["content"]
                assert media_type == "application/problem+json"
                assert told["content"][media_type]["examples"]


@pytest.mark.parametrize("addresses", BOTH)
def test_every_body_has_an_example(addresses: Addresses) -> None:
    """What is sent and what is answered is shown once, by a golden sample."""
    document = document_of(world_of(addresses))

    for calls in document["paths"].values():
        for method, call in calls.items():
            if method == "parameters":
                continue
            shown = [*call.get("requestBody", {}).get("content", {}).values()]
            shown += [
                content
                for status, told in call["responses"].items()
                if status in {"200", "201"}
                for content in told["content"].values()
            ]
            assert all("example" in content for content in shown), (method, call["summary"])


def test_the_portals_documents_know_of_no_internal_stream() -> None:
    """Neither the schemas nor the examples nor the readable page."""
    browser = world_of(PORTAL).browser()

    told = [browser.get(f"{PORTAL.api}/{name}", base_url=ORIGIN).data for name in DOCUMENTS]

    assert [b"internal" in text for text in told] == [False] * len(DOCUMENTS)


@pytest.mark.parametrize("addresses", BOTH)
def test_the_documents_are_what_they_say_they_are(addresses: Addresses) -> None:
    """OpenAPI 3.1 and AsyncAPI 3.0, by the validator and the schema of each."""
    world = world_of(addresses)

    validate(document_of(world), cls=OpenAPIV31SpecValidator)
    jsonschema_rs.validator_for(ASYNCAPI).validate(document_of(world, "asyncapi.json"))


@pytest.mark.parametrize("addresses", BOTH)
def test_every_example_fits_the_schema_it_stands_beside(addresses: Addresses) -> None:
    """Of bodies, answers, problems and frames."""
    world = world_of(addresses)
    calls, live = document_of(world), document_of(world, "asyncapi.json")

    shown = [
        (content["schema"], content.get("example") or example["value"], calls)
        for path in calls["paths"].values()
        for call in path.values()
        if isinstance(call, dict)
        for told in (call.get("requestBody", {}), *call["responses"].values())
        for content in told.get("content", {}).values()
        for example in (content.get("examples") or {"": {}}).values()
        if example or "example" in content
    ]
    shown += [
        (message["payload"], example["payload"], live)
        for message in live["components"]["messages"].values()
        for example in message["examples"]
    ]

    assert len(shown) > len(calls["paths"]) + len(live["components"]["messages"])
    for schema, example, document in shown:
        jsonschema_rs.validator_for({**schema, "components": document["components"]}).validate(example)


@pytest.mark.parametrize("addresses", BOTH)
def test_the_live_document_has_every_frame_of_its_plane(addresses: Addresses) -> None:
    """Each op as something the server receives, with its reply; each push as something it sends."""
    operations = document_of(world_of(addresses), "asyncapi.json")["operations"]
    theirs = {"watch", "presence"} if addresses is PORTAL else set()

    received = {name for name, told in operations.items() if told["action"] == "receive"}
    sent = {name.removeprefix("push.") for name, told in operations.items() if told["action"] == "send"}

    assert received == set(OPS) - theirs
    assert sent == set(PUSHES) - theirs
    assert all(len(operations[op]["reply"]["messages"]) == 2 for op in received)


@pytest.mark.parametrize("addresses", BOTH)
def test_the_readable_page_loads_nothing_from_elsewhere(addresses: Addresses) -> None:
    """One style sheet of ours, no script; every call and every frame is on its page."""
    world = world_of(addresses)
    browser = world.browser()

    pages = [browser.get(f"{addresses.api}/{name}", base_url=ORIGIN).get_data(as_text=True) for name in PAGES]

    for page in pages:
        loaded = re.findall(r'(?:src|href)="([^"#]+)"', page)
        assert {link.split("/")[1] for link in loaded} == {addresses.root[1:]}
        assert all(browser.get(link, base_url=ORIGIN, buffered=True).status_code == 200 for link in loaded)
        assert "<script" not in page
        named = set(re.findall(r'href="#([^"]+)"', page))
        assert named <= set(re.findall(r'id="([^"]+)"', page))
    assert all(path in pages[0] for path in document_of(world)["paths"])
    assert all(f'id="frame-{name}"' in pages[1] for name in document_of(world, "asyncapi.json")["operations"])


@pytest.mark.parametrize("addresses", BOTH)
def test_every_call_answers_as_documented_whatever_it_is_given(addresses: Addresses) -> None:
    """Generated calls, right and wrong ones, meet a documented status, media type and shape, and never a 500."""
    world = world_of(addresses)
    token = world.auth.access_token(nora() if addresses is STAFF else ada())
    schema = schemathesis.openapi.from_wsgi(f"{addresses.api}/openapi.json", world.composed.wsgi)
    checks: Any = CHECKS.get_by_names(HELD_TO)

    for found in schema.get_all_operations():
        assert isinstance(found, Ok)
        operation = found.ok()

        @settings(
            max_examples=12,
            deadline=None,
            database=None,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def holds(case: schemathesis.Case[Any]) -> None:
            answer = case.call(base_url=ORIGIN, headers={"Authorization": f"Bearer {token}"})
            case.validate_response(answer, checks=checks)

        with sending(world):
            holds()
