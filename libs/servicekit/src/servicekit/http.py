"""Calls from one service to another: strict time limits, and refusals that come through as what they are."""

from collections.abc import Mapping
from typing import Any

import httpx
import orjson

from wire.problems import Problem, Unavailable, problem_from_dict

CONNECT_WITHIN = 2.0
ANSWER_WITHIN = 10.0
"""Seconds; a service that takes longer counts as away."""


def client(base_url: str, *, transport: httpx.BaseTransport | None = None, connections: int = 64) -> httpx.Client:
    """Return a client for one service; `transport` replaces the network where services share a process."""
    return httpx.Client(
        base_url=base_url,
        transport=transport,
        timeout=httpx.Timeout(ANSWER_WITHIN, connect=CONNECT_WITHIN, pool=CONNECT_WITHIN),
        limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections, keepalive_expiry=30),
        follow_redirects=False,
    )


def call(
    http: httpx.Client,
    method: str,
    path: str,
    *,
    body: Any = None,  # noqa: ANN401 - whatever JSON can hold
    headers: Mapping[str, str] | None = None,
    params: Mapping[str, str | int] | None = None,
) -> httpx.Response:
    """Make one call; Unavailable when no answer comes, the other side's Problem when it refuses."""
    content = None if body is None else orjson.dumps(body)
    sent = {"Content-Type": "application/json"} if content is not None else {}
    try:
        answer = http.request(method, path, content=content, headers=sent | dict(headers or {}), params=params)
    except httpx.HTTPError as away:
        raise Unavailable from away
    if answer.is_success:
        return answer
    raise problem_of(answer)


def problem_of(answer: httpx.Response) -> Problem:
    """Return the refusal an answer carries; an answer above 499 that carries none means the service is away."""
    try:
        members = orjson.loads(answer.content)
    except orjson.JSONDecodeError:
        members = None
    if isinstance(members, dict) and "code" in members:
        return problem_from_dict(members)
    if answer.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
        return Unavailable()
    return problem_from_dict({"status": answer.status_code})
