"""The one origin opens what protocol.md names and nothing else."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import Client

from embedded.origin import Origin, StartResponse

EDGE = Path(__file__).parents[3] / "deploy/edge/nginx.conf"


def speaks(name: str) -> Any:  # noqa: ANN401 - a WSGI application
    """Return an application that answers with its name and the path it was asked for."""

    def application(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [f"{name} {environ['PATH_INFO']}".encode()]

    return application


def origin(missing: list[str] | None = None) -> Client:
    """Return a browser before an origin of three speaking services."""
    services = {name: speaks(name) for name in ("auth", "staff-gateway", "portal-gateway")}
    return Client(Origin(services, lambda: missing or []))


@pytest.mark.parametrize(
    ("path", "service"),
    [
        ("/messaging", "staff-gateway"),
        ("/messaging/0193-some-conversation", "staff-gateway"),
        ("/messaging/api/me", "staff-gateway"),
        ("/pm/messaging", "staff-gateway"),
        ("/portal/messages", "portal-gateway"),
        ("/portal/live", "portal-gateway"),
        ("/auth/token", "auth"),
        ("/auth/.well-known/openid-configuration", "auth"),
    ],
)
def test_each_path_reaches_its_service_unchanged(path: str, service: str) -> None:
    """Routes of protocol.md section 1."""
    answer = origin().get(path)

    assert answer.text == f"{service} {path}"


@pytest.mark.parametrize(
    "path",
    ["/inside/changes", "/livez", "/metrics", "/messagingx", "/portals", "/authx", "/auth", "/sends", "//auth/token"],
)
def test_what_is_not_named_does_not_exist(path: str) -> None:
    """Neither inside doors nor probes nor conversations are reachable from outside."""
    answer = origin().open(path="/x", environ_overrides={"PATH_INFO": path})

    assert (answer.status_code, answer.get_json()["code"]) == (404, "not_found")


def test_the_front_door_leads_to_the_staff_page() -> None:
    """Who types only the address gets somewhere."""
    answer = origin().get("/")

    assert (answer.status_code, answer.headers["Location"]) == (302, "/messaging")


def test_readiness_names_what_is_missing() -> None:
    """A start script can wait for the public origin alone."""
    waiting, ready = origin(["auth database"]).get("/readyz"), origin().get("/readyz")

    assert (waiting.status_code, waiting.json) == (503, {"status": "not ready", "missing": ["auth database"]})
    assert (ready.status_code, ready.json) == (200, {"status": "ready", "missing": []})


def test_the_edge_proxy_routes_the_same_paths() -> None:
    """Embedded or in containers, an address means the same."""
    text = EDGE.read_text()

    routed = set(re.findall(r"location (?:=|~)? ?(\S+) \{\s+set \$service (\S+):8000", text))

    assert routed == {
        ("/messaging/live", "staff-gateway"),
        ("^/messaging/api/attachments(/|$)", "staff-gateway"),
        ("^/(pm/)?messaging(/|$)", "staff-gateway"),
        ("^/portal/api/attachments(/|$)", "portal-gateway"),
        ("/portal/live", "portal-gateway"),
        ("^/portal(/|$)", "portal-gateway"),
        ("/auth/", "auth"),
    }
