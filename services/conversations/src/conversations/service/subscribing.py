"""Which of a person's browsers want to be told that something is new."""

from __future__ import annotations

import hashlib
from typing import Final

from conversations.model import Action
from conversations.service.desk import Desk, Work
from conversations.store import push
from wire.claims import Claims

MOST: Final = 20
"""Browsers of one person; the one that was used longest ago makes room."""


class Subscribing:
    """Keeps subscriptions."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def subscribe(self, claims: Claims, endpoint: str) -> None:
        """Tell this browser from now on, as long as the session lasts."""
        self._desk.do(claims, Action.PUSH_SUBSCRIBED, lambda work: _subscribe(work, endpoint))

    def unsubscribe(self, claims: Claims, endpoint: str) -> None:
        """Tell it no more; whoever is not told anyway is none the wiser."""
        self._desk.do(claims, Action.PUSH_UNSUBSCRIBED, lambda work: _unsubscribe(work, endpoint))


def _subscribe(work: Work, endpoint: str) -> None:
    claims = work.claims
    work.me()
    push.put(
        work.connection,
        {
            "id": work.new_id(),
            "org": work.org,
            "user_id": claims.user_id,
            "plane": str(claims.plane),
            "session_id": claims.session_id,
            "endpoint": endpoint,
            "digest": _digest(endpoint),
            "at": work.at,
        },
    )
    push.keep_newest(work.connection, claims.user_id, MOST)
    work.record(Action.PUSH_SUBSCRIBED)


def _unsubscribe(work: Work, endpoint: str) -> None:
    push.forget(work.connection, work.claims.user_id, _digest(endpoint))
    work.record(Action.PUSH_UNSUBSCRIBED)


def _digest(endpoint: str) -> str:
    return hashlib.sha256(endpoint.encode()).hexdigest()
