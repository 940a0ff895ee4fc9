"""Liveness, readiness and metrics: what an operator's probes ask a service on its own port.

`/livez` answers 200 while the process can answer at all. `/readyz` names in `missing` every part that does not answer:
with 503 and "not ready" where the service can do nothing without one of them, with 200 and "impaired" where it goes on
without (a gateway whose broker is away asks the database instead: to take it out of service would be the outage).
A service that was asked to end says "stopping", with 503, while it finishes what it has begun.
`/metrics` is Prometheus text.

A part that hangs is missing after two seconds, and holds one thread of ours however often it is asked about: a caller's
thread is never kept, so that the doors go on answering.
"""

from collections.abc import Callable
from concurrent.futures import wait
from functools import partial
from typing import Final

from flask import Blueprint, Response, current_app, jsonify
from flask.typing import ResponseReturnValue
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, generate_latest

from servicekit.latency import count_calls
from servicekit.look import Look

STOPPING: Final = "stopping"
"""Set among the application's extensions once it was asked to end."""
Check = Callable[[], bool]
"""Tells whether a part works; may take a second, raises nothing it can help."""
ANSWERS_WITHIN_S: Final = 2.0
"""Seconds after which a part that has not answered is missing."""
_OUT_OF_SERVICE: Final = ("not ready", STOPPING)


class Readiness:
    """The parts a service needs, each with a check."""

    def __init__(self) -> None:
        self._looks: dict[str, Look[bool]] = {}
        self._spared: set[str] = set()

    def add(self, name: str, check: Check, *, needed: bool = True) -> None:
        """Ask `check` under this name whenever readiness is asked for; `needed` when nothing goes on without it."""
        self._looks[name] = Look(partial(_works, check))
        if not needed:
            self._spared.add(name)

    def missing(self) -> list[str]:
        """Return the names of the parts that do not work, in the order they were added."""
        answers = {name: look.answer() for name, look in self._looks.items()}
        wait(answers.values(), ANSWERS_WITHIN_S)
        return [name for name, answer in answers.items() if not (answer.done() and answer.result())]

    def word_for(self, missing: list[str]) -> str:
        """Return what the service is while these parts are missing."""
        if not missing:
            return "ready"
        return "impaired" if self._spared.issuperset(missing) else "not ready"


def health_blueprint(readiness: Readiness) -> Blueprint:
    """Return the three doors for one service; whoever has them also counts its calls."""
    doors = Blueprint("health", __name__)
    count_calls(doors)

    @doors.get("/livez")
    def livez() -> ResponseReturnValue:
        return jsonify(status="alive")

    @doors.get("/readyz")
    def readyz() -> ResponseReturnValue:
        missing = readiness.missing()
        word = STOPPING if STOPPING in current_app.extensions else readiness.word_for(missing)
        return jsonify(status=word, missing=missing), 503 if word in _OUT_OF_SERVICE else 200

    @doors.get("/metrics")
    def metrics() -> ResponseReturnValue:
        return Response(generate_latest(REGISTRY), content_type=CONTENT_TYPE_LATEST)

    return doors


def _works(check: Check) -> bool:
    try:
        return check()
    except Exception:  # noqa: BLE001 - a check that fails in any way means the part is missing
        return False
