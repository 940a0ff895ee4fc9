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

from realtime.lane import Lanes
from realtime.notices import Addressee
from realtime.streams import Tally
from servicekit.http import ANSWER_WITHIN, CONNECT_WITHIN, call, client
from servicekit.tokens import ServiceToken
from wire.ids import ConversationId, OrganisationId, UserId
from wire.problems import Problem, Unauthenticated, Unavailable, problem_from_dict

Positions = Mapping[ConversationId, Mapping[str, int]]
Unlisted = Literal["head", "joined"]
_SENDS: Final = "/sends"
_MARKS: Final = "/marks"
_CATCH_UP: Final = "/catch-up"
_OFTEN: Final = frozenset({_SENDS, _MARKS, _CATCH_UP})
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
    me: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """Who the user is and how much they have not read, where that was asked for."""


class Upstream:
    """The client of conversations."""

    def __init__(
        self, base_url: str, service_token: ServiceToken, *, transport: httpx.BaseTransport | None = None
    ) -> None:
        """Know the address; `transport` replaces the network where services share a process."""
        self._service_token = service_token
        self._lanes = Lanes(base_url) if transport is None else None
        self._http = client(base_url, transport=transport)
        self._fresh = httpx.Client(
            base_url=base_url,
            transport=transport,
            timeout=httpx.Timeout(ANSWER_WITHIN, connect=CONNECT_WITHIN),
            limits=httpx.Limits(max_keepalive_connections=0),
        )

    def sends(self, items: Sequence[Mapping[str, Any]]) -> list[Stored | Problem]:
        """Store a batch; one result for each item, in order. Unavailable when the batch got no answer.

        Called by one greenlet only, the send queue's.
        """
        results = self._results(_SENDS, items)
        return [
            problem_from_dict(result["problem"])
            if "problem" in result
            else Stored(status=result["status"], entry=result["entry"])
            for result in results
        ]

    def marks(self, items: Sequence[Mapping[str, Any]]) -> list[Problem | None]:
        """Move read and delivered marks; for each item None or why it was refused. Unavailable likewise."""
        results = self._results(_MARKS, items)
        return [problem_from_dict(result["problem"]) if "problem" in result else None for result in results]

    def catch_up(
        self, access_token: str, positions: Positions, unlisted: Unlisted, *, with_me: bool = False
    ) -> CaughtUp:
        """Return what this user missed since `positions`, and who they are."""
        asked = {"positions": positions, "unlisted": unlisted, "with_me": with_me}
        answer = self._twice("POST", _CATCH_UP, asked, access_token)
        return CaughtUp(
            entries=answer["entries"],
            heads=answer["heads"],
            resets=answer["resets"],
            gone=answer["gone"],
            me=self._me(answer, access_token) if with_me else {},
        )

    def tallies(self, people: Sequence[tuple[OrganisationId, UserId]]) -> dict[UserId, Tally]:
        """Return for people how much there is for them on this plane; who takes part in nothing is left out.

        In the gateway's own name: it tells nothing but two numbers of each.
        """
        told = self._twice("POST", "/tallies", {"items": [{"org": org, "user_id": who} for org, who in people]})
        return {
            item["user_id"]: Tally(conversations=item["conversations"], entries=item["entries"])
            for item in told["items"]
        }

    def typing(self, access_token: str, conversation_id: ConversationId, stream: str, *, active: bool) -> None:
        """Tell the others that somebody writes, or stopped."""
        body = {"conversation_id": conversation_id, "stream": stream, "active": active}
        call(self._http, "POST", "/typing", body=body, headers=self._headers(access_token))

    def addressees(self, items: Sequence[Mapping[str, str]]) -> list[Addressee]:
        """Return whom to tell of these messages; a message answered once is never answered again.

        Asked once: an answer that got lost is a notice less, where a repeat would be a notice nobody gets either.
        """
        told = self._once(self._http, "POST", "/push/addressees", {"items": items}, None)
        return [Addressee(**item) for item in told["items"]]

    def gone(self, items: Sequence[Mapping[str, str]]) -> None:
        """Forget subscriptions whose browser took its address back."""
        call(self._http, "POST", "/push/gone", body={"items": items}, headers=self._headers(None))

    def close(self) -> None:
        """Let go of the connections."""
        self._http.close()
        self._fresh.close()
        if self._lanes is not None:
            self._lanes.close()

    def _me(self, answer: Mapping[str, Any], access_token: str) -> Mapping[str, Any]:
        # A conversations service of the release before this one does not tell both at once.
        told: Mapping[str, Any] | None = answer.get("me")
        return self._twice("GET", "/me", None, access_token) if told is None else told

    def _results(self, path: str, items: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        results: list[dict[str, Any]] = self._twice("POST", path, {"items": items})["results"]
        if len(results) != len(items):
            raise Unavailable
        return results

    def _twice(
        self, method: str, path: str, body: Mapping[str, Any] | None, access_token: str | None = None
    ) -> dict[str, Any]:
        try:
            return self._once(self._http, method, path, body, access_token)
        except Unauthenticated:
            # The user's token or ours: only asking again with a fresh one of ours tells which.
            self._service_token.forget()
        except Problem as trouble:
            if trouble.status < _SERVER_SIDE:
                raise
        return self._once(self._fresh, method, path, body, access_token)

    def _once(
        self, http: httpx.Client, method: str, path: str, body: Mapping[str, Any] | None, access_token: str | None
    ) -> dict[str, Any]:
        headers = self._headers(access_token)
        if self._lanes is not None and path in _OFTEN and http is self._http:
            return _members(self._lanes.post(path, orjson.dumps(body), headers))
        return _members(call(http, method, path, body=body, headers=headers).content)

    def _headers(self, access_token: str | None) -> dict[str, str]:
        headers = self._service_token.header()
        return headers if access_token is None else {**headers, "X-User-Token": access_token}


def _members(content: bytes) -> dict[str, Any]:
    try:
        members = orjson.loads(content)
    except orjson.JSONDecodeError:
        raise Unavailable from None
    if not isinstance(members, dict):
        raise Unavailable
    return members
