"""The doors of auth's pages: sign in as staff or as a patient, sign out, and a page for a link that cannot work."""

from flask import Blueprint, Response

from auth.openid import AUTHORIZE, Provider
from auth.paper import HEADERS, PageSettings, Paper
from auth.sign_in_page import SignInPage
from auth.sign_out_page import SignOutPage
from servicekit.clock import Clock


def pages(provider: Provider, settings: PageSettings, clock: Clock) -> Blueprint:
    """Return the doors of the pages."""
    doors = Blueprint("pages", __name__)
    paper = Paper(settings)
    arriving = SignInPage(provider, paper, clock)
    leaving = SignOutPage(provider.parts, paper)
    doors.add_url_rule(AUTHORIZE, "authorize", arriving.authorize, methods=["GET"])
    doors.add_url_rule(AUTHORIZE, "sign_in", arriving.sign_in, methods=["POST"])
    doors.add_url_rule("/auth/logout", "logout", leaving.logout, methods=["GET"])
    doors.add_url_rule("/auth/logout", "sign_out", leaving.sign_out, methods=["POST"])

    @doors.after_request
    def guard(answer: Response) -> Response:
        answer.headers.extend({name: value for name, value in HEADERS.items() if name not in answer.headers})
        return answer

    return doors
