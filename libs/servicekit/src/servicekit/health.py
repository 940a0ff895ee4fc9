"""Liveness, readiness and metrics: what an operator's probes ask a service on its own port.

`/livez` answers 200 while the process can answer at all. `/readyz` answers 200 when every part it needs answers, else
503 and names the parts that do not. `/metrics` is Prometheus text.
"""

from collections.abc import Callable

from flask import Blueprint, Response, jsonify
from flask.typing import ResponseReturnValue
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, generate_latest

Check = Callable[[], bool]
"""Tells whether a part works; may take a second, raises nothing it can help."""


class Readiness:
    """The parts a service needs, each with a check."""

    def __init__(self) -> None:
        self._checks: dict[str, Check] = {}

    def add(self, name: str, check: Check) -> None:
        """Ask `check` under this name whenever readiness is asked for."""
        self._checks[name] = check

    def missing(self) -> list[str]:
        """Return the names of the parts that do not work, in the order they were added."""
        return [name for name, check in self._checks.items() if not _works(check)]


def health_blueprint(readiness: Readiness) -> Blueprint:
    """Return the three doors for one service."""
    doors = Blueprint("health", __name__)

    @doors.get("/livez")
    def livez() -> ResponseReturnValue:
        return jsonify(status="alive")

    @doors.get("/readyz")
    def readyz() -> ResponseReturnValue:
        missing = readiness.missing()
        return jsonify(status="not ready" if missing else "ready", missing=missing), 503 if missing else 200

    @doors.get("/metrics")
    def metrics() -> ResponseReturnValue:
        return Response(generate_latest(REGISTRY), content_type=CONTENT_TYPE_LATEST)

    return doors


def _works(check: Check) -> bool:
    try:
        return check()
    except Exception:  # noqa: BLE001 - a check that fails in any way means the part is missing
        return False
