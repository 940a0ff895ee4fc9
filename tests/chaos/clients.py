"""A client of the protocol that never gives up: it comes back, resumes from what it holds, repeats what got no answer.

It knows protocol.md and nothing else. Everything it asks for and hears goes into its `History` and the run's `Record`;
it judges nothing.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from random import Random
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException
from websockets.typing import Subprotocol

from tests.chaos.histories import (
    INTERNAL,
    POSTED,
    SHARED,
    Amendment,
    Announced,
    CaughtUp,
    Greeted,
    Heard,
    History,
    Move,
    Post,
    Record,
    Removed,
    SentAway,
    Spilled,
    Stated,
    StreamKey,
    Verdict,
    WentOn,
    Wish,
)
from tests.support.person import new_id

ANSWER_S = 8.0
"""How long a client waits for an answer before it drops its line and repeats."""
SILENCE_S = 60.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 2.0
STAY_AWAY = 4500
COME_BACK_LATER = {"unavailable", "rate_limited", "unauthenticated"}
SECRET = "~internal~"
"""Stands in every internal body, so that a patient's client can tell it anywhere in a frame."""
JSON = dict[str, Any]


class LineLost(Exception):
    """The line ended, or never was, before an answer came: what became of the question is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Doors:
    """Where the system is, for one plane."""

    auth: str
    rest: str
    live: str


class Client:
    """One screen of one person."""

    def __init__(
        self, name: str, email: str, user: str, doors: Doors, record: Record, *, password: str, chance: Random
    ) -> None:
        self.name = name
        self.user = user
        self.plane = "portal" if "patients" in email else "staff"
        self.history = History(client=name, user=user, plane=self.plane)
        self.held: dict[StreamKey, int] = {}
        self.posted: list[Post] = []
        """What this client posted and may amend."""
        record.histories.append(self.history)
        self._email, self._password = email, password
        self._doors = doors
        self._record = record
        self._chance = chance
        self._http = httpx.AsyncClient(
            base_url=doors.rest,
            timeout=ANSWER_S,
            trust_env=False,
            limits=httpx.Limits(max_keepalive_connections=0),
        )
        self._token = ""
        self._line: ClientConnection | None = None
        self._greeted = asyncio.Event()
        self._refs = count(1)
        self._answers: dict[str, asyncio.Future[JSON]] = {}
        self._retry_after_s = 0.0

    # The line.

    async def stays_connected(self) -> None:
        """Keep a line until cancelled, with growing, jittered pauses between tries."""
        failures = 0
        while True:
            try:
                async with self._opened() as line:
                    await self._listens(line)
            except (OSError, WebSocketException, httpx.HTTPError, TimeoutError, LineLost):
                pass  # what it means stands in the next try
            failures = 0 if self._greeted.is_set() else failures + 1
            self._lets_go()
            full = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2**failures)
            await asyncio.sleep(self._retry_after_s + full * self._chance.random())
            self._retry_after_s = 0.0

    def drops(self) -> None:
        """Lose the line as a tunnel does."""
        if self._line is not None:
            self._line.transport.abort()

    async def closes(self) -> None:
        """Put the screen away."""
        self._lets_go()
        await self._http.aclose()

    @asynccontextmanager
    async def _opened(self) -> AsyncIterator[ClientConnection]:
        if not self._token:
            await self._signs_in()
        try:
            line = await connect(
                self._doors.live,
                additional_headers=self._bearer,
                subprotocols=[Subprotocol("messages.v1")],
                compression=None,
                proxy=None,
                open_timeout=ANSWER_S,
                close_timeout=1,
                ping_interval=None,
                max_size=None,
            )
        except WebSocketException as refused:
            if getattr(getattr(refused, "response", None), "status_code", 0) == httpx.codes.UNAUTHORIZED:
                self._token = ""
            raise
        try:
            yield line
        finally:
            line.transport.abort()

    async def _listens(self, line: ClientConnection) -> None:
        self._line = line
        hello = asyncio.create_task(self._says_hello())
        try:
            while True:
                async with asyncio.timeout(SILENCE_S):
                    text = await line.recv()
                self._takes(json.loads(text), str(text))
        finally:
            hello.cancel()
            self._notes_close(line)
            await asyncio.gather(hello, return_exceptions=True)

    async def _says_hello(self) -> None:
        resume: dict[str, dict[str, int]] = {}
        for (conversation, stream), seq in self.held.items():
            resume.setdefault(conversation, {})[stream] = seq
        self._notes(Greeted(tick=self._record.tick(), resume=dict(self.held)))
        try:
            answer = await self._asks_on_line("hello", resume=resume)
        except LineLost:
            return
        if answer["ok"]:
            self._greeted.set()
        else:
            self._forgets_token_after(answer["problem"])
            self.drops()

    def _notes_close(self, line: ClientConnection) -> None:
        close = line.protocol.close_rcvd
        if close is not None and close.code == 4001:
            self._token = ""
        elif close is not None and close.code >= STAY_AWAY:
            self._token = ""
            self._notes(SentAway(tick=self._record.tick(), code=close.code))

    def _lets_go(self) -> None:
        self._greeted.clear()
        if self._line is not None:
            self._line.transport.abort()
            self._line = None
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(LineLost())
        self._answers.clear()

    async def _signs_in(self) -> None:
        form = {
            "grant_type": "password",
            "client_id": "messages-cli",
            "audience": self.plane,
            "username": self._email,
            "password": self._password,
        }
        answer = await self._http.post(f"{self._doors.auth}/auth/token", data=form)
        answer.raise_for_status()
        self._token = answer.json()["access_token"]

    @property
    def _bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._token}"}

    def _forgets_token_after(self, problem: JSON) -> None:
        if problem.get("code") == "unauthenticated":
            self._token = ""

    # Asking over the line.

    async def asks(self, op: str, **fields: object) -> JSON:
        """Ask and return the answer; LineLost when none came. Waits for a line first."""
        await self._greeted.wait()
        return await self._asks_on_line(op, **fields)

    async def _asks_on_line(self, op: str, **fields: object) -> JSON:
        line = self._line
        if line is None:
            raise LineLost
        ref = str(next(self._refs))
        answer: asyncio.Future[JSON] = asyncio.get_running_loop().create_future()
        self._answers[ref] = answer
        try:
            await line.send(json.dumps({"op": op, "ref": ref, **fields}))
            async with asyncio.timeout(ANSWER_S):
                return await answer
        except (WebSocketException, OSError):
            raise LineLost from None
        except TimeoutError:
            line.transport.abort()
            raise LineLost from None
        finally:
            self._answers.pop(ref, None)
            if answer.done() and not answer.cancelled():
                answer.exception()

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
            await self._greeted.wait()
            if impatient and post.tries == 1:
                asyncio.get_running_loop().call_later(0.004, self.drops)
            return await self.asks("send", **said, body=body, **more)

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
            post, lambda: self._calls("POST", "/conversations", {**wanted, "first_message": first})
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
        reply = await self._until_answered(wish, lambda: self._calls("GET", path))
        return [] if reply is None else list(reply["items"])

    async def changes(self, conversation: str, **wanted: object) -> None:
        """Rename, close or reopen a conversation, until there is an answer."""
        wish = Wish(client=self.name, author=self.user, conversation=conversation, issued=0, issued_at=0.0)
        await self._until_answered(wish, lambda: self._calls("PATCH", f"/conversations/{conversation}", wanted))

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
                self._token = ""
                self.drops()
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
            lambda: self._calls("DELETE", path) if body is None else self._calls("PATCH", path, {"body": body}),
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
                return await self._calls("POST", path, {"user_id": user})
            reply = await self._calls("DELETE", f"{path}/{user}")
            # Out already: an earlier try of ours got through.
            gone = not reply["ok"] and reply["problem"].get("code") == "not_found" and wish.tries > 1
            return {"ok": True} if gone else reply

        await self._until_answered(wish, once)
        self._settles(wish)
        return wish

    async def opens(self, **body: object) -> JSON:
        """Open a conversation; returns it. For the time before the faults: it does not repeat."""
        if not self._token:
            await self._signs_in()
        reply = await self._calls("POST", "/conversations", body)
        if not reply["ok"]:
            raise RuntimeError(f"{self.name} could not open a conversation: {reply}")
        return reply

    async def _calls(self, method: str, path: str, body: object = None) -> JSON:
        try:
            if not self._token:
                await self._signs_in()
            answer = await self._http.request(method, path, json=body, headers=self._bearer)
        except httpx.HTTPError:
            raise LineLost from None
        if answer.is_success:
            return {"ok": True, **(answer.json() if answer.content else {})}
        try:
            problem = answer.json()
        except ValueError:
            problem = {"code": "unavailable" if answer.status_code >= httpx.codes.INTERNAL_SERVER_ERROR else "odd"}
        self._forgets_token_after(problem)
        return {"ok": False, "problem": problem}

    # Hearing.

    def _takes(self, frame: JSON, text: str) -> None:
        if "push" not in frame:
            answer = self._answers.get(str(frame.get("ref")))
            if answer is not None and not answer.done():
                answer.set_result(frame)
            return
        if self.plane == "portal" and (SECRET in text or f'"{INTERNAL}"' in text):
            self._notes(Spilled(tick=self._record.tick(), push=frame["push"]))
        take = getattr(self, f"_hears_{frame['push']}", None)
        if take is not None:
            take(frame)

    def _hears_entry(self, frame: JSON) -> None:
        key = (str(frame["conversation_id"]), str(frame["stream"]))
        message = frame.get("message", {})
        self.held[key] = max(self.held.get(key, 0), frame["seq"])
        self._notes(
            Heard(
                tick=self._record.tick(),
                at=time.monotonic(),
                conversation=key[0],
                stream=key[1],
                seq=frame["seq"],
                type=frame["type"],
                actor=frame["actor"]["id"],
                message=message.get("id") or frame.get("message_id", ""),
                user=frame.get("user", {}).get("id", ""),
                body=message.get("body", frame.get("body", "")),
            )
        )

    def _hears_caught_up(self, frame: JSON) -> None:
        heads = _flat(frame["heads"])
        self._notes(CaughtUp(tick=self._record.tick(), heads=heads))
        for key, head in heads.items():
            self.held.setdefault(key, head)

    def _hears_conversation(self, frame: JSON) -> None:
        heads = _flat({frame["id"]: frame["heads"]})
        self._notes(Announced(tick=self._record.tick(), conversation=frame["id"], heads=heads))
        for key, head in heads.items():
            self.held.setdefault(key, head)

    def _hears_removed(self, frame: JSON) -> None:
        self._notes(Removed(tick=self._record.tick(), conversation=frame["conversation_id"]))
        for key in [key for key in self.held if key[0] == frame["conversation_id"]]:
            del self.held[key]

    def _hears_reset(self, frame: JSON) -> None:
        key = (str(frame["conversation_id"]), str(frame["stream"]))
        self.held[key] = frame["head"]
        self._notes(WentOn(tick=self._record.tick(), conversation=key[0], stream=key[1], head=frame["head"]))

    def _hears_read(self, frame: JSON) -> None:
        conversation, stream = str(frame["conversation_id"]), str(frame.get("stream", ""))
        self._notes(Stated(tick=self._record.tick(), conversation=conversation, stream=stream))

    _hears_delivered = _hears_typing = _hears_read

    def _hears_bye(self, frame: JSON) -> None:
        self._retry_after_s = frame.get("retry_after_ms", 0) / 1000

    def _notes(self, event: Any) -> None:  # noqa: ANN401 - any event
        self.history.events.append(event)


def _flat(heads: JSON) -> dict[StreamKey, int]:
    return {(conversation, stream): head for conversation, each in heads.items() for stream, head in each.items()}
