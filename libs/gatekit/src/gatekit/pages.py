"""The pages: one document per plane, shown to whoever is signed in and may see it.

Promises: nobody sees a page without a session that is good right now; who is not signed in goes to sign in and comes
back to where they wanted to be; who lacks the permission is told so in words.
"""

from urllib.parse import urlencode

from flask import Blueprint, Response, redirect, render_template, request
from flask.typing import ResponseReturnValue

from gatekit.addresses import Addresses
from gatekit.callers import Callers
from gatekit.refusals import problem_page
from wire.ids import is_id
from wire.problems import PermissionRequired, Unauthenticated


def pages_blueprint(addresses: Addresses, callers: Callers, *, template: str) -> Blueprint:
    """Return the doors of one plane's pages."""
    doors = Blueprint("pages", __name__)

    def page() -> ResponseReturnValue:
        caller = callers.signed_in(request)
        try:
            callers.admit(caller)
        except PermissionRequired:
            return problem_page(addresses, "permission_required", 403, signed_in_as=caller.claims.name)
        return render_template(template)

    @doors.get(addresses.pages)
    def all_conversations() -> ResponseReturnValue:
        return page()

    @doors.get(f"{addresses.pages}/<conversation_id>")
    def one_conversation(conversation_id: str) -> ResponseReturnValue:
        return page() if is_id(conversation_id) else problem_page(addresses, "not_found", 404)

    def to_pages() -> ResponseReturnValue:
        return redirect(addresses.pages)

    for nearby in {addresses.root, f"{addresses.root}/", f"{addresses.pages}/"} - {addresses.pages}:
        doors.add_url_rule(nearby, f"to_pages_from_{nearby}", to_pages, methods=["GET"])

    @doors.errorhandler(Unauthenticated)
    def sign_in_first(_problem: Unauthenticated) -> Response:
        response = Response(status=302)
        here = request.full_path.rstrip("?")
        response.location = f"{addresses.login}?{urlencode({'next': here})}"
        if callers.cookie.present(request):
            callers.cookie.clear(response)
        return response

    return doors
