"""Building a plane's REST API: who calls is known before anything is read, and everything is documented as it is.

Promises: requests are JSON objects that hold no field we do not know; the OpenAPI 3.1 document is made from the very
schemas that validate, and names every refusal with an example.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, TypeVar, cast

import flask_smorest
from flask import Blueprint, Flask, Request, Response, g, render_template, request
from marshmallow import RAISE, Schema
from webargs.flaskparser import FlaskParser

from gatekit.addresses import Addresses
from gatekit.asyncapi import LiveDocument
from gatekit.callers import Caller, Callers
from gatekit.shapes import sieve
from servicekit.doors import json_object, json_response
from wire.bodies import ProblemBody
from wire.problems import (
    MEDIA_TYPE,
    Invalid,
    NotFound,
    OriginRefused,
    PermissionRequired,
    Problem,
    RateLimited,
    TooLarge,
    Unauthenticated,
    Unavailable,
    UnsupportedMedia,
)

LONGEST_BODY: Final = 256 * 1024
"""Bytes of a request: a body of 10,000 characters fits however it is escaped."""

_FILE: Final = {"type": "string", "format": "binary"}
_FORM: Final = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {"type": "object", "required": ["file"], "properties": {"file": _FILE}},
            "example": {"file": "(the bytes of Discharge letter.pdf)"},
        }
    },
}
_CONTENT: Final = {"*/*": {"schema": _FILE, "example": "(the bytes)"}}
_BYTES: Final = {
    200: {"description": "The bytes", "content": _CONTENT},
    206: {"description": "The part that was asked for", "content": _CONTENT},
    304: {"description": "What the caller holds is the same"},
}

_View = TypeVar("_View", bound=Callable[..., Any])


class _Parser(FlaskParser):
    """Reads JSON the way all our doors do, and refuses what it does not know in queries too."""

    DEFAULT_UNKNOWN_BY_LOCATION = {"json": None, "query": RAISE}  # noqa: RUF012 - as webargs declares it

    def load_json(self, req: Request, schema: Schema) -> Any:  # noqa: ANN401, ARG002 - webargs' signature
        return json_object(req)


class Calls(flask_smorest.Blueprint):  # type: ignore[misc] # flask-smorest ships no types
    """The REST calls of one plane; each view finds its caller with `caller()`."""

    ARGUMENTS_PARSER = _Parser()

    def __init__(
        self,
        addresses: Addresses,
        callers: Callers,
        *,
        description: str,
        examples: Mapping[str, Any],
        problem: type[Schema] = ProblemBody,
    ) -> None:
        super().__init__("calls", __name__, url_prefix=addresses.api, description=description)
        self._callers = callers
        self._examples = examples
        self.problem = problem
        self.before_request(self._recognise)

    def call(  # noqa: PLR0913 - what there is to say about a call
        self,
        method: str,
        path: str,
        *,
        gives: type[Schema] | None,
        takes: type[Schema] | None = None,
        asks: type[Schema] | None = None,
        status: int = 200,
        also: int | None = None,
        takes_file: bool = False,
        gives_file: bool = False,
        refuses: tuple[type[Problem], ...] = (),
    ) -> Callable[[_View], _View]:
        """Declare a call: the JSON object it `takes` or the query it `asks`, what it `gives`, how else it `refuses`.

        `also` is another status with the same answer. The view gets what was read first, then the ids of the path.
        A call that `takes_file` reads the form itself; one that `gives_file` answers with bytes, or a part of them.
        """

        def declare(view: _View) -> _View:
            # Each of flask-smorest's decorators copies all that was declared before it: the largest come last.
            of_files = (TooLarge, UnsupportedMedia, Invalid) if takes_file else ()
            refusals = _by_status((*_refusals(method, path, takes, asks), *of_files, *refuses))
            responses = {told: self._refusal(kinds) for told, kinds in refusals.items()}
            declared: Any = self.doc(responses=responses | (_BYTES if gives_file else {}))(view)
            if takes_file:
                declared = self.doc(requestBody=_FORM)(declared)
            if takes is not None:
                declared = self.arguments(takes, example=self._example(takes))(declared)
            if asks is not None:
                declared = self.arguments(asks, location="query")(declared)
            if also is not None:
                declared = self.alt_response(also, schema=gives, example=self._example(gives), success=True)(declared)
            declared = self.response(status, gives, example=self._example(gives))(declared)
            self.route(path, methods=[method])(declared)
            return view

        return declare

    def _recognise(self) -> None:
        g.caller = self._callers.of_call(request)

    def _example(self, schema: type[Schema] | None) -> Any:  # noqa: ANN401 - JSON
        """Return the sample of that name as far as the schema documents it."""
        sample = self._examples.get(schema.__name__) if schema is not None else None
        return None if sample is None or schema is None else sieve(schema)(sample)

    def _refusal(self, kinds: list[type[Problem]]) -> dict[str, Any]:
        examples = {kind.code: {"value": kind().as_dict()} for kind in kinds}
        return {
            "description": "; or: ".join(kind.title for kind in kinds),
            "content": {MEDIA_TYPE: {"schema": self.problem, "examples": examples}},
        }


class _Api(flask_smorest.Api):  # type: ignore[misc] # flask-smorest ships no types
    """flask-smorest without its own idea of how a refusal looks."""

    DEFAULT_ERROR_RESPONSE_NAME = None

    def _register_error_handlers(self) -> None:
        """Leave refusals to servicekit.doors."""


def caller() -> Caller:
    """Return who makes the present call."""
    return cast("Caller", g.caller)


def install_api(app: Flask, addresses: Addresses, calls: Calls, live: LiveDocument, *, title: str) -> None:
    """Serve the calls under the plane's API address; beside them the documents of calls and socket, readable too."""
    app.config["MAX_CONTENT_LENGTH"] = LONGEST_BODY
    app.config |= {"API_TITLE": title, "API_VERSION": "1", "OPENAPI_VERSION": "3.1.0"}
    api = _Api()
    api.ERROR_SCHEMA = calls.problem
    api.init_app(app)
    cookie = {"type": "apiKey", "in": "cookie", "name": f"{addresses.plane}_session"}
    api.spec.components.security_scheme("bearer", {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"})
    api.spec.components.security_scheme("session", cookie)
    api.spec.options["security"] = [{"bearer": []}, {"session": []}]
    api.register_blueprint(calls)
    document = api.spec.to_dict()
    docs = Blueprint("docs", __name__, url_prefix=addresses.api, template_folder="templates", static_folder="static")

    @docs.get("/openapi.json")
    def openapi() -> Response:
        return json_response(document)

    @docs.get("/docs")
    def readable() -> str:
        return render_template("gatekit/docs.html", document=document)

    @docs.get("/asyncapi.json")
    def asyncapi() -> Response:
        return json_response(live.document)

    @docs.get("/docs/live")
    def readable_live() -> str:
        return render_template("gatekit/live.html", document=live.document)

    app.register_blueprint(docs)


def _refusals(method: str, path: str, takes: type[Schema] | None, asks: type[Schema] | None) -> Iterator[type[Problem]]:
    """Return how any call of this kind may refuse."""
    yield from (Unauthenticated, PermissionRequired, RateLimited)
    if method != "GET":
        yield OriginRefused
    if "<" in path:
        yield NotFound
    if takes is not None:
        yield from (TooLarge, UnsupportedMedia)
    if takes is not None or asks is not None:
        yield Invalid
    yield Unavailable


def _by_status(refusals: tuple[type[Problem], ...]) -> dict[int, list[type[Problem]]]:
    documented: dict[int, list[type[Problem]]] = {}
    for kind in refusals:
        documented.setdefault(kind.status, []).append(kind)
    return documented
