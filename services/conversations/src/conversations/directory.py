"""Keeps the directory of accounts true: a full read from auth at start and each hour, then every change as it happens.

- What is written is what auth says, whole; writing it twice, or by two processes, changes nothing.
- A change older than what is stored is skipped (`accounts.auth_position`). Auth that begins anew (its positions are
  lower than ours) is believed from the start.
- Whatever fails, auth or the database, is followed by another full read, so no change is ever missed for good.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import Any

import httpx
import orjson
from sqlalchemy import Engine, func, select, update
from sqlalchemy.exc import SQLAlchemyError

from conversations.store import directory, fence
from conversations.tables import accounts
from servicekit.background import Stop
from servicekit.changes import ChangeFeed
from servicekit.database import transaction
from servicekit.http import call
from servicekit.log import failure, get_logger
from servicekit.tokens import ServiceToken
from wire.changes import Account, Change
from wire.problems import Problem, Unauthenticated

log = get_logger()

PAGE = 500
CHANGES_AT_MOST = 10_000
READ_ALL_EVERY_S = 3600.0
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 10.0


class DirectoryFeed:
    """Writes auth's accounts into the directory; `run` is a loop for `servicekit.background`."""

    def __init__(
        self,
        engine: Engine,
        http: httpx.Client,
        token: ServiceToken,
        changes: ChangeFeed,
        *,
        read_all_every_s: float = READ_ALL_EVERY_S,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine = engine
        self._http = http
        self._token = token
        self._read_all_every_s = read_all_every_s
        self._now = now
        self._waiting: deque[Change] = deque()
        self._news = threading.Event()
        self._missed = False
        self._complete = False
        changes.listen(self._hear)

    def complete(self) -> bool:
        """Tell whether every account was read once (a readiness check)."""
        return self._complete

    def wake(self) -> None:
        """Cut a wait short."""
        self._news.set()

    def run(self, stop: Stop) -> None:
        """Follow auth until asked to stop."""
        pause = FIRST_PAUSE_S
        while not stop.wanted:
            try:
                self._read_all()
                self._complete = True
                pause = FIRST_PAUSE_S
                self._follow(stop)
            except Unauthenticated:
                self._token.forget()
                stop.wait(pause)
            except (Problem, SQLAlchemyError, ValueError, KeyError, TypeError) as error:
                log.warning("directory.not_read", **failure(error))
                stop.wait(pause)
                pause = min(pause * 2, LONGEST_PAUSE_S)

    def _hear(self, change: Change) -> None:
        if len(self._waiting) >= CHANGES_AT_MOST:
            self._missed = True
        elif change.user is not None:
            self._waiting.append(change)
        self._news.set()

    def _read_all(self) -> None:
        self._missed = False
        after: str | None = None
        read = 0
        while True:
            page = self._page(after)
            if after is None:
                self._believe(page["position"])
            self._write([(Account.from_dict(members), page["position"]) for members in page["items"]])
            read += len(page["items"])
            after = page["next"]
            if after is None:
                log.info("directory.read", accounts=read)
                return

    def _page(self, after: str | None) -> Any:  # noqa: ANN401 - JSON
        from_there = {} if after is None else {"after": after}
        answer = call(
            self._http, "GET", "/inside/accounts", headers=self._token.header(), params={"limit": PAGE, **from_there}
        )
        return orjson.loads(answer.content)

    def _believe(self, head: int) -> None:
        """Forget positions auth has not reached: they are those of another database."""
        with transaction(self._engine) as connection:
            furthest = connection.execute(select(func.max(accounts.c.auth_position))).scalar()
            if furthest is not None and furthest > head:
                log.warning("directory.auth_began_anew", known=furthest, head=head)
                connection.execute(update(accounts).values(auth_position=None))

    def _follow(self, stop: Stop) -> None:
        """Write changes as they come, until a full read is due or a change was missed."""
        end = self._now() + self._read_all_every_s
        while not (stop.wanted or self._missed) and (left := end - self._now()) > 0:
            self._news.wait(left)
            self._news.clear()
            self._write(list(self._taken()))

    def _taken(self) -> Iterator[tuple[Account, int]]:
        while self._waiting:
            change = self._waiting.popleft()
            if change.user is not None:
                yield change.user, change.position

    def _write(self, told: Sequence[tuple[Account, int]]) -> None:
        if not told:
            return
        with transaction(self._engine) as connection:
            for org, accounts_of_it in groupby(told, key=lambda each: each[0].org):
                fence.enter(connection, org)
                for account, position in accounts_of_it:
                    directory.put_account(connection, account, position=position)
