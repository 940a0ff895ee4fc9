"""A client of the protocol that never gives up: it comes back, resumes from what it holds, repeats what got no answer.

It knows protocol.md and nothing else. Everything it asks for and hears goes into its `History` and the run's `Record`;
it judges nothing. Its parts: a `Session` (token, REST), a `LiveLine` (the socket), `Ears` (what it heard and holds).
"""

import asyncio
import time
from collections.abc import Callable
from random import Random
from typing import Any

from tests.chaos.ears import JSON, Ears
from tests.chaos.histories import (
    POSTED,
    SHARED,
    Amendment,
    History,
    Move,
    Post,
    Record,
    StreamKey,
    Verdict,
    Wish,
)
from tests.chaos.lines import LiveLine
from tests.chaos.sessions import Doors, LineLost, Session
from tests.support.person import new_id

FIRST_PAUSE_S = 0.1
COME_BACK_LATER = {"unavailable", "rate_limited", "unauthenticated"}


class Client:
    """One screen of one person."""

    def __init__(
        self, name: str, email: str, user: str, doors: Doors, record: Record, *, password: str, chance: Random
    ) -> None:
        self.name = name
        self.user = user
        self.plane = "portal" if "patients" in email else "staff"
        self._ears = Ears(History(client=name, user=user, plane=self.plane), record)
        self.posted: list[Post] = []
        """What this client posted and may amend."""
        record.histories.append(self._ears.history)
        self._record = record
        self._chance = chance
        self._session = Session(doors, self.plane, email, password)
        self.line = LiveLine(doors.live, self._session, self._ears, record, chance)

    @property
    def held(self) -> dict[StreamKey, int]:
        """The last seq held of each stream."""
        return self._ears.held

    async def closes(self) -> None:
        """Put the screen away."""
        self.line.lets_go()
        await self._session.closes()

    async def posts(
        self, conversation: str, stream: str, body: str, *, impatient: bool = False, **more: object
    ) -> Post:
        """Post until there is an answer, under one client id; an impatient one loses its line at first."""
        post = Post(
            client=self.name,
            author=self.user,
            conversation=conversation,
            stream=stream,
            client_message_id=new_id(),
            body=body,
            issued=self._record.tick(),
            issued_at=time.monotonic(),
        )
        self._record.posts.append(post)
        said = {"conversation_id": conversation, "stream": stream, "client_message_id": post.client_message_id}

        async def once() -> JSON:
            await self.line.is_up()
            if impatient and post.tries == 1:
                asyncio.get_running_loop().call_later(0.004, self.line.drops)
            return await self.line.asks("send", **said, body=body, **more)

        reply = await self._until_answered(post, once)
        if reply is not None:
            post.seq, post.message_id = reply["seq"], reply["message_id"]
            self.posted.append(post)
        self._settles(post)
        return post

    async def opens_with(self, body: str, **wanted: object) -> Post:
        """Open a conversation with its first message, until there is an answer."""
        post = Post(
            client=self.name,
            author=self.user,
            conversation="",
            stream=SHARED,
            client_message_id=new_id(),
            body=body,
            issued=self._record.tick(),
            issued_at=time.monotonic(),
        )
        self._record.posts.append(post)
        first = {"client_message_id": post.client_message_id, "body": body}
        reply = await self._until_answered(
            post, lambda: self._session.calls("POST", "/conversations", {**wanted, "first_message": first})
        )
        if reply is not None:
            entry = next(each for each in await self._timeline(reply["id"]) if each["type"] == POSTED)
            post.conversation, post.seq, post.message_id = reply["id"], entry["seq"], entry["message"]["id"]
        self._settles(post)
        return post

    async def _timeline(self, conversation: str) -> list[JSON]:
        """Return the oldest entries of a conversation, however often one has to ask."""
        wish = Wish(client=self.name, author=self.user, conversation=conversation, issued=0, issued_at=0.0)
        path = f"/conversations/{conversation}/timeline?stream=shared&after=0"
        reply = await self._until_answered(wish, lambda: self._session.calls("GET", path))
        return [] if reply is None else list(reply["items"])

    async def changes(self, conversation: str, **wanted: object) -> None:
        """Rename, close or reopen a conversation, until there is an answer."""
        wish = Wish(client=self.name, author=self.user, conversation=conversation, issued=0, issued_at=0.0)
        await self._until_answered(wish, lambda: self._session.calls("PATCH", f"/conversations/{conversation}", wanted))

    async def _until_answered(self, wish: Wish, once: Callable[[], Any]) -> JSON | None:
        """Repeat until there is an answer; None when it was refused."""
        while True:
            wish.tries += 1
            try:
                reply: JSON = await once()
            except LineLost:
                await asyncio.sleep(FIRST_PAUSE_S * self._chance.random())
                continue
            if reply["ok"]:
                wish.verdict = Verdict.ACKNOWLEDGED
                return reply
            code = reply["problem"].get("code", "")
            if code not in COME_BACK_LATER:
                wish.verdict, wish.code = Verdict.REFUSED, code
                return None
            if code == "unauthenticated":
                self._session.forgets_token()
                self.line.drops()
            await asyncio.sleep(0.2 + 0.3 * self._chance.random())

    def _settles(self, wish: Wish) -> None:
        wish.answered, wish.answered_at = self._record.tick(), time.monotonic()

    # Calling the REST part.

    async def amends(self, post: Post, body: str | None) -> Amendment:
        """Edit one's own message, or recall it."""
        wish = Amendment(
            client=self.name,
            author=self.user,
            conversation=post.conversation,
            stream=post.stream,
            message_id=post.message_id,
            body=body,
            issued=self._record.tick(),
            issued_at=time.monotonic(),
        )
        self._record.amendments.append(wish)
        path = f"/messages/{post.message_id}"
        reply = await self._until_answered(
            wish,
            lambda: (
                self._session.calls("DELETE", path)
                if body is None
                else self._session.calls("PATCH", path, {"body": body})
            ),
        )
        if reply is not None:
            wish.seq = reply["seq"]
        self._settles(wish)
        return wish

    async def moves(self, conversation: str, user: str, *, joins: bool) -> Move:
        """Let somebody into a conversation, or out of it."""
        wish = Move(
            client=self.name,
            author=self.user,
            conversation=conversation,
            user=user,
            joins=joins,
            issued=self._record.tick(),
            issued_at=time.monotonic(),
        )
        self._record.moves.append(wish)
        path = f"/conversations/{conversation}/participants"

        async def once() -> JSON:
            if joins:
                return await self._session.calls("POST", path, {"user_id": user})
            reply = await self._session.calls("DELETE", f"{path}/{user}")
            # Out already: an earlier try of ours got through.
            gone = not reply["ok"] and reply["problem"].get("code") == "not_found" and wish.tries > 1
            return {"ok": True} if gone else reply

        await self._until_answered(wish, once)
        self._settles(wish)
        return wish

    async def opens(self, **body: object) -> JSON:
        """Open a conversation; returns it. For the time before the faults: it does not repeat."""
        reply = await self._session.calls("POST", "/conversations", body)
        if not reply["ok"]:
            raise RuntimeError(f"{self.name} could not open a conversation: {reply}")
        return reply
