"""Browser sign-in and sign-out: OpenID Connect's code flow with PKCE, and nothing kept between its two halves.

Promises: what the callback must bring back (state, nonce, verifier) lies sealed in a short-lived cookie of the browser
that began; nobody is sent to another site afterwards; sign-out needs our own page to ask for it, and ends the session
at the issuer too.
"""

import hmac
from datetime import timedelta
from typing import Final

from flask import Blueprint, Request, Response, redirect, request
from flask.typing import ResponseReturnValue

from gatekit.access import AccessTokens
from gatekit.addresses import Addresses
from gatekit.callers import Callers
from gatekit.destinations import local_destination
from gatekit.farewells import Farewells
from gatekit.identity import IdentityTokens
from gatekit.issuer import Attempt, Issuer, SignInRefusedError
from gatekit.refusals import problem_page
from gatekit.sealing import Seal
from servicekit.clock import Clock
from servicekit.log import get_logger
from wire.problems import Unauthenticated

_LASTS: Final = timedelta(minutes=10)
_AT_ONCE: Final = 8

log = get_logger()


class AttemptCookies:
    """The sign-ins a browser has under way: a few at once, so that two tabs do not undo each other."""

    def __init__(self, addresses: Addresses, *, secret: str, secure: bool, clock: Clock) -> None:
        self._prefix = f"{addresses.plane}_signin"
        self._path = addresses.callback
        self._secure = secure
        self._clock = clock
        self._seal = Seal(secret, self._prefix)

    def begin(self, response: Response, attempt: Attempt) -> None:
        """Let the browser keep the attempt, sealed, for ten minutes."""
        kept = {
            "state": attempt.state,
            "nonce": attempt.nonce,
            "verifier": attempt.verifier,
            "destination": attempt.destination,
            "ends_at": self._now() + int(_LASTS.total_seconds()),
        }
        response.set_cookie(
            self._name(attempt.state),
            self._seal.close(kept),
            max_age=_LASTS,
            path=self._path,
            secure=self._secure,
            httponly=True,
            samesite="Lax",
        )

    def find(self, call: Request, state: str) -> Attempt | None:
        """Return the attempt that this browser began with `state`, unless it is too old."""
        kept = self._seal.open(call.cookies.get(self._name(state), ""))
        if kept is None or not self._now() < kept["ends_at"]:
            return None
        if not hmac.compare_digest(kept["state"].encode(), state.encode()):
            return None
        return Attempt(
            state=kept["state"], nonce=kept["nonce"], verifier=kept["verifier"], destination=kept["destination"]
        )

    def end(self, response: Response, state: str) -> None:
        """Make the browser forget the attempt: it is used once."""
        response.delete_cookie(self._name(state), path=self._path, secure=self._secure, httponly=True, samesite="Lax")

    def _name(self, state: str) -> str:
        return f"{self._prefix}_{sum(state.encode()) % _AT_ONCE}"

    def _now(self) -> int:
        return int(self._clock().timestamp())


class SignIn:
    """Signs browsers of one plane in and out."""

    def __init__(
        self,
        addresses: Addresses,
        *,
        issuer: Issuer,
        identity: IdentityTokens,
        attempts: AttemptCookies,
        callers: Callers,
        access: AccessTokens,
        farewells: Farewells,
    ) -> None:
        self._addresses = addresses
        self._issuer = issuer
        self._identity = identity
        self._attempts = attempts
        self._callers = callers
        self._access = access
        self._farewells = farewells

    def begin(self) -> ResponseReturnValue:
        """Send the browser to the issuer's sign-in page."""
        if self._callers.origins.twin_of_public(request.host_url.rstrip("/")):
            return redirect(self._callers.origins.public + request.full_path.rstrip("?"))
        destination = local_destination(request.args.get("next"), pages=self._addresses.pages)
        attempt = Attempt.fresh(destination)
        response = _see(self._issuer.sign_in_address(attempt))
        self._attempts.begin(response, attempt)
        return response

    def finish(self) -> ResponseReturnValue:
        """Take the browser back from the issuer: change the code into a session, or say that it did not work."""
        state = request.args.get("state", "")
        attempt = self._attempts.find(request, state)
        if attempt is None:
            return self._failed("unknown_attempt")
        response = self._redeemed(attempt)
        self._attempts.end(response, state)
        return response

    def leave(self) -> ResponseReturnValue:
        """End the session here and at the issuer, and show that it is over."""
        self._callers.origins.insist(request.headers.get("Origin"))
        response = _see(self._issuer.sign_out_address(self._callers.origins.public + self._addresses.logout))
        self._end_present_session()
        self._callers.cookie.clear(response)
        return response

    def left(self) -> ResponseReturnValue:
        """Show that nobody is signed in; whoever is goes to the pages, for a link alone signs nobody out."""
        try:
            self._callers.signed_in(request)
        except Unauthenticated:
            return problem_page(self._addresses, "signed_out", 200)
        return redirect(self._addresses.pages)

    def _redeemed(self, attempt: Attempt) -> Response:
        if "error" in request.args or request.args.get("iss", self._issuer.public) != self._issuer.public:
            return self._failed("refused_by_issuer")
        try:
            grant = self._issuer.redeem(request.args.get("code", ""), attempt.verifier)
            claims = self._access.verified(grant.access_token)
            self._identity.insist(grant.id_token, nonce=attempt.nonce, user_id=claims.user_id)
        except (SignInRefusedError, Unauthenticated):
            return self._failed("code_refused")
        self._end_present_session()
        response = _see(attempt.destination)
        self._callers.cookie.begin(response, session_id=claims.session_id, refresh_token=grant.refresh_token)
        log.info("sign_in.done", user=claims.user_id, session=claims.session_id, plane=self._addresses.plane)
        return response

    def _end_present_session(self) -> None:
        session = self._callers.cookie.read(request)
        if session is not None:
            self._access.forget(session.session_id)
            self._farewells.say(session.refresh_token)
            log.info("sign_out.done", session=session.session_id, plane=self._addresses.plane)

    def _failed(self, reason: str) -> Response:
        log.info("sign_in.failed", reason=reason, plane=self._addresses.plane)
        return problem_page(self._addresses, "sign_in_failed", 400)


def signin_blueprint(addresses: Addresses, sign_in: SignIn) -> Blueprint:
    """Return the three doors: login, callback, logout."""
    doors = Blueprint("signin", __name__)
    doors.add_url_rule(addresses.login, "login", sign_in.begin, methods=["GET"])
    doors.add_url_rule(addresses.callback, "callback", sign_in.finish, methods=["GET"])
    doors.add_url_rule(addresses.logout, "logout", sign_in.leave, methods=["POST"])
    doors.add_url_rule(addresses.logout, "left", sign_in.left, methods=["GET"])
    return doors


def _see(address: str) -> Response:
    response = Response(status=303)
    response.autocorrect_location_header = False
    response.location = address
    return response
