"""A service put together: its WSGI application and the loops that run beside it."""

from dataclasses import dataclass

from flask import Flask

from servicekit.background import Background
from servicekit.health import STOPPING


@dataclass(frozen=True, slots=True, kw_only=True)
class Composed:
    """What every service's `compose` returns; whoever serves `wsgi` starts and stops `background`."""

    wsgi: Flask
    background: Background


def started(composed: Composed) -> Flask:
    """Start the loops and return the application for gunicorn, which ends them first when it is asked to stop.

    What `create_app` returns: deploy/gunicorn.conf.py calls `extensions["stop"]` on SIGTERM, while requests are still
    answered; only when it returns does gunicorn stop listening. From that moment on `/readyz` says so, so that nobody
    leads new callers to a process that ends. The loops that answering stands on go on until the process ends: whose
    session is revoked meanwhile is refused as ever.
    """

    def stop() -> None:
        composed.wsgi.extensions[STOPPING] = True
        composed.background.drain()

    composed.wsgi.extensions["stop"] = stop
    composed.background.start()
    return composed.wsgi
