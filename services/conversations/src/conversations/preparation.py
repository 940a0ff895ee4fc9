"""What happens before conversations serves: the database brought to this release, the demo seeded where DEMO is on.

Both may be done again at any time.
"""

from sqlalchemy import Engine

from conversations import demo
from servicekit import database
from servicekit.clock import Clock


def prepare(engine: Engine, *, with_demo: bool, clock: Clock) -> bool:
    """Migrate and seed; DatabaseNewer where a newer release was here. Tell whether anything was seeded."""
    database.upgrade(engine, "conversations")
    return with_demo and demo.seed(engine, clock=clock)
