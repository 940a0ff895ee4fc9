"""People who use the clinic: on the client of this repository (`libs/client`), with verbs a nurse would use.

A `Person` calls the REST part. They show the token they were given until they are told to renew it, and a call is made
once, so that a test sees every refusal. A `Screen` is what they look at: it keeps every entry it heard per stream and
notes every breach of the promise "in seq order, each once, none missing", from the frames as they came. A `Device` is
a screen whose line the test opens and loses; a `SteadyDevice` comes back by itself, as the client does.
"""

import threading
from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Self, Unpack
from uuid import UUID

import httpx
from websockets.exceptions import WebSocketException

from client import Live, Password, PortalCalls, StaffCalls, Token, Tokens
from client.calls import Query
from client.line import Frame, bearer
from client.people import live_url
from client.things import Said
from tests.support.live import PATIENCE_S, Line
from tests.support.ports import LOOPBACK
from wire.claims import Plane
from wire.ids import new_id
from wire.problems import Problem, problem_from_dict

__all__ = ["DEMO_PASSWORD", "JSON", "Device", "Person", "Refused", "Screen", "SteadyDevice", "is_uuid7", "new_id"]

DEMO_PASSWORD = "messages-demo"
Stream = tuple[str, str]
JSON = dict[str, Any]
Refused = Problem
"""What the other side answers when it will not."""


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
        self.plane = Plane.PORTAL if email.endswith("@patients.example") else Plane.STAFF
        self.root = "/portal" if self.plane is Plane.PORTAL else "/messaging"
        self.http = _browser(origin)
        self._issuer = _browser(self.auth_origin)
        self._words = password
        self._password = self._knocking()
        self.access_token = ""
        calls = PortalCalls if self.plane is Plane.PORTAL else StaffCalls
        self.calls = calls(self.http, f"{self.root}/api", Tokens(self._shown), patience_s=0)

    def __repr__(self) -> str:
        return f"Person({self.email})"

    # Signing in and out

    def signs_in(self) -> Self:
        """Get tokens by the password; SignInRefused with the OAuth error when not let in."""
        fresh = self._knocking()
        self.access_token, self._password = fresh().access_token, fresh
        return self

    def renews_token(self) -> Self:
        """Trade the refresh token for new ones."""
        self.access_token = self._password().access_token
        return self

    def signs_out(self) -> None:
        """Revoke the session (RFC 7009)."""
        self._password.sign_out()

    @property
    def refresh_token(self) -> str:
        return self._password.refresh_token or ""

    @refresh_token.setter
    def refresh_token(self, token: str) -> None:
        self._password.refresh_token = token

    @property
    def issuer(self) -> Tokens:
        """Tokens that renew themselves, for a client that is left alone."""
        return Tokens(self._password)

    def _knocking(self) -> Password:
        return Password(self._issuer, self.plane, self.email, self._words)

    def _shown(self) -> Token:
        """Return the token of the moment as good for no time: what is shown next is what is held then."""
        return Token(access_token=self.access_token, expires_at=0.0)

    # The REST part

    @property
    def bearer(self) -> dict[str, str]:
        """The header every call carries."""
        return bearer(self.access_token) if self.access_token else {}

    def call(self, method: str, path: str, *, params: Query | None = None, json: object = None) -> Any:  # noqa: ANN401 - any JSON
        """Call this plane's REST part; returns the body, raises `Refused`."""
        return self.calls.call(method, path, query=params, body=json)

    def raw(self, method: str, path: str, **more: Any) -> httpx.Response:  # noqa: ANN401 - httpx's own arguments
        """Call this plane's REST part with anything at all, and return the response as it is."""
        headers = {**self.bearer, **more.pop("headers", {})}
        return self.http.request(method, f"{self.root}/api{path}", headers=headers, **more)

    def uploads(self, content: bytes, name: str = "letter.pdf") -> JSON:
        """Upload a file; returns the Attachment, raises `Refused`."""
        answer = self.raw("POST", "/attachments", files={"file": (name, content)})
        if not answer.is_success:
            raise problem_from_dict(answer.json())
        uploaded: JSON = answer.json()
        return uploaded

    def posts_files(self, conversation_id: str, *attachments: JSON, body: str = "Here", **more: Any) -> JSON:  # noqa: ANN401 - message fields
        """Post files they uploaded over REST; returns the Entry."""
        ids = [one["id"] for one in attachments]
        message = {"client_message_id": new_id(), "body": body, "attachment_ids": ids, **more}
        entry: JSON = self.call("POST", f"/conversations/{conversation_id}/messages", json=message)
        return entry

    @property
    def staff_calls(self) -> StaffCalls:
        """The calls only staff have."""
        assert isinstance(self.calls, StaffCalls), f"{self} is no staff"
        return self.calls

    @property
    def portal_calls(self) -> PortalCalls:
        """The calls only patients have."""
        assert isinstance(self.calls, PortalCalls), f"{self} is no patient"
        return self.calls

    @property
    def id(self) -> str:
        """This person's user id."""
        return self.calls.me()["user"]["id"]

    def lists(self, **query: Any) -> list[JSON]:  # noqa: ANN401 - query values
        """Return all their conversations, page by page."""
        return [dict(each) for each in self.calls.conversations(**query)]

    def finds(self, name: str) -> JSON:
        """Return whom the directory knows under a name."""
        return next(dict(each) for each in self.staff_calls.directory(name) if name in each["name"])

    def conversation(self, conversation_id: str) -> JSON:
        """Return one conversation as this person sees it."""
        return dict(self.calls.conversation(conversation_id))

    def opens(self, **body: object) -> JSON:
        """Open a conversation; what is said is the body of the call."""
        opened: JSON = self.call("POST", "/conversations", json=body)
        return opened

    def opens_conversation_with(self, other: "Person") -> str:
        """Open (or find) the direct conversation with a colleague; returns its id."""
        return self.staff_calls.open_direct(other.id)["id"]

    def opens_group(self, subject: str, *others: "Person") -> str:
        """Open a group with colleagues; returns its id."""
        return self.staff_calls.open_group(subject, [each.id for each in others])["id"]

    def writes_to_care_team(self, subject: str, body: str, **more: str) -> str:
        """As a patient: open a conversation with the care team; returns its id."""
        return self.portal_calls.write(subject, body, **more)["id"]

    def sends(
        self, conversation_id: str, body: str, *, client_message_id: str | None = None, **more: Unpack[Said]
    ) -> JSON:
        """Post a message over REST; returns its entry."""
        return dict(self.calls.post(conversation_id, body, client_message_id=client_message_id, **more))

    def timeline(self, conversation_id: str, stream: str = "shared", **query: Any) -> JSON:  # noqa: ANN401 - query values
        """Return one page of a stream."""
        page: JSON = self.call("GET", f"/conversations/{conversation_id}/timeline", params={"stream": stream, **query})
        return page

    def reads_everything(self, conversation_id: str, stream: Any = "shared") -> list[JSON]:  # noqa: ANN401 - a stream's name
        """Return the whole stream from its first entry on, page by page."""
        return [dict(each) for each in self.calls.entries(conversation_id, stream=stream)]

    # The live part

    def live_url(self) -> str:
        return live_url(self.origin.replace("localhost", LOOPBACK), self.root)

    def opens_line(self, headers: Mapping[str, str] | None = None) -> Line:
        """Open a live socket without saying hello."""
        return Line(self.live_url(), headers=self.bearer if headers is None else headers)

    def device(self) -> "Device":
        """Give them a screen that is connected and caught up."""
        return Device(self).connects()

    def steady_device(self) -> "SteadyDevice":
        """Give them a screen that is connected and caught up, and comes back whenever its line is lost."""
        return SteadyDevice(self)


class Screen(ABC):
    """One screen of a person: everything it heard, per stream, over as many lines as it takes."""

    def __init__(self, person: Person) -> None:
        self.person = person
        self.log: dict[Stream, list[JSON]] = {}
        self.breaches: list[str] = []
        self._news = threading.Condition()
        self._floor: dict[Stream, int] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *ended: object) -> None:
        self.closes()

    @abstractmethod
    def closes(self) -> None:
        """Put the screen away."""

    @property
    def held(self) -> dict[str, dict[str, int]]:
        """What `hello` resumes from: the last seq held of each stream."""
        positions: dict[str, dict[str, int]] = {}
        with self._news:
            for (conversation_id, stream), seq in self._positions().items():
                positions.setdefault(conversation_id, {})[stream] = seq
        return positions

    def catches_up_to(self, stream: Stream, seq: int, *, within_s: float = PATIENCE_S) -> None:
        """Wait until a stream is held up to a seq."""
        with self._news:
            if not self._news.wait_for(lambda: self._positions().get(stream, -1) >= seq, within_s):
                raise TimeoutError(f"within {within_s:g} s not heard: entry {seq} of {stream[1]}")

    def bodies(self, conversation_id: str, stream: str = "shared") -> list[str]:
        """Return the bodies of the messages heard in a stream, in the order they came."""
        with self._news:
            entries = list(self.log.get((conversation_id, stream), []))
        return [entry["message"]["body"] for entry in entries if entry["type"] == "message.posted"]

    def _positions(self) -> dict[Stream, int]:
        return {**self._floor, **{stream: entries[-1]["seq"] for stream, entries in self.log.items()}}

    def _starts_from(self, heads: JSON) -> None:
        """Take `caught_up` at its word: every stream is held up to its head, nothing less and nothing more."""
        with self._news:
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
        with self._news:
            at = self._positions().get(stream)
            if at is not None and frame["seq"] != at + 1:
                kind = "repeated" if frame["seq"] <= at else "a hole before"
                self.breaches.append(f"{stream[1]}: {kind} {frame['seq']}, held {at}")
            self.log.setdefault(stream, []).append(frame)
            self._news.notify_all()


class Device(Screen):
    """A screen whose line is opened and lost by the test."""

    def __init__(self, person: Person) -> None:
        super().__init__(person)
        self.line: Line | None = None
        self._lines: list[Line] = []

    def connects(self, *, resume: bool = True) -> Self:
        """Open a line, say hello with what is held, and wait until caught up."""
        line = Line(self.person.live_url(), headers=self.person.bearer, on_push=self._notes)
        try:
            reply = line.asks("hello", **({"resume": self.held} if resume and self.held else {}))
            if not reply["ok"]:
                raise problem_from_dict(reply["problem"])
            self._starts_from(line.hears("caught_up")["heads"])
        except BaseException:
            line.close()
            raise
        self.line = line
        self._lines.append(line)
        return self

    def sends(self, conversation_id: str, body: str, *, client_message_id: str | None = None, **more: object) -> JSON:
        """Send over the live socket; returns the reply, raises `Refused`."""
        said = {"conversation_id": conversation_id, "client_message_id": client_message_id or new_id(), "body": body}
        return self.the_line.ask("send", **said, **more)

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

    @property
    def the_line(self) -> Line:
        if self.line is None:
            raise ConnectionError(f"{self.person} is not connected")
        return self.line


class SteadyDevice(Screen):
    """A screen on the client's own `Live`: it comes back by itself, and what it hands on is held against what came."""

    def __init__(self, person: Person) -> None:
        super().__init__(person)
        self.handed_on: list[Frame] = []
        self.live = Live(person.live_url(), person.issuer, hear=self.handed_on.append, watch=self._watches, proxy=False)
        self.live.start()
        self.live.wait(within_s=PATIENCE_S)

    def sends(self, conversation_id: str, body: str, **more: Any) -> JSON:  # noqa: ANN401 - as Live.send
        """Send until it is acknowledged, over as many lines as it takes."""
        return dict(self.live.send(conversation_id, body, **more))

    def closes(self) -> None:
        """Put the screen away; what was handed on must be what came, each once."""
        self.live.stop()
        handed_on = [frame for frame in self.handed_on if frame["push"] == "entry"]
        came = sorted((*stream, entry["seq"]) for stream, entries in self.log.items() for entry in entries)
        if sorted((frame["conversation_id"], frame["stream"], frame["seq"]) for frame in handed_on) != came:
            self.breaches.append("not everything that came was handed on, each once")

    def _watches(self, direction: str, frame: Frame) -> None:
        if direction == "in" and "push" in frame:
            self._notes(frame)
            if frame["push"] == "caught_up":
                self._starts_from(frame["heads"])


def _browser(origin: str) -> httpx.Client:
    """Return what calls an origin; no idle connection outlives its call, so nothing is left open when a test ends."""
    kept = httpx.Limits(max_keepalive_connections=0)
    return httpx.Client(base_url=origin, timeout=PATIENCE_S, trust_env=False, limits=kept)


def is_uuid7(text: str) -> bool:
    """Tell whether an id is what protocol.md promises."""
    return UUID(text).version == 7 and text == text.lower()
