"""A client's live socket that is always opened again: back-off with jitter, a resume from what is held.

What it hears goes to the `Ears`; what it is asked gets its answer, or LineLost.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from random import Random

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException
from websockets.typing import Subprotocol

from tests.chaos.ears import JSON, Ears
from tests.chaos.histories import Greeted, Record, SentAway
from tests.chaos.sessions import ANSWER_S, LineLost, Session

SILENCE_S = 60.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 2.0
TOKEN_ENDED, STAY_AWAY = 4001, 4500


class LiveLine:
    """One screen's line."""

    def __init__(self, url: str, session: Session, ears: Ears, record: Record, chance: Random) -> None:
        self._url = url
        self._session = session
        self._ears = ears
        self._record = record
        self._chance = chance
        self._line: ClientConnection | None = None
        self._greeted = asyncio.Event()
        self._refs = count(1)
        self._answers: dict[str, asyncio.Future[JSON]] = {}

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
            self.lets_go()
            full = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2**failures)
            await asyncio.sleep(self._ears.retry_after_s + full * self._chance.random())
            self._ears.retry_after_s = 0.0

    def drops(self) -> None:
        """Lose the line as a tunnel does."""
        if self._line is not None:
            self._line.transport.abort()

    @asynccontextmanager
    async def _opened(self) -> AsyncIterator[ClientConnection]:
        bearer = await self._session.bearer()
        try:
            line = await connect(
                self._url,
                additional_headers=bearer,
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
                self._session.forgets_token()
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
        for (conversation, stream), seq in self._ears.held.items():
            resume.setdefault(conversation, {})[stream] = seq
        self._ears.note(Greeted(tick=self._record.tick(), resume=dict(self._ears.held)))
        try:
            answer = await self._asks_on_line("hello", resume=resume)
        except LineLost:
            return
        if answer["ok"]:
            self._greeted.set()
            return
        if answer["problem"].get("code") == "unauthenticated":
            self._session.forgets_token()
        self.drops()

    def _notes_close(self, line: ClientConnection) -> None:
        close = line.protocol.close_rcvd
        if close is not None and close.code == TOKEN_ENDED:
            self._session.forgets_token()
        elif close is not None and close.code >= STAY_AWAY:
            self._session.forgets_token()
            self._ears.note(SentAway(tick=self._record.tick(), code=close.code))

    def lets_go(self) -> None:
        """End the line; whoever waits for an answer learns that there is none."""
        self._greeted.clear()
        if self._line is not None:
            self._line.transport.abort()
            self._line = None
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(LineLost())
        self._answers.clear()

    async def is_up(self) -> None:
        """Wait until questions may be asked."""
        await self._greeted.wait()

    async def asks(self, op: str, **fields: object) -> JSON:
        """Ask and return the answer; LineLost when none came. Waits for a line first."""
        await self.is_up()
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
        except TimeoutError:
            line.transport.abort()
            raise LineLost from None
        except (WebSocketException, OSError):
            raise LineLost from None
        finally:
            self._answers.pop(ref, None)
            if answer.done() and not answer.cancelled():
                answer.exception()

    def _takes(self, frame: JSON, text: str) -> None:
        if "push" in frame:
            self._ears.take(frame, text)
            return
        answer = self._answers.get(str(frame.get("ref")))
        if answer is not None and not answer.done():
            answer.set_result(frame)
