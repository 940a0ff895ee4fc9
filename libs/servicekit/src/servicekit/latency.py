"""How long each HTTP door takes, by the template of its address: never by an id, a name or anything a caller wrote.

A live socket is no call that takes hours: of the doors of sockets only refusals count.
"""

from time import perf_counter
from typing import Final

from flask import Blueprint, Flask, Response, current_app, g, request
from prometheus_client import Histogram

DOOR = Histogram(
    "messages_http_seconds",
    "Seconds from a call's arrival to its answer, by service, method, address template and class of status.",
    ["service", "method", "door", "status"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
REFUSALS_FROM: Final = 400


def count_calls(doors: Blueprint) -> None:
    """Count every call of the application that registers `doors`."""
    doors.before_app_request(_arrived)
    doors.after_app_request(_answered)


def service_of(app: Flask) -> str:
    """Return the service's name as its container has it."""
    return app.name.replace("_", "-")


def _arrived() -> None:
    g.arrived = perf_counter()


def _answered(answer: Response) -> Response:
    rule = request.url_rule
    if "arrived" not in g or (rule is not None and rule.websocket and answer.status_code < REFUSALS_FROM):
        return answer
    # What no rule knows is one door: its address and even its method are the caller's own words.
    method, door = ("any", "unknown") if rule is None else (request.method, rule.rule)
    DOOR.labels(service_of(current_app), method, door, f"{answer.status_code // 100}xx").observe(
        perf_counter() - g.arrived
    )
    return answer
