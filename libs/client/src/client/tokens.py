"""The access token a client shows at present, and how it comes to the next one.

Promises: one token at a time, had once for everybody who asks; renewed a fair while before its end; while the issuer
is away the present one is used for as long as it lasts.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from client.lost import LineLost
from wire.problems import Unavailable

SPARE_S: Final = 60.0
"""How long before its end a token is renewed; never more than a quarter of its life."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """An access token; `expires_at` in seconds since 1970."""

    access_token: str = field(repr=False)
    expires_at: float


Source = Callable[[], Token]
"""Where tokens come from: each call fetches a fresh one, or raises Unauthenticated, Unavailable or LineLost."""


class Tokens:
    """The tokens of one session."""

    def __init__(self, source: Source, *, clock: Callable[[], float] = time.time) -> None:
        self._source = source
        self._clock = clock
        self._turn = threading.Lock()
        self._token: Token | None = None
        self._renew_at = 0.0

    def current(self) -> Token:
        """Return the token to show now; raises what the source raises when there is none to show."""
        with self._turn:
            if self._token is None or self._clock() >= self._token.expires_at:
                return self._fetched()
            if self._clock() < self._renew_at:
                return self._token
            try:
                return self._fetched()
            except (Unavailable, LineLost):
                return self._token

    def after(self, refused: Token) -> Token:
        """Return another token than the one that was refused: a fresh one, unless somebody fetched it already."""
        with self._turn:
            if self._token is None or self._token == refused:
                return self._fetched()
            return self._token

    def due_in_s(self) -> float:
        """Return in how many seconds `current` will have a fresh token."""
        return max(0.0, self._renew_at - self._clock())

    def _fetched(self) -> Token:
        self._token = self._source()
        left = self._token.expires_at - self._clock()
        self._renew_at = self._token.expires_at - min(SPARE_S, left / 4)
        return self._token
