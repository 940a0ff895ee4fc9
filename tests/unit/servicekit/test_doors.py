"""Every way a call can go wrong ends in one problem+json, and never in a word of what was sent."""

import pytest
from flask import Flask, abort, request
from flask.testing import FlaskClient
from marshmallow import Schema, fields

from servicekit.doors import bearer_token, install_problems, json_object
from wire.problems import MEDIA_TYPE, RateLimited, Unauthenticated


class Body(Schema):
    """One whole number."""

    n = fields.Integer(required=True)


@pytest.fixture
def door() -> FlaskClient:
    """A service with doors that fail in every way."""
    app = Flask(__name__)
    install_problems(app)

    @app.post("/body")
    def body() -> dict[str, int]:
        loaded: dict[str, int] = Body().load(json_object(request))
        return loaded

    @app.get("/<what>")
    def fail(what: str) -> str:
        if what == "broken":
            raise RuntimeError("canary-words of a patient")
        if what == "limited":
            raise RateLimited(retry_after=7)
        if what == "unknown":
            raise Unauthenticated
        if what == "teapot":
            abort(418)
        return bearer_token(request) or "none"

    return app.test_client()


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/broken", 500, "internal"),
        ("/limited", 429, "rate_limited"),
        ("/unknown", 401, "unauthenticated"),
        ("/no/such/place", 404, "not_found"),
        ("/teapot", 422, "invalid"),
    ],
)
def test_a_refusal_is_problem_json(door: FlaskClient, path: str, status: int, code: str) -> None:
    """Status, media type and code fit each other."""
    answer = door.get(path)

    assert (answer.status_code, answer.content_type, answer.get_json()["code"]) == (status, MEDIA_TYPE, code)


def test_the_unforeseen_tells_nothing_of_what_was_inside(door: FlaskClient, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither the answer nor the log repeats an exception's words."""
    answer = door.get("/broken")

    logged = capsys.readouterr()
    assert "canary" not in answer.get_data(as_text=True) + logged.out + logged.err
    assert "RuntimeError" in logged.out + logged.err


def test_a_limited_caller_is_told_when_to_come_back(door: FlaskClient) -> None:
    """429 carries Retry-After in seconds."""
    answer = door.get("/limited")

    assert answer.headers["Retry-After"] == "7"


@pytest.mark.parametrize(
    ("data", "content_type", "status"),
    [
        (b"{}", "text/plain", 415),
        (b"{", "application/json", 422),
        (b"[]", "application/json", 422),
        (b"\xff", "application/json", 422),
        (b'{"n": "x"}', "application/json", 422),
        (b'{"n": 1, "more": 2}', "application/json", 422),
        (b'{"n": 1}', "application/json", 200),
    ],
)
def test_a_body_is_a_json_object_of_the_schema(door: FlaskClient, data: bytes, content_type: str, status: int) -> None:
    """Anything else is refused before it is used."""
    answer = door.post("/body", data=data, content_type=content_type)

    assert answer.status_code == status


@pytest.mark.parametrize(
    ("header", "token"), [("Bearer abc", "abc"), ("bearer abc", "abc"), ("Basic abc", "none"), ("Bearer ", "none")]
)
def test_only_a_bearer_token_counts(door: FlaskClient, header: str, token: str) -> None:
    """RFC 6750: the scheme is matched without regard to case."""
    answer = door.get("/token", headers={"Authorization": header})

    assert answer.get_data(as_text=True) == token
