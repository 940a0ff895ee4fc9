"""The one public origin: each path to its service, as deploy/edge/nginx.conf does it in front of containers.

What is not named here does not exist outside: neither the inside doors nor conversations at all. Paths are compared
as the services will read them, so nothing slips through by being written another way.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import orjson

StartResponse = Callable[..., Any]
WSGIApp = Callable[[dict[str, Any], StartResponse], Iterable[bytes]]

PREFIXES = (
    ("/messaging", "staff-gateway"),
    ("/pm/messaging", "staff-gateway"),
    ("/portal", "portal-gateway"),
    ("/auth", "auth"),
)
NOT_FOUND = orjson.dumps(
    {
        "type": "about:blank",
        "title": "Not found",
        "status": 404,
        "detail": "There is nothing at this address.",
        "code": "not_found",
    }
)


class Origin:
    """A WSGI application over the services; `missing` names the parts that do not answer yet."""

    def __init__(self, services: Mapping[str, WSGIApp], missing: Callable[[], list[str]]) -> None:
        self._services = services
        self.missing = missing

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        service = service_for(path)
        if service is not None:
            return self._services[service](environ, start_response)
        if path == "/":
            start_response("302 Found", [("Location", "/messaging"), ("Content-Length", "0")])
            return [b""]
        if path == "/readyz":
            missing = self.missing()
            answer = orjson.dumps({"status": "not ready" if missing else "ready", "missing": missing})
            return _answer(start_response, "503 Service Unavailable" if missing else "200 OK", answer)
        return _answer(start_response, "404 Not Found", NOT_FOUND, "application/problem+json")


def service_for(path: str) -> str | None:
    """Return the service a path belongs to; None where the outside has nothing to look for."""
    for prefix, service in PREFIXES:
        if path.startswith(prefix + "/") or (path == prefix and service != "auth"):
            return service
    return None


def _answer(
    start_response: StartResponse, status: str, body: bytes, content_type: str = "application/json"
) -> Iterable[bytes]:
    start_response(status, [("Content-Type", content_type), ("Content-Length", str(len(body)))])
    return [body]
