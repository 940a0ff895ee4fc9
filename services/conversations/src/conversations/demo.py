"""The demo clinic."""

from sqlalchemy import Engine

from servicekit.clock import Clock


def seed(engine: Engine, *, clock: Clock) -> bool:
    """Seed."""
    del engine, clock
    return False
