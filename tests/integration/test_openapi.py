"""Both gateways' OpenAPI documents, and many odd calls made up from them, none of which may fail on our side."""

import re
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.support.clinic import Clinic
from tests.support.person import Person

EXAMPLES = 12
PLANES = {"/messaging": "nora@harbor.example", "/portal": "ada@patients.example"}


@pytest.mark.parametrize("root", PLANES)
def test_the_document_is_served_with_its_page(clinic: Clinic, root: str) -> None:
    """openapi.json is OpenAPI 3.1 and names the calls; the docs page loads nothing from elsewhere."""
    document = httpx.get(f"{clinic.origin}{root}/api/openapi.json", trust_env=False).json()
    page = httpx.get(f"{clinic.origin}{root}/api/docs", trust_env=False, follow_redirects=True)

    assert document["openapi"].startswith("3.1")
    assert any(path.endswith("/conversations/{conversation_id}/messages") for path in document["paths"])
    assert page.status_code == 200
    loaded = re.findall(r'(?:src|href)="([^"#]+)', page.text)
    assert loaded
    assert all(link.startswith(f"{root}/api/") for link in loaded)


@pytest.mark.parametrize("root", PLANES)
@pytest.mark.timeout(240)
def test_no_made_up_call_fails_on_our_side(clinic: Clinic, root: str) -> None:
    """Every operation, with values the schema allows and forbids: documented answers only, and never a 5xx."""
    person: Person = clinic.signs_in(PLANES[root])
    schema = schemathesis.openapi.from_url(f"{clinic.origin}{root}/api/openapi.json")
    checks = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
    tried = 0
    for found in schema.get_all_operations():
        assert isinstance(found, Ok)
        operation = found.ok()

        @given(case=operation.as_strategy())
        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        def calls(case: schemathesis.Case[Any]) -> None:
            response = case.call(headers=person.bearer, timeout=10)
            case.validate_response(response, checks=checks)

        calls()
        tried += 1

    assert tried >= 6
