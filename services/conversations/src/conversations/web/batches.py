"""The two batch doors, as a bare WSGI callable before Flask: nearly every call comes here, and every layer costs.

POST /sends  {"items": [{"token", "conversation_id", "client_message_id", "body", ...}]}  -> {"results": [...]}
POST /marks  {"items": [{"token", "kind", "conversation_id", "stream", "seq"}]}           -> {"results": [...]}

A mark of kind "presence" holds `state` and `asks` instead of a place: told at once, and stored nowhere.
"""

from __future__ import annotations

import time
from collections import Counter as Tally
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import orjson
from prometheus_client import Counter, Histogram

from conversations.service.gathering import CREATED, OK, Gathering
from conversations.service.marking import Marking
from conversations.service.presence import Presence, Present
from conversations.web.drafts import read_draft, read_mark
from conversations.web.keys import Keys
from servicekit.log import failure, get_logger
from wire.claims import Plane
from wire.problems import MEDIA_TYPE, Invalid, MethodNotAllowed, Problem, TooLarge, Unauthenticated

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

ITEMS_MAX = 1_000
BYTES_MAX = 32 * 1024 * 1024

log = get_logger()

TOOK = Histogram(
    "messages_batch_seconds",
    "Seconds from a batch's last byte to its answer, commit included, by door.",
    ["door"],
    buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 5),
)
SIZE = Histogram(
    "messages_batch_items", "Items in one batch, by door.", ["door"], buckets=(1, 2, 5, 10, 20, 50, 100, 200)
)
OUTCOMES = Counter(
    "messages_batch_outcomes_total",
    "Items of batches by door and outcome: stored, repeated, ok (a mark), or the code of the refusal.",
    ["door", "outcome"],
)

Items = Sequence[Any]
Results = list[dict[str, Any]]


class Batches:
    """Answers the batch doors and hands every other call on."""

    def __init__(
        self, rest: WSGIApplication, *, keys: Keys, gathering: Gathering, marking: Marking, presence: Presence
    ) -> None:
        self._rest = rest
        self._keys = keys
        self._gathering = gathering
        self._marking = marking
        self._presence = presence
        self._doors: dict[str, Callable[[Items, Plane], Results]] = {"/sends": self._send, "/marks": self._mark}

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        door = self._doors.get(environ["PATH_INFO"])
        if door is None:
            return self._rest(environ, start_response)
        try:
            plane = self._plane(environ)
            items = _items(environ)
            results = _timed(environ["PATH_INFO"], lambda: door(items, plane))
        except Problem as refusal:
            return _refuse(start_response, refusal)
        except Exception as error:  # noqa: BLE001 - the door's outermost edge: whatever broke, the caller gets an answer
            log.error("door.failed", door=environ["PATH_INFO"], **failure(error))
            return _refuse(start_response, Problem())
        return _answer(start_response, "200 OK", "application/json", orjson.dumps({"results": results}))

    def _plane(self, environ: WSGIEnvironment) -> Plane:
        if environ["REQUEST_METHOD"] != "POST":
            raise MethodNotAllowed
        scheme, _, token = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
        if scheme.lower() != "bearer":
            raise Unauthenticated("Only our own services call here.")
        return self._keys.plane(token.strip())

    def _send(self, items: Items, plane: Plane) -> Results:
        return self._gathering.post([read_draft(self._keys, plane, item) for item in items])

    def _mark(self, items: Items, plane: Plane) -> Results:
        told = [read_mark(self._keys, plane, item) for item in items]
        there = iter(self._presence.tell([one for one in told if isinstance(one, Present)]))
        marked = iter(self._marking.mark([one for one in told if not isinstance(one, Present)]))
        return [next(there) if isinstance(one, Present) else next(marked) for one in told]


def _items(environ: WSGIEnvironment) -> Items:
    length = int(environ.get("CONTENT_LENGTH") or 0)
    if length > BYTES_MAX:
        raise TooLarge
    try:
        body = orjson.loads(environ["wsgi.input"].read(length))
    except orjson.JSONDecodeError as broken:
        raise Invalid("The request is not JSON.") from broken
    items = body.get("items") if isinstance(body, dict) else None
    if not isinstance(items, list) or len(items) > ITEMS_MAX:
        raise Invalid(errors={"items": [f"Must be a list of at most {ITEMS_MAX} items."]})
    return items


def _timed(door: str, work: Callable[[], Results]) -> Results:
    began = time.perf_counter()
    results = work()
    TOOK.labels(door).observe(time.perf_counter() - began)
    SIZE.labels(door).observe(len(results))
    for outcome, count in Tally(map(_outcome, results)).items():
        OUTCOMES.labels(door, outcome).inc(count)
    return results


def _outcome(result: dict[str, Any]) -> str:
    if "problem" in result:
        return str(result["problem"]["code"])
    return {CREATED: "stored", OK: "repeated"}.get(result.get("status", 0), "ok")


def _refuse(start_response: StartResponse, refusal: Problem) -> Iterable[bytes]:
    status = f"{refusal.status} {refusal.title}"
    return _answer(start_response, status, MEDIA_TYPE, orjson.dumps(refusal.as_dict()))


def _answer(start_response: StartResponse, status: str, media_type: str, body: bytes) -> Iterable[bytes]:
    headers = [("Content-Type", media_type), ("Content-Length", str(len(body))), ("Cache-Control", "no-store")]
    start_response(status, headers)
    return [body]
