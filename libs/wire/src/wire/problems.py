"""The one family of refusals (protocol.md section 3; RFC 9457).

Every refusal has a code, an HTTP status, a title and a sentence; none ever carries what somebody wrote.
`as_dict` and `problem_from_dict` are each other's inverse, so a refusal crosses a process unchanged.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

MEDIA_TYPE = "application/problem+json"


class Problem(Exception):
    """A refusal that the caller is told; `detail` is a sentence for people, `code` is for programs."""

    code: ClassVar[str] = "internal"
    status: ClassVar[int] = 500
    title: ClassVar[str] = "Something went wrong on our side"

    def __init__(self, detail: str | None = None) -> None:
        self.detail = detail or self.title + "."
        super().__init__(self.detail)

    def as_dict(self) -> dict[str, Any]:
        """Return the members of the problem as they are sent."""
        return {
            "type": f"urn:messages:problem:{self.code}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
        }


class Unauthenticated(Problem):
    """No token, or one that is not, or no longer, good here."""

    code = "unauthenticated"
    status = 401
    title = "Sign in first"


class PermissionRequired(Problem):
    """Signed in, but without the permission this needs."""

    code = "permission_required"
    status = 403
    title = "You do not have the permission for this"


class OriginRefused(Problem):
    """A browser's call from a page that is not ours."""

    code = "origin_refused"
    status = 403
    title = "This call came from another site"


class NotFound(Problem):
    """Nothing there, or nothing the caller may know of: both look the same."""

    code = "not_found"
    status = 404
    title = "Not found"


class MethodNotAllowed(Problem):
    """The address exists, but not for this method."""

    code = "method_not_allowed"
    status = 405
    title = "This address does not take that method"


class Conflict(Problem):
    """The call contradicts what is stored, such as another body under a used client id."""

    code = "conflict"
    status = 409
    title = "This contradicts what is stored"


class Stale(Problem):
    """The author had not seen the newest entries; `entries` holds them."""

    code = "stale"
    status = 409
    title = "There is something new that you have not seen"

    def __init__(self, detail: str | None = None, *, entries: Sequence[Mapping[str, Any]] = ()) -> None:
        super().__init__(detail)
        self.entries = tuple(entries)

    def as_dict(self) -> dict[str, Any]:
        """Return the problem with what the author had not seen."""
        return super().as_dict() | {"entries": list(self.entries)}


class ConversationClosed(Problem):
    """Nothing can be posted to a closed conversation."""

    code = "conversation_closed"
    status = 409
    title = "This conversation is closed"


class TooLarge(Problem):
    """The request is larger than this door takes."""

    code = "too_large"
    status = 413
    title = "Too large"


class UnsupportedMedia(Problem):
    """A kind of content this door does not take."""

    code = "unsupported_media"
    status = 415
    title = "This kind of content is not taken here"


class Invalid(Problem):
    """Bad input; `errors` names each field with its sentences."""

    code = "invalid"
    status = 422
    title = "Something in the request is not right"

    def __init__(self, detail: str | None = None, *, errors: Mapping[str, Any] | None = None) -> None:
        super().__init__(detail)
        self.errors = _by_name(errors or {})

    def as_dict(self) -> dict[str, Any]:
        """Return the problem with the fields that are wrong."""
        return super().as_dict() | {"errors": self.errors}


class RateLimited(Problem):
    """Too many calls; `retry_after` tells after how many seconds the next one is welcome."""

    code = "rate_limited"
    status = 429
    title = "Too many at once"

    def __init__(self, detail: str | None = None, *, retry_after: int = 1) -> None:
        super().__init__(detail)
        self.retry_after = retry_after

    def as_dict(self) -> dict[str, Any]:
        """Return the problem with the seconds to wait."""
        return super().as_dict() | {"retry_after": self.retry_after}


class Unavailable(Problem):
    """Nothing was stored; the same call with the same client id may be made again."""

    code = "unavailable"
    status = 503
    title = "Not available right now, nothing was stored"


def _by_name(errors: Mapping[Any, Any]) -> dict[str, Any]:
    """Return the errors with text for keys, as JSON wants them: those of a list's items come under numbers."""
    return {str(name): _by_name(told) if isinstance(told, Mapping) else told for name, told in errors.items()}


_BY_CODE: dict[str, type[Problem]] = {
    kind.code: kind
    for kind in (
        Problem,
        Unauthenticated,
        PermissionRequired,
        OriginRefused,
        NotFound,
        MethodNotAllowed,
        Conflict,
        Stale,
        ConversationClosed,
        TooLarge,
        UnsupportedMedia,
        Invalid,
        RateLimited,
        Unavailable,
    )
}


def problem_from_dict(members: Mapping[str, Any]) -> Problem:
    """Return the problem that another service sent; an unknown code becomes the nearest of ours by its status."""
    kind = _BY_CODE.get(str(members.get("code"))) or _nearest(members.get("status"))
    detail = members.get("detail") or None
    if kind is Stale:
        return Stale(detail, entries=members.get("entries", ()))
    if kind is Invalid:
        return Invalid(detail, errors=members.get("errors"))
    if kind is RateLimited:
        return RateLimited(detail, retry_after=int(members.get("retry_after", 1)))
    return kind(detail)


def _nearest(status: object) -> type[Problem]:
    for kind in _BY_CODE.values():
        if kind.status == status:
            return kind
    return Problem
