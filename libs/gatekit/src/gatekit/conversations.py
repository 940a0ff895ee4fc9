"""The conversations service as the REST doors use it: the user's own token goes along and decides (protocol.md 4).

Promises: every call carries the gateway's service token and the user's token, and nothing the gateway asserts itself;
tokens that were refused, because they were taken back a moment ago, are renewed once and the call repeated, which is
safe because a refused call did nothing; when the service is away the caller learns that nothing was stored.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import orjson

from gatekit.callers import Caller, Callers
from servicekit.http import call
from servicekit.tokens import ServiceToken
from wire.problems import Unauthenticated, Unavailable, problem_from_dict


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What conversations answered; `body` is None for 204."""

    status: int
    body: Any


class Conversations:
    """Makes a caller's REST calls at conversations."""

    def __init__(self, http: httpx.Client, *, service_token: ServiceToken, callers: Callers) -> None:
        self._http = http
        self._service_token = service_token
        self._callers = callers

    def ask(
        self,
        caller: Caller,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> Answer:
        """Make the call as `caller`; raises the refusal's Problem, or Unavailable."""
        try:
            return self._call(caller, method, path, query=query, body=body)
        except Unauthenticated:
            self._service_token.forget()
            again = caller if caller.session is None else self._callers.renewed(caller)
        return self._call(again, method, path, query=query, body=body)

    def mark_read(self, caller: Caller, *, conversation_id: str, stream: str, seq: int) -> None:
        """Store how far the caller has read; raises the refusal's Problem, or Unavailable."""
        mark = {"token": caller.token, "kind": "read", "conversation_id": conversation_id, "stream": stream, "seq": seq}
        answer = self.ask(caller, "POST", "/marks", body={"items": [mark]})
        refused = answer.body["results"][0].get("problem")
        if refused is not None:
            raise problem_from_dict(refused)

    def _call(
        self,
        caller: Caller,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None,
        body: Mapping[str, Any] | None,
    ) -> Answer:
        answer = call(
            self._http,
            method,
            path,
            body=body,
            headers=self._service_token.header() | {"X-User-Token": caller.token},
            params={name: value for name, value in (query or {}).items() if value not in (None, "")},
        )
        try:
            return Answer(status=answer.status_code, body=orjson.loads(answer.content) if answer.content else None)
        except orjson.JSONDecodeError as unreadable:
            raise Unavailable from unreadable
