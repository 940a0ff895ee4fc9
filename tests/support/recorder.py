"""A record of real traffic, and the served documents it is held against.

A `Recorder` notes every call of a person and every frame of their live lines. A `Published` is one plane's OpenAPI and
AsyncAPI documents, as anybody gets them; it says what of a record they do not document, and what of theirs was not
recorded.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import jsonschema_rs

from client import Live
from client.line import Frame
from tests.support.person import Person
from wire.claims import Plane

PROBLEM = "application/problem+json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call and its answer."""

    method: str
    path: str
    query: frozenset[str]
    sent: Any = field(repr=False)
    status: int
    media_type: str
    said: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoken:
    """One frame; `op` is what a reply answers."""

    direction: str
    frame: Frame = field(repr=False)
    op: str | None = None

    @property
    def name(self) -> str:
        """What the document calls it."""
        if self.direction == "out":
            return str(self.frame["op"])
        if "push" in self.frame:
            return f"push.{self.frame['push']}"
        return f"{self.op}.reply" if self.frame["ok"] else "refused"


class Recorder:
    """The calls and frames of each plane, in the order they came."""

    def __init__(self) -> None:
        self.calls: dict[Plane, list[Call]] = {plane: [] for plane in Plane}
        self.frames: dict[Plane, list[Spoken]] = {plane: [] for plane in Plane}

    def follows(self, person: Person) -> Person:
        """Note every call this person makes from now on."""
        person.http.event_hooks = {"response": [lambda answer: self._notes(person.plane, answer)]}
        return person

    def line_of(self, person: Person, **options: Any) -> Live:  # noqa: ANN401 - the options of Live
        """Return a live line of this person whose frames are noted; what was refused is noted by its refusal only."""
        asked: dict[Any, Frame] = {}
        said = self.frames[person.plane]

        def watch(direction: str, frame: Frame) -> None:
            if direction == "out":
                asked[frame["ref"]] = frame
                return
            question = asked.pop(frame.get("ref"), None)
            if question is not None and frame["ok"]:
                said.append(Spoken(direction="out", frame=question))
            said.append(Spoken(direction="in", frame=frame, op=question["op"] if question is not None else None))

        return Live(person.live_url(), person.issuer, watch=watch, proxy=False, **options)

    def pushes(self, plane: Plane, kind: str) -> list[Frame]:
        """Return what was pushed of a kind so far."""
        return [spoken.frame for spoken in list(self.frames[plane]) if spoken.frame.get("push") == kind]

    def _notes(self, plane: Plane, answer: httpx.Response) -> None:
        asked, is_json = answer.request, answer.request.headers.get("Content-Type", "") == "application/json"
        self.calls[plane].append(
            Call(
                method=asked.method.lower(),
                path=asked.url.path,
                query=frozenset(asked.url.params),
                sent=json.loads(asked.read()) if is_json and answer.is_success else None,
                status=answer.status_code,
                media_type=answer.headers.get("Content-Type", "").partition(";")[0],
                said=answer.read(),
            )
        )


class Published:
    """The documents of one plane."""

    def __init__(self, origin: str, root: str) -> None:
        """Read them where everybody reads them."""
        self._calls = httpx.get(f"{origin}{root}/api/openapi.json", trust_env=False).json()
        self._live = httpx.get(f"{origin}{root}/api/asyncapi.json", trust_env=False).json()
        self._paths = [
            (re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(path))), path, calls)
            for path, calls in self._calls["paths"].items()
        ]

    def undocumented(self, call: Call) -> Iterator[str]:
        """Say what of a call, or of its answer, the document does not tell."""
        found = self._operation(call)
        if found is None:
            yield f"{call.method} {call.path} is not documented"
            return
        path, operation, shared = found
        about = f"{call.method} {path} → {call.status}"
        known = {each["name"] for each in [*operation.get("parameters", []), *shared] if each["in"] == "query"}
        if call.status < 400 and call.query - known:
            yield f"{about}: query {sorted(call.query - known)}"
        if call.sent is not None:
            body = operation.get("requestBody", {}).get("content", {}).get("application/json")
            if body is None:
                yield f"{about}: takes no JSON"
            else:
                yield from self._misfits(self._calls, body["schema"], call.sent, f"{about}: body")
        told = operation["responses"].get(str(call.status))
        if told is None:
            yield f"{about} is not documented"
            return
        yield from self._answer(call, told, about)

    def unspoken(self, spoken: Spoken) -> Iterator[str]:
        """Say what of a frame the document does not tell."""
        message = self._live["components"]["messages"].get(spoken.name)
        if message is None:
            yield f"frame {spoken.name} is not documented"
        else:
            yield from self._misfits(self._live, message["payload"], spoken.frame, f"frame {spoken.name}")

    def not_called(self, calls: list[Call]) -> set[str]:
        """Return the calls that nobody made with success."""
        made = {(call.method, found[0]) for call in calls if call.status < 400 and (found := self._operation(call))}
        return {
            f"{method} {path}"
            for path, documented in self._calls["paths"].items()
            for method in documented
            if method != "parameters" and (method, path) not in made
        }

    def not_spoken(self, frames: list[Spoken]) -> set[str]:
        """Return the frames that nobody said."""
        return set(self._live["components"]["messages"]) - {spoken.name for spoken in frames}

    def _operation(self, call: Call) -> tuple[str, Any, Any] | None:
        for pattern, path, documented in self._paths:
            if pattern.fullmatch(call.path) and call.method in documented:
                return path, documented[call.method], documented.get("parameters", [])
        return None

    def _answer(self, call: Call, told: Any, about: str) -> Iterator[str]:  # noqa: ANN401 - JSON
        content = told.get("content")
        if not content:
            if call.said:
                yield f"{about}: has a body"
            return
        if call.media_type not in content and "*/*" not in content:
            yield f"{about}: {call.media_type} is not documented"
        elif call.media_type in {"application/json", PROBLEM}:
            said = json.loads(call.said)
            yield from self._misfits(self._calls, content[call.media_type]["schema"], said, about)
            if call.media_type == PROBLEM and said["code"] not in content[PROBLEM]["examples"]:
                yield f"{about}: the problem {said['code']} is not documented"

    @staticmethod
    def _misfits(document: Any, schema: Any, value: Any, about: str) -> Iterator[str]:  # noqa: ANN401 - JSON
        validator = jsonschema_rs.validator_for({**schema, "components": document["components"]})
        for error in validator.iter_errors(value):
            yield f"{about}: {error.message[:160]} at {'/'.join(map(str, error.instance_path))}"
