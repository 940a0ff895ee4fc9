"""Conversations as the live exchange sees it: the inside doors it calls, each with the gateway's own service token.

Promises: a call takes a bounded time; what comes back is the answer or a Problem, never another exception. Sends and
marks are repeated once on a fresh connection when the first went wrong on the way: both are safe to repeat, and a
connection that was kept open may have died unseen.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import httpx
import orjson

from servicekit.http import ANSWER_WITHIN, CONNECT_WITHIN, call, client
from servicekit.tokens import ServiceToken
from wire.ids import ConversationId
from wire.problems import Problem, Unauthenticated, Unavailable, problem_from_dict

Positions = Mapping[ConversationId, Mapping[str, int]]
Unlisted = Literal["head", "joined"]
_SERVER_SIDE: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A send that was accepted: 201 when it was stored now, 200 when its client id was used before."""

    status: int
    entry: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class CaughtUp:
    """What somebody missed, from one snapshot of the database."""

    entries: Sequence[Mapping[str, Any]] = field(repr=False)
    heads: Positions
    resets: Sequence[Mapping[str, Any]]
    gone: Sequence[ConversationId]


class Upstream:
    """The client of conversations."""

    def __init__(
        self, base_url: str, service_token: ServiceToken, *, transport: httpx.BaseTransport | None = None
    ) -> None:
        self._service_token = service_token
        self._http = client(base_url, transport=transport)
        self._fresh = httpx.Client(
            base_url=base_url,
            transport=transport,
            timeout=httpx.Timeout(ANSWER_WITHIN, connect=CONNECT_WITHIN),
            limits=httpx.Limits(max_keepalive_connections=0),
        )

    def sends(self, items: Sequence[Mapping[str, Any]]) -> list[Stored | Problem]:
        """Store a batch; one result for each item, in order. Unavailable when the batch got no answer."""
        results = self._results("/sends", items)
        return [
            problem_from_dict(result["problem"])
            if "problem" in result
            else Stored(status=result["status"], entry=result["entry"])
            for result in results
        ]

    def marks(self, items: Sequence[Mapping[str, Any]]) -> list[Problem | None]:
        """Move read and delivered marks; for each item None or why it was refused. Unavailable likewise."""
        results = self._results("/marks", items)
        return [problem_from_dict(result["problem"]) if "problem" in result else None for result in results]

    def me(self, access_token: str) -> dict[str, Any]:
        """Return who the user is and how much they have not read."""
        headers = {**self._service_token.header(), "X-User-Token": access_token}
        return _members(call(self._http, "GET", "/me", headers=headers))

    def catch_up(self, access_token: str, positions: Positions, unlisted: Unlisted) -> CaughtUp:
        """Return what this user missed since `positions`."""
        answer = self._twice("/catch-up", {"positions": positions, "unlisted": unlisted}, access_token)
        return CaughtUp(entries=answer["entries"], heads=answer["heads"], resets=answer["resets"], gone=answer["gone"])

    def typing(self, access_token: str, conversation_id: ConversationId, stream: str, *, active: bool) -> None:
        """Tell the others that somebody writes, or stopped."""
        body = {"conversation_id": conversation_id, "stream": stream, "active": active}
        self._once(self._http, "/typing", body, access_token)

    def close(self) -> None:
        """Let go of the connections."""
        self._http.close()
        self._fresh.close()

    def _results(self, path: str, items: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        results: list[dict[str, Any]] = self._twice(path, {"items": items})["results"]
        if len(results) != len(items):
            raise Unavailable
        return results

    def _twice(self, path: str, body: Mapping[str, Any], access_token: str | None = None) -> dict[str, Any]:
        try:
            return _members(self._once(self._http, path, body, access_token))
        except Unauthenticated:
            if access_token is not None:
                raise
            self._service_token.forget()
        except Problem as trouble:
            if trouble.status < _SERVER_SIDE:
                raise
        return _members(self._once(self._fresh, path, body, access_token))

    def _once(
        self, http: httpx.Client, path: str, body: Mapping[str, Any], access_token: str | None = None
    ) -> httpx.Response:
        headers = self._service_token.header()
        if access_token is not None:
            headers["X-User-Token"] = access_token
        return call(http, "POST", path, body=body, headers=headers)


def _members(answer: httpx.Response) -> dict[str, Any]:
    try:
        members = orjson.loads(answer.content)
    except orjson.JSONDecodeError:
        raise Unavailable from None
    if not isinstance(members, dict):
        raise Unavailable
    return members
