"""How long a page waits for the database, and what tells it that the database is away."""

from typing import Final

from store.database import UNAVAILABLE

DATABASE_SECONDS: Final = 4.0  # the pool itself would wait much longer than somebody looks at a page that says nothing
AWAY: Final = (*UNAVAILABLE, TimeoutError)
