"""What the pages of auth are made of: the language, the seal of their forms, their cookies and headers.

- A form is taken only with the seal that belongs to this browser's form cookie, and from our own origin.
- No script, no inline style; nothing may frame these pages.
"""

from dataclasses import dataclass, field

from flask import Response, make_response, redirect, render_template, request

from auth.clients import Client
from auth.seals import new_token, stamp, stamped
from auth.texts import LANGUAGES, TEXTS
from wire.claims import Plane

FORM_COOKIE = "auth_form"
PATH = "/auth"
_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
HEADERS = {
    "Content-Security-Policy": _POLICY,
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "DENY",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PageSettings:
    """What the pages need to know of the configuration."""

    public_origin: str
    secure: bool
    demo: bool
    form_key: bytes = field(repr=False)


def cookie_of(plane: Plane) -> str:
    """Return the name of the cookie that remembers a sign-in on that plane."""
    return f"auth_{plane}"


def asked_again() -> str:
    """Return the query of this call, for a form that carries it on."""
    return request.query_string.decode("ascii", "replace")


def redirected(location: str) -> Response:
    """Return the way to another address; 303, so that no form is sent on to it (RFC 9700 section 4.12)."""
    return make_response(redirect(location, code=303))


class Paper:
    """Shows pages and takes their forms."""

    def __init__(self, settings: PageSettings) -> None:
        self.settings = settings

    def page(self, name: str, client: Client | None, *, status: int = 200, **more: object) -> Response:
        """Return a page in the language the browser prefers."""
        language = request.accept_languages.best_match(LANGUAGES) or LANGUAGES[0]
        cookie = request.cookies.get(FORM_COOKIE) or new_token()
        page = render_template(
            f"{name}.html",
            t=TEXTS[language],
            language=language,
            plane=str(client.plane) if client else "",
            seal=stamp(self.settings.form_key, cookie),
            **more,
        )
        answer = make_response(page, status)
        self.set_cookie(answer, FORM_COOKIE, cookie)
        return answer

    def set_cookie(self, answer: Response, name: str, value: str) -> None:
        """Give the browser a cookie that only auth gets back and no script reads."""
        answer.set_cookie(name, value, path=PATH, httponly=True, samesite="Lax", secure=self.settings.secure)

    def own_form(self) -> bool:
        """Tell whether a form comes from a page of ours in this very browser (RFC 6819 section 4.4.1.8)."""
        cookie = request.cookies.get(FORM_COOKIE, "")
        origin = request.headers.get("Origin")
        ours = origin is None or origin in _own_origins(self.settings.public_origin)
        return ours and bool(cookie) and stamped(self.settings.form_key, cookie, request.form.get("form_seal", ""))


def _own_origins(public_origin: str) -> tuple[str, ...]:
    """Return the origins a form may come from: on a developer's machine localhost has a twin."""
    scheme, _, host = public_origin.partition("://")
    name, _, port = host.partition(":")
    if name != "localhost":
        return (public_origin,)
    return (public_origin, f"{scheme}://127.0.0.1{':' if port else ''}{port}")
