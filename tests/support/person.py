"""People who use the clinic: clients that know only protocol.md, with verbs a nurse would use.

A `Person` calls the REST part with an access token of the password grant. A `Device` is one of their screens: it keeps
every entry it heard per stream, resumes from what it holds after a lost line, and notes every breach of the promise
"in seq order, each once, none missing".
"""

import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Self
from uuid import UUID

import httpx
import uuid_utils
from websockets.exceptions import WebSocketException

from tests.support.live import PATIENCE_S, Frame, Line, websocket_url

DEMO_PASSWORD = "messages-demo"
Stream = tuple[str, str]
JSON = dict[str, Any]


def new_id() -> str:
    """Return a fresh client id (UUIDv7)."""
    return str(uuid_utils.uuid7())


class Refused(Exception):
    """The other side answered with a problem."""

    def __init__(self, status: int, problem: JSON) -> None:
        """Keep what was said."""
        super().__init__(f"{status} {problem.get('code')}: {problem.get('detail')} {problem.get('errors', '')}")
        self.status = status
        self.code = problem.get("code")
        self.problem = problem


def answer_of(response: httpx.Response) -> Any:  # noqa: ANN401 - any JSON
    """Return the body of a success; `Refused` with the problem otherwise."""
    if response.is_success:
        return response.json() if response.content else None
    is_problem = response.headers.get("content-type", "").startswith("application/problem+json")
    raise Refused(response.status_code, response.json() if is_problem else {"detail": response.text[:200]})


class Person:
    """Someone signed in by the password grant, on their own plane."""

    def __init__(
        self,
        origin: str,
        email: str,
        *,
        password: str = DEMO_PASSWORD,
        auth_origin: str | None = None,
    ) -> None:
        """Say who they are and where the clinic is; auth may have an address of its own."""
        self.origin = origin
        self.auth_origin = auth_origin or origin
        self.email = email
        self.plane = "portal" if email.endswith("@patients.example") else "staff"
        self.root = "/portal" if self.plane == "portal" else "/messaging"
        self._password = password
        # No idle connection outlives its call, so that nothing is left open when a test ends.
        kept = httpx.Limits(max_keepalive_connections=0)
        self.http = httpx.Client(base_url=origin, timeout=PATIENCE_S, trust_env=False, limits=kept)
        self.access_token = ""
        self.refresh_token = ""

    def __repr__(self) -> str:
        return f"Person({self.email})"

    # Signing in and out

    def signs_in(self) -> Self:
        """Get tokens; `Refused` with the OAuth error when not let in."""
        answer = self._tokens(grant_type="password", audience=self.plane, username=self.email, password=self._password)
        self.access_token, self.refresh_token = answer["access_token"], answer["refresh_token"]
        return self

    def renews_token(self) -> Self:
        """Trade the refresh token for new ones."""
        answer = self._tokens(grant_type="refresh_token", refresh_token=self.refresh_token)
        self.access_token, self.refresh_token = answer["access_token"], answer["refresh_token"]
        return self

    def signs_out(self) -> None:
        """Revoke the session (RFC 7009)."""
        form = {"token": self.refresh_token, "client_id": "messages-cli"}
        self.http.post(f"{self.auth_origin}/auth/revoke", data=form).raise_for_status()

    def _tokens(self, **form: str) -> JSON:
        response = self.http.post(f"{self.auth_origin}/auth/token", data={"client_id": "messages-cli", **form})
        if not response.is_success:
            raise Refused(response.status_code, {"code": response.json().get("error"), "detail": response.text})
        answer: JSON = response.json()
        return answer

    # The REST part

    @property
    def bearer(self) -> dict[str, str]:
        """The header every call carries."""
        return {"Authorization": f"Bearer {self.access_token}"} if self.access_token else {}

    def call(self, method: str, path: str, **more: Any) -> Any:  # noqa: ANN401 - any JSON
        """Call this plane's REST part; returns the body, raises `Refused`."""
        return answer_of(self.raw(method, path, **more))

    def raw(self, method: str, path: str, **more: Any) -> httpx.Response:  # noqa: ANN401 - httpx's own arguments
        """Call this plane's REST part and return the response as it is."""
        headers = {**self.bearer, **more.pop("headers", {})}
        return self.http.request(method, f"{self.root}/api{path}", headers=headers, **more)

    @property
    def id(self) -> str:
        """This person's user id."""
        return str(self.call("GET", "/me")["user"]["id"])

    def lists(self, **query: Any) -> list[JSON]:  # noqa: ANN401 - query values
        """Return all their conversations, page by page."""
        found: list[JSON] = []
        cursor: str | None = None
        while True:
            page = self.call("GET", "/conversations", params={**query, **({"cursor": cursor} if cursor else {})})
            found += page["items"]
            cursor = page["next_cursor"]
            if cursor is None:
                return found

    def finds(self, name: str) -> JSON:
        """Return whom the directory knows under a name."""
        return next(
            each for each in self.call("GET", "/directory", params={"q": name})["items"] if name in each["name"]
        )

    def conversation(self, conversation_id: str) -> JSON:
        """Return one conversation as this person sees it."""
        seen: JSON = self.call("GET", f"/conversations/{conversation_id}")
        return seen

    def opens(self, **body: object) -> JSON:
        """Open a conversation; what is said is the body of the call."""
        opened: JSON = self.call("POST", "/conversations", json=body)
        return opened

    def opens_conversation_with(self, other: "Person") -> str:
        """Open (or find) the direct conversation with a colleague; returns its id."""
        return str(self.opens(kind="direct", participant_ids=[other.id])["id"])

    def opens_group(self, subject: str, *others: "Person") -> str:
        """Open a group with colleagues; returns its id."""
        return str(self.opens(kind="group", subject=subject, participant_ids=[each.id for each in others])["id"])

    def writes_to_care_team(self, subject: str, body: str, **more: object) -> str:
        """As a patient: open a conversation with the care team; returns its id."""
        first = {"client_message_id": new_id(), "body": body}
        return str(self.opens(subject=subject, first_message=first, **more)["id"])

    def sends(self, conversation_id: str, body: str, *, client_message_id: str | None = None, **more: object) -> JSON:
        """Post a message over REST; returns its entry."""
        said = {"client_message_id": client_message_id or new_id(), "body": body, **more}
        entry: JSON = self.call("POST", f"/conversations/{conversation_id}/messages", json=said)
        return entry

    def timeline(self, conversation_id: str, stream: str = "shared", **query: Any) -> JSON:  # noqa: ANN401 - query values
        """Return one page of a stream."""
        page: JSON = self.call("GET", f"/conversations/{conversation_id}/timeline", params={"stream": stream, **query})
        return page

    def reads_everything(self, conversation_id: str, stream: str = "shared") -> list[JSON]:
        """Return the whole stream from its first entry on, page by page."""
        entries: list[JSON] = []
        while True:
            page = self.timeline(conversation_id, stream, after=entries[-1]["seq"] if entries else 0, limit=200)
            entries += page["items"]
            if not page["has_more"]:
                return entries

    # The live part

    def live_url(self) -> str:
        return websocket_url(self.origin, f"{self.root}/live")

    def opens_line(self, headers: Mapping[str, str] | None = None) -> Line:
        """Open a live socket without saying hello."""
        return Line(self.live_url(), headers=self.bearer if headers is None else headers)

    def device(self) -> "Device":
        """Give them a screen that is connected and caught up."""
        return Device(self).connects()


class Device:
    """One screen of a person: everything it heard, per stream, over as many lines as it takes."""

    def __init__(self, person: Person) -> None:
        self.person = person
        self.log: dict[Stream, list[JSON]] = {}
        self.breaches: list[str] = []
        self.line: Line | None = None
        self._lines: list[Line] = []
        self._guard = threading.Lock()
        self._floor: dict[Stream, int] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *ended: object) -> None:
        self.closes()

    @property
    def held(self) -> dict[str, dict[str, int]]:
        """What `hello` resumes from: the last seq held of each stream."""
        positions: dict[str, dict[str, int]] = {}
        with self._guard:
            for (conversation_id, stream), seq in self._positions().items():
                positions.setdefault(conversation_id, {})[stream] = seq
        return positions

    def connects(self, *, resume: bool = True) -> Self:
        """Open a line, say hello with what is held, and wait until caught up."""
        line = Line(self.person.live_url(), headers=self.person.bearer, on_push=self._notes)
        try:
            reply = line.asks("hello", **({"resume": self.held} if resume and self.held else {}))
            if not reply["ok"]:
                raise Refused(int(reply["problem"]["status"]), reply["problem"])
            self._starts_from(line.hears("caught_up")["heads"])
        except BaseException:
            with suppress(OSError, WebSocketException):
                line.close()
            raise
        self.line = line
        self._lines.append(line)
        return self

    def comes_back(self, *, within_s: float = 30) -> Self:
        """Connect again, trying until the service is there (with a fresh token when the old one is refused)."""
        pause = threading.Event()
        for _ in range(int(within_s / 0.1)):
            try:
                return self.connects()
            except (OSError, WebSocketException, TimeoutError):
                pause.wait(0.1)
        raise TimeoutError(f"{self.person} could not come back within {within_s:g} s")

    def sends(self, conversation_id: str, body: str, *, client_message_id: str | None = None, **more: object) -> JSON:
        """Send over the live socket; returns the reply, raises `Refused`."""
        said = {"conversation_id": conversation_id, "client_message_id": client_message_id or new_id(), "body": body}
        reply = self.the_line.asks("send", **said, **more)
        if not reply["ok"]:
            raise Refused(int(reply["problem"]["status"]), reply["problem"])
        return reply

    def sends_for_sure(self, conversation_id: str, body: str, *, within_s: float = 30, **more: object) -> JSON:
        """Send until acknowledged, under one client id, over as many lines as it takes."""
        client_message_id = new_id()
        for _ in range(int(within_s / 0.2)):
            try:
                if self.line is None or self.line.ended:
                    self.comes_back(within_s=within_s)
                return self.sends(conversation_id, body, client_message_id=client_message_id, **more)
            except Refused as refused:
                if refused.code not in {"unavailable", "rate_limited"}:
                    raise
            except (OSError, WebSocketException):
                self.forgets_line()
            threading.Event().wait(0.2)
        raise TimeoutError(f"not acknowledged within {within_s:g} s")

    def hears(self, body: str, *, within_s: float = PATIENCE_S) -> JSON:
        """Wait for the message with this body; returns its entry."""
        return self.the_line.waits_for(
            lambda frame: frame.get("push") == "entry" and frame.get("message", {}).get("body") == body,
            f"a message {body[:40]!r}",
            within_s=within_s,
        )

    def has_heard(self, text: str) -> bool:
        """Tell whether anything with this text in it ever came in."""
        return any(text in str(frame) for line in self._lines for frame in line.heard)

    def catches_up_to(self, stream: Stream, seq: int, *, within_s: float = PATIENCE_S) -> None:
        """Wait until a stream is held up to a seq."""
        conversation_id, name = stream
        with self._guard:
            if self._positions().get(stream, -1) >= seq:
                return
        self.the_line.waits_for(
            lambda frame: (
                frame.get("push") == "entry"
                and (frame["conversation_id"], frame["stream"]) == (conversation_id, name)
                and frame["seq"] >= seq
            ),
            f"entry {seq} of {name}",
            within_s=within_s,
        )

    def bodies(self, conversation_id: str, stream: str = "shared") -> list[str]:
        """Return the bodies of the messages heard in a stream, in the order they came."""
        with self._guard:
            entries = list(self.log.get((conversation_id, stream), []))
        return [entry["message"]["body"] for entry in entries if entry["type"] == "message.posted"]

    def drops(self) -> None:
        """Lose the line without a word."""
        self.the_line.drops()
        self.line = None

    def closes(self) -> None:
        """Put the screen away."""
        if self.line is not None:
            with suppress(OSError, WebSocketException):
                self.line.close()
            self.line = None

    def forgets_line(self) -> None:
        """Let go of a line that is broken anyway."""
        self.closes()

    @property
    def the_line(self) -> Line:
        if self.line is None:
            raise ConnectionError(f"{self.person} is not connected")
        return self.line

    def _positions(self) -> dict[Stream, int]:
        return {**self._floor, **{stream: entries[-1]["seq"] for stream, entries in self.log.items()}}

    def _starts_from(self, heads: JSON) -> None:
        """Take `caught_up` at its word: every stream is held up to its head, nothing less and nothing more."""
        with self._guard:
            for conversation_id, streams in heads.items():
                for name, head in streams.items():
                    stream = (conversation_id, name)
                    at = self._positions().get(stream)
                    if at is None:
                        self._floor[stream] = head
                    elif at < head:
                        self.breaches.append(f"caught_up says {name} is at {head}, held {at}")

    def _notes(self, frame: Frame) -> None:
        if frame["push"] != "entry":
            return
        stream = (str(frame["conversation_id"]), str(frame["stream"]))
        with self._guard:
            at = self._positions().get(stream)
            if at is not None and frame["seq"] != at + 1:
                kind = "repeated" if frame["seq"] <= at else "a hole before"
                self.breaches.append(f"{stream[1]}: {kind} {frame['seq']}, held {at}")
            self.log.setdefault(stream, []).append(frame)


def is_uuid7(text: str) -> bool:
    """Tell whether an id is what protocol.md promises."""
    return UUID(text).version == 7 and text == text.lower()
