"""Refusals, each to its reader: problem+json for programs, a designed page for people.

Whatever goes wrong outside the API and the socket is shown as a page, with the same status and none of the cause.
"""

from typing import Final

from flask import Flask, Response, g, render_template, request

from gatekit.addresses import Addresses
from servicekit.doors import install_problems
from wire.problems import MEDIA_TYPE

_FOR_PROBES: Final = ("/livez", "/readyz", "/metrics")


def install_refusals(app: Flask, addresses: Addresses) -> None:
    """Answer every refusal of `app` as its reader needs it."""
    install_problems(app)
    for_programs = (addresses.api + "/", addresses.live, *_FOR_PROBES)

    @app.after_request
    def for_people(response: Response) -> Response:
        if response.mimetype != MEDIA_TYPE or request.path.startswith(for_programs):
            return response
        response.set_data(problem_text(addresses, g.get("problem_code", "unknown")))
        response.content_type = "text/html; charset=utf-8"
        response.headers.pop("WWW-Authenticate", None)
        return response


def problem_page(addresses: Addresses, problem: str, status: int, *, signed_in_as: str | None = None) -> Response:
    """Return the designed page that explains `problem`."""
    return Response(problem_text(addresses, problem, signed_in_as=signed_in_as), status, mimetype="text/html")


def problem_text(addresses: Addresses, problem: str, *, signed_in_as: str | None = None) -> str:
    """Return the text of that page."""
    return render_template(
        "chatui/problem.html", plane=str(addresses.plane), problem=problem, signed_in_as=signed_in_as
    )
