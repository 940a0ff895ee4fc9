"""The headers that tell a browser what our pages may do: nothing that they do not need.

Promises: every answer forbids sniffing, framing and foreign code; no page and no API answer is kept in a cache,
static files alone choose their own caching, and people's files are asked about each time they are shown.
"""

from typing import Final

from flask import Flask, Response, request

from gatekit.origins import Origins

_ALWAYS: Final = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}


ASK_FIRST: Final = "private, no-cache"
"""The browser keeps it for its user, and asks each time whether it may still be shown."""


def content_security_policy(origins: Origins) -> str:
    """Return the policy of our pages: own files only, no inline script or style, no frame around us."""
    live = origins.public.replace("http", "ws", 1)
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self' blob:",
            "font-src 'self'",
            "media-src 'self' blob:",
            "manifest-src 'self'",
            f"connect-src 'self' {live}",
            f"form-action 'self' {origins.public}",
            "base-uri 'none'",
            "frame-ancestors 'none'",
            "object-src 'none'",
        )
    )


def install_headers(app: Flask, origins: Origins, *, static_path: str) -> None:
    """Give every answer of `app` these headers; answers under `static_path` keep the caching they chose."""
    policy = content_security_policy(origins)

    @app.after_request
    def protect(response: Response) -> Response:
        for name, value in _ALWAYS.items():
            response.headers.setdefault(name, value)
        response.headers.setdefault("Content-Security-Policy", policy)
        if origins.secure:
            response.headers.setdefault("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
        if not request.path.startswith(static_path + "/"):
            response.headers["Cache-Control"] = ASK_FIRST if response.cache_control.private else "no-store"
        return response
