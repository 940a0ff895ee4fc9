"""The doors of auth: the provider's endpoints, the administration, and the inside doors for our own services.

The endpoints of the provider answer errors as RFC 6749 section 5.2 says, all others as problem+json. Nothing here is
ever kept by a cache, except the public keys for a minute.
"""

import base64
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from authlib.oauth2.rfc6749 import InvalidRequestError, OAuth2Error
from flask import Blueprint, Flask, Response, json, request
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from auth import policy
from auth.administration import Administration, NewAccount
from auth.bodies import AccountsQuery, ChangesQuery, CreateUser, EditUser, UsersQuery, edit_from, shown
from auth.calls import Parts
from auth.clients import CONVERSATIONS, PORTAL_GATEWAY, STAFF_GATEWAY
from auth.directory import Directory
from auth.keys import SigningKeys
from auth.model import Account, Kind
from auth.openid import Provider, discovery
from auth.pages import pages
from auth.paper import PageSettings
from auth.settings import Settings
from auth.tokens import ACCESS_TYPE
from servicekit.clock import Clock
from servicekit.doors import bearer_token, install_problems, json_object, json_response, problem_response
from servicekit.log import get_logger
from wire.claims import SERVICES, Plane
from wire.ids import is_id
from wire.problems import NotFound, Problem, Unauthenticated, Unavailable

LARGEST = 64 * 1024
INSIDERS = frozenset({STAFF_GATEWAY, PORTAL_GATEWAY, CONVERSATIONS})
NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Doors:
    """What the doors stand on."""

    settings: Settings
    parts: Parts
    keys: SigningKeys
    administration: Administration
    directory: Directory
    pages: PageSettings
    clock: Clock


def install(app: Flask, doors: Doors) -> None:
    """Put every door of auth onto `app`."""
    app.config["MAX_CONTENT_LENGTH"] = LARGEST
    app.config["MAX_FORM_MEMORY_SIZE"] = LARGEST
    install_problems(app)
    for silent in (OperationalError, InterfaceError, PoolTimeout):
        app.register_error_handler(silent, _database_silent)
    app.after_request(_no_sniffing)
    provider = Provider(app, doors.parts)
    app.register_blueprint(pages(provider, doors.pages, doors.clock))
    app.register_blueprint(_openid(provider, doors))
    app.register_blueprint(_administration(doors))
    app.register_blueprint(_inside(doors))


def _openid(provider: Provider, on: Doors) -> Blueprint:
    doors = Blueprint("openid", __name__, url_prefix="/auth")
    described = discovery(on.settings.issuer, password_grant=on.settings.password_grant)

    @doors.get("/.well-known/openid-configuration")
    @doors.get("/.well-known/oauth-authorization-server")
    def describe() -> ResponseReturnValue:
        return _kept_for_a_minute(described)

    @doors.get("/jwks.json")
    def keys() -> ResponseReturnValue:
        return _kept_for_a_minute(on.keys.public())

    @doors.post("/token")
    def token() -> ResponseReturnValue:
        return _rfc6749(provider.create_token_response, "grant_type")

    @doors.post("/revoke")
    def revoke() -> ResponseReturnValue:
        return _rfc6749(lambda: provider.create_endpoint_response("revocation"), "token")

    @doors.post("/introspect")
    def introspect() -> ResponseReturnValue:
        return _rfc6749(lambda: provider.create_endpoint_response("introspection"), "token")

    @doors.route("/userinfo", methods=["GET", "POST"])
    def userinfo() -> ResponseReturnValue:
        account, _ = _caller(on.parts)
        told = {"sub": account.id, "name": account.name, "email": account.email, "org": account.org}
        return json_response(told | ({"title": account.title} if account.title else {}))

    return doors


def _administration(on: Doors) -> Blueprint:
    doors = Blueprint("administration", __name__, url_prefix="/auth/api")

    @doors.get("/users")
    def users() -> ResponseReturnValue:
        actor = _administrator(on.parts)
        asked: dict[str, Any] = UsersQuery().load(request.args.to_dict())
        found, following = on.administration.list(
            actor, after=asked["cursor"], limit=asked["limit"], kind=asked["kind"], q=asked["q"]
        )
        return json_response({"items": [shown(account) for account in found], "next_cursor": following})

    @doors.post("/users")
    def create() -> ResponseReturnValue:
        actor = _administrator(on.parts)
        asked: dict[str, Any] = CreateUser().load(json_object(request))
        kind = Kind(asked.pop("kind"))
        account = on.administration.create(NewAccount(org=actor.org, kind=kind, **asked), actor)
        answer = json_response(shown(account), 201)
        answer.headers["Location"] = f"/auth/api/users/{account.id}"
        return answer

    @doors.get("/users/<user_id>")
    def show(user_id: str) -> ResponseReturnValue:
        return json_response(shown(on.administration.show(_administrator(on.parts), _id(user_id))))

    @doors.patch("/users/<user_id>")
    def change(user_id: str) -> ResponseReturnValue:
        actor = _administrator(on.parts)
        edit = edit_from(EditUser().load(json_object(request)))
        return json_response(shown(on.administration.change(actor, _id(user_id), edit)))

    @doors.post("/users/<user_id>/sign-out")
    def sign_out(user_id: str) -> ResponseReturnValue:
        on.administration.sign_out(_administrator(on.parts), _id(user_id))
        return Response(status=204)

    return doors


def _inside(on: Doors) -> Blueprint:
    doors = Blueprint("inside", __name__, url_prefix="/inside")

    @doors.before_request
    def only_our_services() -> None:
        claims = on.parts.tokens.read(bearer_token(request) or "") or {}
        service = claims.get("typ") == ACCESS_TYPE and claims.get("aud") == SERVICES
        if not service or claims.get("client_id") not in INSIDERS:
            raise Unauthenticated("Only our own services call here.")

    @doors.get("/changes")
    def changes() -> ResponseReturnValue:
        asked: dict[str, Any] = ChangesQuery().load(request.args.to_dict())
        return json_response(on.directory.changes(after=asked["after"], limit=asked["limit"]))

    @doors.get("/accounts")
    def accounts() -> ResponseReturnValue:
        asked: dict[str, Any] = AccountsQuery().load(request.args.to_dict())
        return json_response(on.directory.accounts(after=asked["after"], limit=asked["limit"]))

    return doors


def _rfc6749(answer: Callable[[], Response | None], needed: str) -> Response:
    """Answer by the provider; a call that Authlib cannot even read is `invalid_request`."""
    try:
        _require_readable(needed)
        answered = answer()
    except OAuth2Error as error:
        status, body, headers = error()
        answered = Response(json.dumps(body), status=status, headers=dict(headers))
    if answered is None:
        raise Problem
    if answered.status_code == 401:  # noqa: PLR2004 - client authentication failed (RFC 6749 section 5.2)
        answered.headers["WWW-Authenticate"] = 'Basic realm="messages"'
    answered.headers.update(NO_STORE)
    return answered


def _require_readable(needed: str) -> None:
    if any(len(values) > 1 for _, values in request.form.lists()):
        raise InvalidRequestError("A parameter came more than once.")
    if not request.form.get(needed):
        raise InvalidRequestError(f"Missing '{needed}' in request.")
    scheme, _, credentials = request.headers.get("Authorization", "").strip().partition(" ")
    if scheme.lower() == "basic" and not _is_basic(credentials):
        raise InvalidRequestError("The 'Authorization' header cannot be read.")


def _is_basic(credentials: str) -> bool:
    """Tell whether Authlib will be able to read this (RFC 7617)."""
    try:
        return ":" in base64.b64decode(credentials.encode("ascii")).decode()
    except ValueError:
        return False


def _caller(parts: Parts) -> tuple[Account, dict[str, Any]]:
    """Return whose access token this call shows, as the account is now, and the token's claims."""
    claims = parts.tokens.read(bearer_token(request) or "") or {}
    if claims.get("typ") != ACCESS_TYPE or "sid" not in claims:
        raise Unauthenticated("The token is not good here.")
    alive = parts.sessions.alive(claims["sid"], int(claims["iat"]))
    if alive is None:
        raise Unauthenticated("The token was revoked.")
    return alive[0], claims


def _administrator(parts: Parts) -> Account:
    account, claims = _caller(parts)
    if claims.get("aud") != Plane.STAFF:
        raise Unauthenticated("This token is not for this door.")
    policy.require_administrator(account, claims.get("permissions", ()))
    return account


def _id(text: str) -> str:
    if not is_id(text):
        raise NotFound
    return text


def _kept_for_a_minute(body: dict[str, Any]) -> Response:
    answer = json_response(body)
    answer.headers["Cache-Control"] = "public, max-age=60"
    return answer


def _database_silent(error: Exception) -> Response:
    get_logger().error("database.silent", error=type(error).__name__)
    return problem_response(Unavailable())


def _no_sniffing(answer: Response) -> Response:
    answer.headers["X-Content-Type-Options"] = "nosniff"
    return answer
