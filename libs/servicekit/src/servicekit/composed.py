"""A service put together: its WSGI application and the loops that run beside it."""

from dataclasses import dataclass

from flask import Flask

from servicekit.background import Background


@dataclass(frozen=True, slots=True, kw_only=True)
class Composed:
    """What every service's `compose` returns; whoever serves `wsgi` starts and stops `background`."""

    wsgi: Flask
    background: Background
