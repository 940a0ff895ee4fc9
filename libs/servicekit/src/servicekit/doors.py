"""What every Flask door does alike: refusals as problem+json, and the bearer token of a call."""

from typing import Any

import orjson
from flask import Flask, Request, Response, g, request
from marshmallow import ValidationError
from werkzeug.exceptions import HTTPException
from werkzeug.exceptions import MethodNotAllowed as WrongMethod

from servicekit.log import failure, get_logger
from wire.problems import (
    MEDIA_TYPE,
    Invalid,
    Problem,
    RateLimited,
    Unauthenticated,
    UnsupportedMedia,
    problem_from_dict,
)


def install_problems(app: Flask) -> None:
    """Answer every refusal of `app` as problem+json; the unforeseen is logged without content and answered 500."""
    log = get_logger()

    @app.errorhandler(Problem)
    def refused(problem: Problem) -> Response:
        return problem_response(problem)

    @app.errorhandler(ValidationError)
    def invalid(error: ValidationError) -> Response:
        return problem_response(Invalid(errors=error.normalized_messages()))  # type: ignore[no-untyped-call] # marshmallow left it untyped

    @app.errorhandler(HTTPException)
    def http(error: HTTPException) -> Response:
        return _http_problem(error)

    @app.errorhandler(Exception)
    def unforeseen(error: Exception) -> Response:
        log.error("door.failed", method=request.method, endpoint=request.endpoint, **failure(error))
        return problem_response(Problem())


def problem_response(problem: Problem) -> Response:
    """Return the HTTP answer of a refusal."""
    g.problem_code = problem.code
    answer = Response(orjson.dumps(problem.as_dict()), status=problem.status, content_type=MEDIA_TYPE)
    answer.headers["Cache-Control"] = "no-store"
    if isinstance(problem, Unauthenticated):
        answer.headers["WWW-Authenticate"] = 'Bearer realm="messages"'
    if isinstance(problem, RateLimited):
        answer.headers["Retry-After"] = str(problem.retry_after)
    return answer


def json_response(body: Any, status: int = 200) -> Response:  # noqa: ANN401 - whatever JSON can hold
    """Return a JSON answer that nobody may keep."""
    answer = Response(orjson.dumps(body), status=status, content_type="application/json")
    answer.headers["Cache-Control"] = "no-store"
    return answer


def json_object(call: Request) -> dict[str, Any]:
    """Return the JSON object a call carries; UnsupportedMedia or Invalid when it carries none."""
    if not call.is_json:
        raise UnsupportedMedia("Send JSON with the content type application/json.")
    try:
        body = orjson.loads(call.get_data(cache=False))
    except orjson.JSONDecodeError as broken:
        raise Invalid("The request is not JSON.") from broken
    if not isinstance(body, dict):
        raise Invalid("The request must be a JSON object.")
    return body


def bearer_token(call: Request) -> str | None:
    """Return the token of `Authorization: Bearer …` (RFC 6750 section 2.1), or None when there is none."""
    scheme, _, token = call.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token.strip() else None


def _http_problem(error: HTTPException) -> Response:
    if error.response is not None or error.code is None or error.code < 400:  # noqa: PLR2004 - a redirect is no refusal
        return error.get_response()  # type: ignore[return-value] # werkzeug types it as its own Response
    errors = getattr(error, "data", {}).get("messages") if isinstance(getattr(error, "data", None), dict) else None
    if errors:
        return problem_response(Invalid(errors=_by_field(errors)))
    answer = problem_response(_nearest(error.code))
    if isinstance(error, WrongMethod) and error.valid_methods:
        answer.headers["Allow"] = ", ".join(sorted(error.valid_methods))
    return answer


def _nearest(status: int) -> Problem:
    problem = problem_from_dict({"status": status})
    unknown = problem.status != status
    return Invalid() if unknown and status < 500 else problem  # noqa: PLR2004 - below 500 the caller can mend it


def _by_field(messages: dict[str, Any]) -> dict[str, Any]:
    """Take webargs' messages out of the place they came from (`json`, `query`, …)."""
    fields: dict[str, Any] = {}
    for found in messages.values():
        fields |= found if isinstance(found, dict) else {"_schema": found}
    return fields
